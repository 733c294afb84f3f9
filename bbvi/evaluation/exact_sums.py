"""Expectations as finite weighted sums, with all their gradients.

Over the support of a discrete q the sum is exact; for a Gaussian q with D <= 2 it is a
Gauss-Hermite rule, whose error falls geometrically for a smooth integrand.  With nodes z_j of
probability w_j,

    E_q[f] = sum_j w_j f(z_j),      d/dlam E_q[f] = sum_j w_j f(z_j) d log q(z_j)/dlam,

and a bound made of S samples is the same sum over all S-tuples of nodes.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators.arguments import check_table, check_target
from bbvi.estimators.elbo import elbo_integrand
from bbvi.protocols import Gaussian
from bbvi.types import Array, Estimate, Relaxable, Target
from bbvi.validation import as_count, check_members

LARGEST_SUM = 2**20
_ROWS = 2**16


class Nodes(NamedTuple):
    """Nodes z (J, N, D) with probabilities (J, N) under q."""

    z: Array
    probabilities: Array


def support_nodes(family: Any, lam: Array) -> Nodes:
    """Every value of a discrete z, with q's probabilities.

    Raises
    ------
    TypeError
        If the family is not discrete.
    ValueError
        If its support is too large.
    """
    values = _support(family).astype(lam.dtype)
    z = np.repeat(values[:, None, :], len(lam), axis=1)
    return Nodes(z, np.exp(family.log_prob(lam, z)))


def _support(family: Any) -> Array:
    """Every value of a discrete z (K, D)."""
    if not isinstance(family, Relaxable):
        raise TypeError(
            f"family is {type(family).__name__}, which has no support to enumerate; expected a "
            "discrete family such as Bernoulli. For a Gaussian with D <= 2 use gauss_hermite."
        )
    return family.support()


def hermite_nodes(family: Any, lam: Array, num_nodes: int = 64) -> Nodes:
    """A product Gauss-Hermite rule in the noise of a Gaussian family.

    Raises
    ------
    TypeError
        If the family is not Gaussian.
    ValueError
        If D > 2.
    """
    D = family.latent_dim
    if not isinstance(family, Gaussian):
        raise TypeError(
            f"family is {type(family).__name__}, which has no gaussian_moments; Gauss-Hermite sums "
            "are for Gaussian families. For another continuous one use grid_expectation, for a "
            "discrete one enumeration."
        )
    if D > 2:
        raise ValueError(
            f"family has latent_dim {D}; Gauss-Hermite sums are for 1 or 2. Estimate by sampling."
        )
    points, weights = np.polynomial.hermite_e.hermegauss(as_count("num_nodes", num_nodes))
    eps = np.stack([g.ravel() for g in np.meshgrid(*[points] * D, indexing="ij")], axis=-1)
    probabilities = np.prod(np.meshgrid(*[weights / weights.sum()] * D), axis=0).ravel()
    # Weights below rounding only multiply values far out, which may overflow.
    keep = probabilities > 1e-40
    eps = np.repeat(eps[keep][:, None, :], len(lam), axis=1).astype(lam.dtype)
    shape = (eps.shape[0], len(lam))
    w = np.broadcast_to(probabilities[keep][:, None], shape).astype(lam.dtype)
    return Nodes(family.transform(lam, eps), w)


def enumeration(family: Relaxable, target: Target, lam: Array) -> Estimate:
    """The exact ELBO of a discrete q and its exact gradients, by summing over the support.

    A plain E_q[f] is ``weighted_sum(family, f, lam, support_nodes(family, lam))``.

    Parameters
    ----------
    family, target, lam
        lam (N, P).

    Raises
    ------
    TypeError, ValueError
        If the family is not discrete, or has more than 65536 values.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi.families import Bernoulli
    >>> from bbvi.models.integrands import quadratic
    >>> float(enumeration(Bernoulli(1), quadratic(0.5), np.zeros((1, 1))).elbo[0].round(6))
    0.943147
    """
    f = elbo_integrand(family, target, lam)
    return weighted_sum(family, f, lam, support_nodes(family, lam))


def log_evidence_enumeration(family: Relaxable, target: Target) -> Array:
    """log p(x) = log sum_z p(x, z) over all values of a discrete z: (N,), nats, exact.

    Parameters
    ----------
    family : Relaxable
        Only its support counts: the values that z can take.
    target : Target
        log p(x, .).

    Raises
    ------
    TypeError, ValueError
        If the family is not discrete, has more than 65536 values, or another latent dimension
        than the target.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import MLP, BernoulliLikelihood, BernoulliPrior, DeepLatentModel, backends
    >>> from bbvi.families import Bernoulli
    >>> model = DeepLatentModel(BernoulliPrior(3), MLP((3, 4)), BernoulliLikelihood())
    >>> theta = {key: 0 * value for key, value in model.init(np.random.default_rng(0)).items()}
    >>> target = backends.kernel.target(model, theta, np.zeros((1, 4)))
    >>> float(log_evidence_enumeration(Bernoulli(3), target)[0].round(4))
    -2.7726
    """
    check_target(target)
    check_members("family", family, ("latent_dim", "num_params"), "Bernoulli(3)")
    N, lam = target.num_data, np.zeros((target.num_data, family.num_params), target.dtype)
    check_table(family, target, lam)
    values, part = _support(family).astype(target.dtype), max(1, _ROWS // N)
    log_p = np.full(N, -np.inf)
    for start in range(0, len(values), part):
        z = np.repeat(values[start : start + part, None, :], N, axis=1)
        log_p = np.logaddexp(log_p, np.logaddexp.reduce(target.value(z), axis=0))
    return log_p.astype(target.dtype)


def gauss_hermite(
    family: Any,
    target: Target,
    lam: Array,
    num_nodes: int = 64,
) -> Estimate:
    """The ELBO of a Gaussian q with D <= 2 and its gradients, by a Gauss-Hermite sum.

    A plain E_q[f] is ``weighted_sum(family, f, lam, hermite_nodes(family, lam))``.

    Parameters
    ----------
    family, target, lam
        lam (N, P), float64.
    num_nodes : int
        Per dimension; exact for polynomials in z of degree below 2 num_nodes - 2.

    Raises
    ------
    TypeError, ValueError
        If the family is not Gaussian, or D > 2.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import DiagonalGaussian
    >>> from bbvi.models.integrands import quadratic
    >>> q, lam = DiagonalGaussian(1), np.array([[1.0, 0.0]])
    >>> gauss_hermite(q, quadratic(-3.0), lam).grad.round(9)
    array([[8., 3.]])
    """
    f = elbo_integrand(family, target, lam)
    return weighted_sum(family, f, lam, hermite_nodes(family, lam, num_nodes))


def weighted_sum(family: Any, target: Target, lam: Array, nodes: Nodes) -> Estimate:
    """E_q[f] = sum_j w_j f(z_j) and its gradients, by the score; ``target.value`` is f.

    Parameters
    ----------
    family, target, lam
        lam (N, P), float64.
    nodes : Nodes
        `support_nodes`, `hermite_nodes` or `bbvi.evaluation.grid_sums.grid_nodes`.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import Bernoulli, DiagonalGaussian
    >>> from bbvi.models.integrands import quadratic
    >>> q, lam = Bernoulli(1), np.zeros((1, 1))
    >>> toy = weighted_sum(q, quadratic(0.499), lam, support_nodes(q, lam))
    >>> float(toy.grad[0, 0].round(6))
    0.0005
    >>> q, lam = DiagonalGaussian(1), np.array([[1.0, 0.0]])
    >>> weighted_sum(q, quadratic(-3.0), lam, hermite_nodes(q, lam)).grad.round(9)
    array([[8., 2.]])
    """
    z, w = nodes
    f, _, dtheta = target.evaluate(z, dtheta=True, weights=w)
    grad = ((w * f)[..., None] * family.score(lam, z)).sum(axis=0)
    return Estimate((w * f).sum(axis=0), grad, dtheta)


def multi_sample_bound(
    family: Any, target: Target, lam: Array, nodes: Nodes, num_samples: int, alpha: float = 0.0
) -> Estimate:
    """E[log (1/S) sum_s w_s^(1 - alpha)] / (1 - alpha) and its gradients, over all S-tuples.

    The gradient of a tuple's bound L has two parts: L times the score of the tuple, and, through
    log q inside the weights, -w~_s times the score of each sample.

    Parameters
    ----------
    family, target, lam
        lam (N, P).
    nodes : Nodes
        `support_nodes` or `hermite_nodes`.
    num_samples : int
        S; the sum has J^S terms.
    alpha : float
        0 for the IWAE bound; not 1.

    Raises
    ------
    ValueError
        If there are more than 2^20 tuples.
    """
    z, probabilities = nodes
    J, S = len(z), as_count("num_samples", num_samples)
    if J**S > LARGEST_SUM:
        raise ValueError(
            f"num_samples is {S} with {J} nodes: {J**S} tuples; expected at most {LARGEST_SUM}. "
            "Use fewer nodes or samples."
        )
    log_w = elbo_integrand(family, target, lam).value(z)
    tuples = np.array(list(itertools.product(range(J), repeat=S))).T
    chance = np.prod(probabilities[tuples], axis=0)
    powers = (1 - alpha) * log_w[tuples]
    highest = powers.max(axis=0)
    relative = np.exp(powers - highest)
    bound = (highest + np.log(relative.mean(axis=0))) / (1 - alpha)
    shares = chance * relative / relative.sum(axis=0)
    # How much each node counts in the gradient, over all tuples and places where it occurs.
    through_score, through_weight = np.zeros_like(log_w), np.zeros_like(log_w)
    for place, share in zip(tuples, shares):
        np.add.at(through_score, place, chance * bound)
        np.add.at(through_weight, place, share)
    _, dtheta = target.value_and_dtheta(z, through_weight)
    counts = (through_score - through_weight)[..., None]
    grad = (counts * family.score(lam, z)).sum(axis=0)
    return Estimate((chance * bound).sum(axis=0), grad, dtheta)
