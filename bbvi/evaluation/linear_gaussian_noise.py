"""The parts of the gradient's noise in closed form, for the linear-Gaussian model.

With z ~ N(m, C), r = x - W z - b and y = z - m, the gradients of one sample are at most quadratic
in jointly Gaussian numbers, so that their covariances need nothing beyond

    Var(X Y) = E[X]^2 Var Y + E[Y]^2 Var X + 2 E[X] E[Y] Cov(X, Y) + Var X Var Y + Cov(X, Y)^2

and its polarized form.  `bbvi.evaluation.gradient_parts` estimates what is exact in this module.
"""

from typing import Any

import numpy as np

from bbvi.evaluation.exact import gaussian_moments
from bbvi.types import Array, Theta


def theta_noise(theta: Theta, x: Array, family: Any, lam: Array) -> Array:
    """tr Cov of d log p(x_n, z) / d theta for one sample z ~ q: (N,).

    With t = 1 / sigma^2, rho = x - W m - b and V = W C W^T the parts are

        W:          t^2 sum_jd Var(r_j z_d)
        b:          t^2 tr V
        log sigma:  t^2 (2 tr V^2 + 4 rho^T V rho)

    Parameters
    ----------
    theta : dict
        Parameters of a `bbvi.LinearGaussian`.
    x : ndarray (N, Dx)
    family, lam
        A Gaussian family and its parameters (N, P).

    Returns
    -------
    ndarray (N,)
        Of S independent samples the gradient's mean has a share of 1 / S.
    """
    W, t = theta["W"], np.exp(-2 * theta["log_sigma"])
    m, C = gaussian_moments(family, lam)
    rho = x - m @ W.T - theta["b"]
    V = np.einsum("ji,nik,lk->njl", W, C, W)
    crossed = -np.einsum("ji,nid->njd", W, C)
    var_r, var_z = np.einsum("njj->nj", V)[:, :, None], np.einsum("ndd->nd", C)[:, None]
    mean_r, mean_z = rho[:, :, None], m[:, None]
    products = mean_r**2 * var_z + mean_z**2 * var_r + 2 * mean_r * mean_z * crossed
    products = products + var_r * var_z + crossed**2
    of_sigma = 2 * (V**2).sum(axis=(1, 2)) + 4 * np.einsum("nj,njl,nl->n", rho, V, rho)
    return t**2 * (products.sum(axis=(1, 2)) + np.einsum("njj->n", V) + of_sigma)


def lam_covariance(theta: Theta, x: Array, lam: Array) -> Array:
    """Cov of the reparameterized gradient in lam of a diagonal Gaussian, one sample: (N, P, P).

    The gradient is (g, g * y) and a constant, with g = s - A y, s = W^T rho / sigma^2 - m and
    A = I + W^T W / sigma^2.

    Parameters
    ----------
    theta, x
        As for `theta_noise`.
    lam : ndarray (N, 2 D)
        Of a `bbvi.DiagonalGaussian`.
    """
    W, t, D = theta["W"], np.exp(-2 * theta["log_sigma"]), theta["W"].shape[1]
    m, C = lam[:, :D], np.exp(2 * lam[:, D:])[:, :, None] * np.eye(D)
    A = np.eye(D) + t * W.T @ W
    s = t * (x - m @ W.T - theta["b"]) @ W - m
    of_g, g_and_y = A @ C @ A, -A @ C
    means_with_scales = s[:, None, :] * g_and_y
    of_scales = (s[:, :, None] * s[:, None, :] + of_g) * C + g_and_y * np.swapaxes(g_and_y, 1, 2)
    top = np.concatenate([of_g, means_with_scales], axis=2)
    bottom = np.concatenate([np.swapaxes(means_with_scales, 1, 2), of_scales], axis=2)
    return np.concatenate([top, bottom], axis=1)


def minibatch_noise(gradients: Array, batch_size: int) -> float:
    """tr Var of the mean over B of N rows drawn without replacement: (1 - B / N) tr Cov / B.

    Parameters
    ----------
    gradients : ndarray (N, p)
        Expected gradient of each datapoint.
    batch_size : int
        B.

    Notes
    -----
    Cochran (1977), "Sampling techniques", theorem 2.2.

    Examples
    --------
    >>> minibatch_noise(np.array([[0.0], [1.0], [5.0]]), 3)
    0.0
    """
    N = len(gradients)
    return float((1 - batch_size / N) * gradients.var(axis=0, ddof=1).sum() / batch_size)
