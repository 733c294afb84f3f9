"""Gradient estimators, all with the signature ``(family, target, lam, eps) -> Estimate``.

The primitive is d/dlam E_q[f(z)].  An estimator is written once, of a target f; a name of this
package is the ELBO's estimator, f = log p - log q (`of_elbo`), and the function of the same name
in its module, e.g. ``expectations.score_function`` and ``rebar.relax``, is that of a plain E_q[f].
Variants are keyword arguments, by ``functools.partial``: a ``baseline``, a ``coupling``, a
``temperature``.  `ESTIMATORS` lists every estimator with its contract.

What is the same for all is said once:

* ``lam`` is (N, P), one row per datapoint; ``eps`` (S, N, ...) from ``family.noise``, or from
  `draw_noise` where a sample uses up several draws; ``target`` is a `bbvi.Target`.
* `Estimate` holds the mean over samples (N,), the gradient (N, P), and the gradient in theta.
* TypeError is raised if the family is not what the estimator requires, ValueError if shapes
  disagree, TypeError if dtypes do.
"""

from bbvi.estimators.baselines import constant, moving_average
from bbvi.estimators.bias import UNBIASED, UNKNOWN, Bias
from bbvi.estimators.contracts import contract_markdown, contract_rows, find, require
from bbvi.estimators.elbo import (
    arm,
    arms,
    concrete,
    control_variate,
    cross_fitted_control_variate,
    disarm,
    double_cv,
    elbo_integrand,
    entropy_inside,
    finite_differences,
    linearized,
    measure_valued,
    measure_valued_bernoulli,
    muprop,
    of_elbo,
    optimal_coefficients,
    rebar,
    relax,
    reparameterized,
    reparameterized_kl,
    reparameterized_mc,
    score_function,
    spsa,
    sticking_the_landing,
    straight_through,
    straight_through_gumbel,
    var_grad,
    with_entropy,
)
from bbvi.estimators.expectations import leave_one_out, no_baseline
from bbvi.estimators.measure_valued import coupled, uncoupled
from bbvi.estimators.multi_sample import dreg, iwae, renyi, vimco
from bbvi.estimators.noise import (
    NOISE_SOURCES,
    antithetic,
    independent,
    quasi_monte_carlo,
    with_noise,
)
from bbvi.estimators.record import Record, plain_integrand
from bbvi.estimators.specification import (
    Cost,
    Specification,
    draw_noise,
    itself,
    prepared,
    prepared_expectation,
)
from bbvi.estimators.summed_label import summed_label
from bbvi.estimators.table import ESTIMATORS

rao_blackwellized = ESTIMATORS["rao-blackwellized"].elbo

__all__ = [
    "ESTIMATORS",
    "NOISE_SOURCES",
    "UNBIASED",
    "UNKNOWN",
    "Bias",
    "Cost",
    "Record",
    "Specification",
    "antithetic",
    "arm",
    "arms",
    "concrete",
    "constant",
    "contract_markdown",
    "contract_rows",
    "control_variate",
    "coupled",
    "cross_fitted_control_variate",
    "disarm",
    "double_cv",
    "draw_noise",
    "dreg",
    "elbo_integrand",
    "entropy_inside",
    "find",
    "finite_differences",
    "independent",
    "itself",
    "iwae",
    "leave_one_out",
    "linearized",
    "measure_valued",
    "measure_valued_bernoulli",
    "moving_average",
    "muprop",
    "no_baseline",
    "of_elbo",
    "optimal_coefficients",
    "plain_integrand",
    "prepared",
    "prepared_expectation",
    "quasi_monte_carlo",
    "rao_blackwellized",
    "rebar",
    "relax",
    "renyi",
    "reparameterized",
    "reparameterized_kl",
    "reparameterized_mc",
    "require",
    "score_function",
    "spsa",
    "sticking_the_landing",
    "straight_through",
    "straight_through_gumbel",
    "summed_label",
    "uncoupled",
    "var_grad",
    "vimco",
    "with_entropy",
    "with_noise",
]
