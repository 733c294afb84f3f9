"""Where lam comes from: a table, an encoder, or an encoder and then Step 1."""

from bbvi.inference.amortized import fit_amortized
from bbvi.inference.autoencoder import fit_autoencoder
from bbvi.inference.bbvi import fit_bbvi
from bbvi.inference.course import Course, course, fixed_budget
from bbvi.inference.fit import Fit, NotFiniteError, State, Trace, as_trace
from bbvi.inference.importance_weighted import (
    fit_importance_weighted,
    fit_reweighted_wake_sleep,
)
from bbvi.inference.inner_loop import infer, step_1
from bbvi.inference.learning import (
    known_theta,
    maximum_a_posteriori,
    maximum_likelihood,
    normal_prior,
    theta_posterior,
    variational_bayes,
)
from bbvi.inference.learning import posterior as posterior  # the earlier name of theta_posterior
from bbvi.inference.mean_field_em import fit_mean_field_em
from bbvi.inference.minibatches import infer_minibatches
from bbvi.inference.monte_carlo_em import fit_monte_carlo_em
from bbvi.inference.not_converged import NotConvergedWarning, warn_unless_converged
from bbvi.inference.semi_amortized import fit_semi_amortized
from bbvi.inference.solvers import (
    Solution,
    Solver,
    Targets,
    deterministic,
    natural_gradient,
    stochastic,
)
from bbvi.inference.starts import laplace
from bbvi.inference.verdict import Verdict, by_course
from bbvi.inference.wake_sleep import fit_wake_sleep
from bbvi.inference.whitening import whitened

__all__ = [
    "Course",
    "Fit",
    "NotConvergedWarning",
    "NotFiniteError",
    "Solution",
    "Solver",
    "State",
    "Targets",
    "Trace",
    "Verdict",
    "as_trace",
    "by_course",
    "course",
    "deterministic",
    "fit_amortized",
    "fit_autoencoder",
    "fit_bbvi",
    "fit_importance_weighted",
    "fit_mean_field_em",
    "fit_monte_carlo_em",
    "fit_reweighted_wake_sleep",
    "fit_semi_amortized",
    "fit_wake_sleep",
    "fixed_budget",
    "infer",
    "infer_minibatches",
    "known_theta",
    "laplace",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "natural_gradient",
    "normal_prior",
    "step_1",
    "stochastic",
    "theta_posterior",
    "variational_bayes",
    "warn_unless_converged",
    "whitened",
]
