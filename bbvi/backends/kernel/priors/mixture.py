"""The mixture of Gaussians on a block of rows.

With w_k = L_k^-1 (z - m_k), v_k = L_k^-T w_k and the responsibilities r_k = p(k | z),

    d/dz = -sum_k r_k v_k,    d/dm_k = r_k v_k,    d/dL_k = r_k (v_k w_k^T - diag(1 / L_k)),

and d/dlogits = r - softmax(logits).
"""

from typing import NamedTuple

import numpy as np

from bbvi.backends.kernel.priors.protocol import PriorKernel
from bbvi.logs import LOG_2PI
from bbvi.models import MixtureOfGaussians
from bbvi.types import Array, Theta


class Components(NamedTuple):
    """The mixture at fixed parameters.

    Attributes
    ----------
    constants : ndarray (K, 1)
        log w_k - sum_d log L_dd - (D / 2) log 2 pi.
    means : ndarray (K, D, 1)
        m_k.
    inverses, diagonals : ndarray (K, D, D), (K, D)
        L_k^-1, and the diagonal of L_k.
    weights : ndarray (K,)
        w_k.
    """

    constants: Array
    means: Array
    inverses: Array
    diagonals: Array
    weights: Array


def _prepare(prior: MixtureOfGaussians, params: Theta) -> Components:
    means, L = prior.component.factor(params["components"])
    diagonals = np.diagonal(L, axis1=1, axis2=2)
    log_weights = prior.log_weights(params)
    constants = log_weights - np.log(diagonals).sum(axis=1) - 0.5 * LOG_2PI * prior.latent_dim
    return Components(
        constants[:, None], means[:, :, None], np.linalg.inv(L), diagonals, np.exp(log_weights)
    )


def _responsibilities(mixture: Components, z: Array) -> tuple[Array, Array, Array]:
    """log p(z) (R,), r (K, R) and w (K, D, R)."""
    w = mixture.inverses @ (z - mixture.means)
    r = mixture.constants - 0.5 * np.square(w).sum(axis=1)
    highest = r.max(axis=0)
    r -= highest
    np.exp(r, out=r)
    total = r.sum(axis=0)
    r /= total
    return highest + np.log(total), r, w


def _value(mixture: Components, z: Array) -> Array:
    return _responsibilities(mixture, z)[0]


def _value_and_grads(
    mixture: Components, z: Array, weights: Array | None
) -> tuple[Array, Array, Theta]:
    log_p, r, w = _responsibilities(mixture, z)
    v = mixture.inverses.transpose(0, 2, 1) @ w
    v *= r[:, None]
    dz = -v.sum(axis=0)
    if weights is None:
        return log_p, dz, {}
    v *= weights
    counts = r @ weights
    dL = v @ w.transpose(0, 2, 1)
    D = np.arange(len(z))
    # The diagonal is kept as log L_dd.
    dL[:, D, D] *= mixture.diagonals
    dL[:, D, D] -= counts[:, None]
    rows, columns = np.tril_indices(len(z))
    components = np.concatenate([v.sum(axis=2), dL[:, rows, columns]], axis=1)
    return log_p, dz, {"logits": counts - mixture.weights * counts.sum(), "components": components}


MIXTURE = PriorKernel(_prepare, _value, _value_and_grads)
