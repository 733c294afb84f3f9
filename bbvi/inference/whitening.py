"""A posterior in coordinates in which it is near N(0, I): for every family, Gaussian or not."""

from dataclasses import replace

import numpy as np

from bbvi import backends
from bbvi.families import FullCovarianceGaussian
from bbvi.inference.starts import laplace
from bbvi.models.posterior import Posterior
from bbvi.models.transforms import affine, compose
from bbvi.types import Array
from bbvi.validation import as_float_array, check_rng

ROUNDS = 3
"""Of Laplace approximations, each in the coordinates of the one before: they take the search for
the mode, and the steps of the Hessian's differences, out of very different scales."""


def whitened(
    posterior: Posterior,
    rng: np.random.Generator | None = None,
    *,
    mean: Array | None = None,
    covariance: Array | None = None,
) -> Posterior:
    """The same posterior of w, z = mean + L w, L L^T the covariance: an affine change, exact.

    log p(w) = log p(z) + log |det L|

    Evidence, draws and reports are those of the posterior itself: ``constrain`` goes all the way
    from w.  A family without covariances gets those of the change; a solver that moves all
    coordinates by equal steps finds equal scales.

    Parameters
    ----------
    posterior : Posterior
    rng : numpy Generator, optional
        Needed where mean and covariance are left out.
    mean, covariance : ndarray (D,) and (D, D), optional
        Of z, e.g. ``q.moments(fit.lam).mean[0]``; by default those of the Laplace approximation,
        `laplace`, from z = 0.

    Returns
    -------
    Posterior
        With the transform ``compose(posterior.transform, affine(mean, L))`` and the same report.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, one of mean and covariance is missing, or a covariance
        is not symmetric and positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> import bbvi
    >>> ridge = Posterior(lambda z: -1e6 * (z[0] - z[1]) ** 2 - (z[0] - 5) ** 2, 2)
    >>> white, q = whitened(ridge, np.random.default_rng(0)), bbvi.DiagonalGaussian(2)
    >>> fit = bbvi.infer(white, q, rng=np.random.default_rng(0))
    >>> bool(fit.verdict.khat[0] < 0)  # q is the posterior: weights without a tail
    True
    >>> white.constrain(fit.lam[:, :2]).round(3)  # the mean, in the ridge's coordinates
    array([[5., 5.]])
    """
    if not isinstance(posterior, Posterior):
        raise TypeError(f"posterior is {type(posterior).__name__}; expected a bbvi.Posterior.")
    if (mean is None) != (covariance is None):
        raise ValueError("whitened got one of mean and covariance; expected both, or neither.")
    D, q = posterior.latent_dim, FullCovarianceGaussian(posterior.latent_dim)
    if mean is not None and covariance is not None:
        mean = as_float_array("mean", mean, ndim=1).astype(np.float64)
        covariance = as_float_array("covariance", covariance, ndim=2).astype(np.float64)
        if mean.shape != (D,):
            raise ValueError(f"mean has shape {mean.shape}; expected (D,) = ({D},).")
        mean_of_row, L = q.factor(q.from_moments(mean[None], covariance))
        return _changed(posterior, mean_of_row[0], L[0])
    check_rng(rng)
    shift, L = np.zeros(D), np.eye(D)
    white = posterior
    for _ in range(ROUNDS):
        target = backends.target(white, {}, white.x)
        start = laplace()(q, lambda rows, of=target: of, q.init(1), rng)
        mean_of_row, factor = q.factor(start)
        shift, L = shift + L @ mean_of_row[0], L @ factor[0]
        white = _changed(posterior, shift, L)
    return white


def _changed(posterior: Posterior, shift: Array, L: Array) -> Posterior:
    assert posterior.transform is not None
    return replace(posterior, transform=compose(posterior.transform, affine(shift, L)))
