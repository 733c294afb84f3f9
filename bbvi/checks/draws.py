"""Do a model's draws come from its log_joint?"""

import warnings
from typing import Any

import numpy as np

from bbvi.backends import autodiff
from bbvi.checks.mistakes import require_close
from bbvi.checks.normalizers import UncheckedWarning, bridge
from bbvi.checks.statistics import invariance, tolerance
from bbvi.protocols import HasGivenColumns
from bbvi.types import Array, Theta


def check_draws(model: Any, rng: np.random.Generator, theta: Theta, num_draws: int) -> None:
    """Check that ``sample`` draws from exp(``log_joint``), by statistics alone.

    Moving theta, a latent or its scale by t leaves E[p_t(x, z) / p(x, z)] = 1, and the share of
    draws in a region is the integral of p over it.

    Raises
    ------
    AssertionError
        If one of these is more than five standard errors away.
    """
    x, z = model.sample(rng, theta, num_draws)
    _check_moved_theta(model, rng, theta, x, z)
    _check_moved_latents(model, theta, x, z)
    _check_normalization(model, rng, theta, x, z)


def directions(rng: np.random.Generator, theta: Theta) -> Theta:
    """One random direction of unit length in each array of theta."""
    free = {key: rng.standard_normal(value.shape) for key, value in theta.items()}
    return {key: value / np.sqrt(np.sum(value**2)) for key, value in free.items()}


def _check_moved_theta(
    model: Any, rng: np.random.Generator, theta: Theta, x: Array, z: Array
) -> None:
    start = autodiff.unchecked_target(model, theta, x).value(z[None])[0]
    for key, direction in directions(rng, theta).items():

        def log_weight(t: float, key: str = key, direction: Array = direction) -> Array:
            moved = {**theta, key: theta[key] + t * direction}
            return autodiff.unchecked_target(model, moved, x).value(z[None])[0] - start

        _require_invariance(
            f"sample and log_joint disagree about theta[{key!r}]",
            log_weight,
            "one of the two uses another formula: sigma for log sigma, a sign, a term of "
            "log_joint that is missing its normalizing constant in theta",
        )


def _check_moved_latents(model: Any, theta: Theta, x: Array, z: Array) -> None:
    start = autodiff.unchecked_target(model, theta, x).value(z[None])[0]
    for d in np.flatnonzero((z != np.round(z)).any(axis=0)).tolist():
        unit = np.eye(z.shape[1])[d]
        positive = bool((z[:, d] > 0).all())
        center = 0.0 if positive else z[:, d].mean()

        def shifted(t: float, unit: Array = unit) -> Array:
            return autodiff.unchecked_target(model, theta, x).value((z + t * unit)[None])[0] - start

        def rescaled(t: float, d: int = d, unit: Array = unit, center: float = center) -> Array:
            moved = z + np.expm1(t) * (z[:, d] - center)[:, None] * unit
            return t + autodiff.unchecked_target(model, theta, x).value(moved[None])[0] - start

        cause = (
            "log p(z) dropped, counted twice or with the wrong sign or scale; or log p(x | z) "
            "with a scale or mean other than sample's, or averaged over axis -1 instead of summed"
        )
        what = f"sample and log_joint disagree about latent {d}"
        if not positive:
            _require_invariance(f"{what} (shifted)", shifted, cause)
        _require_invariance(f"{what} (rescaled)", rescaled, cause)


def _require_invariance(what: str, log_weight: Any, cause: str) -> None:
    odd, even = invariance(log_weight)
    for order, mean in (("first", odd), ("second", even)):
        note = f"{what}: E[p_t / p] - 1, {order} order in t"
        require_close(note, mean.value, 0.0, tolerance(mean, np.zeros(())), otherwise=cause)


def _check_normalization(
    model: Any, rng: np.random.Generator, theta: Theta, x: Array, z: Array
) -> None:
    def log_joint(x: Array, z: Array) -> Array:
        return autodiff.unchecked_target(model, theta, x).value(z[None])[0]

    means = bridge(rng, z, x, log_joint, _given(model, x))
    if means is None:
        warnings.warn(
            f"check_model could not tell whether exp({type(model).__name__}.log_joint) integrates "
            "to 1: no simple density comes near enough to the draws, or real columns of x "
            "determine one another, as shares of a whole do. Use more draws (num_draws), or a "
            "smaller model of the same kind; leave determined columns out.",
            UncheckedWarning,
            stacklevel=4,
        )
        return
    require_close(
        "exp(log_joint) is not normalized: its mean over a region, by draws of a known density, "
        "against the mean by draws of the model",
        means.proposed,
        means.drawn,
        means.limit,
        otherwise="log p(z) or a constant dropped from log p(z) or log p(x | z): -0.5 log 2 pi or "
        "-log sigma per dimension, or -log x!; or columns of x that log_joint is conditioned on, "
        "which the model's given_columns is to list",
    )


def _given(model: Any, x: Array) -> Array:
    """Which columns of x the density is conditioned on: (Dx,)."""
    given = np.zeros(x.shape[1], dtype=bool)
    if isinstance(model, HasGivenColumns):
        given[model.given_columns] = True
    return given
