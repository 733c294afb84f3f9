"""Step 1: gradient ascent on each datapoint's lam at fixed theta (floor 4)."""

import time
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import sticking_the_landing
from bbvi.inference.counting import Counter
from bbvi.inference.records import Fit, NotFiniteError, as_trace
from bbvi.inference.settings import check_lam, check_parts, prepare, progress_bar
from bbvi.optimizers import AdamState, Optimizer, adam, cosine_decay
from bbvi.targets import hold_theta
from bbvi.types import Array, Estimate, Estimator, Family, Model, Target, Theta
from bbvi.validation import as_count, check_theta


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
        lam, moments = optimizer.update(estimate.grad, moments, lam)
        if number == 0:
            first = estimate
    return lam, moments, first


def infer(
    model: Model,
    family: Family,
    theta: Theta,
    x: Array,
    rng: np.random.Generator,
    *,
    lam: Array | None = None,
    estimator: Estimator = sticking_the_landing,
    num_samples: int = 8,
    num_steps: int = 500,
    optimizer: Optimizer | None = None,
    backend: str = "auto",
    progress: bool | None = None,
) -> Fit:
    """Step 1 alone: fit lam to new data at fixed theta.

    Parameters
    ----------
    model, family, theta
        p_theta(x, z), q_lam(z) and the parameters theta, of x's dtype.
    x : ndarray (N, Dx)
        New data.
    rng : numpy Generator
        For the samples.
    lam : ndarray (N, P), optional
        Start, e.g. an encoder's output; by default ``family.init(N)``.
    estimator : callable
        ``(family, target, lam, eps) -> Estimate``.  The default's noise vanishes as q reaches the
        posterior, so that Step 1 ends on it and not near it.
    num_samples, num_steps : int
        S per step, and the number of steps.
    optimizer : Optimizer
        By default ``adam(cosine_decay(rate, num_steps))``, which lets lam settle.  The rate is
        0.2; with many covariances less, 0.2 sqrt(max(2 D, 40) / P), because Adam moves all P
        numbers at once and what the covariances do to z adds up.
    backend : {"auto", "kernel", "autodiff"}
        ``"auto"`` takes the kernel where it knows the model.
    progress : bool, optional
        Show a progress bar; by default only on a terminal.

    Returns
    -------
    Fit
        ``local`` is lam; ``trace`` has one entry per step.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    NotFiniteError
        If a gradient, its square or Adam's sum of squares is not finite; its ``state`` is the last
        finite lam.
    """
    num_samples = as_count("num_samples", num_samples)
    num_steps = as_count("num_steps", num_steps)
    check_parts(family, estimator, optimizer=optimizer)
    check_theta(theta)
    x, theta = prepare(model, x, theta, rng)
    counter = Counter()
    target = hold_theta(counter.watch(backends.target(model, theta, x, backend)))
    if lam is None:
        lam = family.init(len(x)).astype(x.dtype)
    lam = check_lam(family, lam, x)
    optimizer = optimizer or adam(cosine_decay(_default_rate(family), num_steps))
    moments = optimizer.init(lam, rows=True)
    rows: list[tuple[int, float, float, int]] = []
    start = time.perf_counter()
    for step in progress_bar(range(1, num_steps + 1), "Step 1", progress):
        # Overflow is told below, once and with what to do.
        with np.errstate(over="ignore"):
            moved, moments, estimate = ascend(
                family, target, lam, rng, estimator, num_samples, optimizer, moments
            )
        _check_finite(moved, moments, estimate, step, lam)
        lam = moved
        seconds = time.perf_counter() - start
        rows.append((step, float(estimate.elbo.mean()), seconds, counter.evaluations))
    return Fit(theta, None, lam, as_trace(rows), None)


def _default_rate(family: Family) -> float:
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
