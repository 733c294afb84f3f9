"""Step 1 with lam, ELBO and gap after every step, and the plane that it moves in."""

from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized
from bbvi.evaluation.exact_sums import gauss_hermite
from bbvi.evaluation.grid_sums import grid_expectation, moments_of
from bbvi.evaluation.quadrature import find_boxes, grid, log_evidence_quadrature
from bbvi.inference.inner_loop import ascend
from bbvi.optimizers import adam, cosine_decay
from bbvi.protocols import Gaussian, HasLogEvidence
from bbvi.types import Array, Estimator, Model, Target, Theta
from bbvi.validation import as_steps


class WatchedStep1(NamedTuple):
    """Step 1, recorded: T steps of N datapoints, the start included.

    Attributes
    ----------
    lam : ndarray (T + 1, N, P)
    elbo, kl : ndarray (T + 1, N)
        By Gauss-Hermite sums, and KL(q || p(z | x)) by trapezoids on q's own box, nats: two
        computations, whose sum should be log p(x).
    log_evidence : ndarray (N,)
    """

    lam: Array
    elbo: Array
    kl: Array
    log_evidence: Array


def watch_step_1(
    model: Model,
    family: Any,
    theta: Theta,
    x: Array,
    rng: np.random.Generator,
    *,
    lam: Array | None = None,
    estimator: Estimator = reparameterized,
    num_samples: int = 8,
    num_steps: int = 60,
    rate: float = 0.15,
) -> WatchedStep1:
    """Run Step 1 on x (N, Dx) at fixed theta, with lam, ELBO and gap after every step.

    Requires
    --------
    D <= 2 and a Gaussian family; float64.

    Parameters
    ----------
    model, family, theta, x
        p_theta(x, z), q_lam(z), and the data.
    rng : numpy Generator
        For the samples.
    lam : ndarray (N, P), optional
        Start; by default ``family.init(N)``.
    estimator, num_samples, num_steps
        The gradient, S and T.
    rate : float
        Adam's step size, falling to 0 by a cosine.

    Raises
    ------
    TypeError, ValueError
        If the family is not Gaussian, or D > 2.

    Notes
    -----
    Ermon/Grover notes, "Black-box variational inference", Step 1.
    """
    as_steps("num_steps", num_steps)
    target = backends.target(model, theta, x)
    if isinstance(model, HasLogEvidence):
        log_evidence = model.log_evidence(theta, x)
    else:
        log_evidence = log_evidence_quadrature(model, theta, x).value
    lam = family.init(len(x)) if lam is None else lam
    optimizer = adam(cosine_decay(rate, num_steps))
    moments, lams = optimizer.init(lam, rows=True), [lam]
    for _ in range(num_steps):
        lam, moments, _ = ascend(
            family, target, lam, rng, estimator, num_samples, optimizer, moments
        )
        lams.append(lam)
    elbo = np.stack([exact_elbo(family, target, lam) for lam in lams])
    kl = np.stack([kl_to_posterior(family, target, lam, log_evidence) for lam in lams])
    return WatchedStep1(np.stack(lams), elbo, kl, log_evidence)


def exact_elbo(family: Any, target: Target, lam: Array) -> Array:
    """The ELBO (N,) by Gauss-Hermite sums, by a grid where q is not Gaussian."""
    if isinstance(family, Gaussian):
        return gauss_hermite(family, target, lam, num_nodes=100).elbo
    return grid_expectation(family, target, lam).elbo


def kl_to_posterior(
    family: Any, target: Target, lam: Array, log_evidence: Array, nodes: int = 100
) -> Array:
    """KL(q || p(z | x)) = sum of q (log q - log p(x, z) + log p(x)) over a grid: (N,), nats."""
    mean, covariance = moments_of(family, lam)
    width = 7 * np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    z = grid(mean - width, mean + width, nodes)
    cell = np.prod(2 * width / (nodes - 1), axis=1)
    log_q = family.log_prob(lam, z)
    return cell * np.sum(np.exp(log_q) * (log_q - target.value(z) + log_evidence), axis=0)


class Landscape(NamedTuple):
    """One datapoint's log p(x, z) on a grid of z: z1, z2 and log_joint are (nodes, nodes)."""

    z1: Array
    z2: Array
    log_joint: Array


def landscapes(model: Model, theta: Theta, x: Array, nodes: int = 90) -> list[Landscape]:
    """The log joint of each row of x on a grid over the prior's bulk and its own posterior.

    Requires
    --------
    D = 2; float64.
    """
    low, high = find_boxes(model, theta, x)
    z = grid(np.minimum(low, -2.6), np.maximum(high, 2.6), nodes)
    log_joint = backends.target(model, theta, x).value(z)
    squares = (nodes, nodes)
    return [
        Landscape(z[:, n, 0].reshape(squares), z[:, n, 1].reshape(squares), log_p.reshape(squares))
        for n, log_p in enumerate(log_joint.T)
    ]


def course_rows(family: Any, course: WatchedStep1) -> list[dict[str, Any]]:
    """A course as tidy rows, one for each datapoint and step: moments of q, ELBO, gap."""
    rows = []
    for n, log_evidence in enumerate(course.log_evidence):
        for step, lam in enumerate(course.lam[:, n]):
            mean, covariance = (moment[0] for moment in moments_of(family, lam[None]))
            row: dict[str, Any] = {"datapoint": n, "step": step}
            row |= {f"mean_{d + 1}": mean[d] for d in range(len(mean))}
            row |= {f"sd_{d + 1}": np.sqrt(covariance[d, d]) for d in range(len(mean))}
            row |= {"elbo": course.elbo[step, n], "kl": course.kl[step, n]}
            rows.append({**row, "log_evidence": log_evidence})
    return rows
