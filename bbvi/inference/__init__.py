"""Where lam comes from: a table, an encoder, or an encoder and then Step 1."""

from bbvi.inference.amortized import fit_amortized
from bbvi.inference.autoencoder import fit_autoencoder
from bbvi.inference.bbvi import fit_bbvi
from bbvi.inference.importance_weighted import (
    fit_importance_weighted,
    fit_reweighted_wake_sleep,
)
from bbvi.inference.learning import (
    known_theta,
    maximum_a_posteriori,
    maximum_likelihood,
    normal_prior,
    posterior,
    variational_bayes,
)
from bbvi.inference.local import infer
from bbvi.inference.mean_field_em import fit_mean_field_em
from bbvi.inference.minibatches import infer_minibatches
from bbvi.inference.monte_carlo_em import fit_monte_carlo_em
from bbvi.inference.records import Fit, NotFiniteError, State, Trace
from bbvi.inference.semi_amortized import fit_semi_amortized
from bbvi.inference.wake_sleep import fit_wake_sleep

__all__ = [
    "Fit",
    "NotFiniteError",
    "State",
    "Trace",
    "fit_amortized",
    "fit_autoencoder",
    "fit_bbvi",
    "fit_importance_weighted",
    "fit_mean_field_em",
    "fit_monte_carlo_em",
    "fit_reweighted_wake_sleep",
    "fit_semi_amortized",
    "fit_wake_sleep",
    "infer",
    "infer_minibatches",
    "known_theta",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "normal_prior",
    "posterior",
    "variational_bayes",
]
