"""Every structured model passes the public check, and a broken one does not."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    DiagonalGaussian,
    GaussianLikelihood,
    StandardNormal,
    backends,
    infer,
)
from bbvi.checks import check_model
from bbvi.checks.normalizers import UncheckedWarning
from bbvi.models import (
    AutoregressiveCategorical,
    CategoricalLikelihood,
    CholeskyGaussian,
    HiddenMarkovModel,
    HierarchicalModel,
    LinearGaussianStateSpace,
    LogisticRegression,
    MixtureOfGaussians,
    SemiSupervised,
)
from bbvi.nets import astype

MODELS = {
    "mixture prior": DeepLatentModel(
        MixtureOfGaussians(2, 3), MLP((2, 4, 3)), GaussianLikelihood(0.5)
    ),
    "hidden Markov": HiddenMarkovModel(3, 4),
    "state space": LinearGaussianStateSpace(2, 1, 3),
    "logistic regression": LogisticRegression(2, 5),
    "two layers": HierarchicalModel(MLP((1, 4, 2)), MLP((2, 4, 5)), BernoulliLikelihood()),
    "M2": SemiSupervised(3, MLP((5, 4)), BernoulliLikelihood(), label_noise=0.1),
    "full covariance": DeepLatentModel(StandardNormal(2), MLP((2, 5)), CholeskyGaussian()),
    "categorical": DeepLatentModel(StandardNormal(2), MLP((2, 6)), CategoricalLikelihood(3)),
    "autoregressive": DeepLatentModel(
        StandardNormal(2), MLP((2, 4)), AutoregressiveCategorical(3, 3, 4)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_model(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UncheckedWarning)
        assert check_model(MODELS[name], np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", MODELS)
def test_samples_have_theta_s_dtype(name):
    model = MODELS[name]
    theta = astype(model.init(np.random.default_rng(0)), np.float32)
    for array in model.sample(np.random.default_rng(1), theta, 3):
        assert array.dtype == (np.float32 if theta else np.float64)


@dataclass(frozen=True)
class Forgetful(LinearGaussianStateSpace):
    """Wrong on purpose: the transition noise is forgotten in the log joint."""

    def log_joint(self, theta, x, z):
        return super().log_joint({**theta, "log_q": 0 * theta["log_q"]}, x, z)


def test_the_check_refuses_a_wrong_model():
    with pytest.raises(AssertionError):
        check_model(Forgetful(2, 1, 3), np.random.default_rng(0))


WITH_THETA = [name for name, model in MODELS.items() if model.init(np.random.default_rng(0))]


@pytest.mark.parametrize("name", WITH_THETA)
def test_another_theta_is_refused_by_name(name):
    model, rng = MODELS[name], np.random.default_rng(0)
    theta = model.init(rng)
    x, _ = model.sample(rng, theta, 3)
    key = next(iter(theta))
    lacking = {k: v for k, v in theta.items() if k != key}
    wide = {**theta, key: np.concatenate([theta[key], theta[key]], axis=0)}
    for wrong, message in (
        (lacking, rf"theta has no '{key}'; expected .*{key} \("),
        (
            {**theta, "gain": np.ones(1)},
            r"does not know: 'gain'; .*Take theta from init",
        ),
        (wide, rf"theta\['{key}'\] has shape .*; expected \("),
    ):
        with pytest.raises(ValueError, match=message):
            backends.resolve("auto", model).target(model, wrong, x)
        with pytest.raises(ValueError, match=message):
            infer(model, DiagonalGaussian(model.latent_dim), wrong, x, rng)


@pytest.mark.parametrize("name", ["hidden Markov", "state space"])
def test_exact_answers_refuse_another_theta(name):
    model, rng = MODELS[name], np.random.default_rng(0)
    theta = model.init(rng)
    x, _ = model.sample(rng, theta, 3)
    key = next(iter(theta))
    for act in (model.log_evidence, model.posterior):
        with pytest.raises(ValueError, match=f"theta has no '{key}'"):
            act({k: v for k, v in theta.items() if k != key}, x)
        with pytest.raises(ValueError, match="NaN or infinite"):
            act({**theta, key: np.nan * theta[key]}, x)
        with pytest.raises(TypeError, match="expected one dtype"):
            act(theta, x.astype(np.float32))


def test_a_model_without_theta_wants_none():
    model = MODELS["logistic regression"]
    x, _ = model.sample(np.random.default_rng(0), {}, 1)
    with pytest.raises(ValueError, match="does not know: 'W'; expected no entry"):
        backends.autodiff.target(model, {"W": np.ones(2)}, x)
