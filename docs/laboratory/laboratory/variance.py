"""The variance laboratory of E[f]: both gradients of one expectation, many times over."""

from math import exp, pi, sqrt
from typing import Any

import numpy as np

from bbvi import DiagonalGaussian
from bbvi.estimators.expectations import pathwise, score_function
from bbvi.evaluation.exact import cosine_expectation, quadratic_expectation
from bbvi.models.integrands import cosine, quadratic
from bbvi.types import Array, Evaluation, Target

FAMILY = DiagonalGaussian(1)
ESTIMATORS = {"score function": score_function, "reparameterized": pathwise}
PARAMETERS = ("mean", "log sigma")
BINS = 48


def step(k: float, num_data: int = 1) -> Target:
    """f(z) = 1 where z > k, else 0: its derivative is 0 wherever it has one."""

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        f = (z > k).astype(float).sum(axis=-1)
        return Evaluation(f, np.zeros_like(z) if dz else None, {} if dtheta else None)

    return Target(evaluate, num_data, 1, np.dtype(float))


def step_gradient(k: float, mean: float, sigma: float) -> Array:
    """d P(z > k) / d(mean, log sigma) = N(a; 0, 1) (1 / sigma, a), a = (k - mean) / sigma."""
    a = (k - mean) / sigma
    return exp(-0.5 * a**2) / sqrt(2 * pi) * np.array([1 / sigma, a])


INTEGRANDS = {"quadratic": quadratic, "cosine": cosine, "step": step}


def exact_gradient(f: str, k: float, mean: float, sigma: float) -> Array:
    """d E[f] / d(mean, log sigma) in closed form: (2,)."""
    lam = np.array([[mean, np.log(sigma)]])
    if f == "step":
        return step_gradient(k, mean, sigma)
    closed = quadratic_expectation if f == "quadratic" else cosine_expectation
    return closed(FAMILY, k, lam).grad[0]


def variance(
    f: str,
    k: float,
    mean: float,
    sigma: float,
    parameter: str,
    num_samples: int,
    seed: int,
    replicates: int = 2000,
) -> dict[str, Any]:
    """Histograms of both estimators of d E[f] / d parameter, over R independent replicates.

    Returns
    -------
    dict
        ``exact``: the gradient.  ``edges``: of the bins, which both histograms share.  For each
        estimator ``counts``, ``outside`` (replicates beyond the edges), ``average``,
        ``standard_error`` of the average, ``sd`` of one estimate, and ``off``: whether the average
        is more than 5 standard errors from ``exact``.
    """
    column = PARAMETERS.index(parameter)
    lam = np.repeat([[mean, np.log(sigma)]], replicates, axis=0)
    target = INTEGRANDS[f](k, num_data=replicates)
    eps = FAMILY.noise(np.random.default_rng(seed), num_samples, replicates)
    gradients = {
        name: estimator(FAMILY, target, lam, eps).grad[:, column]
        for name, estimator in ESTIMATORS.items()
    }
    exact = float(exact_gradient(f, k, mean, sigma)[column])
    edges = _edges(gradients, exact)
    return {
        "exact": exact,
        "edges": edges.tolist(),
        "estimators": {name: _told(g, edges, exact) for name, g in gradients.items()},
    }


def _edges(gradients: dict[str, Array], exact: float) -> Array:
    """Bins that show all but the outermost replicates of either estimator, and the truth."""
    ends = [np.quantile(g, [0.005, 0.995]) for g in gradients.values()]
    low, high = min(exact, *(e[0] for e in ends)), max(exact, *(e[1] for e in ends))
    margin = 0.04 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, BINS + 1)


def _told(gradient: Array, edges: Array, exact: float) -> dict[str, Any]:
    counts, _ = np.histogram(gradient, edges)
    average, sd = float(gradient.mean()), float(gradient.std(ddof=1))
    error = sd / sqrt(len(gradient))
    return {
        "counts": counts.tolist(),
        "outside": int(len(gradient) - counts.sum()),
        "average": average,
        "standard_error": error,
        "sd": sd,
        "off": bool(abs(average - exact) > 5 * error + 1e-9 * (1 + abs(exact))),
    }
