"""Variances on one binary latent, against sums over all outcomes (Dimitriev and Zhou 2021).

    f(z) = (z - 0.49)^2,   z ~ Bernoulli(p),   N samples (ARM, DisARM: N / 2 pairs).

The truth is a sum: over the number of ones among N samples for leave-one-out (binomial) and ARMS
(inclusion and exclusion on the Dirichlet), over the outcomes of a pair for ARM and DisARM.
"""

from math import comb
from typing import Any

import numpy as np
from scipy.special import logit

from bbvi.estimators import ESTIMATORS
from bbvi.experiments.reproductions.entries import Reproduction
from bbvi.experiments.sweep import Cell
from bbvi.families import Bernoulli
from bbvi.models.integrands import quadratic
from bbvi.types import Array

T = 0.49
PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BATCHES = 8
PAIRS = ("arm", "disarm")


def f(z: Any) -> Any:
    """(z - 0.49)^2."""
    return (z - T) ** 2


def counts(name: str, p: float, N: int) -> Array:
    """Probability of m = 0 .. N ones among N samples: (N + 1,)."""
    if name == "leave-one-out":
        return np.array([comb(N, m) * p**m * (1 - p) ** (N - m) for m in range(N + 1)])
    # d_s > c means that sample s takes its rarer value, and P(d_1 > c, .., d_k > c) is known.
    r = min(p, 1 - p)
    c = 1 - r ** (1 / (N - 1))
    all_of = [comb(N, k) * max(1 - k * c, 0.0) ** (N - 1) for k in range(N + 1)]
    rare = [
        sum((-1) ** (k - m) * comb(k, m) * all_of[k] for k in range(m, N + 1)) for m in range(N + 1)
    ]
    return np.array(rare if p < 0.5 else rare[::-1])


def moments(name: str, p: float, N: int) -> tuple[float, float]:
    """Exact mean and variance of one estimate in the logit."""
    if name in PAIRS:
        return _pair_moments(name, p, N // 2)
    m = np.arange(N + 1)
    mean_f = (m * f(1.0) + (N - m) * f(0.0)) / N
    total = m * (f(1.0) - mean_f) * (1 - p) - (N - m) * (f(0.0) - mean_f) * p
    weights = counts(name, p, N)
    within = p * (1 - p)
    if name == "arms":
        # Of two samples: P(z_s != z_t) / 2 = p (1 - p) (1 - rho).
        within = float(np.sum(weights * m * (N - m))) / (N * (N - 1))
    g = total / (N - 1) * p * (1 - p) / within
    mean = float(weights @ g)
    return mean, float(weights @ (g - mean) ** 2)


def _pair_moments(name: str, p: float, pairs: int) -> tuple[float, float]:
    """z = 1[u > 1 - p] and z' = 1[u < p] disagree on two outer intervals of u, of length r."""
    r, step = min(p, 1 - p), float(f(1.0) - f(0.0))
    if name == "disarm":
        # (f(z) - f(z')) (z - z') max(p, 1 - p) / 2 with probability 2 r, otherwise 0.
        g, mean = step * (1 - r) / 2, step * r * (1 - r)
        return mean, (2 * r * g**2 - mean**2) / pairs
    # step |u - 1/2| on the outer intervals: integrals of v and v^2 from 1/2 - r to 1/2, twice.
    inner = 0.5 - r
    mean = step * (0.25 - inner**2)
    second = step**2 * 2 * (0.125 - inner**3) / 3
    return mean, (second - mean**2) / pairs


def measure(cell: Cell, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Variance and mean over replicates, in batches, at every p."""
    name, N, R = cell["estimator"], cell["samples"], cell["replicates"]
    S = N // 2 if name in PAIRS else N
    q, target, rows = Bernoulli(1), quadratic(T, num_data=R), []
    for p in PROBABILITIES:
        lam = np.full((R, 1), logit(p))
        mean, variance = moments(name, p, N)
        usual = {"series": NAMES[name], "x": p}
        for _ in range(BATCHES):
            eps = q.noise(rng, S, R)
            g = ESTIMATORS[name].expectation(q, target, lam, eps).grad[:, 0]  # type: ignore[misc]
            label = f"{NAMES[name]}, {N} samples, p = {p}"
            rows += [
                {
                    "quantity": f"variance, {label}",
                    "value": float(g.var(ddof=1)),
                    "exact": variance,
                    "panel": f"{N} samples",
                    **usual,
                },
                {
                    "quantity": f"mean, {label}",
                    "value": float(g.mean()),
                    "exact": mean,
                    "scale": variance**0.5,
                },
            ]
    return rows


NAMES = {"arms": "ARMS", "disarm": "DisARM", "leave-one-out": "leave-one-out", "arm": "ARM"}


def _cells(samples: tuple[int, ...], replicates: int) -> list[Cell]:
    return [
        {"estimator": name, "samples": N, "replicates": replicates}
        for N in samples
        for name in NAMES
    ]


ENTRY = Reproduction(
    title="Gradient variance on one binary latent: ARM, DisARM, leave-one-out, ARMS",
    source="Yin and Zhou (2019); Dong, Mnih and Tucker (2020); Dimitriev and Zhou (2021), the toy "
    "of alekdimi/arms, toy_problem.py",
    setup="f(z) = (z - 0.49)^2, p from 0.1 to 0.9, N = 2 to 10 samples (N / 2 pairs for ARM and "
    "DisARM). Means and variances of 8 times 20,000 estimates against exact sums over outcomes.",
    assumptions=(
        "'Dimensions 2 to 10' are those of the copula, the numbers of samples of one latent, as in "
        "toy_problem.py: 2, 4, 6, 8 and 10. Several latents would need another f than the "
        "program has.",
        "No variance of the picture is stored anywhere: it follows one run of gradient ascent and "
        "estimates each from 1000 draws. Ours stand beside exact sums, at fixed p.",
        "ARMS ties its samples by the Dirichlet copula (ARMS-D); the Gaussian copula is left out.",
    ),
    measure=measure,
    cells=_cells((2, 4, 6, 8, 10), 20000),
    quick_cells=_cells((2, 6), 10000),
    published=(),
    time="a minute",
    axes=("p = sigmoid(logit)", "variance"),
    logarithmic="y",
)
