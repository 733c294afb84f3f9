"""Every estimator with its contract, in one dict literal.

The table in the README, the choices of the command line and the conformance tests are all made
from `ESTIMATORS`: a new estimator is one module and one line of it (`benchmarks/readme.py` then
writes the README's table).  To compare your own estimator of E_q[f] with these, make a
`Specification` of it in a dict beside them:
``{**ESTIMATORS, "mine": Specification(mine, source="...")}``; add ``elbo_by=itself`` where it is
written of the ELBO.
"""

from functools import partial

from bbvi.estimators import expectations
from bbvi.estimators.antithetic_pairs import arm, disarm
from bbvi.estimators.arms import arms
from bbvi.estimators.baselines import (
    control_variate,
    cross_fitted_control_variate,
    moving_average,
    var_grad,
)
from bbvi.estimators.bias import UNKNOWN, Bias
from bbvi.estimators.double_control_variates import double_cv
from bbvi.estimators.elbo import (
    entropy_inside,
    reparameterized_kl,
    reparameterized_mc,
    sticking_the_landing,
    with_entropy,
)
from bbvi.estimators.expectations import leave_one_out
from bbvi.estimators.finite_differences import finite_differences
from bbvi.estimators.linearized import linearized
from bbvi.estimators.measure_valued import (
    coupled,
    measure_valued,
    measure_valued_bernoulli,
    uncoupled,
)
from bbvi.estimators.multi_sample import dreg, iwae, renyi, vimco
from bbvi.estimators.muprop import muprop
from bbvi.estimators.preparation import COEFFICIENTS, MEAN, NETWORK, RUNNING_MEAN, SURROGATE
from bbvi.estimators.rao_blackwell import of_elbo_by_factor, rao_blackwellized
from bbvi.estimators.rebar import rebar, relax
from bbvi.estimators.relaxations import concrete, straight_through, straight_through_gumbel
from bbvi.estimators.specification import Cost, Specification, itself
from bbvi.estimators.spsa import draws as spsa_draws
from bbvi.estimators.spsa import spsa
from bbvi.estimators.summed_label import summed_label
from bbvi.families import Bernoulli, DiagonalGaussian, LabelAndGaussian
from bbvi.protocols import Gaussian
from bbvi.types import ClosedFormKL, Factorized, Relaxable, Reparameterizable

_bound = partial(Specification, elbo_by=itself, cost=Cost(samples=2), couples_samples=True)
"""What the multi-sample bounds have in common."""

ESTIMATORS: dict[str, Specification] = {
    "score-function": Specification(
        expectations.score_function, source="Williams (1992); Ranganath et al. (2014)"
    ),
    "constant-baseline": Specification(
        expectations.score_function, source="Williams (1992)", prepare=MEAN
    ),
    "moving-average": Specification(
        partial(expectations.score_function, baseline=moving_average),
        source="Williams (1992); Mnih and Gregor (2014)",
        prepare=RUNNING_MEAN,
        as_it_goes="mean of the earlier f",
        couples_samples=True,
    ),
    "nvil": Specification(
        expectations.score_function, source="Mnih and Gregor (2014)", prepare=NETWORK
    ),
    "leave-one-out": Specification(
        partial(expectations.score_function, baseline=leave_one_out),
        source="Mnih and Rezende (2016); Kool et al. (2019)",
        min_samples=2,
        couples_samples=True,
    ),
    "var-grad": Specification(
        var_grad, source="Richter et al. (2020)", min_samples=2, couples_samples=True
    ),
    "optimal-control-variate": Specification(
        control_variate, source="Ranganath et al. (2014)", prepare=COEFFICIENTS
    ),
    "cross-fitted-control-variate": Specification(
        cross_fitted_control_variate,
        source="Ranganath et al. (2014)",
        min_samples=2,
        couples_samples=True,
        as_it_goes="coefficients, from the other half of the samples",
    ),
    "rao-blackwellized": Specification(
        rao_blackwellized,
        elbo_by=of_elbo_by_factor,
        source="Ranganath et al. (2014)",
        family=Factorized,
    ),
    "reparameterized": Specification(
        expectations.pathwise,
        elbo_by=with_entropy,
        source="Kingma and Welling (2014); Rezende et al. (2014)",
        family=Reparameterizable,
        differentiable=True,
    ),
    "reparameterized-mc": Specification(
        reparameterized_mc,
        source="Kingma and Welling (2014), estimator A",
        elbo_by=itself,
        family=Reparameterizable,
        differentiable=True,
    ),
    "reparameterized-kl": Specification(
        reparameterized_kl,
        source="Kingma and Welling (2014), estimator B",
        elbo_by=itself,
        family=ClosedFormKL,
        differentiable=True,
        normal_prior=True,
    ),
    "sticking-the-landing": Specification(
        sticking_the_landing,
        source="Roeder, Wu and Duvenaud (2017)",
        elbo_by=itself,
        family=Reparameterizable,
        differentiable=True,
    ),
    "summed-label": Specification(
        summed_label,
        source="Kingma, Rezende, Mohamed and Welling (2014)",
        elbo_by=itself,
        family=LabelAndGaussian,
        differentiable=True,
        cost=Cost(samples_labels=1),
    ),
    "linearized": Specification(
        linearized,
        elbo_by=with_entropy,
        source="Miller et al. (2017)",
        family=Gaussian,
        differentiable=True,
        cost=Cost(samples=1, once=1, dims=2),
    ),
    "measure-valued": Specification(
        measure_valued,
        source="Mohamed et al. (2020)",
        family=DiagonalGaussian,
        draws=coupled.draws,
        cost=Cost(samples=1, samples_dims=3),
    ),
    "measure-valued-uncoupled": Specification(
        partial(measure_valued, coupling=uncoupled),
        source="Mohamed et al. (2020)",
        family=DiagonalGaussian,
        draws=uncoupled.draws,
        cost=Cost(samples=1, samples_dims=3),
    ),
    "measure-valued-bernoulli": Specification(
        measure_valued_bernoulli,
        source="Mohamed et al. (2020); Titsias and Lazaro-Gredilla (2015)",
        family=Bernoulli,
        cost=Cost(samples=1, samples_dims=1),
    ),
    "finite-differences": Specification(
        finite_differences,
        elbo_by=entropy_inside,
        source="Kiefer and Wolfowitz (1952); Glasserman (2003)",
        family=Reparameterizable,
        bias=Bias(2, "step"),
        cost=Cost(samples=1, samples_params=2),
    ),
    "spsa": Specification(
        spsa,
        elbo_by=entropy_inside,
        source="Spall (1992)",
        family=Reparameterizable,
        bias=Bias(2, "step"),
        draws=spsa_draws,
        cost=Cost(samples=3),
    ),
    "arm": Specification(arm, source="Yin and Zhou (2019)", family=Bernoulli, cost=Cost(samples=2)),
    "disarm": Specification(
        disarm, source="Dong, Mnih and Tucker (2020)", family=Bernoulli, cost=Cost(samples=2)
    ),
    "arms": Specification(
        arms,
        source="Dimitriev and Zhou (2021)",
        family=Bernoulli,
        min_samples=2,
        couples_samples=True,
    ),
    "muprop": Specification(
        muprop,
        source="Gu, Levine, Sutskever and Mnih (2016)",
        family=Relaxable,
        differentiable=True,
        cost=Cost(samples=1, once=1),
    ),
    "double-cv": Specification(
        double_cv,
        source="Titsias and Shi (2022)",
        family=Relaxable,
        differentiable=True,
        min_samples=2,
        couples_samples=True,
    ),
    "rebar": Specification(
        rebar,
        source="Tucker et al. (2017)",
        family=Relaxable,
        differentiable=True,
        cost=Cost(samples=2),
    ),
    "relax": Specification(
        relax,
        source="Grathwohl et al. (2018)",
        family=Relaxable,
        differentiable=True,
        cost=Cost(samples=2),
        prepare=SURROGATE,
    ),
    "concrete": Specification(
        concrete,
        source="Maddison, Mnih and Teh (2017); Jang, Gu and Poole (2017)",
        family=Relaxable,
        differentiable=True,
        bias=UNKNOWN,
    ),
    "straight-through": Specification(
        straight_through,
        source="Bengio, Leonard and Courville (2013)",
        family=Relaxable,
        differentiable=True,
        bias=UNKNOWN,
    ),
    "straight-through-gumbel": Specification(
        straight_through_gumbel,
        source="Jang, Gu and Poole (2017)",
        family=Relaxable,
        differentiable=True,
        bias=UNKNOWN,
    ),
    "iwae": _bound(
        iwae,
        source="Burda, Grosse and Salakhutdinov (2016)",
        family=Reparameterizable,
        differentiable=True,
        bound="IWAE",
    ),
    "dreg": _bound(
        dreg,
        source="Tucker et al. (2019)",
        family=Reparameterizable,
        differentiable=True,
        bound="IWAE",
    ),
    "vimco": _bound(vimco, source="Mnih and Rezende (2016)", min_samples=2, bound="IWAE"),
    "renyi": _bound(
        renyi,
        source="Li and Turner (2016)",
        family=Reparameterizable,
        differentiable=True,
        bound="Renyi",
    ),
}
"""Name -> function, contract, bias, cost and source: what commands, tests and pages read."""
