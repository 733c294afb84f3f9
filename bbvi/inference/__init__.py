"""Where lam comes from: a table, an encoder, or an encoder and then Step 1."""

from bbvi.inference.amortized import fit_amortized
from bbvi.inference.autoencoder import fit_autoencoder
from bbvi.inference.bbvi import fit_bbvi
from bbvi.inference.learning import (
    known_theta,
    maximum_a_posteriori,
    maximum_likelihood,
    normal_prior,
    posterior,
    variational_bayes,
)
from bbvi.inference.local import infer
from bbvi.inference.minibatches import infer_minibatches
from bbvi.inference.records import Fit, NotFiniteError, State, Trace
from bbvi.inference.semi_amortized import fit_semi_amortized

__all__ = [
    "Fit",
    "NotFiniteError",
    "State",
    "Trace",
    "fit_amortized",
    "fit_autoencoder",
    "fit_bbvi",
    "fit_semi_amortized",
    "infer",
    "infer_minibatches",
    "known_theta",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "normal_prior",
    "posterior",
    "variational_bayes",
]
