import numpy as np
import pytest

from bbvi.models.integrands import cosine, quadratic
from bbvi.targets import hold_theta


@pytest.mark.parametrize("integrand", [quadratic, cosine])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_slopes_shapes_and_dtypes(integrand, dtype):
    target = integrand(1.5, num_data=3, latent_dim=2, dtype=dtype)
    z = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(dtype)
    value, dz, dtheta = target.value_and_grads(z)
    assert (target.num_data, target.latent_dim, target.dtype) == (3, 2, dtype)
    assert value.shape == (4, 3)
    assert dz.shape == z.shape
    assert dtheta == {}
    assert value.dtype == dz.dtype == dtype
    np.testing.assert_array_equal(target.value(z), value)
    np.testing.assert_array_equal(target.value_and_dz(z)[1], dz)
    np.testing.assert_array_equal(target.value_and_dtheta(z)[0], value)
    assert hold_theta(target).value_and_grads(z)[2] is None


@pytest.mark.parametrize("integrand", [quadratic, cosine])
def test_slopes_by_differences(integrand):
    target = integrand(1.5, num_data=3, latent_dim=2)
    z = np.random.default_rng(0).standard_normal((4, 3, 2))
    for d in range(2):
        step = 1e-6 * np.eye(2)[d]
        expected = (target.value(z + step) - target.value(z - step)) / 2e-6
        np.testing.assert_allclose(
            target.value_and_dz(z)[1][..., d], expected, rtol=1e-7, atol=1e-8
        )


def test_they_are_the_published_functions():
    z = np.array([[[2.0]]])
    assert quadratic(-3.0).value(z)[0, 0] == 25.0
    assert cosine(0.5).value(z)[0, 0] == np.cos(1.0)
