"""The check of the exercise about an own estimator."""

import copy

import numpy as np

from bbvi.backends import autodiff
from bbvi.checks.estimator import check_estimator
from bbvi.checks.exercises.answers import name_of
from bbvi.checks.exercises.sizes import DX, D, N, S
from bbvi.checks.mistakes import Suspect, fail, require_close, without_frames
from bbvi.checks.problem import linear_gaussian_problem, tile_target
from bbvi.estimators import reparameterized
from bbvi.families import DiagonalGaussian
from bbvi.models import LinearGaussian
from bbvi.types import Array, Estimate, Estimator


@without_frames
def check_antithetic(answer: Estimator, rng: np.random.Generator) -> None:
    """Check an own estimator: unbiased, and on a linear-Gaussian model of less variance.

    ``check_estimator``, then the variance of grad over replicates against `reparameterized` at
    the same number of samples eps.

    Raises
    ------
    AssertionError
        With the property that failed and the likely mistake.
    """
    _check_pairs(answer, rng)
    check_estimator(answer, rng)
    family = DiagonalGaussian(D)
    target, lam, _ = linear_gaussian_problem(family)
    R = 2000
    tiled, rows = tile_target(target, R), np.tile(lam, (R, 1))
    eps = family.noise(rng, 4, len(rows))
    variance, known = (
        estimator(family, tiled, rows, eps).grad.reshape(R, -1).var(axis=0, ddof=1).sum()
        for estimator in (answer, reparameterized)
    )
    if variance > 0.9 * known:
        fail(
            f"{name_of(answer)} is unbiased, but its variance is {variance:.3g}; reparameterized "
            f"has {known:.3g} with the same eps.",
            "the pair is not antithetic: use eps and -eps, and average the two gradients",
        )
    _check_pairs(answer, rng, strict=True)


def _check_pairs(answer: Estimator, rng: np.random.Generator, *, strict: bool = False) -> None:
    """Compare elbo, grad and each gradient in theta with the mean over eps and -eps.

    Without ``strict`` only what a known mistake explains is refused.
    """
    model, family = LinearGaussian(D, DX), DiagonalGaussian(D)
    rng = copy.deepcopy(rng)
    theta = model.init(rng)
    x, _ = model.sample(rng, theta, N)
    target, lam = autodiff.target(model, theta, x), family.init(N) + 0.3
    eps = family.noise(rng, S, N)
    halves = [_parts(reparameterized(family, target, lam, sign * eps)) for sign in (1, -1)]
    estimate = answer(family, target, lam, eps)
    if not isinstance(estimate, Estimate):
        fail(
            f"{name_of(answer)} returned {type(estimate).__name__}.",
            "the return statement is missing"
            if estimate is None
            else "it should return Estimate(elbo, grad, grad_theta)",
        )
    returned = _parts(estimate)
    for name, (one, other) in {key: (halves[0][key], halves[1][key]) for key in halves[0]}.items():
        right = 0.5 * (one + other)
        if name not in returned:
            continue  # check_estimator asks for it
        suspects = _mistakes_of_a_pair(name, one, other)
        what = f"{name_of(answer)}.{name} at eps and -eps"
        value = np.asarray(returned[name], dtype=float)
        if value.shape != right.shape:
            continue  # check_estimator says so
        limit = 1e-5 * (1 + np.abs(right))
        known = any((np.abs(value - s.consequence) <= limit).all() for s in suspects)
        if known or strict:
            require_close(what, value, right, limit, suspects, otherwise=f"{name} is not the mean")


def _mistakes_of_a_pair(name: str, one: Array, other: Array) -> list[Suspect]:
    right = 0.5 * (one + other)
    difference = f"{name} is the difference of the halves, a lost term: add them"
    parentheses = f"{name} is missing its parentheses: 0.5 * (one + other)"
    table = [
        (f"{name} is halved: add both halves, then take 1/2 once", 0.5 * right),
        (f"the pair is not antithetic: {name} is of eps alone, average it with that of -eps", one),
        (f"{name} is of -eps alone: average it with that of eps", other),
        (f"half of {name} at eps alone: that of -eps is not added", 0.5 * one),
        (f"half of {name} at -eps alone: that of eps is not added", 0.5 * other),
        (f"{name} was counted twice: a sum of the two halves, not their mean", 2 * right),
        (f"{name} has the wrong sign", -right),
        *((difference, scale * (one - other)) for scale in (1, 0.5, -0.5)),
        *((parentheses, value) for value in (0.5 * one + other, one + 0.5 * other)),
        (f"{name} is 0", 0 * right),
        (f"{name} is divided by S: it is a mean over the samples already", right / S),
        (f"{name} is divided by N", right / N),
        (f"{name} is the product of the halves, where their mean is meant", one * other),
        (f"{name} is the larger half, where their mean is meant", np.maximum(one, other)),
    ]
    return [Suspect(*row) for row in table]


def _parts(estimate: Estimate) -> dict[str, Array]:
    """The arrays of an estimate by name."""
    parts = {"elbo": np.asarray(estimate.elbo), "grad": np.asarray(estimate.grad)}
    theta = estimate.grad_theta or {}
    return parts | {f"grad_theta[{key!r}]": np.asarray(value) for key, value in theta.items()}
