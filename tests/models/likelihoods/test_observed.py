import itertools

import numpy as np
import pytest
from autograd import grad

from bbvi import MLP, DeepLatentModel, StandardNormal
from bbvi.backends import autodiff, kernel
from bbvi.models import (
    BernoulliLikelihood,
    BlockCounts,
    FlippedBernoulli,
    MaskedBernoulli,
    restored_mean,
)

WHOLE = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
LOGITS = np.random.default_rng(0).normal(size=(3, 1, 4)) * 2


def log_p_whole(logits):
    """log p(x | z) of all 16 images of 2 x 2 pixels: (3, 16)."""
    return np.concatenate([BernoulliLikelihood().log_prob({}, x[None], logits) for x in WHOLE], 1)


def cases():
    mask = np.array([1.0, 0.0, 1.0, 0.0])
    masked = MaskedBernoulli()
    seen = masked.observe(np.array([[1.0, 1.0, 0.0, 1.0]]), mask)
    shown = np.array([(masked.observe(x[None], mask) == seen).all() for x in WHOLE])
    yield pytest.param(masked, seen, np.where(shown, 0, -np.inf), id="masked")

    flipped = FlippedBernoulli(0.15)
    y = np.array([[1.0, 0.0, 0.0, 1.0]])
    different = (y != WHOLE).sum(axis=1)
    log_p = different * np.log(0.15) + (4 - different) * np.log(0.85)
    yield pytest.param(flipped, y, log_p, id="flipped")

    blocks = BlockCounts(2)
    for count in range(5):
        chosen = np.where(WHOLE.sum(axis=1) == count, 0, -np.inf)
        yield pytest.param(blocks, np.array([[float(count)]]), chosen, id=f"count {count}")


@pytest.mark.parametrize(("likelihood", "y", "log_p_y_given_x"), list(cases()))
def test_log_prob_sums_over_all_whole_images(likelihood, y, log_p_y_given_x):
    joint = log_p_whole(LOGITS) + log_p_y_given_x
    expected = np.log(np.exp(joint).sum(axis=1, keepdims=True))
    found = likelihood.log_prob({}, y, LOGITS)
    assert found.shape == (3, 1)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("likelihood", "y", "log_p_y_given_x"), list(cases()))
def test_restored_mean_is_the_posterior_mean_of_the_whole_image(likelihood, y, log_p_y_given_x):
    joint = np.exp(log_p_whole(LOGITS) + log_p_y_given_x)
    expected = joint @ WHOLE / joint.sum(axis=1, keepdims=True)
    found = restored_mean(likelihood, {}, y, LOGITS)
    assert found[:, 0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("likelihood", "y", "log_p_y_given_x"), list(cases()))
def test_float32_stays(likelihood, y, log_p_y_given_x):
    found = likelihood.log_prob({}, y.astype(np.float32), LOGITS.astype(np.float32))
    assert found.dtype == np.float32
    assert found == pytest.approx(likelihood.log_prob({}, y, LOGITS), rel=1e-4)
    restored = restored_mean(likelihood, {}, y.astype(np.float32), LOGITS.astype(np.float32))
    assert restored.dtype == np.float32


@pytest.mark.parametrize(
    ("likelihood", "y"),
    [
        (MaskedBernoulli(), np.array([[1.0, 0.0, 1.0, 1.0]])),
        (FlippedBernoulli(0.1), np.array([[1.0, 0.0]])),
    ],
)
def test_extreme_logits_are_finite(likelihood, y):
    logits = np.array([[[800.0, -800.0]]])
    assert np.isfinite(likelihood.log_prob({}, y, logits)).all()
    slope = grad(lambda logits: likelihood.log_prob({}, y, logits).sum())(logits)
    assert np.isfinite(slope).all()


def test_block_counts_of_a_larger_image_are_its_blocks():
    x = np.arange(16.0).reshape(1, 16)
    assert BlockCounts(4).observe(x).tolist() == [
        [0 + 1 + 4 + 5, 2 + 3 + 6 + 7, 8 + 9 + 12 + 13, 10 + 11 + 14 + 15]
    ]
    logits = np.random.default_rng(1).normal(size=(2, 3, 16))
    y = np.array([[0.0, 1.0, 2.0, 4.0]] * 3)
    whole = BlockCounts(4).log_prob({}, y, logits)
    corners = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    parts = sum(
        BlockCounts(2).log_prob({}, y[:, [b]], logits[..., pixels])
        for b, pixels in enumerate(corners)
    )
    assert whole == pytest.approx(parts)


def test_the_counts_of_all_values_sum_to_one():
    logits = np.random.default_rng(2).normal(size=(1, 1, 16)) * 3
    likelihood = BlockCounts(4, block=4)
    total = sum(np.exp(likelihood.log_prob({}, np.array([[float(c)]]), logits)) for c in range(17))
    assert total == pytest.approx(1)


def test_a_hidden_pixel_does_not_matter():
    masked = MaskedBernoulli()
    y = np.array([[1.0, 0.0, 1.0, 0.0]])
    other = np.array([[1.0, 7.0, 1.0, 0.0]])
    logits = LOGITS[..., :2]
    assert (masked.log_prob({}, y, logits) == masked.log_prob({}, other, logits)).all()
    masked.check_data(other)


@pytest.mark.parametrize(
    ("likelihood", "y", "match"),
    [
        (MaskedBernoulli(), [[1.0, 0.0, 0.0, 0.0]], "hides every pixel of 1 image"),
        (MaskedBernoulli(), [[1.0, 0.0, 0.5, 1.0]], "the mask"),
        (MaskedBernoulli(), [[0.3, 0.0, 1.0, 1.0]], "not all 0 or 1"),
        (FlippedBernoulli(0.1), [[0.3, 0.0]], "not all 0 or 1"),
        (BlockCounts(2), [[5.0]], "from 0 to 4"),
        (BlockCounts(2), [[0.5]], "whole numbers"),
    ],
)
def test_impossible_data(likelihood, y, match):
    with pytest.raises(ValueError, match=match):
        likelihood.check_data(np.array(y))


@pytest.mark.parametrize("rate", [0.0, 0.5, -1, np.nan])
def test_bad_rates(rate):
    with pytest.raises(ValueError, match="rate is"):
        FlippedBernoulli(rate)


def test_bad_blocks():
    with pytest.raises(ValueError, match="divisor of the side 5"):
        BlockCounts(5)
    with pytest.raises(ValueError, match="16 logits"):
        DeepLatentModel(StandardNormal(2), MLP((2, 9)), BlockCounts(4))


@pytest.mark.parametrize("likelihood", [MaskedBernoulli(), FlippedBernoulli(0.2), BlockCounts(4)])
def test_in_a_model(likelihood):
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16)), likelihood)
    theta = model.init(np.random.default_rng(0))
    y, z = model.sample(np.random.default_rng(1), theta, 5)
    assert y.shape == (5, model.observed_dim)
    target = autodiff.target(model, theta, y)
    value, dz = target.value_and_dz(z[None])
    step = 1e-6
    for d in range(2):
        moved = z[None] + step * np.eye(2)[d]
        assert dz[..., d] == pytest.approx((target.value(moved) - value) / step, rel=1e-3, abs=1e-4)


def test_a_mask_that_hides_everything_is_refused_by_the_target():
    model = DeepLatentModel(StandardNormal(2), MLP((2, 4)), MaskedBernoulli())
    theta = model.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match="hides every pixel"):
        autodiff.target(model, theta, np.zeros((3, 8)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(3, 7, 2, 20), (1, 1, 1, 1), (2, 5, 3, 37)])
@pytest.mark.parametrize("likelihood", [MaskedBernoulli(), FlippedBernoulli(0.15)])
def test_the_kernel_agrees_with_autograd(likelihood, shape, dtype):
    S, N, D, pixels = shape
    rng = np.random.default_rng(0)
    model = DeepLatentModel(StandardNormal(D), MLP((D, 6, pixels)), likelihood)
    theta = {key: (3 * value).astype(dtype) for key, value in model.init(rng).items()}
    y, _ = model.sample(rng, theta, N)
    if isinstance(likelihood, MaskedBernoulli):
        mask = rng.random((N, pixels)) < 0.6
        mask[:, 0] = True
        y = likelihood.observe(y[:, :pixels], mask)
    y = y.astype(dtype)
    z = rng.standard_normal((S, N, D)).astype(dtype)
    weights = rng.standard_normal((S, N)).astype(dtype)
    reference = autodiff.target(model, theta, y)
    ours = kernel.target(model, theta, y)
    tolerance = 1e-10 if dtype == np.float64 else 1e-3
    assert ours.value(z) == pytest.approx(reference.value(z), rel=tolerance, abs=tolerance)
    for w in (None, weights):
        found, expected = ours.value_and_grads(z, w), reference.value_and_grads(z, w)
        assert found[0].dtype == dtype
        assert found[0] == pytest.approx(expected[0], rel=tolerance, abs=tolerance)
        assert found[1] == pytest.approx(expected[1], rel=tolerance, abs=10 * tolerance)
        for key in theta:
            assert found[2][key] == pytest.approx(
                expected[2][key], rel=tolerance, abs=10 * tolerance
            )


@pytest.mark.parametrize("likelihood", [MaskedBernoulli(), FlippedBernoulli(0.15)])
def test_the_kernel_is_finite_at_extreme_logits(likelihood):
    model = DeepLatentModel(StandardNormal(1), MLP((1, 2)), likelihood)
    theta = {"decoder.W0": np.array([[800.0, -800.0]]), "decoder.b0": np.zeros(2)}
    y = np.array([[0.0, 1.0, 1.0, 1.0]])[:, : model.observed_dim]
    z = np.array([[[1.0]], [[-1.0]]])
    value, dz = kernel.target(model, theta, y).value_and_dz(z)
    expected, slope = autodiff.target(model, theta, y).value_and_dz(z)
    assert value == pytest.approx(expected)
    assert dz == pytest.approx(slope)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2), (5, 1), (1, 4), (4, 5)])
def test_a_mask_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"mask has shape .*; expected \(4,\), .* or \(5, 4\)"):
        MaskedBernoulli().observe(np.zeros((5, 4)), np.ones(shape))


def test_masks_of_bools_one_for_all_or_one_each():
    x, mask = np.ones((2, 3)), np.array([True, False, True])
    one, each = (MaskedBernoulli().observe(x, m) for m in (mask, np.tile(mask, (2, 1))))
    np.testing.assert_array_equal(one, each)
    assert one[0].tolist() == [1, 0, 1, 1, 0, 1]


def test_images_of_another_size_have_no_blocks():
    with pytest.raises(ValueError, match=r"last axis is 9; expected 16 \(side\^2 pixels\)"):
        BlockCounts(4).observe(np.zeros((2, 9)))
