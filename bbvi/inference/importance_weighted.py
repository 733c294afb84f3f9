"""Two amortized procedures that weight S samples of q by p / q.

They raise what `bbvi.fit_amortized` raises.
"""

from typing import Any

import numpy as np

from bbvi.estimators import dreg, vimco
from bbvi.estimators.reweighted import reweighted_wake
from bbvi.inference.amortized import fit_amortized
from bbvi.inference.fit import Fit
from bbvi.types import Array, Family, Model, Reparameterizable


def fit_importance_weighted(
    model: Model, family: Family, x: Array, rng: np.random.Generator, **settings: Any
) -> Fit:
    """Learn theta and phi on the bound L_S = E[log (1/S) sum_s p(x, z_s) / q(z_s)].

    `bbvi.fit_amortized` with the estimator of the importance-weighted autoencoder: `dreg` where
    the family is reparameterizable, `vimco` elsewhere.

    Parameters
    ----------
    model, family, x, rng, **settings
        As for `bbvi.fit_amortized`; an ``estimator`` that is given is used instead.
        ``num_samples`` is the S of the bound.

    Returns
    -------
    Fit
        ``trace.elbo`` holds L_S, which lies between the ELBO and log p(x).

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), equation 8.
    """
    best = dreg if isinstance(family, Reparameterizable) else vimco
    settings = {"estimator": best, "name": "fit_importance_weighted", **settings}
    return fit_amortized(model, family, x, rng, **settings)


def fit_reweighted_wake_sleep(
    model: Model, family: Family, x: Array, rng: np.random.Generator, **settings: Any
) -> Fit:
    """Learn theta on log p(x) and phi on -KL(p(z | x) || q_phi), both by importance weights.

    `bbvi.fit_amortized` with `bbvi.estimators.reweighted.reweighted_wake`: two wake phases, no
    dreams.

    Parameters
    ----------
    model, family, x, rng, **settings
        As for `bbvi.fit_amortized`, but for ``estimator``.  Discrete latents are fine;
        ``num_samples`` should be 5 or more.

    Returns
    -------
    Fit
        ``trace.elbo`` holds the importance-weighted bound L_S.

    Notes
    -----
    Bornschein and Bengio (2015), algorithm 1 with the wake-phase update of q.
    """
    settings = {"name": "fit_reweighted_wake_sleep", **settings}
    return fit_amortized(model, family, x, rng, estimator=reweighted_wake, **settings)
