"""The parts of a gradient's error, against a model whose parts are known."""

import numpy as np
import pytest

from bbvi.evaluation.gradient_parts import gradient_parts

M, R, P = 400, 3, 5
NOISE, EFFECT, BIAS = 2.0, 1.5, 0.3


def draw(rng, effects, num):
    """``num`` gradients for each minibatch, which has an effect of its own."""
    return effects[:, None] + NOISE * rng.standard_normal((len(effects), num, P))


def example(rng):
    effects = EFFECT * rng.standard_normal((2, M, P)) + 1.0
    nested, single = draw(rng, effects[0], R), draw(rng, effects[1], 1)[:, 0]
    return nested, single, effects[0] - BIAS


def test_parts_are_unbiased_and_their_errors_honest():
    rng = np.random.default_rng(0)
    found = [gradient_parts(*example(rng)) for _ in range(100)]
    truth = {
        "monte_carlo": NOISE**2,
        "minibatch": EFFECT**2,
        "variance": NOISE**2 + EFFECT**2,
        "total": NOISE**2 + EFFECT**2,
        "bias_squared": BIAS**2,
        "gradient_squared": 1.0,
    }
    for name, exact in truth.items():
        values = np.array([getattr(parts, name).value for parts in found])
        errors = np.array([getattr(parts, name).error for parts in found])
        spread = values.std(ddof=1)
        assert abs(values.mean() - exact) < 5 * spread / 10, name
        # The spread of 100 is known to 7 %.
        assert 0.65 < np.sqrt((errors**2).mean()) / spread < 1.4, name
    z = np.array([parts.z for parts in found])
    assert abs(z.mean()) < 5 * z.std(ddof=1) / 10
    assert 0.7 < z.std(ddof=1) < 1.3


def test_no_bias_is_told_from_some():
    rng = np.random.default_rng(1)
    nested, single, reference = example(rng)
    none = gradient_parts(nested, single, reference + BIAS).bias_squared
    assert abs(none.value) < 5 * none.error
    some = gradient_parts(nested, single, reference).bias_squared
    assert some.value > 5 * some.error
    assert gradient_parts(nested, single).bias_squared is None


def test_replicates_with_too_little_noise_do_not_add_up():
    """Negative control."""
    rng = np.random.default_rng(2)
    nested, single, _ = example(rng)
    assert abs(gradient_parts(nested, single).z) < 5
    # Replicates of half the noise, and a total of the whole.
    quiet = nested.mean(axis=1, keepdims=True) + 0.5 * (nested - nested.mean(axis=1, keepdims=True))
    assert gradient_parts(quiet, single).z < -5
    # Noise that a minibatch's replicates share passes for the minibatch's own.
    copied = np.repeat(nested[:, :1], 2, axis=1)
    assert gradient_parts(copied, single).monte_carlo.value == 0


def test_what_does_not_vary_is_zero():
    parts = gradient_parts(np.ones((3, 2, 4)), np.ones((3, 4)), np.ones((3, 4)))
    assert (parts.monte_carlo.value, parts.minibatch.value, parts.total.value) == (0, 0, 0)
    assert parts.bias_squared.value == 0
    assert parts.z == 0
    assert parts.gradient_squared.value == 1


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 2, 3), (4, 3), None), r"nested has shape \(1, 2, 3\); expected \(M, R, p\)"),
        (((2, 1, 3), (4, 3), None), "2 replicates"),
        (((2, 2, 3), (4, 2), None), r"single has shape \(4, 2\); expected \(T, 3\)"),
        (((2, 2, 3), (1, 3), None), "T >= 2"),
        (((2, 2, 3), (4, 3), (3, 3)), r"reference has shape \(3, 3\); expected \(2, 3\)"),
    ],
)
def test_shapes_are_checked(shapes, message):
    arrays = [None if shape is None else np.zeros(shape) for shape in shapes]
    with pytest.raises(ValueError, match=message):
        gradient_parts(*arrays)
