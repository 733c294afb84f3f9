"""The kernel equals autograd, whatever the shape, the blocks and the number of threads."""

import itertools
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl
from scipy.special import expit

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    DiagonalGaussian,
    DiagonalScaleGaussian,
    GaussianLikelihood,
    LearnedScaleGaussian,
    LinearGaussian,
    ScalarScaleGaussian,
    StandardNormal,
    backends,
    reparameterized,
)
from bbvi.backends import autodiff, kernel
from bbvi.backends.kernel import blocks, evaluate, likelihoods, prepared
from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.bernoulli import BERNOULLI, sum_of_logs
from bbvi.nets import astype
from bbvi.targets import hold_theta

LIKELIHOODS = {
    "bernoulli": (BernoulliLikelihood(), lambda Dx: Dx),
    "fixed": (GaussianLikelihood(0.3), lambda Dx: Dx),
    "learned": (LearnedScaleGaussian(), lambda Dx: Dx),
    "scalar": (ScalarScaleGaussian(), lambda Dx: Dx + 1),
    "logistic": (ScalarScaleGaussian("logistic"), lambda Dx: Dx + 1),
    "diagonal": (DiagonalScaleGaussian(), lambda Dx: 2 * Dx),
}
SHAPES = [  # S, N, D, Dx
    (3, 5, 2, 7),
    (1, 1, 1, 1),
    (1, 40, 3, 20),
    (60, 1, 2, 20),
    (5, 7, 1, 100),
]


def deep(D=2, hidden=(6,), Dx=7, activation="tanh", likelihood="bernoulli"):
    chosen, outputs = LIKELIHOODS[likelihood]
    return DeepLatentModel(StandardNormal(D), MLP((D, *hidden, outputs(Dx)), activation), chosen)


def problem(model, S, N, dtype=np.float64, seed=0):
    """theta with non-zero biases, possible x, z, and weights of both signs."""
    rng = np.random.default_rng(seed)
    theta = model.init(rng)
    theta = {key: value + 0.2 * rng.standard_normal(value.shape) for key, value in theta.items()}
    x, _ = model.sample(rng, theta, N)
    z, weights = rng.standard_normal((S, N, model.latent_dim)), rng.standard_normal((S, N))
    return astype(theta, dtype), x.astype(dtype), z.astype(dtype), weights.astype(dtype)


def answers(target, z, weights):
    """All that a target can say, flat."""
    found = [target.value(z), *target.value_and_dz(z)]
    for given in (None, weights):
        log_p, dtheta = target.value_and_dtheta(z, given)
        found += [log_p, *(dtheta[key] for key in sorted(dtheta))]
        log_p, dz, dtheta = target.value_and_grads(z, given)
        found += [log_p, dz, *(dtheta[key] for key in sorted(dtheta))]
    return found


def assert_close(found, expected, rtol):
    """Relative to the largest entry of each array, so that sums that cancel are judged fairly."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(np.abs(b).max(), 1e-12))


def assert_agrees(model, S, N, dtype=np.float64, rtol=1e-10, num_threads=None):
    theta, x, z, weights = problem(model, S, N, dtype)
    ours = answers(kernel.target(model, theta, x, num_threads), z, weights)
    assert_close(ours, answers(autodiff.target(model, theta, x), z, weights), rtol)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
class TestAgainstAutograd:
    def test_all_values_and_gradients_at_any_depth_and_activation(self, shape, likelihood):
        S, N, D, Dx = shape
        for hidden, activation in itertools.product(
            [(), (6,), (5, 8)], ["tanh", "relu", "softplus"]
        ):
            assert_agrees(deep(D, hidden, Dx, activation, likelihood), S, N)

    def test_in_float32(self, shape, likelihood):
        S, N, D, Dx = shape
        assert_agrees(deep(D, (6,), Dx, "tanh", likelihood), S, N, np.float32, rtol=5e-4)

    def test_in_small_blocks_on_three_threads(self, shape, likelihood, monkeypatch):
        S, N, D, Dx = shape
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 2000)
        monkeypatch.setattr(evaluate, "FEW_BYTES", 0)
        assert_agrees(deep(D, (6,), Dx, "softplus", likelihood), S, N, num_threads=3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (4, 11, 3, 9), (1, 20, 2, 30)], ids=str)
def test_linear_gaussian(shape, dtype):
    S, N, D, Dx = shape
    rtol = 1e-10 if dtype == np.float64 else 5e-4
    assert_agrees(LinearGaussian(D, Dx), S, N, dtype, rtol)


def test_the_elbo_and_its_gradients_through_an_estimator():
    model, family = deep(2, (6,), 7), DiagonalGaussian(2)
    theta, x, z, _ = problem(model, 4, 5)
    lam = 0.3 * np.random.default_rng(1).standard_normal((5, 4))
    ours = reparameterized(family, kernel.target(model, theta, x), lam, z)
    reference = reparameterized(family, autodiff.target(model, theta, x), lam, z)
    assert_close(ours[:2], reference[:2], 1e-10)
    assert_close([ours[2][k] for k in theta], [reference[2][k] for k in theta], 1e-10)


@pytest.mark.parametrize("likelihood", ["bernoulli", "learned", "logistic", "diagonal"])
def test_finite_differences(likelihood):
    model = deep(2, (3,), 4, "tanh", likelihood)
    theta, x, z, weights = problem(model, 2, 3)
    _, dz, dtheta = kernel.target(model, theta, x).value_and_grads(z, weights)
    step, rng = 1e-6, np.random.default_rng(3)
    toward = {key: rng.standard_normal(value.shape) for key, value in theta.items()}

    def total(sign):
        moved = {key: value + sign * step * toward[key] for key, value in theta.items()}
        return (weights * kernel.target(model, moved, x).value(z)).sum()

    slope = sum((toward[key] * dtheta[key]).sum() for key in theta)
    assert slope == pytest.approx((total(1) - total(-1)) / (2 * step), rel=1e-6)
    direction = rng.standard_normal(z.shape)
    p = kernel.target(model, theta, x)
    ahead, behind = p.value(z + step * direction), p.value(z - step * direction)
    np.testing.assert_allclose(
        (direction * dz).sum(axis=-1), (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-7
    )


class TestExtremes:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_huge_logits_are_finite_and_right(self, dtype):
        model = DeepLatentModel(StandardNormal(1), MLP((1, 100)), BernoulliLikelihood())
        signs = np.where(np.arange(100) % 3 == 0, -1.0, 1.0)
        theta = astype({"decoder.W0": 1e4 * signs[None], "decoder.b0": np.zeros(100)}, dtype)
        x = np.stack([signs > 0, signs < 0, np.arange(100) < 50]).astype(dtype)
        z = np.ones((2, 3, 1), dtype)
        rtol = 1e-10 if dtype == np.float64 else 1e-4
        ours, reference = (b.target(model, theta, x) for b in (kernel, autodiff))
        assert_close(answers(ours, z, z[..., 0]), answers(reference, z, z[..., 0]), rtol)
        assert (ours.value(z)[:, 0] == model.prior.log_prob({}, z)[:, 0]).all()

    @pytest.mark.parametrize("scale", [1e-25, 1e-18, 1e20])
    def test_gaussian_units_may_be_far_from_one(self, scale):
        for likelihood in (GaussianLikelihood(scale), LearnedScaleGaussian()):
            model = DeepLatentModel(StandardNormal(2), MLP((2, 5)), likelihood)
            theta = model.init(np.random.default_rng(0))
            theta = {key: scale * value for key, value in theta.items()}
            if "likelihood.log_scale" in theta:
                theta["likelihood.log_scale"] = np.asarray(np.log(scale))
            theta = astype(theta, np.float32)
            rng = np.random.default_rng(1)
            x = (scale * rng.standard_normal((3, 5))).astype(np.float32)
            z = rng.standard_normal((2, 3, 2)).astype(np.float32)
            ours, reference = (b.target(model, theta, x) for b in (kernel, autodiff))
            # Gradients in theta are in inverse units: compared where they are of the order of one.
            for a, b in zip(ours.value_and_dz(z), reference.value_and_dz(z)):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)

    def test_no_error_state_of_the_callers_stops_a_certain_pixel(self):
        model = DeepLatentModel(StandardNormal(1), MLP((1, 20)), BernoulliLikelihood())
        theta = {"decoder.W0": np.full((1, 20), 1e3), "decoder.b0": np.zeros(20)}
        x = np.array([[1.0] * 20, [0.0] * 20])
        with np.errstate(all="raise"):
            found = kernel.target(model, theta, x).value_and_dz(np.ones((1, 2, 1)))[0]
        np.testing.assert_allclose(found - model.prior.log_prob({}, 1.0 * np.ones(1)), [[0, -2e4]])

    @pytest.mark.parametrize("activation", ["relu", "softplus", "tanh"])
    def test_ties_at_exactly_zero_have_autograds_slope(self, activation):
        model = deep(2, (6, 5), 4, activation)
        theta, x, z, weights = problem(model, 2, 3)
        theta = {k: v * ("W" in k and "0" not in k) for k, v in theta.items()}
        ours, reference = (b.target(model, theta, x) for b in (kernel, autodiff))
        assert_close(answers(ours, z, weights), answers(reference, z, weights), 1e-10)

    @pytest.mark.parametrize("Dx", [1, 15, 16, 1003])
    def test_the_logarithm_of_products_is_the_sum_of_logarithms(self, Dx):
        factors = np.random.default_rng(0).uniform(1, 9, (Dx, 3))
        expected = np.log(factors).sum(axis=0)
        found = sum_of_logs(factors, Buffers(float))
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_the_product_of_many_factors_does_not_overflow(self):
        ones = sum_of_logs(np.ones((5000, 3), np.float32), Buffers(np.float32))
        assert (ones == 0).all()
        twos = sum_of_logs(np.full((5000, 3), 2.0, np.float32), Buffers(np.float32))
        np.testing.assert_allclose(twos, 5000 * np.log(2), rtol=1e-5)

    def test_rows_are_summed_pixel_by_pixel_where_a_product_overflows(self):
        # Surprises of 0, 6, 60 and 200 nats a pixel: 16 of 6 are too many for float32.
        logits = np.array([[0.0, 6.0, 60.0, 200.0]] * 50, np.float32)
        y = np.zeros_like(logits)
        BERNOULLI.observe(None, y)
        value = BERNOULLI.value(None, y, logits.copy(), Buffers(np.float32))
        expected = -50 * np.logaddexp(0, logits[0].astype(float))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        u = logits.copy()
        again, _ = BERNOULLI.value_and_grads(None, y, u, Buffers(np.float32), None)
        assert (again == value).all()
        np.testing.assert_allclose(BERNOULLI.constant(None, {}) * u, -expit(logits), rtol=1e-6)


class TestBlocksAndThreads:
    @pytest.mark.parametrize("size", list(itertools.product([1, 3, 40], [1, 7, 100], [1, 2, 3])))
    def test_the_blocks_cover_every_row_once_and_are_no_larger_than_asked(self, size, monkeypatch):
        S, N, threads = size
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 80)
        seen = np.zeros((S, N), int)
        for block in blocks.split_rows(S, N, 8, threads):
            assert 0 < seen[block].size <= 10
            seen[block] += 1
        assert (seen == 1).all()

    @pytest.mark.parametrize(("N", "threads"), [(17, 2), (25, 3), (1, 3)])
    def test_no_block_is_empty_where_one_row_is_larger_than_a_block(self, N, threads):
        found = blocks.split_rows(2, N, 2 * blocks.BLOCK_BYTES, threads)
        rows = [(s, n) for s in range(2) for n in range(N)]
        assert [(block.samples.start, block.data.start) for block in found] == sorted(
            rows, key=lambda row: row[::-1]
        )
        assert {np.zeros((2, N))[block].shape for block in found} == {(1, 1)}

    def test_rows_wider_than_a_block(self, monkeypatch):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
        monkeypatch.setattr(evaluate, "FEW_BYTES", 0)
        assert_agrees(deep(2, (6,), 30), 3, 17, num_threads=2)

    def test_the_data_kept_for_many_sizes_of_z_are_bounded(self, monkeypatch):
        monkeypatch.setattr(prepared, "KEPT_BYTES", 20_000)
        model = deep(2, (6,), 30)
        theta, x, z, _ = problem(model, 40, 5)
        p = kernel.target(model, theta, x)
        held = prepared.take_apart(model, theta, x)
        for S in range(1, 41):
            expected = p.value(z[:S])
            for _ in range(3):
                assert (evaluate.evaluate(held, None, z[:S]).log_p == expected).all()
        kept = sum(y.nbytes for y in held.seen.values() if y is not None)
        assert 10_000 < kept < 40_000

    def test_one_target_may_be_used_by_several_threads(self, monkeypatch):
        monkeypatch.setattr(evaluate, "FEW_BYTES", 0)
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 4000)
        model = deep(2, (6,), 30)
        theta, x, z, weights = problem(model, 9, 20)
        p = kernel.target(model, theta, x, 2)
        expected = {
            S: answers(kernel.target(model, theta, x, 2), z[:S], weights[:S]) for S in (4, 9)
        }

        def use(S):
            return S, answers(p, z[:S], weights[:S])

        with ThreadPoolExecutor(4) as users:
            for S, found in users.map(use, [4, 9] * 6):
                assert all((a == b).all() for a, b in zip(found, expected[S]))

    def test_more_threads_change_nothing_but_rounding(self, monkeypatch):
        monkeypatch.setattr(evaluate, "FEW_BYTES", 0)
        model = deep(2, (6,), 30)
        theta, x, z, weights = problem(model, 9, 40)
        one, two, three = (
            answers(kernel.target(model, theta, x, threads), z, weights) for threads in (1, 2, 3)
        )
        assert_close(two, one, 1e-12)
        assert_close(three, one, 1e-12)

    def test_runs_are_identical_to_the_bit(self, monkeypatch):
        monkeypatch.setattr(evaluate, "FEW_BYTES", 0)
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 4000)
        model = deep(2, (6,), 30)
        theta, x, z, weights = problem(model, 9, 40)
        first = answers(kernel.target(model, theta, x, 2), z, weights)
        for _ in range(5):
            again = answers(kernel.target(model, theta, x, 2), z, weights)
            assert all((a == b).all() for a, b in zip(first, again))

    def test_the_thread_count_of_blas_is_followed_and_restored(self, monkeypatch):
        seen = []
        monkeypatch.setattr(evaluate, "FEW_BYTES", 0)
        monkeypatch.setattr(
            evaluate, "shares_of", lambda items, count: seen.append(count) or [items]
        )
        model = deep()
        theta, x, z, _ = problem(model, 2, 3)
        before = threadpoolctl.threadpool_info()
        kernel.target(model, theta, x, 3).value(z)
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            kernel.target(model, theta, x).value(z)
        assert seen == [3, 1]
        assert threadpoolctl.threadpool_info() == before

    def test_the_answer_does_not_share_memory_with_the_next_one(self):
        model = deep()
        theta, x, z, weights = problem(model, 2, 3)
        p = kernel.target(model, theta, x)
        first = answers(p, z, weights)
        copies = [array.copy() for array in first]
        answers(p, z + 1, weights + 1)
        assert all((a == b).all() for a, b in zip(first, copies))


def test_memory_does_not_grow_with_the_number_of_samples(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2**19)
    model = deep(2, (20,), 784)
    theta, x, z, _ = problem(model, 5000, 5)
    peaks = []
    for S in (500, 5000):
        p = kernel.target(model, theta, x, 2)
        tracemalloc.start()
        p.value(z[:S])
        p.value_and_dz(z[:S])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        results = z[:S].nbytes + 2 * z[:S, :, 0].nbytes
        peaks.append(peak - results)
    # Blocks are cut to equal sizes, so that they and the buffers may differ a little.
    logits = 5000 * 5 * 784 * 8
    assert peaks[1] < peaks[0] + 8 * blocks.BLOCK_BYTES
    assert peaks[1] < logits / 8


class TestControls:
    """The comparison must notice a kernel that is wrong."""

    @pytest.mark.parametrize("field", ["value_and_grads", "value", "observe"])
    def test_a_wrong_likelihood_fails(self, field, monkeypatch):
        right = likelihoods.BERNOULLI

        def wrong(*args):
            result = getattr(right, field)(*args)
            if field == "observe":
                args[1][...] *= 1.001
            elif field == "value":
                result = result * 1.001
            else:
                args[2][...] *= 1.001
            return result

        monkeypatch.setitem(
            likelihoods.LIKELIHOODS, BernoulliLikelihood, right._replace(**{field: wrong})
        )
        with pytest.raises(AssertionError):
            assert_agrees(deep(), 3, 5)


class TestEncoder:
    @pytest.mark.parametrize("activation", ["tanh", "relu", "softplus"])
    @pytest.mark.parametrize("hidden", [(), (5,), (5, 7)], ids=str)
    @pytest.mark.parametrize("N", [1, 9])
    def test_forward_and_pullback_equal_autograds(self, activation, hidden, N):
        rng = np.random.default_rng(0)
        encoder = MLP((6, *hidden, 4), activation)
        phi = {k: v + 0.1 * rng.standard_normal(v.shape) for k, v in encoder.init(rng).items()}
        x, dlam = rng.standard_normal((N, 6)), rng.standard_normal((N, 4))
        (lam, pullback), (expected, reference) = (
            backend.encode(encoder, phi, x) for backend in (kernel, autodiff)
        )
        np.testing.assert_allclose(lam, expected, rtol=1e-12)
        ours, theirs = pullback(dlam), reference(dlam)
        assert ours.keys() == theirs.keys()
        assert_close([ours[k] for k in phi], [theirs[k] for k in phi], 1e-12)
        again = pullback(dlam)
        assert all((again[key] == ours[key]).all() for key in phi)

    def test_two_passes_do_not_share_memory(self):
        rng = np.random.default_rng(0)
        encoder = MLP((6, 5, 4))
        phi, x = encoder.init(rng), rng.standard_normal((3, 6))
        _, pullback = kernel.encode(encoder, phi, x)
        before = pullback(np.ones((3, 4)))
        kernel.encode(encoder, phi, x + 1)[1](np.ones((3, 4)))
        assert all((pullback(np.ones((3, 4)))[key] == before[key]).all() for key in phi)


class TestResolve:
    def test_auto_takes_the_kernel_where_it_can(self):
        assert backends.resolve("auto", deep()) is kernel
        assert backends.resolve("auto", object()) is autodiff

    def test_by_name(self):
        assert backends.resolve("kernel", deep()) is kernel
        assert backends.resolve("autodiff", deep()) is autodiff

    def test_refuses_an_unknown_name(self):
        with pytest.raises(ValueError, match="backend is 'fast'; expected 'auto'"):
            backends.resolve("fast", deep())

    def test_refuses_the_kernel_for_a_model_it_does_not_know(self):
        with pytest.raises(ValueError, match="does not know; it supports LinearGaussian"):
            backends.resolve("kernel", object())


class TestBadInput:
    def test_a_model_it_does_not_know(self):
        class Mine(MLP):
            """A subclass may have changed the network, so it is not taken for its parent."""

        model = DeepLatentModel(StandardNormal(2), Mine((2, 3)), BernoulliLikelihood())
        assert not kernel.supports(model)
        with pytest.raises(ValueError, match=r"with the decoder Mine.*supports.*MLP decoder"):
            kernel.target(model, {}, np.zeros((2, 3)))

    def test_a_subclass_of_a_likelihood_is_not_taken_for_its_parent(self):
        class Mine(BernoulliLikelihood):
            def log_prob(self, params, x, outputs):
                return 3.0 * super().log_prob(params, x, outputs)

        mine = DeepLatentModel(StandardNormal(2), MLP((2, 3)), Mine())
        parent = DeepLatentModel(StandardNormal(2), MLP((2, 3)), BernoulliLikelihood())
        theta, x, z, _ = problem(parent, 1, 2)
        prior = StandardNormal(2).log_prob({}, z)
        np.testing.assert_allclose(
            kernel.target(mine, theta, x).value(z) - prior,
            3.0 * (kernel.target(parent, theta, x).value(z) - prior),
        )

    def test_x(self):
        model = deep()
        theta, x, _, _ = problem(model, 1, 2)
        with pytest.raises(TypeError, match="x has dtype int64"):
            kernel.target(model, theta, x.astype(int))
        with pytest.raises(ValueError, match="expected 7"):
            kernel.target(model, theta, x[:, :4])
        with pytest.raises(ValueError, match="not all 0 or 1"):
            kernel.target(model, theta, x + 0.5)
        with pytest.raises(ValueError, match=r"x is empty|no rows|at least one row"):
            kernel.target(model, theta, x[:0])

    def test_theta(self):
        model = deep()
        theta, x, _, _ = problem(model, 1, 2)
        with pytest.raises(TypeError, match="float32"):
            kernel.target(model, astype(theta, np.float32), x)
        with pytest.raises(ValueError, match=r"decoder\.W0"):
            kernel.target(model, theta | {"decoder.W0": theta["decoder.W0"] * np.nan}, x)

    @pytest.mark.parametrize("threads", [0, -1])
    def test_threads(self, threads):
        model = deep()
        theta, x, _, _ = problem(model, 1, 2)
        with pytest.raises(ValueError, match=r"num_threads is .*at least 1"):
            kernel.target(model, theta, x, threads)

    def test_z(self):
        model = deep()
        theta, x, z, _ = problem(model, 2, 3)
        p = kernel.target(model, theta, x)
        for wrong in (z[0], z[:, :2], z[:, :, :1], z[:0], z.astype(np.float32)):
            for ask in (p.value, p.value_and_dz, hold_theta(p).value_and_grads, p.value_and_grads):
                with pytest.raises(ValueError, match=r"z is float.*\(S, 3, 2\)"):
                    ask(wrong)

    def test_weights(self):
        model = deep()
        theta, x, z, weights = problem(model, 2, 3)
        p = kernel.target(model, theta, x)
        for wrong in (weights[:, 0], weights[:, :1], weights[:1], np.ones((3, 3)), np.ones((2, 4))):
            for ask in (p.value_and_dtheta, p.value_and_grads):
                with pytest.raises(ValueError, match=r"weights has shape .*\(S, N\) = \(2, 3\)"):
                    ask(z, wrong)


@pytest.mark.parametrize("order", ["F", "strided", "read-only"])
def test_the_layout_of_the_arguments_does_not_matter(order):
    def laid_out(array):
        if order == "strided":
            wide = np.zeros([2 * size for size in array.shape], array.dtype)
            wide[tuple(slice(None, None, 2) for _ in array.shape)] = array
            return wide[tuple(slice(None, None, 2) for _ in array.shape)]
        array = np.array(array, order="F")
        array.flags.writeable = order == "F"
        return array

    for likelihood in ("bernoulli", "learned", "diagonal"):
        model = deep(3, (6, 5), 7, "tanh", likelihood)
        theta, x, z, weights = problem(model, 4, 5)
        expected = answers(kernel.target(model, theta, x), z, weights)
        theta = {key: laid_out(value) for key, value in theta.items()}
        p = kernel.target(model, theta, laid_out(x))
        for _ in range(3):
            assert_close(answers(p, laid_out(z), laid_out(weights)), expected, 1e-12)
