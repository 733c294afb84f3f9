"""Transforms of vectors whose numbers depend on each other."""

import autograd.numpy as anp
import numpy as np

from bbvi.models.transforms.transform import Transform, checked, of_vector
from bbvi.types import Array
from bbvi.validation import as_count


def ordered(size: int) -> Transform:
    """Increasing numbers: u_1 = z_1, u_k = u_{k-1} + exp z_k; log |det du/dz| = z_2 + ... + z_K."""
    as_count("size", size, minimum=2)

    def forward(z: Array) -> Array:
        return anp.cumsum(anp.concatenate([z[..., :1], anp.exp(z[..., 1:])], axis=-1), axis=-1)

    def inverse(u: Array) -> Array:
        gaps = np.diff(checked(u, size, -np.inf, np.inf), axis=-1)
        if not (gaps > 0).all():
            raise ValueError(f"u has steps down to {gaps.min():.3g}; expected increasing numbers.")
        return np.concatenate([u[..., :1], np.log(gaps)], axis=-1)

    return of_vector(size, size, forward, inverse, lambda z: anp.sum(z[..., 1:], axis=-1))


def simplex(size: int) -> Transform:
    """Shares u_1, ..., u_K > 0 of sum 1, from K - 1 numbers: sticks broken off in turn.

    b_k = 1 / (1 + (K - k) exp -z_k),  u_k = b_k r_k,  r_1 = 1,  r_{k+1} = (1 - b_k) r_k,

    and u_K is what is left, r_K.  log |det d(u_1, ..., u_{K-1})/dz| = sum_k log b_k + log(1 - b_k)
    + log r_k.  At z = 0 all shares are 1 / K.
    """
    as_count("size", size, minimum=2)
    log_left = np.log(np.arange(size - 1, 0, -1.0))

    def logs(z: Array) -> tuple[Array, Array, Array]:
        """log b, log(1 - b) and log r of the K - 1 sticks."""
        log_rest = -anp.logaddexp(0.0, z - log_left)
        above = anp.cumsum(log_rest, axis=-1)
        return -anp.logaddexp(0.0, log_left - z), log_rest, above - log_rest

    def forward(z: Array) -> Array:
        log_b, log_rest, log_r = logs(z)
        last = anp.sum(log_rest, axis=-1, keepdims=True)
        return anp.exp(anp.concatenate([log_b + log_r, last], axis=-1))

    def inverse(u: Array) -> Array:
        u = checked(u, size, 0, 1)
        if np.abs(u.sum(axis=-1) - 1).max() > 1e-6:
            raise ValueError(f"u has sums up to {u.sum(axis=-1).max():.6g}; expected sums of 1.")
        after = np.cumsum(u[..., ::-1], axis=-1)[..., ::-1][..., 1:]
        return np.log(u[..., :-1]) - np.log(after) + log_left

    def log_jacobian(z: Array) -> Array:
        log_b, log_rest, log_r = logs(z)
        return anp.sum(log_b + log_rest + log_r, axis=-1)

    return of_vector(size - 1, size, forward, inverse, log_jacobian)


def affine(shift: Array, scale: Array) -> Transform:
    """u = shift + A z; ``scale`` is A (D, D), or its diagonal (D,), or one number.

    log |det du/dz| = log |det A|.  With a posterior's mean and Cholesky factor it whitens.

    Raises
    ------
    ValueError
        If the shapes do not fit, or A cannot be inverted.
    """
    shift, scale = np.atleast_1d(np.asarray(shift, float)), np.asarray(scale, float)
    D = len(shift)
    if shift.shape != (D,) or scale.shape not in ((), (D,), (D, D)):
        raise ValueError(
            f"shift has shape {shift.shape} and scale {scale.shape}; expected (D,) and (D, D), "
            "(D,) or a number."
        )
    A = scale if scale.ndim == 2 else np.diag(np.broadcast_to(scale, (D,)))
    sign, log_det = np.linalg.slogdet(A)
    if sign == 0 or not np.isfinite(log_det):
        raise ValueError("scale cannot be inverted; expected a nonzero, finite determinant.")
    return of_vector(
        D,
        D,
        lambda z: shift + anp.dot(z, A.T),
        lambda u: np.linalg.solve(A, (checked(u, D, -np.inf, np.inf) - shift)[..., None])[..., 0],
        lambda z: anp.sum(0.0 * z, axis=-1) + log_det,
    )
