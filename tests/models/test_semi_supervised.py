"""M2: labels summed out or sampled, and digits with few labels."""

from functools import partial

import numpy as np
import pytest

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DiagonalGaussian,
    fit_amortized,
    leave_one_out,
    score_function,
)
from bbvi.backends import autodiff
from bbvi.checks import check_model
from bbvi.datasets import digits, train_test_split
from bbvi.estimators import summed_label
from bbvi.families import LabelAndGaussian
from bbvi.models import LabelBlind, SemiSupervised, attach_labels
from bbvi.optimizers import adam, cosine_decay

MODEL = SemiSupervised(3, MLP((5, 4, 4)), BernoulliLikelihood(), label_noise=0.1)
FAMILY = LabelAndGaussian(3, 2)


def problem(N=3):
    rng = np.random.default_rng(0)
    theta = {k: v + 0.3 * rng.standard_normal(v.shape) for k, v in MODEL.init(rng).items()}
    x, _ = MODEL.sample(rng, theta, N)
    x[0, -1] = -1
    return theta, x, 0.5 * rng.standard_normal((N, FAMILY.num_params))


def test_model_conformance():
    assert check_model(MODEL, np.random.default_rng(0)) is None


def test_unknown_labels_are_marginalized():
    """log p(x, z) of an unlabelled row is that of the labelled ones, summed over the label."""
    theta, x, _ = problem()
    z = MODEL.sample(np.random.default_rng(1), theta, 3)[1][None]
    rows = [np.column_stack([x[:, :-1], np.full(3, k)]) for k in (0, 1, 2)]
    labelled = [MODEL.log_joint(theta, row, z) for row in rows]
    unknown = np.column_stack([x[:, :-1], np.full(3, -1)])
    np.testing.assert_allclose(
        np.logaddexp.reduce(labelled, axis=0), MODEL.log_joint(theta, unknown, z), rtol=1e-12
    )


class TestSummedLabel:
    def test_equals_sampling_the_label_on_average(self):
        theta, x, lam = problem()
        target = autodiff.target(MODEL, theta, x)
        tiled = 4000
        many = autodiff.target(MODEL, theta, np.tile(x, (tiled, 1)))
        rows = np.tile(lam, (tiled, 1))
        eps = FAMILY.noise(np.random.default_rng(1), 2, len(rows))
        sampled = score_function(FAMILY, many, rows, eps, leave_one_out)
        exact = summed_label(
            FAMILY, target, lam, FAMILY.noise(np.random.default_rng(2), 4000, len(lam))
        )
        for one, mean in ((sampled.grad, exact.grad), (sampled.elbo, exact.elbo)):
            replicates = one.reshape(tiled, *mean.shape)
            error = replicates.std(axis=0) / np.sqrt(tiled)
            assert (np.abs(replicates.mean(axis=0) - mean) < 6 * error + 0.02).all()
        key = "decoder.b1"
        np.testing.assert_allclose(
            sampled.grad_theta[key] / tiled, exact.grad_theta[key], atol=0.06
        )

    def test_gradient_is_that_of_its_own_elbo(self):
        """With eps held fixed the estimate is a smooth function of lam and theta."""
        theta, x, lam = problem()
        eps = FAMILY.noise(np.random.default_rng(1), 4, 3)

        def run(theta, lam):
            return summed_label(FAMILY, autodiff.target(MODEL, theta, x), lam, eps)

        found = run(theta, lam)
        for p in range(FAMILY.num_params):
            step = 1e-6 * np.eye(FAMILY.num_params)[p]
            numeric = (run(theta, lam + step).elbo - run(theta, lam - step).elbo) / 2e-6
            np.testing.assert_allclose(found.grad[:, p], numeric, atol=1e-7)
        for j in range(4):
            sides = []
            for step in (1e-6, -1e-6):
                moved = {**theta, "decoder.b1": theta["decoder.b1"] + step * np.eye(4)[j]}
                sides.append(run(moved, lam).elbo.sum())
            assert abs((sides[0] - sides[1]) / 2e-6 - found.grad_theta["decoder.b1"][j]) < 1e-6

    def test_dropping_the_label_gradient_is_noticed(self):
        """Negative control: without the q(y) (f - mean f) term the logits do not match."""
        theta, x, lam = problem()
        eps = FAMILY.noise(np.random.default_rng(1), 4, 3)
        found = summed_label(FAMILY, autodiff.target(MODEL, theta, x), lam, eps).grad[:, :3]
        entropy_only = FAMILY.entropy_and_grad(lam)[1][:, :3]
        assert np.abs(found - entropy_only).max() > 0.1

    def test_refuses_another_family(self):
        theta, x, _ = problem()
        family = DiagonalGaussian(5)
        with pytest.raises(TypeError, match="expected LabelAndGaussian"):
            summed_label(
                family, autodiff.target(MODEL, theta, x), family.init(3), np.zeros((1, 3, 5))
            )


class TestBadInput:
    def test_attach_labels(self):
        x, labels, known = np.zeros((3, 2)), np.array([0, 1, 2]), np.array([True, False, True])
        with pytest.raises(ValueError, match=r"labels has shape \(2,\)"):
            attach_labels(x, labels[:2], known)
        with pytest.raises(ValueError, match=r"known has shape \(3, 1\)"):
            attach_labels(x, labels, known[:, None])
        with pytest.raises(TypeError, match="known has dtype int64; expected a mask"):
            attach_labels(x, labels, np.array([0, 2, 1]))
        with pytest.raises(TypeError, match="labels has dtype float64"):
            attach_labels(x, labels / 2, known)

    def test_model(self):
        theta, x, _ = problem()
        for bad in (3.0, 0.5, -2.0):
            wrong = x.copy()
            wrong[1, -1] = bad
            with pytest.raises(ValueError, match="or -1 where unknown"):
                autodiff.target(MODEL, theta, wrong)
        with pytest.raises(ValueError, match="expected 5"):
            autodiff.target(MODEL, theta, x[:, :-1])
        with pytest.raises(ValueError, match="more than 3"):
            SemiSupervised(3, MLP((3, 4)), BernoulliLikelihood())
        with pytest.raises(ValueError, match="label_noise is 0"):
            SemiSupervised(3, MLP((5, 4)), BernoulliLikelihood(), label_noise=0)


def digits_with_few_labels(per_class=10):
    x, labels = digits()
    train, test = train_test_split(np.random.default_rng(0), x, labels)
    known = np.zeros(len(train.x), dtype=bool)
    for k in range(10):
        known[np.flatnonzero(train.labels == k)[:per_class]] = True
    rows = attach_labels(train.x, train.labels, known).astype(np.float32)
    return np.concatenate([rows, *[rows[known]] * 3]), known, train, test


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "samples", "steps", "accuracy"),
    [(summed_label, 1, 400, 0.8), (partial(score_function, baseline=leave_one_out), 4, 400, 0.5)],
    ids=["summed out", "sampled"],
)
def test_a_hundred_labels(estimator, samples, steps, accuracy):
    rows, _, _, test = digits_with_few_labels()
    model = SemiSupervised(10, MLP((15, 64, 64)), BernoulliLikelihood())
    family = LabelAndGaussian(10, 5)
    encoder = LabelBlind(MLP((64, 64, family.num_params)))
    fit = fit_amortized(
        model, family, rows, np.random.default_rng(1), encoder=encoder, estimator=estimator,
        num_samples=samples, num_steps=steps, optimizer=adam(cosine_decay(0.01, steps)),
    )  # fmt: skip
    unlabelled = np.column_stack([test.x, np.full(len(test.x), -1)]).astype(np.float32)
    predicted = family.probabilities(encoder(fit.phi, unlabelled)).argmax(axis=1)
    assert (predicted == test.labels).mean() > accuracy
