"""Bayesian logistic regression on the breast-cancer data by three gradients (Mohamed et al. 2020).

    w ~ N(0, I_31),   y_r ~ Bernoulli(sigmoid(w . (1, f_r))),   q(w) = N(mu, diag(sigma^2)),

    lam <- lam + 0.001 cos(pi t / 2 T) (d/dlam E_q[(R / B) sum_batch log p(y | f, w)] - dKL/dlam).

Runs are rows: each has minibatches and samples of its own.  The ELBO is measured without sampling,
by quadrature over each logit, and its maximum, by the same quadrature, is what a run can reach.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from bbvi import backends
from bbvi.datasets import breast_cancer
from bbvi.estimators import ESTIMATORS, draw_noise
from bbvi.estimators.elbo import log_likelihood
from bbvi.experiments.reproductions.entries import Published, Reproduction
from bbvi.experiments.sweep import Cell
from bbvi.families import DiagonalGaussian
from bbvi.models import LogisticRegression
from bbvi.models.logistic_regression import NODES
from bbvi.types import Array

RATE, BATCH = 1e-3, 32
NAMES = {
    "reparameterized": "pathwise",
    "measure-valued": "measure-valued",
    "score-function": "score function",
}


def data() -> tuple[LogisticRegression, Array]:
    """The model of all 569 rows, and their x (1, 569 * 31)."""
    features, labels = breast_cancer()
    assert labels is not None
    model = LogisticRegression(features.shape[1], len(features))
    return model, model.pack(features, labels)


def exact_elbo(model: LogisticRegression, x: Array, lam: Array) -> Array:
    """The ELBO of rows of lam by quadrature: (N,), nats."""
    q = DiagonalGaussian(model.latent_dim)
    mean, covariance = q.moments(lam)
    rows = np.repeat(x, len(lam), axis=0)
    value: Array = model.expected_log_joint(rows, mean, covariance) + q.entropy(lam)
    return value


def best(model: LogisticRegression, x: Array) -> Array:
    """lam (1, P) where the ELBO has its maximum, by a quasi-Newton method.

    For a logit l ~ N(m, v): dE[h(l)]/dm = E[h'(l)] and dE[h(l)]/dv = E[h''(l)] / 2.
    """
    (design,), (labels,) = model.unpack(x)
    weights = np.exp(-0.5 * NODES**2) / np.exp(-0.5 * NODES**2).sum()
    D = model.latent_dim

    def minus_elbo(flat: Array) -> tuple[float, Array]:
        mean, variance = flat[:D], np.exp(2 * flat[D:])
        spread = np.sqrt(design**2 @ variance)
        on = expit((design @ mean)[:, None] + spread[:, None] * NODES)
        dmean = design.T @ (labels - on @ weights) - mean
        dvariance = -0.5 * (design**2).T @ ((on * (1 - on)) @ weights) - 0.5
        slope = np.concatenate([dmean, 2 * variance * dvariance + 1])
        return -float(exact_elbo(model, x, flat[None])[0]), -slope

    optimum = minimize(minus_elbo, np.zeros(2 * D), jac=True, method="L-BFGS-B", tol=1e-12)
    return optimum.x[None]


def gradient(
    name: str, model: LogisticRegression, x: Array, lam: Array, S: int, rng: np.random.Generator
) -> Array:
    """d ELBO / dlam of each row by S samples, the KL in closed form: (N, P)."""
    q, record = DiagonalGaussian(model.latent_dim), ESTIMATORS[name]
    f = log_likelihood(backends.unchecked_target(model, {}, x))
    eps = draw_noise(record, q, rng, S, len(x))
    estimate = record.expectation(q, f, lam, eps)  # type: ignore[misc]
    return estimate.grad - q.kl_standard_normal_and_grad(lam)[1]


def train(name: str, cell: Cell, rng: np.random.Generator) -> dict[int, Array]:
    """lam (runs, P) after the steps in the cell."""
    model, x = data()
    R, runs, T = model.num_rows, cell["runs"], cell["steps"]
    table = x.reshape(R, -1)
    some = LogisticRegression(model.num_features, BATCH, R)
    lam, kept = DiagonalGaussian(model.latent_dim).init(runs), {}
    orders = np.array([rng.permutation(R) for _ in range(runs)])
    position = 0
    for step in range(T):
        if position + BATCH > R:
            orders, position = rng.permuted(orders, axis=1), 0
        rows = orders[:, position : position + BATCH]
        position += BATCH
        batch = table[rows].reshape(runs, -1)
        slope = gradient(name, some, batch, lam, cell["samples"], rng)
        lam = lam + RATE * np.cos(np.pi / 2 * step / T) * slope
        if step + 1 in cell["seen"]:
            kept[step + 1] = lam
    return kept


def log_variance(name: str, cell: Cell, rng: np.random.Generator) -> float:
    """Log of the mean over lam of a one-sample gradient's variance at the best q, all rows."""
    model, x = data()
    lam, N = best(model, x), cell["replicates"]
    many = np.concatenate(
        [
            gradient(name, model, np.repeat(x, 10, axis=0), np.repeat(lam, 10, axis=0), 1, rng)
            for _ in range(N // 10)
        ]
    )
    return float(np.log(many.var(axis=0, ddof=1).mean()))


def measure(cell: Cell, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Runs of three estimators, their exact ELBO on the way, and variances at the best q."""
    model, x = data()
    last: dict[str, Array] = {}
    rows: list[dict[str, Any]] = []
    for name, label in NAMES.items():
        for step, lam in train(name, cell, rng).items():
            last[name] = exact_elbo(model, x, lam)
            rows += [
                {
                    "quantity": f"ELBO, {label}, step {step}",
                    "value": float(value),
                    "panel": "ELBO, by quadrature",
                    "series": label,
                    "x": step,
                }
                for value in last[name]
            ]
    for one, other in LATER:
        for value in last[one] - last[other]:
            rows.append({"quantity": _higher(one, other), "value": float(value)})
    return rows + _variances(cell, rng)


def _variances(cell: Cell, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for _ in range(cell["runs"]):
        logs = {name: log_variance(name, cell, rng) for name in NAMES}
        rows += [
            {"quantity": f"log variance at the maximum, {NAMES[name]}", "value": value}
            for name, value in logs.items()
        ]
        rows += [
            {"quantity": _noisier(name), "value": logs["score-function"] - logs[name]}
            for _, name in NOISIER
        ]
    return rows


def _higher(one: str, other: str) -> str:
    return f"{NAMES[one]} minus {NAMES[other]}, ELBO, step {STEPS}"


def _noisier(other: str) -> str:
    return f"score function minus {NAMES[other]}, log variance at the maximum"


STEPS, SEEN = 5000, (10, 30, 100, 300, 1000, 2000, 5000)
LATER = (("reparameterized", "score-function"), ("measure-valued", "score-function"))
NOISIER = (("score-function", "reparameterized"), ("score-function", "measure-valued"))
BY, SECTION = "Mohamed et al.", "section on Bayesian logistic regression"
MAXIMUM = "-67.46337"

ENTRY = Reproduction(
    title="Bayesian logistic regression by three gradients",
    source="Mohamed, Rosca, Figurnov and Mnih (2020), Monte Carlo gradient estimation in machine "
    "learning; main.py and config.py of deepmind/mc_gradients",
    setup="scikit-learn's breast-cancer data, standardized, with an intercept; mean-field q from "
    "N(0, I); minibatches of 32, 50 samples, stochastic gradient ascent with 0.001 cos(pi t / 2T), "
    "5000 steps, KL in closed form; 5 runs. Their curves are not stored anywhere: the order is "
    "compared, and the maximum of the ELBO, by quadrature, is what the two quieter gradients "
    "should reach. Variances: one sample, all rows, 200 replicates, the mean over parameters.",
    assumptions=(
        "The ELBO is exact to the quadrature; theirs is a mean over 1000 samples.",
        "Measure-valued: coupled, as in the program's default; not coupled it was not measured.",
        "The step size falls along a quarter of a cosine, as in the program; half a cosine, the "
        "other reading of 'cosine decay', ends in the same place (pathwise -67.47 both, score "
        "function -69.3 and -69.0).",
        "The picture draws values below -110 at -110.",
    ),
    measure=measure,
    cells=[
        {"runs": 5, "steps": STEPS, "samples": 50, "seen": list(SEEN), "replicates": 200}
    ],
    published=[
        *(
            Published(f"ELBO, {label}, step {STEPS}", MAXIMUM, "quadrature", "maximum by L-BFGS-B",
                      "within", tolerance=0.1, place=("ELBO, by quadrature", "maximum", STEPS))
            for label in ("pathwise", "measure-valued")
        ),
        *(Published(_higher(*pair), "0", BY, SECTION, "above") for pair in LATER),
        *(Published(_noisier(other), "0", BY, SECTION, "above") for _, other in NOISIER),
    ],
    time="five minutes",
    axes=("step", "nats"),
    logarithmic="x",
    floor=-110.0,
)  # fmt: skip
