"""Step 1 on a stream of minibatches: stochastic inference of a global latent."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized
from bbvi.inference.arguments import check_lam, check_parts, prepare
from bbvi.inference.counting import Counter
from bbvi.inference.course import course, warn_unless_settled
from bbvi.inference.fit import Fit, NotFiniteError, as_trace
from bbvi.inference.inner_loop import ascend
from bbvi.optimizers import Optimizer, adam
from bbvi.targets import hold_theta
from bbvi.types import Array, Estimator, Family, Model, Theta
from bbvi.validation import as_count, check_theta


def infer_minibatches(
    batches: Iterable[tuple[Model, Array]],
    family: Family,
    theta: Theta,
    rng: np.random.Generator,
    *,
    lam: Array | None = None,
    estimator: Estimator = reparameterized,
    num_samples: int = 8,
    optimizer: Optimizer | None = None,
    backend: str = "auto",
) -> Fit:
    """One step of Step 1 for each minibatch; all of them speak of the same latents.

    lam <- lam + rate * d/dlam E_q[log p_batch(x_batch, z) - log q_lam(z)]

    Requires
    --------
    Each minibatch's log p_batch(x_batch, z) to be an unbiased estimate of the whole data set's
    log p(x, z), as ``LogisticRegression.minibatch`` makes it.  Its noise does not vanish at the
    optimum, so let the step size fall.

    Parameters
    ----------
    batches : iterable of (model, x)
        One step each; the generator decides how many, and which rows.
    family, theta, rng, lam, estimator, num_samples, backend
        As for `bbvi.infer`.
    optimizer : Optimizer
        By default ``adam(0.02)``.

    Returns
    -------
    Fit
        ``lam`` is (N, P); ``trace`` has one entry per minibatch.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or there is no minibatch.
    NotFiniteError
        If a gradient is not finite; its ``state`` is the last finite lam.

    Notes
    -----
    Hoffman, Blei, Wang and Paisley (2013), "Stochastic variational inference".
    """
    num_samples = as_count("num_samples", num_samples)
    check_parts(family, estimator, optimizer=optimizer)
    check_theta(theta)
    optimizer = optimizer or adam(0.02)
    counter, moments = Counter(), None
    rows: list[tuple[int, float, float, int]] = []
    start = time.perf_counter()
    for step, (model, batch) in enumerate(batches, start=1):
        x, theta = prepare(model, batch, theta, rng)
        target = hold_theta(counter.watch(backends.unchecked_target(model, theta, x, backend)))
        if moments is None:
            lam = family.init(len(x)).astype(x.dtype) if lam is None else lam
            lam = check_lam(family, lam, x)
            moments = optimizer.init(lam, rows=True)
        last: Any = lam
        lam, moments, estimate = ascend(
            family, target, last, rng, estimator, num_samples, optimizer, moments
        )
        if not (np.isfinite(lam).all() and np.isfinite(estimate.elbo).all()):
            raise NotFiniteError(
                f"lam or the ELBO is not finite after minibatch {step}; expected finite gradients. "
                "Try a smaller step size or more samples; .state holds the last finite lam.",
                state=last,
            )
        seconds = time.perf_counter() - start
        rows.append((step, float(estimate.elbo.mean()), seconds, counter.evaluations))
    if moments is None or lam is None:
        raise ValueError("batches is empty; expected at least one (model, x).")
    trace = as_trace(rows)
    judged = course(trace.elbo)
    warn_unless_settled("infer_minibatches", judged)
    return Fit(theta, None, lam, trace, None, judged)
