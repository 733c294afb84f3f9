"""Step 1: gradient ascent on each datapoint's lam at fixed theta (floor 4)."""

import time
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import sticking_the_landing
from bbvi.inference.counting import Counter
from bbvi.inference.records import Fit, NotFiniteError, as_trace
from bbvi.inference.settings import check_lam, check_parts, prepare, progress_bar
from bbvi.optimizers import Optimizer, adam, cosine_decay
from bbvi.types import Array, Estimate, Estimator, Family, Model, Target, Theta, hold_theta
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
) -> tuple[Array, Any, Estimate]:
    """One step of Step 1, lam <- lam + rate * d ELBO / d lam, for all rows of lam (N, P) at once.

    Returns
    -------
    lam, moments
        Moved by one optimizer step.
    estimate : Estimate
        At the lam that came in.

    Notes
    -----
    Ermon/Grover notes, "Black-box variational inference", Step 1.
    """
    eps = family.noise(rng, num_samples, target.num_data, target.dtype)
    estimate = estimator(family, hold_theta(target), lam, eps)
    lam, moments = optimizer.update(estimate.grad, moments, lam)
    return lam, moments, estimate


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
        By default ``adam(cosine_decay(0.2, num_steps))``, which lets lam settle.
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
        If a gradient is not finite; its ``state`` is the last finite lam.
    """
    num_samples = as_count("num_samples", num_samples)
    num_steps = as_count("num_steps", num_steps)
    check_parts(family, estimator, optimizer=optimizer)
    check_theta(theta)
    x, theta = prepare(model, x, theta, rng)
    counter = Counter()
    target = counter.watch(backends.resolve(backend, model).target(model, theta, x))
    if lam is None:
        lam = family.init(len(x)).astype(x.dtype)
    lam = check_lam(family, lam, x)
    optimizer = optimizer or adam(cosine_decay(0.2, num_steps))
    moments = optimizer.init(lam, rows=True)
    rows: list[tuple[int, float, float, int]] = []
    start = time.perf_counter()
    for step in progress_bar(range(1, num_steps + 1), "Step 1", progress):
        moved, moments, estimate = ascend(
            family, target, lam, rng, estimator, num_samples, optimizer, moments
        )
        if not np.isfinite(moved).all():
            raise NotFiniteError(
                f"lam is not finite after step {step} of Step 1; expected finite gradients. Try a "
                "smaller step size or more samples; .state holds the last finite lam.",
                state=lam,
            )
        lam = moved
        seconds = time.perf_counter() - start
        rows.append((step, float(estimate.elbo.mean()), seconds, counter.evaluations))
    return Fit(theta, None, lam, as_trace(rows), None)
