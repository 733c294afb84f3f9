"""Expectations in closed form, with all their gradients.

The ELBO of the linear-Gaussian model, and E_q[f] of the textbook integrands of
`bbvi.models.integrands`, for any Gaussian family.  Sums over a support and Gauss-Hermite sums are
in `bbvi.evaluation.exact_sums`.
"""

from typing import Any

import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.protocols import Gaussian, GaussianMoments
from bbvi.types import Array, Estimate, Theta
from bbvi.validation import check_width


def linear_gaussian_elbo(model: Any, theta: Theta, x: Array, family: Any, lam: Array) -> Estimate:
    """E_q[log p(x, z)] + H[q] for q = N(m, C), p(z) = N(0, I), p(x | z) = N(W z + b, sigma^2 I).

    With r = x - W m - b and A = I + W^T W / sigma^2, the model's part is

        E_q[log p] = log N(x; W m + b, sigma^2 I) + log N(m; 0, I) - tr(A C) / 2,

    whose derivatives are W^T r / sigma^2 - m in m and -A / 2 in C.

    Requires
    --------
    A `Gaussian` family: ``gaussian_moments``, ``pullback`` and ``entropy_and_grad``.

    Parameters
    ----------
    model : LinearGaussian
        The model.
    theta : dict
        "W" (Dx, D), "b" (Dx,), "log_sigma" ().
    x : ndarray (N, Dx)
        Data.
    family, lam
        The Gaussian family and its parameters (N, P).

    Returns
    -------
    Estimate
        Exact: elbo (N,), grad (N, P), and grad_theta summed over the datapoints.

    Notes
    -----
    Tipping and Bishop (1999), the expected complete-data log-likelihood of section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import FullCovarianceGaussian, LinearGaussian
    >>> model, family = LinearGaussian(1, 2), FullCovarianceGaussian(1)
    >>> theta, x = model.init(np.random.default_rng(0)), np.ones((1, 2))
    >>> lam = family.from_moments(*model.posterior(theta, x))
    >>> exact = linear_gaussian_elbo(model, theta, x, family, lam)
    >>> np.allclose(exact.elbo, model.log_evidence(theta, x)), np.allclose(exact.grad, 0)
    (True, True)
    """
    model.check_theta(theta)
    W, log_sigma = theta["W"], theta["log_sigma"]
    check_width("x", x, model.observed_dim, "observed_dim")
    if np.ndim(x) != 2 or len(x) != len(lam):
        raise ValueError(
            f"x has shape {np.shape(x)} and lam has {len(lam)} rows; expected x (N, Dx) with one "
            "row of lam per row of x."
        )
    if family.latent_dim != model.latent_dim:
        raise ValueError(
            f"family has latent_dim {family.latent_dim}; expected the model's {model.latent_dim}."
        )
    precision = np.exp(-2 * log_sigma)
    m, C = gaussian_moments(family, lam)
    r = x - m @ W.T - theta["b"]
    A = np.eye(W.shape[1]) + precision * W.T @ W
    spread = np.einsum("ij,nji->n", A, C)
    log_likelihood = -0.5 * (precision * r**2 + LOG_2PI).sum(axis=1) - len(W) * log_sigma
    log_prior = -0.5 * (m**2 + LOG_2PI).sum(axis=1)
    entropy, dentropy = family.entropy_and_grad(lam)
    dm = precision * r @ W - m
    grad_theta = {
        "W": precision * (r.T @ m - W @ C.sum(axis=0)),
        "b": precision * r.sum(axis=0),
        "log_sigma": np.sum(
            precision * ((r**2).sum(axis=1) + np.einsum("xi,nij,xj->n", W, C, W)) - len(W)
        ),
    }
    return Estimate(
        log_likelihood + log_prior - 0.5 * spread + entropy,
        _through_moments(family, lam, dm, A) + dentropy,
        grad_theta,
    )


def quadratic_expectation(family: Any, k: float, lam: Array) -> Estimate:
    """E_q[sum_d (z_d - k)^2] = sum_d (m_d - k)^2 + C_dd for q = N(m, C).

    Requires
    --------
    A `Gaussian` family: ``gaussian_moments`` and ``pullback``.

    Parameters
    ----------
    family, lam
        The Gaussian family and its parameters (N, P).
    k : float
        The minimum.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import DiagonalGaussian
    >>> quadratic_expectation(DiagonalGaussian(1), -3.0, np.array([[1.0, 0.0]])).grad
    array([[8., 2.]])
    """
    m, C = gaussian_moments(family, lam)
    value = ((m - k) ** 2).sum(axis=1) + np.trace(C, axis1=1, axis2=2)
    return Estimate(value, _through_moments(family, lam, 2 * (m - k), -2 * np.eye(m.shape[1])), {})


def cosine_expectation(family: Any, k: float, lam: Array) -> Estimate:
    """E_q[sum_d cos(k z_d)] = sum_d cos(k m_d) exp(-k^2 C_dd / 2) for q = N(m, C).

    Requires
    --------
    A `Gaussian` family: ``gaussian_moments`` and ``pullback``.

    Parameters
    ----------
    family, lam
        The Gaussian family and its parameters (N, P).
    k : float
        Angular frequency.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import DiagonalGaussian
    >>> exact = cosine_expectation(DiagonalGaussian(1), 1.0, np.zeros((1, 2)))
    >>> bool(np.isclose(exact.elbo[0], np.exp(-0.5)))
    True
    """
    m, C = gaussian_moments(family, lam)
    height = np.exp(-0.5 * k**2 * np.diagonal(C, axis1=1, axis2=2))
    value = np.cos(k * m) * height
    A = (k**2 * value)[:, :, None] * np.eye(m.shape[1])
    return Estimate(
        value.sum(axis=1), _through_moments(family, lam, -k * np.sin(k * m) * height, A), {}
    )


def gaussian_moments(family: Any, lam: Array) -> GaussianMoments:
    """The mean and covariance of a `Gaussian` family.

    Raises
    ------
    TypeError
        If the family does not state that it is Gaussian.
    """
    if not isinstance(family, Gaussian):
        raise TypeError(
            f"family is {type(family).__name__}, which has no gaussian_moments; expected a "
            "Gaussian family such as DiagonalGaussian: the closed form holds for no other. Use "
            "grid_expectation for D <= 2, or an estimate by sampling."
        )
    return family.gaussian_moments(lam)


def _through_moments(family: Any, lam: Array, dm: Array, A: Array) -> Array:
    """Chain rule from (dm, -A / 2), derivatives in mean and covariance, to lam: (N, P).

    It is E_eps[(dm - A (z - m)) . dz/dlam] with z = m + L eps: quadratic in eps, so the mean over
    the 2 D points +-sqrt(D) e_d, which have the mean and covariance of N(0, I), is exact.
    """
    N, D = dm.shape
    points = np.sqrt(D) * np.concatenate([np.eye(D), -np.eye(D)])
    eps = np.repeat(points[:, None, :], N, axis=1)
    centered = family.transform(lam, eps) - gaussian_moments(family, lam).mean
    slope = dm - np.einsum("sni,nij->snj", centered, np.broadcast_to(A, (N, D, D)))
    return family.pullback(lam, eps, slope).mean(axis=0)
