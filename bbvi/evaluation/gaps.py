"""log p(x) - ELBO, split into approximation gap and amortization gap."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators.arguments import check_table
from bbvi.evaluation.exact_sums import log_evidence_enumeration
from bbvi.evaluation.importance import log_evidence_is
from bbvi.evaluation.optimum import optimum_from_several_starts
from bbvi.evaluation.quadrature import log_evidence_quadrature
from bbvi.inference import Fit, Solver, Verdict, step_1, warn_unless_converged
from bbvi.inference.inner_loop import Judge
from bbvi.nets import astype
from bbvi.optimizers import Optimizer
from bbvi.protocols import HasLogEvidence
from bbvi.types import (
    Array,
    Estimator,
    Family,
    Model,
    Relaxable,
    Reparameterizable,
    Target,
    Theta,
)
from bbvi.validation import as_float_array, check_members, check_theta

TOLERANCE, MAX_NODES = 1e-3, 2**16
"""Of the quadrature, the nodes of all dimensions together.  The last doubling's change overstates
the error: where the integrand is smooth, about the change's square is left (1e-6), where a relu
bends it, a third of the change.  Both are far below the ELBOs' standard errors."""


class InferenceGap(NamedTuple):
    """log p(x) - ELBO(lam) = approximation + amortization; every array is (N,), in nats.

    Attributes
    ----------
    log_evidence, log_evidence_error
        log p(x) and the error of its computation; NaN and infinite where quadrature does not
        find it to 0.1 nats.
    evidence_by : str
        How log p(x) was computed: "exact", "enumeration", "quadrature" or "importance sampling".
    elbo, elbo_error
        At the given lam, with standard error.
    elbo_optimum, elbo_optimum_error
        At the lam where Step 1 ends, with standard error.
    approximation : ndarray
        log p(x) - elbo_optimum: what the family cannot express, KL(q* || p(z | x)).
    amortization : ndarray
        elbo_optimum - elbo: what was lost by not being at the family's optimum.
    optimum : ndarray (N, P)
        The lam where Step 1 ends.
    verdict : Verdict
        Whether Step 1 has converged.
    """

    log_evidence: Array
    log_evidence_error: Array
    evidence_by: str
    elbo: Array
    elbo_error: Array
    elbo_optimum: Array
    elbo_optimum_error: Array
    approximation: Array
    amortization: Array
    optimum: Array
    verdict: Verdict


def inference_gap(
    model: Model,
    family: Family,
    theta: Theta,
    lam: Array,
    x: Array,
    rng: np.random.Generator,
    *,
    solver: Solver | None = None,
    num_steps: int | None = None,
    num_samples: int = 1000,
    estimator: Estimator | None = None,
    optimizer: Optimizer | None = None,
    exact_log_evidence: Callable[[Theta, Array], Array] | None = None,
    backend: str = "auto",
    progress: bool | None = None,
) -> InferenceGap:
    """Split each datapoint's gap log p(x) - ELBO(lam) at the ELBO's optimum over lam.

    log p(x) is ``exact_log_evidence`` or the model's own ``log_evidence`` where there is one,
    the sum over all values of a discrete z, quadrature for a continuous one of D <= 2, and
    importance sampling from the optimum otherwise.  Everything is computed in float64.

    Parameters
    ----------
    model, family, theta
        p_theta(x, z) and q_lam(z).
    lam : ndarray (N, P)
        E.g. an encoder's output for x.
    x : ndarray (N, Dx)
        Data.
    rng : numpy Generator
        For Step 1 and for the two ELBOs, which see the same samples.
    solver : Solver, optional
        Of Step 1, by default that of `bbvi.infer`.  It starts from lam, in some rows from
        ``family.init`` or a mode too, and the better end counts (`bbvi.evaluation.optimum`): the
        gaps tell of the family and of lam, not of what the solver reaches from lam alone.
    num_samples : int
        Of each ELBO.
    num_steps, estimator, optimizer : optional
        Any of them asks for `bbvi.inference.stochastic` with 16 samples; a discrete family needs
        an estimator by the score function.
    exact_log_evidence : callable, optional
        (theta, x) -> log p(x) (N,).
    backend : {"auto", "kernel", "autodiff"}
        As for `bbvi.fit_bbvi`.
    progress : bool, optional
        Show Step 1's progress bar; by default only on a terminal.

    Returns
    -------
    InferenceGap

    Raises
    ------
    TypeError, ValueError
        If x, lam or theta is not a finite float array, or they do not fit each other.

    Warns
    -----
    NotConvergedWarning
        If Step 1 has not converged in some row: part of its approximation gap is then Step 1's.

    Notes
    -----
    Cremer, Li and Duvenaud (2018), section 3.
    """
    check_members("model", model, ("latent_dim", "log_joint"), "LinearGaussian(2, 4)")
    check_theta(theta)
    theta = astype(theta, np.float64)
    x, lam = (
        as_float_array(name, value, ndim=2).astype(np.float64)
        for name, value in (("x", x), ("lam", lam))
    )
    target = backends.target(model, theta, x, backend)
    check_table(family, target, lam)

    asked = {"estimator": estimator, "num_steps": num_steps, "optimizer": optimizer}
    settings: dict[str, Any] = {"solver": solver, "backend": backend, "progress": progress, **asked}
    if any(value is not None for value in asked.values()):
        settings["num_samples"] = 16

    def climb(rows: Array, start: Array, judge: Judge) -> Fit:
        return step_1(model, family, theta, x[rows], rng, lam=start, judge=judge, **settings)

    def targets(rows: Array) -> Target:
        return backends.target(model, theta, x[rows], backend)

    at_lam, (optimum, verdict, at_optimum) = optimum_from_several_starts(
        climb, family, targets, lam, rng, num_samples
    )
    warn_unless_converged(verdict)
    by, evidence, error = _evidence(
        model, family, theta, x, target, optimum, rng, 5 * num_samples, exact_log_evidence, backend
    )
    return InferenceGap(
        log_evidence=evidence,
        log_evidence_error=error,
        evidence_by=by,
        elbo=at_lam.value,
        elbo_error=at_lam.standard_error,
        elbo_optimum=at_optimum.value,
        elbo_optimum_error=at_optimum.standard_error,
        approximation=evidence - at_optimum.value,
        amortization=at_optimum.value - at_lam.value,
        optimum=optimum,
        verdict=verdict,
    )


def _evidence(
    model: Model,
    family: Family,
    theta: Theta,
    x: Array,
    target: Target,
    optimum: Array,
    rng: np.random.Generator,
    num_samples: int,
    exact_log_evidence: Callable[[Theta, Array], Array] | None,
    backend: str,
) -> tuple[str, Array, Array]:
    """How log p(x) was computed, log p(x), and its error: by the most exact way there is."""
    known = model.log_evidence if isinstance(model, HasLogEvidence) else None
    exact = exact_log_evidence or known
    if exact is not None:
        return "exact", exact(theta, x), np.zeros(len(x))
    if isinstance(family, Relaxable) and _can_be_listed(family):
        return "enumeration", log_evidence_enumeration(family, target), np.zeros(len(x))
    if model.latent_dim <= 2 and isinstance(family, Reparameterizable):
        most = round(MAX_NODES ** (1 / model.latent_dim))
        quadrature = log_evidence_quadrature(
            model, theta, x, tolerance=TOLERANCE, max_nodes=most, backend=backend
        )
        value = np.where(np.isinf(quadrature.error), np.nan, quadrature.value)
        return "quadrature", value, quadrature.error
    evidence, error, _ = log_evidence_is(family, target, optimum, rng, num_samples)
    return "importance sampling", evidence, error


def _can_be_listed(family: Relaxable) -> bool:
    """Whether z has few enough values to sum over them."""
    try:
        family.support()
    except ValueError:
        return False
    return True
