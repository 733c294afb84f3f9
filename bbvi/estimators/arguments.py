"""What every estimator asks of its four arguments (floor 3)."""

from typing import Any

import numpy as np

from bbvi.types import Array, Target


def check_arguments(family: Any, target: Target, lam: Array, eps: Array) -> None:
    """Raise unless lam is (N, P), eps (S >= 1, N, ...), and the sizes and dtypes agree.

    Raises
    ------
    TypeError
        If lam and the target differ in dtype.
    ValueError
        If a shape is wrong or S = 0.
    """
    if family.latent_dim != target.latent_dim:
        raise ValueError(
            f"family has latent_dim {family.latent_dim} but the target's model has "
            f"{target.latent_dim}; expected the same. Build the family with "
            f"latent_dim={target.latent_dim}."
        )
    expected = (target.num_data, family.num_params)
    if np.shape(lam) != expected:
        raise ValueError(
            f"lam has shape {np.shape(lam)}; expected (N, P) = {expected}: one row of "
            f"variational parameters per datapoint, as from family.init({target.num_data})."
        )
    if lam.dtype != target.dtype:
        raise TypeError(
            f"lam is {lam.dtype} but the target's x and theta are {target.dtype}; expected one "
            f"dtype. Use lam.astype(np.{target.dtype})."
        )
    if np.ndim(eps) < 2 or eps.shape[1] != target.num_data:
        raise ValueError(
            f"eps has shape {np.shape(eps)}; expected (S, N, ...) with N = {target.num_data}, as "
            f"from family.noise(rng, num_samples, {target.num_data})."
        )
    if eps.shape[0] == 0:
        raise ValueError("eps holds S = 0 samples; expected at least 1.")
    if eps.dtype.kind == "f" and eps.dtype != target.dtype:
        raise TypeError(
            f"eps is {eps.dtype} but the target is {target.dtype}; expected one dtype. "
            f"Use eps.astype(np.{target.dtype})."
        )


def check_reparameterizable(family: Any, estimator: str) -> None:
    """Raise TypeError unless samples of the family can be differentiated in lam."""
    # isinstance of a runtime protocol costs as much as a small ELBO; two members tell as much.
    if not (hasattr(family, "pullback") and hasattr(family, "log_prob_dz")):
        raise TypeError(
            f"{estimator} got the family {type(family).__name__}, which has no pullback: its "
            "samples do not move smoothly with lam. Expected a reparameterizable family such as "
            "DiagonalGaussian; for this one use score_function."
        )


def check_relaxable(family: Any, estimator: str) -> None:
    """Raise TypeError unless z is a hard function of a continuous zeta(lam, eps)."""
    if not hasattr(family, "gap_pullback"):
        raise TypeError(
            f"{estimator} got the family {type(family).__name__}, which cannot be relaxed. "
            "Expected a discrete family such as Bernoulli; for a reparameterizable one "
            "use reparameterized."
        )
