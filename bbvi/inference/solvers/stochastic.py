"""Step 1 by noisy gradients and an optimizer, for every family and estimator."""

from functools import partial
from typing import Any

import numpy as np

from bbvi.estimators import reparameterized, sticking_the_landing
from bbvi.inference.arguments import check_estimate
from bbvi.inference.fit import NotFiniteError
from bbvi.inference.solvers.solution import Observe, Solution, Solver, Targets
from bbvi.inference.solvers.windows import ERRORS, UNSEEN, Windows, mean_and_error, rising
from bbvi.optimizers import AdamState, Optimizer, adam, cosine_decay, put_rows, take_rows
from bbvi.types import Array, Estimate, Estimator, Family, Target
from bbvi.validation import as_count, as_steps

LOOKS = 4
"""Times the samples of a step, for a look at the start and one at the end."""


def ascend(
    family: Family,
    target: Target,
    lam: Array,
    rng: np.random.Generator,
    estimator: Estimator,
    num_samples: int,
    optimizer: Optimizer,
    moments: Any,
    num_steps: int = 1,
) -> tuple[Array, Any, Estimate]:
    """Step 1, lam <- lam + rate * d ELBO / d lam, for all rows of lam (N, P) at once.

    Requires
    --------
    A target with theta held fixed (`bbvi.targets.hold_theta`): a theta gradient would be paid for
    and thrown away.

    Returns
    -------
    lam, moments
        Moved by ``num_steps`` optimizer steps.
    estimate : Estimate
        At the lam that came in.

    Notes
    -----
    Ermon/Grover notes, "Black-box variational inference", Step 1.
    """
    for number in range(num_steps):
        eps = family.noise(rng, num_samples, target.num_data, target.dtype)
        estimate = estimator(family, target, lam, eps)
        check_estimate(estimate)
        lam, moments = optimizer.update(estimate.grad, moments, lam)
        if number == 0:
            first = estimate
    return lam, moments, first


def stochastic(
    *,
    estimator: Estimator | None = None,
    num_samples: int = 8,
    num_steps: int = 500,
    optimizer: Optimizer | None = None,
) -> Solver:
    """Noisy gradients of all rows, a fixed number of steps: a solver for every family.

    Where a window of steps has a lower ELBO than the best before it, or than the start, by more
    than the noise of the two, the row goes back to the end of that best window and takes half as
    long steps.  At the end lam is held against an earlier one once more, under common noise.

    Parameters
    ----------
    estimator : callable, optional
        ``(family, target, lam, eps) -> Estimate``.  By default `bbvi.reparameterized` in the first
        half of the steps, whose noise stays bounded far from the posterior, and
        `bbvi.sticking_the_landing` in the second, whose noise vanishes on it.
    num_samples, num_steps : int
        S per step, and the number of steps.
    optimizer : Optimizer, optional
        By default ``adam(cosine_decay(rate, num_steps))``, which lets lam settle.  The rate is
        0.2; with many covariances less, 0.2 sqrt(max(2 D, 40) / P), because Adam moves all P
        numbers at once and what the covariances do to z adds up.

    Returns
    -------
    Solver
        For ``bbvi.infer(..., solver=...)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    NotFiniteError
        When it solves: if a gradient, its square or Adam's sum of squares is not finite; its
        ``state`` is the last finite lam.
    """
    return partial(
        _solve,
        estimator=estimator,
        num_samples=as_count("num_samples", num_samples),
        num_steps=as_steps("num_steps", num_steps),
        optimizer=optimizer,
    )


def _solve(
    family: Family,
    targets: Targets,
    lam: Array,
    rng: np.random.Generator,
    observe: Observe,
    *,
    estimator: Estimator | None,
    num_samples: int,
    num_steps: int,
    optimizer: Optimizer | None,
) -> Solution:
    target = targets(np.arange(len(lam)))
    optimizer = optimizer or adam(cosine_decay(default_rate(family), num_steps))
    moments = optimizer.init(lam, rows=True)
    aside = rng.spawn(1)[0]
    eps = family.noise(aside, LOOKS * num_samples, target.num_data, target.dtype)
    windows = Windows(lam, moments, num_steps, _elbos(family, target, lam, eps))
    for step in range(1, num_steps + 1):
        # The total gradient's noise is bounded where q is far from p; the path derivative's is not.
        early = reparameterized if 2 * step <= num_steps else sticking_the_landing
        # Overflow is told below, once and with what to do.
        with np.errstate(over="ignore"):
            moved, moments, estimate = ascend(
                family, target, lam, rng, estimator or early, num_samples, optimizer, moments
            )
        _check_finite(moved, moments, estimate, step, lam)
        lam = windows.shortened(lam, moved)
        back = windows.add(estimate.elbo, lam, moments)
        if len(back):
            lam[back] = windows.best_lam[back]
            put_rows(moments, back, _of_this_step(take_rows(windows.best_moments, back), moments))
        observe(estimate.elbo)
    elbos = np.array(windows.elbos)
    return Solution(
        lam=_undone(family, target, lam, windows, eps),
        settled=~rising(elbos),
        criterion="rise of the ELBO from the third quarter of the steps to the last",
        best_elbo=windows.best_elbo,
        last_elbo=elbos[-windows.length :].mean(axis=0),
        rival=np.full(len(lam), np.inf),
    )


def _undone(family: Family, target: Target, lam: Array, windows: Windows, eps: Array) -> Array:
    """lam; for a row whose ELBO fell in its last steps, its lam of one to two windows earlier.

    Compared under common noise; a fall counts if it exceeds the noise of the difference.
    """
    earlier = windows.ends[0]
    # What is not finite at the end is worse than anything that is.
    with np.errstate(all="ignore"):
        gain = _elbos(family, target, lam, eps) - _elbos(family, target, earlier, eps)
        mean, error = mean_and_error(gain)
        level = mean >= -ERRORS * error - UNSEEN
    return np.where((level | np.isinf(windows.best_elbo))[:, None], lam, earlier)


def _elbos(family: Family, target: Target, lam: Array, eps: Array) -> Array:
    """log p - log q of each draw (S, N), of whatever size."""
    with np.errstate(all="ignore"):
        z = family.transform(lam, eps)
        return (target.value(z) - family.log_prob(lam, z)).astype(np.float64)


def _of_this_step(earlier: Any, moments: Any) -> Any:
    """Earlier moments, with today's number of steps: a rate that falls must not begin anew."""
    if isinstance(earlier, AdamState):
        return earlier._replace(steps=np.broadcast_to(moments.steps.max(), earlier.steps.shape))
    return earlier


def default_rate(family: Family) -> float:
    """Adam's step size for a family: 0.2, and less where covariances are many."""
    return 0.2 * min(1.0, (max(2 * family.latent_dim, 40) / family.num_params) ** 0.5)


def _check_finite(moved: Array, moments: Any, estimate: Estimate, step: int, lam: Array) -> None:
    """Raise NotFiniteError, holding the lam before this step, unless Step 1 can go on."""
    what = "lam is not finite"
    if np.isfinite(moved).all():
        largest = np.abs(estimate.grad).max()
        # Adam would never move a row again whose sum of squared gradients has overflowed; the sum
        # grows to 1 / (1 - beta2) times the square.
        summed = isinstance(moments, AdamState) and not np.isfinite(moments.second).all()
        if largest < np.sqrt(np.finfo(moved.dtype).max) and not summed:
            return
        what = f"the gradient is {largest:.1g}: q has run away"
    raise NotFiniteError(
        f"{what} after step {step} of Step 1; expected finite gradients and squares of them. Try "
        "a smaller step size, e.g. optimizer=adam(cosine_decay(0.02, num_steps)), more samples, or "
        "float64; .state holds the last finite lam.",
        state=lam,
    )
