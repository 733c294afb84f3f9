"""Every model and every family refuses shapes that NumPy would broadcast, and says which."""

import numpy as np
import pytest

import bbvi
from bbvi import MLP, backends, families
from bbvi.evaluation import linear_gaussian_elbo
from bbvi.models import (
    AutoregressiveCategorical,
    BernoulliLikelihood,
    BernoulliPrior,
    CategoricalLikelihood,
    CholeskyGaussian,
    DeepLatentModel,
    DiagonalScaleGaussian,
    GaussianLikelihood,
    GaussianMixture,
    HiddenMarkovModel,
    HierarchicalModel,
    LearnedScaleGaussian,
    LinearGaussian,
    LinearGaussianStateSpace,
    LinearRegression,
    LogisticRegression,
    MaskedBernoulli,
    MixtureOfGaussians,
    Posterior,
    ScalarScaleGaussian,
    SemiSupervised,
    StandardNormal,
)


def deep(likelihood, num_outputs=4, prior=None):
    return DeepLatentModel(prior or StandardNormal(3), MLP((3, 5, num_outputs)), likelihood)


MODELS = {
    "linear Gaussian": LinearGaussian(3, 4),
    "mixture": GaussianMixture(3, 4),
    "hidden Markov": HiddenMarkovModel(3, 4),
    "state space": LinearGaussianStateSpace(2, 2, 3),
    "linear regression": LinearRegression(2, 4),
    "logistic regression": LogisticRegression(2, 4),
    "two layers": HierarchicalModel(MLP((1, 2)), MLP((2, 4)), BernoulliLikelihood()),
    "M2": SemiSupervised(3, MLP((5, 4)), BernoulliLikelihood()),
    "posterior": Posterior(lambda z: -0.5 * (z**2).sum(axis=-1), 3),
    "Bernoulli": deep(BernoulliLikelihood()),
    "Gaussian": deep(GaussianLikelihood(0.5)),
    "learned scale": deep(LearnedScaleGaussian()),
    "scalar scale": deep(ScalarScaleGaussian(), 5),
    "diagonal scale": deep(DiagonalScaleGaussian(), 8),
    "Cholesky": deep(CholeskyGaussian(), 5),
    "categorical": deep(CategoricalLikelihood(2), 8),
    "letters": deep(AutoregressiveCategorical(3, 3, 4)),
    "masked": deep(MaskedBernoulli()),
    "mixture prior": deep(BernoulliLikelihood(), prior=MixtureOfGaussians(3, 2)),
    "bits": deep(BernoulliLikelihood(), prior=BernoulliPrior(3)),
}

FAMILIES = {
    "diagonal": families.DiagonalGaussian(3),
    "full": families.FullCovarianceGaussian(3),
    "Laplace": families.Laplace(3),
    "gamma": families.Gamma(3),
    "beta": families.Beta(3),
    "flow": families.QuadraticFlow(3),
    "bits": families.Bernoulli(3),
    "categories": families.Categorical(1, 3),
    "label": families.LabelAndGaussian(2, 1),
    "groups": families.MeanField((families.Gamma(1), families.DiagonalGaussian(2))),
}


def problem(model, num_samples=2, num_data=5):
    rng = np.random.default_rng(0)
    theta = model.init(rng)
    if isinstance(model, Posterior):
        return theta, np.zeros((num_data, 1)), rng.standard_normal((num_samples, num_data, 3))
    x, z = model.sample(rng, theta, num_samples * num_data)
    return theta, x[:num_data], z.reshape(num_samples, num_data, -1)


def wrong_z(z):
    _S, _N, _ = z.shape
    yield "too narrow", z[..., :1]
    yield "too wide", np.concatenate([z, z], axis=-1)
    yield "one row", z[:, :1]
    yield "a row less", z[:, 1:]
    yield "no samples' axis", z[0]
    yield "samples and data swapped", z.transpose(1, 0, 2)


@pytest.mark.parametrize("name", MODELS)
def test_log_joint_refuses_another_z(name):
    model = MODELS[name]
    theta, x, z = problem(model)
    assert model.log_joint(theta, x, z).shape == (2, 5)
    for _, bad in wrong_z(z):
        with pytest.raises(ValueError, match=r"^z has shape .*; expected \(S, N, D\) with N = 5"):
            model.log_joint(theta, x, bad)


@pytest.mark.parametrize("name", MODELS)
def test_log_joint_refuses_another_x(name):
    model = MODELS[name]
    theta, x, z = problem(model)
    wide = np.concatenate([x, x], axis=-1)
    for bad in (wide, x[0], x[None]) + ((x[:, :1],) if x.shape[1] > 1 else ()):
        with pytest.raises(ValueError, match=r"^x has shape .*expected"):
            model.log_joint(theta, bad, z)
    with pytest.raises(ValueError, match=r"^z has shape .*N = 1"):
        model.log_joint(theta, x[:1], z)


@pytest.mark.parametrize("ask", ["value", "value_and_dz", "value_and_dtheta", "value_and_grads"])
@pytest.mark.parametrize("name", MODELS)
def test_the_reference_back_end_refuses_them_traced(name, ask):
    model = MODELS[name]
    theta, x, z = problem(model)
    target = backends.autodiff.target(model, theta, x)
    getattr(target, ask)(z)
    for _, bad in wrong_z(z):
        with pytest.raises(ValueError, match="z has shape"):
            # Without theta there is nothing to trace, and the value alone is asked for.
            getattr(target, ask)(bad)


FLAT = ["linear Gaussian", "mixture", "hidden Markov", "state space", "linear regression"]


@pytest.mark.parametrize("name", [*FLAT, "two layers"])
def test_log_joint_refuses_entries_of_theta_that_would_broadcast(name):
    model = MODELS[name]
    theta, x, z = problem(model)
    keys = ["low.log_scale"] if name == "two layers" else list(theta)
    for key in keys:
        with pytest.raises(ValueError, match=rf"theta\['{key}'\] has shape .*; expected \("):
            model.log_joint({**theta, key: np.full((*theta[key].shape, 1), 0.1)}, x, z)
        if theta[key].ndim > 0:
            with pytest.raises(ValueError, match=rf"theta\['{key}'\] has shape .*; expected \("):
                model.log_joint({**theta, key: theta[key][..., :1]}, x, z)


@pytest.mark.parametrize("name", ["Bernoulli", "Gaussian", "two layers", "M2", "mixture prior"])
def test_log_joint_refuses_a_decoder_of_one_output(name):
    model = MODELS[name]
    theta, x, z = problem(model)
    last = f"decoder.W{model.decoder.num_layers - 1}", f"decoder.b{model.decoder.num_layers - 1}"
    with pytest.raises(ValueError, match="theta's decoder gives 1 outputs; expected 4"):
        model.log_joint({**theta, **{key: theta[key][..., :1] for key in last}}, x, z)


@pytest.mark.parametrize("name", FAMILIES)
def test_families_refuse_another_lam_or_z(name):
    q = FAMILIES[name]
    rng = np.random.default_rng(1)
    lam = q.init(5) + 0.1 * rng.standard_normal((5, q.num_params))
    eps = q.noise(rng, 2, 5)
    z = q.transform(lam, eps)
    takes_z = [q.log_prob, q.score] + ([q.log_prob_dz] if hasattr(q, "log_prob_dz") else [])
    for function in takes_z:
        for bad in (z[..., :1], np.concatenate([z, z], axis=-1), z[:, :1], z[:, 1:]):
            with pytest.raises(ValueError, match=r"^z has shape .*expected"):
                function(lam, bad)
        for bad in (lam[:, :1], np.concatenate([lam, lam], axis=-1), lam[:1], lam[0]):
            with pytest.raises(ValueError, match=r"^(lam|z) has shape .*expected"):
                function(bad, z)
    for function in (q.entropy, q.entropy_and_grad):
        for bad in (lam[:, :1], np.concatenate([lam, lam], axis=-1), lam[0]):
            with pytest.raises(ValueError, match=r"^lam has shape .*expected"):
                function(bad)
    for bad in (lam[:, :1], np.concatenate([lam, lam], axis=-1), lam[:1]):
        with pytest.raises(ValueError, match=r"has shape .*expected"):
            q.transform(bad, eps)


@pytest.mark.parametrize("family", [families.DiagonalGaussian, families.FullCovarianceGaussian])
def test_the_exact_elbo_refuses_them(family):
    model, q = MODELS["linear Gaussian"], family(3)
    theta, x, _ = problem(model)
    lam = q.init(5)
    assert linear_gaussian_elbo(model, theta, x, q, lam).elbo.shape == (5,)
    for bad in (x[:, :1], x[:1], x[0], x[None]):
        with pytest.raises(ValueError, match=r"^x has shape"):
            linear_gaussian_elbo(model, theta, bad, q, lam)
    for bad in (lam[:, :1], np.concatenate([lam, lam], axis=-1)):
        with pytest.raises(ValueError, match=r"^lam has shape"):
            linear_gaussian_elbo(model, theta, x, q, bad)
    with pytest.raises(ValueError, match="latent_dim 1; expected the model's 3"):
        linear_gaussian_elbo(model, theta, x, family(1), family(1).init(5))
    with pytest.raises(ValueError, match=r"theta\['b'\] has shape \(1,\)"):
        linear_gaussian_elbo(model, {**theta, "b": np.zeros(1)}, x, q, lam)


def test_the_check_costs_less_than_a_part_in_a_hundred_of_the_smallest_model():
    """A call of the check, against one log joint of 32 rows: medians of many short runs."""
    from time import perf_counter

    from bbvi.validation import check_pair

    model = bbvi.DeepLatentModel(StandardNormal(8), MLP((8, 64, 64)), BernoulliLikelihood())
    theta, x, z = problem(model, 1, 32)

    def seconds(call, times):
        rounds = []
        for _ in range(15):
            start = perf_counter()
            for _ in range(times):
                call()
            rounds.append((perf_counter() - start) / times)
        return np.median(rounds)

    whole = seconds(lambda: model.log_joint(theta, x, z), 20)
    part = seconds(lambda: check_pair(model, x, z, model.observed_dim), 400)
    assert part < 0.02 * whole + 2e-6, (part, whole)
