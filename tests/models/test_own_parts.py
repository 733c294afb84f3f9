"""A prior and a likelihood with no more than the least: in both back ends and in the laboratory."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import gammaln

import bbvi
from bbvi import MLP, DeepLatentModel, DiagonalGaussian, StandardNormal, backends, checks
from bbvi.lectures.partly_observed import Task
from bbvi.lectures.restoration import Budget, marginal_inference, restore
from bbvi.models import HierarchicalModel, SemiSupervised
from bbvi.nets import astype


class Counts:
    """Poisson(exp(l)): init, log_prob and sample alone."""

    def init(self, rng):
        return {}

    def log_prob(self, params, x, outputs):
        return anp.sum(x * outputs - anp.exp(outputs) - gammaln(x + 1.0), axis=-1)

    def sample(self, rng, params, outputs):
        return rng.poisson(np.exp(outputs)).astype(outputs.dtype)


class Spread:
    """N(m, s^2) with m and log s from the decoder: twice as many outputs as columns."""

    def init(self, rng):
        return {}

    def log_prob(self, params, x, outputs):
        m, log_s = outputs[..., : x.shape[-1]], outputs[..., x.shape[-1] :]
        log_2pi = float(np.log(2 * np.pi))
        return -0.5 * anp.sum(((x - m) * anp.exp(-log_s)) ** 2 + 2 * log_s + log_2pi, axis=-1)

    def sample(self, rng, params, outputs):
        m, log_s = np.split(outputs, 2, axis=-1)
        return m + np.exp(log_s) * rng.standard_normal(m.shape).astype(outputs.dtype)


class SpreadOfKnownWidth(Spread):
    def observed_dim(self, num_outputs):
        return num_outputs // 2


class Shifted:
    """A prior N(c, I) with a learned c: latent_dim, init, log_prob and sample alone."""

    latent_dim = 2

    def init(self, rng):
        return {"c": np.array([0.5, -0.5])}

    def log_prob(self, params, z):
        return -0.5 * anp.sum((z - params["c"]) ** 2 + float(np.log(2 * np.pi)), axis=-1)

    def sample(self, rng, params, num):
        return params["c"] + rng.standard_normal((num, 2))


MODELS = {
    "likelihood": DeepLatentModel(StandardNormal(2), MLP((2, 5, 4)), Counts()),
    "prior": DeepLatentModel(Shifted(), MLP((2, 5, 4)), bbvi.BernoulliLikelihood()),
    "both": DeepLatentModel(Shifted(), MLP((2, 5, 8)), SpreadOfKnownWidth()),
    "two layers": HierarchicalModel(MLP((1, 2)), MLP((2, 4)), Counts()),
    "M2": SemiSupervised(2, MLP((4, 3)), Counts()),
}
DEEP = ["likelihood", "prior", "both"]


@pytest.mark.parametrize("name", MODELS)
def test_they_are_models(name):
    model = MODELS[name]
    # One theta for sample and log_joint whose counts stay small.
    assert checks.check_model(model, np.random.default_rng(1)) is None
    x, _ = model.sample(np.random.default_rng(0), model.init(np.random.default_rng(0)), 3)
    assert model.observed_dim == x.shape[1]


@pytest.mark.parametrize("name", DEEP)
def test_both_back_ends_agree(name):
    assert backends.resolve("auto", MODELS[name]) is backends.kernel
    assert checks.check_backends(MODELS[name], np.random.default_rng(0)) is None


@pytest.mark.parametrize("backend", ["kernel", "autodiff"])
@pytest.mark.parametrize("name", DEEP)
def test_every_procedure_takes_them(name, backend):
    model, rng = MODELS[name], np.random.default_rng(0)
    x, _ = model.sample(rng, model.init(rng), 12)
    q, few = DiagonalGaussian(2), {"num_steps": 3, "backend": backend, "progress": False}
    encoder = MLP((x.shape[1], 4, 4))
    for fit in (
        bbvi.fit_bbvi(model, q, x, rng, **few),
        bbvi.fit_amortized(model, q, x, rng, encoder=encoder, **few),
        bbvi.fit_semi_amortized(model, q, x, rng, encoder=encoder, **few),
    ):
        assert np.isfinite(fit.trace.elbo).all()


@pytest.mark.parametrize("backend", ["kernel", "autodiff"])
def test_a_width_that_the_likelihood_does_not_tell_is_asked_for(backend):
    model = DeepLatentModel(StandardNormal(2), MLP((2, 8)), Spread())
    theta = model.init(np.random.default_rng(0))
    x, z = np.zeros((3, 4)), np.zeros((1, 3, 2))
    message = r"x has shape \(3, 4\).*expected 8 .*Spread has no observed_dim\(num_outputs\); add"
    with pytest.raises(ValueError, match=message):
        backends.target(model, theta, x, backend)
    with pytest.raises(ValueError, match=message):
        model.log_joint(theta, x, z)


@pytest.mark.parametrize("member", ["init", "log_prob", "sample"])
@pytest.mark.parametrize("part", ["prior", "likelihood"])
def test_what_is_missing_is_named(part, member):
    whole = Shifted if part == "prior" else Counts
    members = {k: v for k, v in vars(whole).items() if not k.startswith("_") and k != member}
    parts = {"prior": StandardNormal(2), "likelihood": bbvi.BernoulliLikelihood()}
    parts[part] = type("Lacking", (), members)()
    with pytest.raises(TypeError, match=rf"{part} is .*Lacking.*which has no {member}; expected"):
        DeepLatentModel(parts["prior"], MLP((2, 4)), parts["likelihood"])
    if part == "likelihood":
        for build in (
            lambda: HierarchicalModel(MLP((1, 2)), MLP((2, 4)), parts[part]),
            lambda: SemiSupervised(2, MLP((4, 3)), parts[part]),
        ):
            with pytest.raises(TypeError, match=f"has no {member}"):
                build()
    with pytest.raises(TypeError, match=f"{part} is the class {whole.__name__}; expected an obj"):
        DeepLatentModel(
            **{"prior": StandardNormal(2), "likelihood": Counts(), part: whole}
            | {"decoder": MLP((2, 4))}
        )


def test_a_prior_without_a_dimension():
    members = {k: v for k, v in vars(Shifted).items() if not k.startswith("_")}
    del members["latent_dim"]
    nameless = type("Nameless", (), members)()
    with pytest.raises(TypeError, match="which has no latent_dim"):
        DeepLatentModel(nameless, MLP((2, 4)), Counts())


class Seen(Counts):
    """A quarter of an image is seen; Bernoulli pixels.  Neither check_data nor observed_dim."""

    def log_prob(self, params, x, outputs):
        l = outputs
        return anp.sum(x * l - anp.logaddexp(0.0 * l, l), axis=-1)

    def sample(self, rng, params, outputs):
        return (rng.random(outputs.shape) < 1 / (1 + np.exp(-outputs))).astype(outputs.dtype)


class SeenWithMean(Seen):
    def mean(self, params, outputs):
        return 1 / (1 + np.exp(-outputs))


def pixels():
    rng = np.random.default_rng(0)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16)), bbvi.BernoulliLikelihood())
    theta = model.init(rng)
    return model, theta, model.sample(rng, theta, 40)[0], rng


def test_restoring_asks_for_no_check_of_the_data():
    _, theta, x, rng = pixels()
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16)), SeenWithMean())
    q = DiagonalGaussian(2)
    found = restore(model, q, theta, q.init(40), x, rng, 4)
    # All pixels are seen, hence restored as they are.
    np.testing.assert_allclose(found, x, atol=1e-12)
    with pytest.raises(
        TypeError, match=r"likelihood is Seen, which has no mean\(params, outputs\)"
    ):
        restore(
            DeepLatentModel(model.prior, model.decoder, Seen()), q, theta, q.init(40), x, rng, 1
        )
    with pytest.raises(ValueError, match="SeenWithMean has no observed_dim"):
        restore(model, q, theta, q.init(40), x[:, :8], rng, 1)


def test_a_whole_run_of_marginal_inference_with_it():
    model, theta, x, rng = pixels()
    task = Task(
        *("whole", SeenWithMean(), lambda x, rng: x, np.ones(16, dtype=bool)),
        *((np.eye(16), 0.0, 0.01), lambda y: y, lambda y: y),
    )
    budget = Budget(5, 5, 5, 8, 2, 4)
    rows, _ = marginal_inference(
        model, theta, x[:20], x[20:], [task], rng, budget=budget, drawn=2, progress=False
    )
    errors = {row["method"]: row["error"] for row in rows}
    assert max(errors["bbvi"], errors["amortized"]) < 1e-20
    assert errors["mean image"] > 0.01


def test_single_precision_stays():
    model = MODELS["likelihood"]
    theta = astype(model.init(np.random.default_rng(0)), np.float32)
    x = np.ones((3, 4), np.float32)
    assert backends.target(model, theta, x).value(np.zeros((1, 3, 2), np.float32)).dtype == x.dtype
