"""Coordinate ascent where log p(x, z) is a quadratic form in z.

With E[log p(x, z)] = -1/2 z^T A z + h^T z + const the posterior is N(A^-1 h, A^-1).  A family
with a full covariance takes it whole.  A factorized q is moved one factor at a time, each to its
optimum given the others:

    sigma_d^2 = 1 / A_dd,      mu_d = (h_d - sum_{e != d} A_de mu_e) / A_dd.
"""

from typing import Any

import numpy as np

from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.types import Array


def gaussian_sweep(family: Any, lam: Array, A: Array, h: Array) -> Array:
    """One sweep over the factors of q: the new lam (N, P).

    Parameters
    ----------
    family : DiagonalGaussian or FullCovarianceGaussian
        q.
    lam : ndarray (N, P)
        Where the sweep begins.
    A : ndarray (N, D, D) or (D, D)
        Precision.
    h : ndarray (N, D)
        Precision times mean.

    Raises
    ------
    TypeError
        If the family is another one.

    Notes
    -----
    Bishop (2006), section 10.1.2; Wainwright and Jordan (2008), section 5.3, for the sweep.
    """
    A = np.broadcast_to(A, (len(h), *A.shape[-2:]))
    if isinstance(family, FullCovarianceGaussian):
        mean = np.linalg.solve(A, h[..., None])[..., 0]
        return family.from_moments(mean, np.linalg.inv(A)).astype(lam.dtype)
    if not isinstance(family, DiagonalGaussian):
        raise TypeError(
            f"family is {type(family).__name__}; expected DiagonalGaussian or "
            "FullCovarianceGaussian: the closed-form update of this model is Gaussian."
        )
    mean = family.split(lam)[0].copy()
    diagonal = np.diagonal(A, axis1=-2, axis2=-1)
    for d in range(family.latent_dim):
        rest = np.einsum("ne,ne->n", A[:, d], mean) - diagonal[:, d] * mean[:, d]
        mean[:, d] = (h[:, d] - rest) / diagonal[:, d]
    return np.concatenate([mean, -0.5 * np.log(diagonal)], axis=-1).astype(lam.dtype)
