"""The models of the variance experiment, frozen at points along a trajectory (floor 6).

A trajectory is Step 1's: lam moves at fixed theta from the family's neutral start to its optimum.
The textbook integrands have no optimum in log sigma; there the trajectory is the gradient flow of
E_q[f], run for a fixed time.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from bbvi import backends
from bbvi.backends.kernel import second_moments
from bbvi.datasets import digits
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.exact import (
    cosine_expectation,
    linear_gaussian_elbo,
    quadratic_expectation,
)
from bbvi.evaluation.exact_sums import enumeration, gauss_hermite
from bbvi.families import Bernoulli, DiagonalGaussian
from bbvi.inference import by_course, fit_amortized, step_1
from bbvi.models import (
    BernoulliLikelihood,
    BernoulliPrior,
    DeepLatentModel,
    LinearGaussian,
    StandardNormal,
)
from bbvi.models.integrands import cosine, quadratic
from bbvi.nets import MLP
from bbvi.optimizers import adam
from bbvi.types import Array, Estimate, Family, Model, Target, Theta

POINTS = ("start", "mid", "converged")
HIDDEN = 64
MID_STEPS = 10
FLOW_STEPS, FLOW_STEP = 300, 0.01
LARGEST_EXACT = {DiagonalGaussian: 2, Bernoulli: 12}
"""Largest D for which a sum over nodes gives the exact gradient."""
EXACT_NODES = 256
"""Per dimension.  At the start q is wide, and a trained decoder steep: 64 nodes leave an error of
2e-3 in the gradient, which 10^6 replicates would take for a bias; 256 leave 2e-6."""


class Frozen(NamedTuple):
    """A model, or integrand, at fixed theta and datapoint, and the points lam to look at.

    Attributes
    ----------
    family : Family
    rows : callable
        R -> a target with R equal datapoints; plain data and functions, so that it can be sent
        to other processes.
    rows_with_squares : callable or None
        The same with second moments of the theta gradient, where the kernel has them.
    points : dict
        "start", "mid", "converged" -> lam (1, P).
    exact : dict
        The exact `Estimate` at those points; empty where none is known.
    plain : bool
        True for E_q[f] of an integrand, False for the ELBO of a model.
    x : ndarray (1, Dx) or None
        The datapoint; an integrand has none.
    """

    family: Any
    rows: Callable[[int], Target]
    rows_with_squares: Callable[[int], Target] | None
    points: dict[str, Array]
    exact: dict[str, Estimate]
    plain: bool
    x: Array | None


DIMENSIONS = {
    "quadratic": (1, 8, 64),
    "cosine": (1,),
    "linear-gaussian": (2, 8, 32),
    "digits": (2, 8, 32),
    "digits-discrete": (2, 8, 32),
}
"""The latent dimensions that each model is looked at by default."""


def freeze(
    name: str, dimension: int, rng: np.random.Generator, num_steps: int = 1500, k: float = 1.0
) -> Frozen:
    """The model of that name with D = ``dimension`` latents.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    dimension : int
        D.
    rng : numpy Generator
        For training.
    num_steps : int
        Training steps of the digits models.
    k : float
        Constant of the integrands.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the legal ones.
    """
    if name not in MODELS:
        raise ValueError(f"model is {name!r}; expected one of {', '.join(MODELS)}.")
    with threadpool_limits(1):
        return MODELS[name](dimension, rng, num_steps, k)


def _quadratic(dimension: int, rng: np.random.Generator, num_steps: int, k: float) -> Frozen:
    """E_q[sum (z - k)^2] going down its gradient: mu - k = 4 exp(-2 t), 1/sigma^2 = 1 + 4 t."""
    family = DiagonalGaussian(dimension)
    flow = [(k + 4 * np.exp(-2 * t), -0.5 * np.log1p(4 * t)) for t in (0.0, 0.5, 2.0)]
    points = {name: np.repeat([row], dimension, axis=1) for name, row in zip(POINTS, flow)}
    return _integrand(quadratic, quadratic_expectation, k, family, points)


def _cosine(dimension: int, rng: np.random.Generator, num_steps: int, k: float) -> Frozen:
    """E_q[sum cos(k z)] going up its gradient from k mu = 3 pi / 4, sigma = 1, by small steps."""
    family = DiagonalGaussian(dimension)
    lam = np.repeat([[0.75 * np.pi / k, 0.0]], dimension, axis=1)
    points = {"start": lam}
    for name in POINTS[1:]:
        for _ in range(FLOW_STEPS):
            lam = lam + FLOW_STEP / k**2 * cosine_expectation(family, k, lam).grad
        points[name] = lam
    return _integrand(cosine, cosine_expectation, k, family, points)


def _integrand(
    integrand: Any, truth: Any, k: float, family: DiagonalGaussian, points: dict[str, Array]
) -> Frozen:
    rows = partial(_integrand_rows, integrand, k, family.latent_dim)
    known = {name: truth(family, k, lam) for name, lam in points.items()}
    return Frozen(family, rows, None, points, known, True, None)


def _integrand_rows(integrand: Any, k: float, dimension: int, num_rows: int) -> Target:
    return integrand(k, num_data=num_rows, latent_dim=dimension)


def _linear_gaussian(dimension: int, rng: np.random.Generator, num_steps: int, k: float) -> Frozen:
    """Probabilistic PCA of the grey digits.

    Its maximum-likelihood loadings are orthogonal, hence the posterior's covariance is diagonal
    and "converged" is the exact posterior.
    """
    x = digits(binarize=False).x
    model, family = LinearGaussian(dimension, x.shape[1]), DiagonalGaussian(dimension)
    theta, one = model.fit_ml(x), x[:1]
    points = _climb(model, family, theta, one, rng, ESTIMATORS["sticking-the-landing"].elbo)
    points["converged"] = family.from_moments(*model.posterior(theta, one))
    truth = {
        name: linear_gaussian_elbo(model, theta, one, family, lam) for name, lam in points.items()
    }
    return _model(model, family, theta, one, points, truth)


def _digits(dimension: int, rng: np.random.Generator, num_steps: int, k: float) -> Frozen:
    """A Gaussian-latent decoder of the binarized digits, one hidden layer, trained as a VAE."""
    decoder = MLP((dimension, HIDDEN, 64))
    model = DeepLatentModel(StandardNormal(dimension), decoder, BernoulliLikelihood())
    family = DiagonalGaussian(dimension)
    return _trained(model, family, rng, num_steps, "reparameterized", 1)


def _digits_discrete(dimension: int, rng: np.random.Generator, num_steps: int, k: float) -> Frozen:
    """The same with binary latents."""
    decoder = MLP((dimension, HIDDEN, 64))
    model = DeepLatentModel(BernoulliPrior(dimension), decoder, BernoulliLikelihood())
    return _trained(model, Bernoulli(dimension), rng, num_steps, "leave-one-out", 4)


MODELS: dict[str, Callable[[int, np.random.Generator, int, float], Frozen]] = {
    "quadratic": _quadratic,
    "cosine": _cosine,
    "linear-gaussian": _linear_gaussian,
    "digits": _digits,
    "digits-discrete": _digits_discrete,
}


def _trained(
    model: DeepLatentModel,
    family: Any,
    rng: np.random.Generator,
    num_steps: int,
    estimator: str,
    num_samples: int,
) -> Frozen:
    x = digits().x
    gradient: Any = ESTIMATORS[estimator].elbo
    fit = fit_amortized(
        model,
        family,
        x,
        rng,
        encoder=MLP((x.shape[1], HIDDEN, family.num_params)),
        estimator=gradient,
        num_samples=num_samples,
        num_steps=num_steps,
        progress=False,
    )
    points = _climb(model, family, fit.theta, x[:1], rng, gradient)
    truth: dict[str, Estimate] = {}
    if family.latent_dim <= LARGEST_EXACT[type(family)]:
        target = backends.autodiff.unchecked_target(model, fit.theta, x[:1])
        summed: Any = partial(gauss_hermite, num_nodes=EXACT_NODES)
        if isinstance(family, Bernoulli):
            summed = enumeration
        truth = {name: summed(family, target, lam) for name, lam in points.items()}
    return _model(model, family, fit.theta, x[:1], points, truth)


def _climb(
    model: Model, family: Family, theta: Theta, x: Array, rng: np.random.Generator, estimator: Any
) -> dict[str, Array]:
    """Step 1 from the neutral start: there, after a few steps, and at its end."""

    def after(num_steps: int, **settings: Any) -> Array:
        fit = step_1(
            model,
            family,
            theta,
            x,
            rng,
            estimator=estimator,
            num_samples=32,
            num_steps=num_steps,
            progress=False,
            judge=by_course,
            **settings,
        )
        return fit.local

    lams = (family.init(1), after(MID_STEPS, optimizer=adam(0.1)), after(400))
    return dict(zip(POINTS, lams))


def _model(
    model: Any,
    family: Any,
    theta: Theta,
    x: Array,
    points: dict[str, Array],
    truth: dict[str, Estimate],
) -> Frozen:
    known = backends.kernel.supports(model)
    return Frozen(
        family,
        partial(_model_rows, model, theta, x),
        partial(_model_rows_with_squares, model, theta, x) if known else None,
        points,
        truth,
        False,
        x,
    )


def _model_rows(model: Any, theta: Theta, x: Array, num_rows: int) -> Target:
    return backends.unchecked_target(model, theta, np.repeat(x, num_rows, axis=0))


def _model_rows_with_squares(model: Any, theta: Theta, x: Array, num_rows: int) -> Target:
    return second_moments.unchecked_target(model, theta, np.repeat(x, num_rows, axis=0))
