"""A valid call of every public name of bbvi, each with fresh arguments.

A name of the table is a public name, or "Class.method".  What a constructor makes is used at once:
else a bad argument would lie in wait.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import bbvi
from bbvi.backends import autodiff

N, S, D, DX = 5, 3, 2, 4


class Call(NamedTuple):
    """A function and its arguments, made anew each time.

    ``free`` names arrays of any number of rows, ``wide`` those of any shape.
    """

    function: Callable[..., Any]
    arguments: Callable[[], dict[str, Any]]
    free: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def families() -> dict[str, Any]:
    q = bbvi.DiagonalGaussian(D)
    return {
        "Bernoulli": bbvi.Bernoulli(D),
        "Beta": bbvi.Beta(D),
        "Categorical": bbvi.Categorical(D, 3),
        "DiagonalGaussian": q,
        "FullCovarianceGaussian": bbvi.FullCovarianceGaussian(D),
        "Gamma": bbvi.Gamma(D),
        "LabelAndGaussian": bbvi.LabelAndGaussian(3, 2),
        "Laplace": bbvi.Laplace(D),
        "MeanField": bbvi.MeanField((bbvi.Bernoulli(1), bbvi.DiagonalGaussian(1))),
        "QuadraticFlow": bbvi.QuadraticFlow(D),
        "SmoothMeanField": bbvi.SmoothMeanField((bbvi.Gamma(1), bbvi.DiagonalGaussian(1))),
    }


def models() -> dict[str, Any]:
    deep, bits = bbvi.MLP((D, DX)), bbvi.BernoulliLikelihood()
    return {
        "DeepLatentModel": bbvi.DeepLatentModel(bbvi.StandardNormal(D), deep, bits),
        "GaussianMixture": bbvi.GaussianMixture(3, D),
        "HiddenMarkovModel": bbvi.HiddenMarkovModel(3, 4),
        "HierarchicalModel": bbvi.HierarchicalModel(bbvi.MLP((1, 2)), deep, bits),
        "LinearGaussian": bbvi.LinearGaussian(D, DX),
        "LinearGaussianStateSpace": bbvi.LinearGaussianStateSpace(D, 1, 3),
        "LinearRegression": bbvi.LinearRegression(D, 5),
        "LogisticRegression": bbvi.LogisticRegression(D, 5),
        "Posterior": bbvi.Posterior(lambda z: -0.5 * (z**2).sum(axis=-1), D),
        "SemiSupervised": bbvi.SemiSupervised(3, bbvi.MLP((5, DX)), bits, label_noise=0.1),
    }


def likelihoods() -> dict[str, tuple[Any, int]]:
    """Name -> likelihood and its number of outputs for Dx of 4."""
    return {
        "AutoregressiveCategorical": (bbvi.AutoregressiveCategorical(2, 2, 3), 3),
        "BernoulliLikelihood": (bbvi.BernoulliLikelihood(), 4),
        "BlockCounts": (bbvi.BlockCounts(4), 16),
        "CategoricalLikelihood": (bbvi.CategoricalLikelihood(2), 4),
        "CholeskyGaussian": (bbvi.CholeskyGaussian(), 14),
        "DiagonalScaleGaussian": (bbvi.DiagonalScaleGaussian(), 8),
        "FlippedBernoulli": (bbvi.FlippedBernoulli(0.1), 4),
        "GaussianLikelihood": (bbvi.GaussianLikelihood(0.5), 4),
        "LearnedScaleGaussian": (bbvi.LearnedScaleGaussian(), 4),
        "MaskedBernoulli": (bbvi.MaskedBernoulli(), 4),
        "ScalarScaleGaussian": (bbvi.ScalarScaleGaussian(), 5),
    }


def priors() -> dict[str, Any]:
    return {
        "BernoulliPrior": bbvi.BernoulliPrior(D),
        "CategoricalPrior": bbvi.CategoricalPrior(D, 3),
        "MixtureOfGaussians": bbvi.MixtureOfGaussians(D, 3),
        "StandardNormal": bbvi.StandardNormal(D),
    }


def parts() -> dict[str, Call]:
    """Methods of families and models."""
    calls: dict[str, Call] = {}
    for name, q in families().items():
        lam = q.init(N) + 0.1 * rng().standard_normal((N, q.num_params))
        eps = q.noise(rng(), S, N)
        z = q.transform(lam, eps)
        calls[f"{name}.init"] = Call(q.init, lambda: {"num_data": N})
        calls[f"{name}.noise"] = Call(
            q.noise, lambda: {"rng": rng(), "num_samples": S, "num_data": N}
        )
        both = {"transform": {"lam": lam, "eps": eps}}
        both |= {method: {"lam": lam, "z": z} for method in ("log_prob", "score")}
        for method, given in both.items():
            calls[f"{name}.{method}"] = Call(getattr(q, method), given.copy)
        calls[f"{name}.entropy"] = Call(q.entropy, {"lam": lam}.copy, ("lam",))
    for name, model in models().items():
        theta = model.init(rng())
        if name == "Posterior":
            x, z = np.zeros((1, 1)), rng().standard_normal((S, 1, D))
        else:
            drawn, x = (model.sample(rng(), theta, N)[i] for i in (1, 0))
            z = np.stack([drawn] * S)
            calls[f"{name}.sample"] = Call(
                model.sample, lambda t=theta: {"rng": rng(), "theta": t, "num": N}
            )
        given = {"theta": theta, "x": x, "z": z}
        calls[f"{name}.log_joint"] = Call(model.log_joint, given.copy)
        calls[f"{name}.init"] = Call(model.init, lambda: {"rng": rng()})
        if hasattr(model, "log_evidence"):
            calls[f"{name}.log_evidence"] = Call(
                model.log_evidence, {"theta": theta, "x": x}.copy, ("x",)
            )
    return calls


def made(of: Callable[..., Any], use: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda **given: (lambda value: (value, use(value)))(of(**given))


def constructors() -> dict[str, Call]:
    """Every class, with its arguments; what it makes draws its parameters."""
    import dataclasses

    network = (bbvi.Dense((1, 4, 4)), bbvi.TransposedConv(1, 2))
    nets = {
        "MLP": bbvi.MLP((DX, 3, 2), init_scale=0.5),
        "ConvNet": bbvi.ConvNet((1, 4, 4), (bbvi.Conv(2, 2), bbvi.Dense(3))),
        "upward ConvNet": bbvi.ConvNet(2, network),
    }
    calls = {}
    for name, value in {**models(), **priors(), **nets}.items():
        given = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        calls[name] = Call(made(type(value), lambda made: made.init(rng())), given.copy)
    for name, value in families().items():
        given = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        calls[name] = Call(made(type(value), lambda made: made.init(N)), given.copy)
    for name, (value, width) in likelihoods().items():
        given = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        outputs = rng().standard_normal((N, width))
        calls[name] = Call(
            made(type(value), lambda made, o=outputs: made.sample(rng(), made.init(rng()), o)),
            given.copy,
        )
    for layer in (bbvi.Conv(2, 2), bbvi.Dense(3), bbvi.TransposedConv(1, 2)):
        given = {f.name: getattr(layer, f.name) for f in dataclasses.fields(layer) if f.init}
        calls[type(layer).__name__] = Call(
            made(type(layer), lambda layer: bbvi.ConvNet((1, 4, 4), (layer,)).init(rng())),
            given.copy,
        )
    return calls


def print_nothing(*args: Any) -> None:
    """A callback."""


def procedures() -> dict[str, Call]:
    """What fits and what evaluates a fit."""
    model, q = bbvi.LinearGaussian(D, DX), bbvi.DiagonalGaussian(D)
    theta = model.init(rng(1))
    x, _ = model.sample(rng(2), theta, N)
    lam = q.init(N)
    encoder, step = bbvi.MLP((DX, 2 * D)), bbvi.adam(0.1)
    common = {"model": model, "family": q, "x": x}
    settings = {"num_steps": 2, "num_samples": 2, "batch_size": 5, "optimizer": step}
    settings |= {"estimator": bbvi.reparameterized, "backend": "auto", "progress": False}
    settings |= {"learning": bbvi.maximum_likelihood, "callback": print_nothing}
    fits = {
        "fit_bbvi": {**settings, "inner_steps": 2, "local_optimizer": step, "theta": theta},
        "fit_amortized": {**settings, "encoder": encoder, "theta": theta},
        "fit_semi_amortized": {**settings, "encoder": encoder, "inner_steps": 2},
        "fit_importance_weighted": {**settings, "encoder": encoder},
        "fit_wake_sleep": {**settings, "encoder": encoder},
        "fit_reweighted_wake_sleep": {**settings, "encoder": encoder},
        "fit_mean_field_em": {"num_steps": 2, "progress": False},
        "fit_monte_carlo_em": {"num_steps": 1, "num_leapfrog": 2, "burn_in": 2, "progress": False},
    }
    fits["fit_importance_weighted"].pop("estimator")
    fits["fit_wake_sleep"].pop("estimator")
    fits["fit_reweighted_wake_sleep"].pop("estimator")
    calls = {
        name: Call(getattr(bbvi, name), lambda m=more: {**common, "rng": rng(), **m}, ("x",))
        for name, more in fits.items()
    }
    deep = bbvi.DeepLatentModel(
        bbvi.StandardNormal(D), bbvi.MLP((D, DX)), bbvi.GaussianLikelihood(1.0)
    )
    calls["fit_autoencoder"] = Call(
        bbvi.fit_autoencoder,
        lambda: {"model": deep, "x": x, "rng": rng(), "encoder": bbvi.MLP((DX, D)), "num_steps": 2,
                 "batch_size": 5, "optimizer": step, "backend": "auto", "progress": False},
        ("x",),
    )  # fmt: skip
    known = {**common, "theta": theta, "lam": lam}
    calls["infer"] = Call(
        bbvi.infer,
        lambda: {**known, "rng": rng(), "num_steps": 3, "num_samples": 2, "optimizer": step,
                 "estimator": bbvi.reparameterized, "backend": "auto", "progress": False},
    )  # fmt: skip
    calls["infer_minibatches"] = Call(
        bbvi.infer_minibatches,
        lambda: {"batches": [(model, x)] * 3, "family": q, "theta": theta, "rng": rng(),
                 "lam": lam, "num_samples": 2, "optimizer": step},
    )  # fmt: skip
    calls["inference_gap"] = Call(
        bbvi.inference_gap,
        lambda: {**known, "rng": rng(), "num_steps": 2, "num_samples": 10, "optimizer": step,
                 "estimator": bbvi.reparameterized, "backend": "auto", "progress": False},
    )  # fmt: skip
    calls["log_evidence_quadrature"] = Call(
        bbvi.log_evidence_quadrature,
        lambda: {"model": model, "theta": theta, "x": x, "tolerance": 1e-6, "max_nodes": 64},
        ("x",),
    )
    return calls | evaluations(model, q, theta, x, lam)


def evaluations(model: Any, q: Any, theta: Any, x: Any, lam: Any) -> dict[str, Call]:
    """Estimators, and what takes a target."""
    target, eps = autodiff.target(model, theta, x), q.noise(rng(), S, N)
    given = {"family": q, "target": target, "lam": lam}
    calls = {}
    for name in ("reparameterized", "reparameterized_kl", "reparameterized_mc", "score_function",
                 "sticking_the_landing"):  # fmt: skip
        calls[name] = Call(getattr(bbvi, name), {**given, "eps": eps}.copy)
    numbers = {
        "draw": {"num_samples": 4},
        "elbo": {"num_samples": 4},
        "importance_bounds": {"num_weights": (1, 2), "num_replicates": 2},
        "linear_response": {"num_samples": 20},
        "log_evidence_ais": {"num_chains": 2, "num_temperatures": 3, "num_leapfrog": 2},
        "log_evidence_is": {"num_samples": 30},
        "log_evidence_psis": {"num_samples": 60},
    }
    for name, more in numbers.items():
        calls[name] = Call(getattr(bbvi, name), lambda m=more: {**given, "rng": rng(), **m})
    bits, two = bbvi.Bernoulli(D), models()["SemiSupervised"]
    box = bbvi.DeepLatentModel(
        bbvi.BernoulliPrior(D), bbvi.MLP((D, DX)), bbvi.GaussianLikelihood(1.0)
    )
    discrete = autodiff.target(box, box.init(rng()), x)
    calls["log_evidence_enumeration"] = Call(
        bbvi.log_evidence_enumeration, {"family": bits, "target": discrete}.copy
    )
    label = bbvi.LabelAndGaussian(3, 2)
    t = two.init(rng())
    seen = two.sample(rng(), t, N)[0]
    labelled = autodiff.target(two, t, seen)
    calls["summed_label"] = Call(
        bbvi.summed_label,
        {
            "family": label,
            "target": labelled,
            "lam": label.init(N),
            "eps": label.noise(rng(), S, N),
        }.copy,
    )
    weights = rng().standard_normal((60, N))
    calls["psis"] = Call(bbvi.psis, {"log_weights": weights}.copy, wide=("log_weights",))
    calls["importance_resample"] = Call(
        bbvi.importance_resample,
        lambda: {"log_weights": weights, "rng": rng(), "num_samples": 4},
        wide=("log_weights",),
    )
    calls["leave_one_out"] = Call(bbvi.leave_one_out, {"f": weights}.copy, wide=("f",))
    calls["to_arviz"] = Call(bbvi.to_arviz, lambda: {"draws": bbvi.draw(q, target, lam, rng(), 4)})
    return calls


def others() -> dict[str, Call]:
    """Optimizers, learning, checks, labels."""
    p, g = rng().standard_normal((N, 2)), rng(1).standard_normal((N, 2))

    def stepped(optimizer: Any) -> Any:
        return optimizer.update(g, optimizer.init(p), p)[0]

    def learned(learning: Any) -> Any:
        return bbvi.fit_bbvi(
            bbvi.LinearGaussian(D, DX), bbvi.DiagonalGaussian(D), rng().standard_normal((N, DX)),
            rng(), num_steps=2, inner_steps=1, learning=learning, progress=False,
        )  # fmt: skip

    def prior_at(prior: Any) -> Any:
        return prior({"W": np.ones((2, 2)), "b": np.zeros(())})

    check = {"num_data": 3, "num_samples": 2}
    adam = {"rate": 0.1, "beta1": 0.9, "beta2": 0.99, "tiny": 1e-8}
    x, known = rng().random((N, DX)), np.array([True, False, True, True, False])
    return {
        "adam": Call(made(bbvi.adam, stepped), adam.copy),
        "sgd": Call(made(bbvi.sgd, stepped), {"rate": 0.1}.copy),
        "normal_prior": Call(made(bbvi.normal_prior, prior_at), {"scale": 1.0}.copy),
        "maximum_a_posteriori": Call(
            made(bbvi.maximum_a_posteriori, learned), lambda: {"prior": bbvi.normal_prior(1.0)}
        ),
        "variational_bayes": Call(
            made(bbvi.variational_bayes, learned),
            lambda: {"prior": bbvi.normal_prior(1.0), "start_scale": 0.05},
        ),
        "attach_labels": Call(
            bbvi.attach_labels,
            {"x": x, "labels": np.array([0, 1, 2, 0, 1]), "known": known}.copy,
            wide=("x",),
        ),
        "check_backends": Call(
            bbvi.check_backends,
            lambda: {"model": models()["DeepLatentModel"], "rng": rng(), "sizes": ((1, 2),)},
        ),
        "check_family": Call(
            bbvi.check_family, lambda: {"family": bbvi.DiagonalGaussian(D), **check, "rng": rng()}
        ),
        "check_model": Call(
            bbvi.check_model,
            lambda: {"model": bbvi.LinearGaussian(D, DX), **check, "rng": rng(), "num_draws": 1024},
        ),
        "check_estimator": Call(
            bbvi.check_estimator,
            lambda: {"estimator": bbvi.reparameterized, "rng": rng(), "resolution": 0.2},
        ),
    }


def public_calls() -> dict[str, Call]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {**parts(), **constructors(), **procedures(), **others()}
