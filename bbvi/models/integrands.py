"""The textbook integrands f(z) as targets: plain expectations E_q[f], no data, no theta.

They are sums over the latent dimensions, so that the variance of an estimator can be measured as
a function of D.  With D = 1 they are the published cases:

* `quadratic`: (z - k)^2, Gaussian q (Mohamed et al. 2020, section 3.1); for Bernoulli q it is
  the toy (b - t)^2 of Tucker et al. (2017).
* `cosine`: cos(k z), whose pathwise gradient is wild where k sigma is large (Mohamed et al. 2020).
"""

from typing import Any

import numpy as np

from bbvi.types import Array, Evaluation, Target


def quadratic(k: float, num_data: int = 1, latent_dim: int = 1, dtype: Any = np.float64) -> Target:
    """f(z) = sum_d (z_d - k)^2, with df/dz = 2 (z - k).

    Parameters
    ----------
    k : float
        The minimum; for Bernoulli q the constant t.
    num_data, latent_dim : int
        N (rows, e.g. replicates) and D.
    dtype : numpy dtype
        float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> quadratic(k=-3.0).value(np.ones((1, 1, 1)))
    array([[16.]])
    """
    return _target(lambda z: (z - k) ** 2, lambda z: 2 * (z - k), num_data, latent_dim, dtype)


def cosine(k: float, num_data: int = 1, latent_dim: int = 1, dtype: Any = np.float64) -> Target:
    """f(z) = sum_d cos(k z_d), with df/dz = -k sin(k z).

    Parameters
    ----------
    k : float
        Angular frequency.
    num_data, latent_dim : int
        N (rows, e.g. replicates) and D.
    dtype : numpy dtype
        float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> cosine(k=2.0).value(np.zeros((1, 1, 1)))
    array([[1.]])
    """
    return _target(
        lambda z: np.cos(k * z), lambda z: -k * np.sin(k * z), num_data, latent_dim, dtype
    )


def _target(term: Any, slope: Any, num_data: int, latent_dim: int, dtype: Any) -> Target:
    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        return Evaluation(term(z).sum(axis=-1), slope(z) if dz else None, {} if dtheta else None)

    return Target(evaluate, num_data, latent_dim, np.dtype(dtype))
