"""What every estimator asks of its four arguments."""

import math
from typing import Any

import numpy as np

from bbvi.types import Array, Target
from bbvi.validation import check_members


def check_target(target: Any) -> None:
    """Raise TypeError unless target is a Target."""
    if not isinstance(target, Target):
        raise TypeError(
            f"target is a {type(target).__name__}; expected a Target, as from "
            "bbvi.backends.target(model, theta, x)."
        )


class NotFiniteArgument(ValueError):
    """lam or eps holds NaN or infinity; a procedure's run ends on it with its last finite state."""


SMALL = 10_000
"""Numbers up to which BLAS multiplies with one thread."""


def check_finite(name: str, array: Array) -> None:
    """Raise `NotFiniteArgument` where an array of floats holds NaN or infinity.

    One number tells, and only where it is not finite each entry is looked at: v . v is the
    cheapest for few (a microsecond), and the sum for many.
    """
    if array.size <= SMALL:
        total = np.vdot(array, array)
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            total = np.sum(array)
    if math.isfinite(total):
        return
    bad = ~np.isfinite(array)
    if bad.any():
        where = np.argwhere(bad)[0].tolist()
        advice = {
            "lam": "Go back to the last finite lam, and use a smaller step",
            "eps": "Draw it with family.noise(rng, S, N)",
        }
        raise NotFiniteArgument(
            f"{name} has {int(bad.sum())} NaN or infinite value(s), the first at {name}{where}; "
            f"expected finite numbers. {advice[name]}."
        )


def check_table(family: Any, target: Target, lam: Array) -> None:
    """Raise unless lam is (N, P), and the sizes and dtypes of q and the target agree.

    Raises
    ------
    TypeError
        If target is no Target, family no family, lam no array, or their dtypes differ.
    ValueError
        If a shape is wrong, or lam is not finite.
    """
    check_target(target)
    if not isinstance(lam, np.ndarray):
        raise TypeError(
            f"lam is a {type(lam).__name__}; expected an array (N, P), as from "
            f"family.init({target.num_data})."
        )
    try:
        latent_dim, num_params = family.latent_dim, family.num_params
    except AttributeError:
        members = ("latent_dim", "num_params", "noise", "transform")
        check_members("family", family, members, "DiagonalGaussian(2)")
        raise
    if latent_dim != target.latent_dim:
        raise ValueError(
            f"family has latent_dim {latent_dim} but the target's model has "
            f"{target.latent_dim}; expected the same. Build the family with "
            f"latent_dim={target.latent_dim}."
        )
    expected = (target.num_data, num_params)
    if lam.shape != expected:
        raise ValueError(
            f"lam has shape {lam.shape}; expected (N, P) = {expected}: one row of "
            f"variational parameters per datapoint, as from family.init({target.num_data})."
        )
    if lam.dtype != target.dtype:
        raise TypeError(
            f"lam is {lam.dtype} but the target's x and theta are {target.dtype}; expected one "
            f"dtype. Use lam.astype(np.{target.dtype})."
        )
    check_finite("lam", lam)


def check_arguments(family: Any, target: Target, lam: Array, eps: Array) -> None:
    """Raise unless `check_table` passes and eps is (S >= 1, N, ...) of the target's dtype.

    Raises
    ------
    TypeError, ValueError
        As `check_table` does; if eps has another shape or dtype, S = 0, or NaN.
    """
    check_table(family, target, lam)
    shape = eps.shape if isinstance(eps, np.ndarray) else np.shape(eps)
    if len(shape) < 2 or shape[1] != target.num_data:
        raise ValueError(
            f"eps has shape {shape}; expected (S, N, ...) with N = {target.num_data}, as "
            f"from family.noise(rng, num_samples, {target.num_data})."
        )
    if shape[0] == 0:
        raise ValueError("eps holds S = 0 samples; expected at least 1.")
    if eps.dtype.kind == "f":
        if eps.dtype != target.dtype:
            raise TypeError(
                f"eps is {eps.dtype} but the target is {target.dtype}; expected one dtype. "
                f"Use eps.astype(np.{target.dtype})."
            )
        check_finite("eps", eps)


def check_reparameterizable(family: Any, estimator: str) -> None:
    """Raise TypeError unless samples of the family can be differentiated in lam."""
    # isinstance of a runtime protocol costs as much as a small ELBO; two members tell as much.
    try:
        _ = family.pullback, family.log_prob_dz
    except AttributeError:
        raise TypeError(
            f"{estimator} got the family {type(family).__name__}, which has no pullback: its "
            "samples do not move smoothly with lam. Expected a reparameterizable family such as "
            "DiagonalGaussian; for this one use score_function."
        ) from None


def check_relaxable(family: Any, estimator: str) -> None:
    """Raise TypeError unless z is a hard function of a continuous zeta(lam, eps)."""
    try:
        _ = family.gap_pullback
    except AttributeError:
        raise TypeError(
            f"{estimator} got the family {type(family).__name__}, which cannot be relaxed. "
            "Expected a discrete family such as Bernoulli; for a reparameterizable one "
            "use reparameterized."
        ) from None
