"""Every estimator with its contract, in one dict literal (floor 3).

The table in the README, the choices of the command line and the conformance tests are all made
from `ESTIMATORS`: a new estimator is one module and one line of it (`benchmarks/readme.py` then
writes the README's table).  To compare your own estimator with these, make a `Record` of it and
put it in a dict beside them: ``{**ESTIMATORS, "mine": Record(...)}``.
"""

from functools import partial

from bbvi.estimators import elbo, expectations
from bbvi.estimators.antithetic_pairs import arm, disarm
from bbvi.estimators.baselines import (
    control_variate,
    cross_fitted_control_variate,
    moving_average,
    var_grad,
)
from bbvi.estimators.bias import UNKNOWN, Bias
from bbvi.estimators.elbo import plain_integrand
from bbvi.estimators.expectations import leave_one_out
from bbvi.estimators.finite_differences import (
    finite_differences,
    finite_differences_of_expectation,
)
from bbvi.estimators.linearized import linearized, linearized_pathwise
from bbvi.estimators.measure_valued import (
    coupled,
    measure_valued,
    measure_valued_bernoulli,
    uncoupled,
)
from bbvi.estimators.multi_sample import dreg, iwae, renyi, vimco
from bbvi.estimators.preparation import COEFFICIENTS, MEAN, NETWORK, RUNNING_MEAN, SURROGATE
from bbvi.estimators.rao_blackwell import rao_blackwellized
from bbvi.estimators.rebar import rebar, relax
from bbvi.estimators.record import Cost, Record
from bbvi.estimators.relaxations import concrete, straight_through, straight_through_gumbel
from bbvi.estimators.spsa import draws as spsa_draws
from bbvi.estimators.spsa import spsa, spsa_of_expectation
from bbvi.estimators.summed_label import summed_label
from bbvi.families import Bernoulli, DiagonalGaussian, FullCovarianceGaussian, LabelAndGaussian
from bbvi.types import ClosedFormKL, Factorized, Relaxable, Reparameterizable

ESTIMATORS: dict[str, Record] = {
    "score-function": Record(
        elbo.score_function,
        expectations.score_function,
        source="Williams (1992); Ranganath et al. (2014)",
    ),
    "constant-baseline": Record(
        elbo.score_function,
        expectations.score_function,
        source="Williams (1992)",
        prepare=MEAN,
    ),
    "moving-average": Record(
        partial(elbo.score_function, baseline=moving_average),
        partial(expectations.score_function, baseline=moving_average),
        source="Williams (1992); Mnih and Gregor (2014)",
        prepare=RUNNING_MEAN,
        as_it_goes="mean of the earlier f",
        couples_samples=True,
    ),
    "nvil": Record(
        elbo.score_function,
        expectations.score_function,
        source="Mnih and Gregor (2014)",
        prepare=NETWORK,
    ),
    "leave-one-out": Record(
        partial(elbo.score_function, baseline=leave_one_out),
        partial(expectations.score_function, baseline=leave_one_out),
        source="Mnih and Rezende (2016); Kool et al. (2019)",
        min_samples=2,
        couples_samples=True,
    ),
    "var-grad": Record(
        var_grad,
        partial(var_grad, integrand=plain_integrand),
        source="Richter et al. (2020)",
        min_samples=2,
        couples_samples=True,
    ),
    "optimal-control-variate": Record(
        control_variate,
        partial(control_variate, integrand=plain_integrand),
        source="Ranganath et al. (2014)",
        prepare=COEFFICIENTS,
    ),
    "cross-fitted-control-variate": Record(
        cross_fitted_control_variate,
        partial(cross_fitted_control_variate, integrand=plain_integrand),
        source="Ranganath et al. (2014)",
        min_samples=2,
        couples_samples=True,
        as_it_goes="coefficients, from the other half of the samples",
    ),
    "rao-blackwellized": Record(
        rao_blackwellized,
        partial(rao_blackwellized, integrand=plain_integrand),
        source="Ranganath et al. (2014)",
        family=Factorized,
    ),
    "reparameterized": Record(
        elbo.reparameterized,
        expectations.pathwise,
        source="Kingma and Welling (2014); Rezende et al. (2014)",
        family=Reparameterizable,
        differentiable=True,
    ),
    "reparameterized-mc": Record(
        elbo.reparameterized_mc,
        None,
        source="Kingma and Welling (2014), estimator A",
        family=Reparameterizable,
        differentiable=True,
    ),
    "reparameterized-kl": Record(
        elbo.reparameterized_kl,
        None,
        source="Kingma and Welling (2014), estimator B",
        family=ClosedFormKL,
        differentiable=True,
        normal_prior=True,
    ),
    "sticking-the-landing": Record(
        elbo.sticking_the_landing,
        None,
        source="Roeder, Wu and Duvenaud (2017)",
        family=Reparameterizable,
        differentiable=True,
    ),
    "summed-label": Record(
        summed_label,
        None,
        source="Kingma, Rezende, Mohamed and Welling (2014)",
        family=LabelAndGaussian,
        differentiable=True,
        cost=Cost(samples_labels=1),
    ),
    "linearized": Record(
        linearized,
        linearized_pathwise,
        source="Miller et al. (2017)",
        family=(DiagonalGaussian, FullCovarianceGaussian),
        differentiable=True,
        cost=Cost(samples=1, once=1, dims=2),
    ),
    "measure-valued": Record(
        measure_valued,
        partial(measure_valued, integrand=plain_integrand),
        source="Mohamed et al. (2020)",
        family=DiagonalGaussian,
        draws=coupled.draws,
        cost=Cost(samples=1, samples_dims=3),
    ),
    "measure-valued-uncoupled": Record(
        partial(measure_valued, coupling=uncoupled),
        partial(measure_valued, coupling=uncoupled, integrand=plain_integrand),
        source="Mohamed et al. (2020)",
        family=DiagonalGaussian,
        draws=uncoupled.draws,
        cost=Cost(samples=1, samples_dims=3),
    ),
    "measure-valued-bernoulli": Record(
        measure_valued_bernoulli,
        partial(measure_valued_bernoulli, integrand=plain_integrand),
        source="Mohamed et al. (2020); Titsias and Lazaro-Gredilla (2015)",
        family=Bernoulli,
        cost=Cost(samples=1, samples_dims=1),
    ),
    "finite-differences": Record(
        finite_differences,
        finite_differences_of_expectation,
        source="Kiefer and Wolfowitz (1952); Glasserman (2003)",
        family=Reparameterizable,
        bias=Bias(2, "step"),
        cost=Cost(samples=1, samples_params=2),
    ),
    "spsa": Record(
        spsa,
        spsa_of_expectation,
        source="Spall (1992)",
        family=Reparameterizable,
        bias=Bias(2, "step"),
        draws=spsa_draws,
        cost=Cost(samples=3),
    ),
    "arm": Record(
        arm,
        partial(arm, integrand=plain_integrand),
        source="Yin and Zhou (2019)",
        family=Bernoulli,
        cost=Cost(samples=2),
    ),
    "disarm": Record(
        disarm,
        partial(disarm, integrand=plain_integrand),
        source="Dong, Mnih and Tucker (2020)",
        family=Bernoulli,
        cost=Cost(samples=2),
    ),
    "rebar": Record(
        rebar,
        partial(rebar, integrand=plain_integrand),
        source="Tucker et al. (2017)",
        family=Relaxable,
        differentiable=True,
        cost=Cost(samples=2),
    ),
    "relax": Record(
        relax,
        partial(relax, integrand=plain_integrand),
        source="Grathwohl et al. (2018)",
        family=Relaxable,
        differentiable=True,
        cost=Cost(samples=2),
        prepare=SURROGATE,
    ),
    "concrete": Record(
        concrete,
        partial(concrete, integrand=plain_integrand),
        source="Maddison, Mnih and Teh (2017); Jang, Gu and Poole (2017)",
        family=Relaxable,
        differentiable=True,
        bias=UNKNOWN,
    ),
    "straight-through": Record(
        straight_through,
        partial(straight_through, integrand=plain_integrand),
        source="Bengio, Leonard and Courville (2013)",
        family=Relaxable,
        differentiable=True,
        bias=UNKNOWN,
    ),
    "straight-through-gumbel": Record(
        straight_through_gumbel,
        partial(straight_through_gumbel, integrand=plain_integrand),
        source="Jang, Gu and Poole (2017)",
        family=Relaxable,
        differentiable=True,
        bias=UNKNOWN,
    ),
    "iwae": Record(
        iwae,
        None,
        source="Burda, Grosse and Salakhutdinov (2016)",
        family=Reparameterizable,
        differentiable=True,
        bound="IWAE",
        cost=Cost(samples=2),
        couples_samples=True,
    ),
    "dreg": Record(
        dreg,
        None,
        source="Tucker et al. (2019)",
        family=Reparameterizable,
        differentiable=True,
        bound="IWAE",
        cost=Cost(samples=2),
        couples_samples=True,
    ),
    "vimco": Record(
        vimco,
        None,
        source="Mnih and Rezende (2016)",
        min_samples=2,
        bound="IWAE",
        cost=Cost(samples=2),
        couples_samples=True,
    ),
    "renyi": Record(
        renyi,
        None,
        source="Li and Turner (2016)",
        family=Reparameterizable,
        differentiable=True,
        bound="Renyi",
        cost=Cost(samples=2),
        couples_samples=True,
    ),
}
