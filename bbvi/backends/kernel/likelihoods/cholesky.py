"""The Gaussian with a full covariance on a block of rows.

With w = L^-1 (x - m) by forward and v = L^-T w by back substitution,

    log p = -|w|^2 / 2 - sum_j log L_jj - (Dx / 2) log 2 pi,
    d/dm = v,    d/dL_ij = v_i w_j,    d/d log L_jj = v_j w_j L_jj - 1.
"""

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.protocol import LikelihoodKernel, column_sums, products_summed
from bbvi.logs import LOG_2PI
from bbvi.types import Array, Theta


def _row(j: int, Dx: int) -> slice:
    """Where row j of the triangle, without its diagonal entry, is found in the outputs."""
    start = Dx + j * (j + 1) // 2
    return slice(start, start + j)


def _whiten(y: Array, u: Array, buffers: Buffers) -> tuple[Array, Array, Array]:
    """w (Dx, R), the diagonal of L (Dx, R), and log p (R,)."""
    Dx = len(y)
    log_diagonal = u[[_row(j, Dx).stop for j in range(Dx)]]
    diagonal = np.exp(log_diagonal)
    w = np.subtract(y, u[:Dx], out=buffers("whitened", *y.shape))
    for j in range(Dx):
        w[j] -= np.einsum("kr,kr->r", u[_row(j, Dx)], w[:j])
        w[j] /= diagonal[j]
    value = -0.5 * products_summed(w, w) - column_sums(log_diagonal)
    return w, diagonal, value - 0.5 * LOG_2PI * Dx


def _value(state: None, y: Array, u: Array, buffers: Buffers) -> Array:
    return _whiten(y, u, buffers)[2]


def _value_and_grads(
    state: None, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    w, diagonal, value = _whiten(y, u, buffers)
    Dx = len(y)
    v = buffers("unwhitened", *w.shape)
    v[...] = w
    for j in reversed(range(Dx)):
        v[j] /= diagonal[j]
        v[:j] -= v[j] * u[_row(j, Dx)]
    for j in range(Dx):
        row = _row(j, Dx)
        np.multiply(v[j], w[:j], out=u[row])
        u[row.stop] = v[j] * w[j] * diagonal[j] - 1
    u[:Dx] = v
    return value, {}


CHOLESKY = LikelihoodKernel(
    lambda likelihood, params: 1.0,
    lambda likelihood, params, x: None,
    lambda state, y: None,
    _value,
    _value_and_grads,
)
