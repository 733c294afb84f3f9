"""Gradient estimators, all with the signature ``(family, target, lam, eps) -> Estimate``.

`ESTIMATORS` lists every one with its contract.  Variants are keyword arguments, by
``functools.partial``: a ``baseline``, a ``coupling``, a ``temperature``; and ``integrand``, which
says whether E_q[f] is the ELBO (`elbo_integrand`) or a plain expectation (`plain_integrand`).
"""

from bbvi.estimators.antithetic_pairs import arm, disarm
from bbvi.estimators.baselines import (
    constant,
    control_variate,
    cross_fitted_control_variate,
    moving_average,
    optimal_coefficients,
    var_grad,
)
from bbvi.estimators.bias import UNBIASED, UNKNOWN, Bias
from bbvi.estimators.contracts import contract_markdown, contract_rows, find, require
from bbvi.estimators.elbo import (
    elbo_integrand,
    plain_integrand,
    reparameterized,
    reparameterized_kl,
    reparameterized_mc,
    score_function,
    sticking_the_landing,
)
from bbvi.estimators.expectations import leave_one_out, no_baseline
from bbvi.estimators.finite_differences import finite_differences
from bbvi.estimators.linearized import linearized
from bbvi.estimators.measure_valued import (
    coupled,
    measure_valued,
    measure_valued_bernoulli,
    uncoupled,
)
from bbvi.estimators.multi_sample import dreg, iwae, renyi, vimco
from bbvi.estimators.noise import (
    NOISE_SOURCES,
    antithetic,
    independent,
    quasi_monte_carlo,
    with_noise,
)
from bbvi.estimators.rao_blackwell import rao_blackwellized
from bbvi.estimators.rebar import rebar, relax
from bbvi.estimators.record import Cost, Record, draw_noise, prepared
from bbvi.estimators.relaxations import concrete, straight_through, straight_through_gumbel
from bbvi.estimators.spsa import spsa
from bbvi.estimators.summed_label import summed_label
from bbvi.estimators.table import ESTIMATORS

__all__ = [
    "ESTIMATORS",
    "NOISE_SOURCES",
    "UNBIASED",
    "UNKNOWN",
    "Bias",
    "Cost",
    "Record",
    "antithetic",
    "arm",
    "concrete",
    "constant",
    "contract_markdown",
    "contract_rows",
    "control_variate",
    "coupled",
    "cross_fitted_control_variate",
    "disarm",
    "draw_noise",
    "dreg",
    "elbo_integrand",
    "find",
    "finite_differences",
    "independent",
    "iwae",
    "leave_one_out",
    "linearized",
    "measure_valued",
    "measure_valued_bernoulli",
    "moving_average",
    "no_baseline",
    "optimal_coefficients",
    "plain_integrand",
    "prepared",
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
    "with_noise",
]
