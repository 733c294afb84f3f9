"""Signal-to-noise of the gradients of multi-sample bounds (Rainforth et al. 2018).

    z ~ N(mu, I),   x | z ~ N(z, I),   q(z | x) = N(A x + b, 2/3 I),   D = 20.

With g a gradient and K samples in the bound, the ratio E[g] / sd[g] grows or falls like K^slope:

    encoder (b), IWAE -1/2;   encoder, DReG +1/2;   model (mu), IWAE +1/2.
"""

from typing import Any

import numpy as np

from bbvi.estimators import ESTIMATORS
from bbvi.experiments.reproductions.entries import Published, Reproduction
from bbvi.experiments.sweep import Cell
from bbvi.families import DiagonalGaussian
from bbvi.logs import LOG_2PI
from bbvi.types import Array, Evaluation, Target

D = 20
NUMBERS = 2_000_000
"""Entries of z in one block of replicates."""


def gaussian_target(x: Array, mu: Array) -> Target:
    """log N(z; mu, I) + log N(x; z, I); its dtheta keeps one row of d/dmu for each row of x."""

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        from_mu, from_x = z - mu, x - z
        log_p = -0.5 * (np.sum(from_mu**2, axis=-1) + np.sum(from_x**2, axis=-1)) - D * LOG_2PI
        slope = None
        if dtheta:
            w = np.full(z.shape[:2], 1 / len(z)) if weights is None else weights
            slope = {"mu": np.einsum("sn,snd->nd", w, from_mu)}
        return Evaluation(log_p, from_x - from_mu if dz else None, slope)

    return Target(evaluate, len(x), D, np.dtype(np.float64))


def gradients(
    name: str, K: int, replicates: int, x: Array, point: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """Independent gradients in b and in mu, means over the data: (R, D) each."""
    N, q = len(x), DiagonalGaussian(D)
    mean = x @ point["A"].T + point["b"]
    lam = np.concatenate([mean, np.full((N, D), 0.5 * np.log(2 / 3))], axis=1)
    block = max(1, NUMBERS // (K * N * D))
    parts: dict[str, list[Array]] = {"b": [], "mu": []}
    for start in range(0, replicates, block):
        R = min(block, replicates - start)
        target = gaussian_target(np.tile(x, (R, 1)), point["mu"])
        estimate = ESTIMATORS[name].elbo(q, target, np.tile(lam, (R, 1)), q.noise(rng, K, R * N))
        parts["b"].append(estimate.grad[:, :D].reshape(R, N, D).mean(axis=1))
        parts["mu"].append(estimate.grad_theta["mu"].reshape(R, N, D).mean(axis=1))  # type: ignore[index]
    return {key: np.concatenate(part) for key, part in parts.items()}


def signal_to_noise(g: Array) -> float:
    """sqrt(sum_d E[g_d]^2 / sum_d Var[g_d]), without the bias that noise gives to a square."""
    variance = g.var(axis=0, ddof=1)
    signal = np.sum(g.mean(axis=0) ** 2 - variance / len(g))
    return float(np.sqrt(max(signal, 0.0) / variance.sum()))


def measure(cell: Cell, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Ratios at every K, and the slope of a line through their logarithms."""
    name, N = cell["estimator"], cell["data"]
    x = rng.standard_normal(D) + np.sqrt(2) * rng.standard_normal((cell["drawn"], D))
    mu = x.mean(axis=0)
    best = {"A": 0.5 * np.eye(D), "b": 0.5 * mu, "mu": mu}
    point = {k: v + cell["noise"] * rng.standard_normal(v.shape) for k, v in best.items()}
    x = x[:N]
    ratios: dict[str, list[float]] = {"b": [], "mu": []}
    for K in cell["K"]:
        for key, g in gradients(name, K, cell["replicates"], x, point, rng).items():
            ratios[key].append(signal_to_noise(g))
    rows: list[dict[str, Any]] = []
    for key, ratio in ratios.items():
        if (name, key) in SERIES:
            rows += _rows(SERIES[name, key], cell["K"], ratio)
    return rows


def _rows(series: str, K: list[int], ratios: list[float]) -> list[dict[str, Any]]:
    slope = np.polyfit(np.log(K), np.log(np.maximum(ratios, 1e-12)), 1)[0]
    rows: list[dict[str, Any]] = [{"quantity": f"slope, {series}", "value": float(slope)}]
    return rows + [
        {
            "quantity": f"signal-to-noise, {series}, K = {k}",
            "value": ratio,
            "panel": "signal-to-noise",
            "series": series,
            "x": k,
        }
        for k, ratio in zip(K, ratios)
    ]


SERIES = {
    ("iwae", "b"): "encoder, IWAE",
    ("iwae", "mu"): "model, IWAE",
    ("dreg", "b"): "encoder, DReG",
}
THEOREM = "Theorem 1; Figure 2"


def _slope(series: str, printed: str, by: str, source: str) -> Published:
    return Published(f"slope, {series}", printed, by, source, "within", tolerance=0.1)


def _cell(name: str, replicates: int, data: int, K: tuple[int, ...]) -> Cell:
    return {
        "estimator": name,
        "K": list(K),
        "replicates": replicates,
        "data": data,
        "drawn": 1024,
        "noise": 0.01,
    }


ENTRY = Reproduction(
    title="Signal-to-noise of gradients against the number of samples",
    source="Rainforth et al. (2018), Tighter variational bounds are not necessarily better; Tucker "
    "et al. (2019), DReG; the asymptotic experiment of vlievin/ovis",
    setup="z ~ N(mu, I), x ~ N(z, I), q = N(A x + b, 2/3 I), D = 20, 1024 data drawn, parameters "
    "at the optimum plus noise of sd 0.01; IWAE: K = 3 to 100, 1500 replicates; DReG: 30 to 300, "
    "200 replicates; 4 seeds (data and point).",
    assumptions=(
        "A gradient is the mean over 16 (DReG 8) of the 1024 data: the ratio is smaller by the "
        "same factor at every K, and the slope stays.",
        "The noise is 0.01. With noise of 0.1 or more a single weight dominates up to K = 300, and "
        "no slope is near its limit.",
        "The slope is asymptotic in K; 0.1 is allowed. DReG comes near it later: from K = 3 to 100 "
        "its slope is 0.35, so that it is measured from K = 30.",
        "2/3 is the variance, as in the paper; the repository takes it for the sd.",
    ),
    measure=measure,
    cells=[_cell("iwae", 1500, 16, (3, 10, 30, 100)), _cell("dreg", 200, 8, (30, 100, 300))],
    seeds=4,
    published=[
        _slope("encoder, IWAE", "-0.5", "Rainforth et al.", THEOREM),
        _slope("model, IWAE", "0.5", "Rainforth et al.", THEOREM),
        _slope("encoder, DReG", "0.5", "Tucker et al.", "section 3"),
    ],
    time="two minutes",
    axes=("K", ""),
    logarithmic="xy",
)
