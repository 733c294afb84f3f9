"""Step 1 under noise that is held for the whole run, by a quasi-Newton method."""

from functools import partial
from typing import Any

import numpy as np

from bbvi.estimators import reparameterized
from bbvi.estimators.noise import NoiseSource, antithetic
from bbvi.inference.fit import NotFiniteError
from bbvi.inference.solvers.lbfgs import maximize
from bbvi.inference.solvers.solution import Observe, Solution, Solver, Targets
from bbvi.types import Array, Family, Reparameterizable
from bbvi.validation import as_count, as_steps


def deterministic(
    *,
    num_samples: int = 64,
    noise: NoiseSource = antithetic,
    max_steps: int = 500,
    tolerance: float = 1e-3,
) -> Solver:
    """L-BFGS on the ELBO's sample average under held noise: for reparameterizable families.

    lam* = argmax_lam (1/S) sum_s log p(x, z(lam, eps_s)) + H[q_lam]

    The optimum is that of these samples: beside the ELBO's it loses of the order of P / S nats.

    Parameters
    ----------
    num_samples : int
        S; at least 4 P / D - 4, or the sample average has no maximum.
    noise : callable
        E.g. `bbvi.estimators.noise.antithetic` or ``quasi_monte_carlo``.
    max_steps : int
    tolerance : float
        Nats of the sample average that may be left.

    Returns
    -------
    Solver
        For ``bbvi.infer(..., solver=...)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.  When it solves: if the family is not reparameterizable
        or S is too small for its number of covariances.
    NotFiniteError
        When it solves: if the ELBO is not finite at the start of a row.

    Notes
    -----
    Giordano, Ingram and Broderick (2024), "Black box variational inference with a deterministic
    objective".
    """
    if not 0 < tolerance < np.inf:
        raise ValueError(f"tolerance is {tolerance!r}; expected a positive number of nats.")
    return partial(
        _solve,
        num_samples=as_count("num_samples", num_samples, minimum=2),
        noise=noise,
        max_steps=as_steps("max_steps", max_steps),
        tolerance=tolerance,
    )


def _solve(
    family: Any,
    targets: Targets,
    lam: Array,
    rng: np.random.Generator,
    observe: Observe,
    *,
    num_samples: int,
    noise: NoiseSource,
    max_steps: int,
    tolerance: float,
) -> Solution:
    _check(family, num_samples)
    eps = noise(family, rng, num_samples, len(lam), lam.dtype)

    def sample_average(at: Array, rows: Array) -> tuple[Array, Array]:
        # What is not finite is refused, and a shorter step is taken.
        with np.errstate(all="ignore"):
            estimate = reparameterized(family, targets(rows), at.astype(lam.dtype), eps[:, rows])
        return estimate.elbo.astype(np.float64), estimate.grad.astype(np.float64)

    end = maximize(sample_average, lam, tolerance, max_steps, observe)
    lost = np.logical_not(np.isfinite(end.value))
    if lost.any():
        raise NotFiniteError(
            f"the ELBO is not finite at the start of {int(lost.sum())} of {len(lam)} rows (the "
            f"first is row {int(lost.argmax())}); expected finite log p(x, z) there. Check "
            "log_joint, or start elsewhere: lam=... or start=....",
            state=lam,
        )
    return Solution(
        lam=end.x.astype(lam.dtype),
        settled=end.gain <= tolerance,
        criterion="gradient of the sample average at its maximum",
        best_elbo=end.value,
        last_elbo=end.value,
        rival=np.full(len(lam), np.inf),
    )


def _check(family: Family, num_samples: int) -> None:
    """Refuse families without a path, and S that leaves the sample average unbounded.

    With S samples of D numbers a covariance of D directions is seen only if the samples span them;
    in mirrored pairs that takes S >= 2 D.  A full covariance has P / D = (D + 3) / 2.
    """
    if not isinstance(family, Reparameterizable):
        raise TypeError(
            f"deterministic got the family {type(family).__name__}, which is not "
            "reparameterizable. Use solver=stochastic(estimator=...)."
        )
    least = 4 * family.num_params // family.latent_dim - 4
    if num_samples < least:
        raise ValueError(
            f"deterministic got num_samples = {num_samples} for P = {family.num_params} parameters "
            f"of D = {family.latent_dim} latents; expected at least 4 P / D - 4 = {least}: under "
            "fewer held samples q can shrink without end where none of them looks."
        )
