"""Curves of runs with a bug in them, made by running it: what a student sees and diagnoses.

Each set of runs is a dict from a bug to its curves; `hidden` puts letters in the bugs' place.  The
sign of each bug (`Bug.shows`) is tested: its own run shows it, and none of the others does.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from bbvi.backends import autodiff
from bbvi.estimators import expectations, reparameterized
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.families import DiagonalGaussian
from bbvi.models import LinearGaussian
from bbvi.models.integrands import quadratic
from bbvi.types import Array, Theta

Curves = Mapping[str, Array]
"""Name of a quantity -> its values, one for each step or size."""
SIZES = np.array([1, 2, 4, 8, 16, 32])
"""The numbers of samples S of `averaging_runs`."""


class Bug(NamedTuple):
    """What was done wrong, what a curve shows of it, and the sign of it as a test."""

    wrong: str
    look: str
    shows: Callable[[Curves], bool]


STEP_1 = {
    "none": Bug(
        "nothing",
        "the ELBO rises, settles at log p(x), and the width at the posterior's",
        lambda c: c["elbo"][-50:].mean() > -0.08 and 0.8 < c["width"][-50:].mean() < 1.25,
    ),
    "descent": Bug(
        "lam - rate * grad",
        "the ELBO falls from the first step on, ever faster, as the mean runs away",
        lambda c: bool(c["elbo"][3] < c["elbo"][0]),
    ),
    "entropy": Bug(
        "the entropy has the wrong sign",
        "the ELBO rises while the mean moves, then falls for ever, as the width shrinks to nothing",
        lambda c: c["elbo"].max() > c["elbo"][0] + 1 and c["width"][-1] < 0.1,
    ),
    "noise": Bug(
        "eps is drawn once, before the loop",
        "the width grows without end and the ELBO falls: q fits its one sample, wherever it lies",
        lambda c: c["width"][-1] > 3 and c["elbo"].max() > c["elbo"][0] + 1,
    ),
    "mean": Bug(
        "only the mean moves, log sigma stays",
        "the width is a level line, and the ELBO settles below log p(x)",
        lambda c: bool(np.ptp(c["width"]) < 1e-9) and c["elbo"][-1] > c["elbo"][0],
    ),
    "rate": Bug(
        "the step size is too large",
        "the ELBO jumps up and down and never settles, though it neither falls for ever",
        lambda c: np.abs(np.diff(c["elbo"][40:])).mean() > 0.1 and c["width"][-1] < 3,
    ),
}


def step_1_runs(rng: np.random.Generator) -> dict[str, Curves]:
    """Step 1 with each bug of `STEP_1`: "elbo", log p(x) - gap with log p(x) = 0, and "width".

    One datapoint of a linear-Gaussian model, S = 4, plain gradient steps; the width is q's
    standard deviation over that of the posterior.  A row for each bug.
    """
    model, family, num_steps, rate = LinearGaussian(1, 2), DiagonalGaussian(1), 150, 0.05
    theta = {"W": np.array([[1.0], [0.5]]), "b": np.zeros(2), "log_sigma": np.array(-0.3)}
    x = np.repeat(np.array([[2.0, 1.5]]) + 0.3 * rng.standard_normal((1, 2)), len(STEP_1), axis=0)
    row = {name: n for n, name in enumerate(STEP_1)}
    target, lam = autodiff.target(model, theta, x), family.init(len(x)) - [[1.5, 2.0]]
    log_p = model.log_evidence(theta, x)
    posterior_sd = np.sqrt(model.posterior(theta, x).covariance[0, 0])
    first = family.noise(rng, 4, len(x))
    elbo, width = [], []
    for _ in range(num_steps):
        elbo.append(linear_gaussian_elbo(model, theta, x, family, lam).elbo - log_p)
        width.append(np.exp(lam[:, 1]) / posterior_sd)
        eps = family.noise(rng, 4, len(x))
        eps[:, row["noise"]] = first[0, row["noise"]]
        grad = reparameterized(family, target, lam, eps).grad
        _, of_entropy = family.entropy_and_grad(lam)
        grad[row["descent"]] *= -1
        grad[row["entropy"]] -= 2 * of_entropy[row["entropy"]]
        grad[row["mean"], 1] = 0
        grad[row["rate"]] *= 9
        lam = np.clip(lam + rate * grad, -20, 20)
    return {
        name: {"elbo": np.array(elbo)[:, n], "width": np.array(width)[:, n]}
        for name, n in row.items()
    }


FIT = {
    "none": Bug(
        "nothing",
        "log p(x) and the ELBO rise together and end level, a gap of less than 0.1 nats apart",
        lambda c: _rise(c["log p(x)"]) > 0.2 and _gap(c) < 0.1 and c["KL"][-1] > 0.5,
    ),
    "theta": Bug(
        "theta is not updated",
        "log p(x) is a level line; the ELBO rises to it and stops",
        lambda c: bool(np.ptp(c["log p(x)"]) < 1e-9) and _gap(c) < 0.1,
    ),
    "lam": Bug(
        "Step 1 is left out: lam stays where it began",
        "the KL from the prior stays at zero: theta learns a model that needs no z",
        lambda c: bool(np.ptp(c["KL"]) < 1e-9),
    ),
    "kl": Bug(
        "the KL counts three times, as by a sum in one place and a mean in the other",
        "the KL, up at first, is pressed towards zero: q returns to the prior",
        lambda c: c["KL"].max() > 0.1 and c["KL"][-1] < c["KL"].max() / 2,
    ),
    "entropy": Bug(
        "log q is missing from Step 1's objective",
        "the KL grows without end and takes the ELBO down with it, while log p(x) has risen",
        lambda c: _gap(c) > 0.5 and c["KL"][-1] > c["KL"][len(c["KL"]) // 2] > 0.5,
    ),
}


def _rise(values: Array) -> float:
    return float(values[-1] - values[0])


def _gap(curves: Curves) -> float:
    return float(curves["log p(x)"][-1] - curves["ELBO"][-1])


def fit_runs(rng: np.random.Generator) -> dict[str, Curves]:
    """Black-box VI with each bug of `FIT`: "log p(x)", "ELBO" and "KL" from the prior, nats.

    Means over 40 datapoints of a linear-Gaussian model.  The gradients are exact, so that what is
    seen is the bug and not noise; lam takes three plain gradient steps for each of theta.
    """
    model = LinearGaussian(1, 3)
    truth = {"W": np.array([[2.0], [-1.5], [1.0]]), "b": np.zeros(3), "log_sigma": np.array(-0.3)}
    x, _ = model.sample(rng, truth, 40)
    start = {**model.init(rng), "W": np.array([[1.0], [-0.8], [0.5]])}
    return {bug: _fit(model, start, x, bug) for bug in FIT}


def _fit(model: LinearGaussian, theta: Theta, x: Array, bug: str, num_steps: int = 120) -> Curves:
    family = DiagonalGaussian(1)
    lam = family.init(len(x))
    curves: dict[str, list[float]] = {"log p(x)": [], "ELBO": [], "KL": []}
    for _ in range(num_steps):
        for _ in range(0 if bug == "lam" else 3):
            grad = linear_gaussian_elbo(model, theta, x, family, lam).grad
            if bug == "entropy":
                grad = grad - family.entropy_and_grad(lam)[1]
            if bug == "kl":
                grad = grad - 2 * family.kl_standard_normal_and_grad(lam)[1]
            lam = lam + 0.04 * grad
        estimate = linear_gaussian_elbo(model, theta, x, family, lam)
        curves["log p(x)"].append(model.log_evidence(theta, x).mean())
        curves["ELBO"].append(estimate.elbo.mean())
        curves["KL"].append(family.kl_standard_normal_and_grad(lam)[0].mean())
        if bug != "theta":
            slope = estimate.grad_theta or {}
            theta = {key: value + 0.05 / len(x) * slope[key] for key, value in theta.items()}
    return {name: np.array(values) for name, values in curves.items()}


AVERAGING = {
    "none": Bug(
        "nothing",
        "the mean stays at 1, the variance falls like 1 / S",
        lambda c: (
            c["mean"].min() > 0.8 and c["mean"].max() < 1.2 and _factor(c["variance"]) < 1 / 16
        ),
    ),
    "sum": Bug(
        "the samples are summed, not averaged",
        "the mean grows like S, and the variance too",
        lambda c: c["mean"][-1] > 16 and _factor(c["variance"]) > 16,
    ),
    "same": Bug(
        "one eps for all S samples",
        "the variance does not fall with S, while the mean is right",
        lambda c: _factor(c["mean"]) == 1 and _factor(c["variance"]) > 0.5,
    ),
    "own sample": Bug(
        "the baseline is the mean over all samples, the own one among them",
        "at S = 1 the gradient vanishes, and then it is too small by (S - 1) / S",
        lambda c: abs(c["mean"][0]) < 1e-9 < c["mean"][-1] < 1.2,
    ),
    "pathwise": Bug(
        "the pathwise term is added to the score function's: both paths at once",
        "the mean is twice what it should be, at any S",
        lambda c: 1.7 < c["mean"][-1] < 2.3,
    ),
}


def _factor(values: Array) -> float:
    """The last over the first; 1 if they differ by less than a quarter."""
    factor = float(values[-1] / values[0]) if values[0] else np.inf
    return 1.0 if abs(factor - 1) < 0.25 else factor


def averaging_runs(rng: np.random.Generator) -> dict[str, Curves]:
    """The score function with each bug of `AVERAGING`, at each S of `SIZES`.

    "mean" over 4000 replicates divided by the exact gradient, and "variance"; of
    d/d mean E[z^2], q = N(1, 1).
    """
    family, R = DiagonalGaussian(1), 4000
    lam, f = np.tile([[1.0, 0.0]], (R, 1)), quadratic(0.0, num_data=R)
    runs: dict[str, dict[str, list[float]]] = {
        bug: {"mean": [], "variance": []} for bug in AVERAGING
    }
    for S in SIZES:
        eps = family.noise(rng, int(S), R)
        one = np.repeat(eps[:1], S, axis=0)
        plain = expectations.score_function(family, f, lam, eps).grad
        score = family.score(lam, family.transform(lam, eps))
        centred = f.value(family.transform(lam, eps))
        centred = centred - centred.mean(axis=0)
        grads = {
            "none": plain,
            "sum": S * plain,
            "same": expectations.score_function(family, f, lam, one).grad,
            "own sample": (centred[..., None] * score).mean(axis=0),
            "pathwise": plain + expectations.pathwise(family, f, lam, eps).grad,
        }
        for bug, grad in grads.items():
            runs[bug]["mean"].append(grad[:, 0].mean() / 2)
            runs[bug]["variance"].append(grad[:, 0].var())
    return {bug: {k: np.array(v) for k, v in run.items()} for bug, run in runs.items()}


def letters(rng: np.random.Generator, bugs: Mapping[str, Bug]) -> dict[str, str]:
    """Letter -> bug, in an order of its own for each rng."""
    return dict(zip("ABCDEFGH", map(str, rng.permutation(list(bugs)))))


def hidden(
    rng: np.random.Generator,
    bugs: Mapping[str, Bug],
    make: Callable[[np.random.Generator], dict[str, Curves]],
) -> dict[str, Curves]:
    """The runs under letters: letter -> curves."""
    order, runs = letters(rng, bugs), make(rng)
    return {letter: runs[bug] for letter, bug in order.items()}
