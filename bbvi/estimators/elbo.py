"""Gradients of the ELBO: ELBO(lam) = E_{q_lam}[log p(x, z) - log q_lam(z)].

An estimator is written once, of d/dlam E_q[f(z)] for a target f.  Three functions make the ELBO's
of it:

================= ========================== ==================================================
function          f                          closed form added
================= ========================== ==================================================
`of_elbo`         log p(x, z) - log q_lam(z) nothing
`with_entropy`    log p(x, z)                H[q] and dH/dlam, to the estimate
`entropy_inside`  log p(x, z)                H[q], to the objective before it is differenced
================= ========================== ==================================================

In f = log p - log q the lam inside log q is held fixed: its own derivative is the score, whose
expectation is zero.  A name in this module is the ELBO's estimator, and the same name in the
module of its body is the estimator of E_q[f].  The pathwise ones:

====================== ================== ========================= ==========================
estimator              integrand f        closed form added         identity
====================== ================== ========================= ==========================
reparameterized        log p              dH/dlam                   E_eps[df/dz dz/dlam]
reparameterized_mc     log p - log q      --                        as above, minus the score
reparameterized_kl     log p(x | z)       -dKL(q || p(z))/dlam      E_eps[df/dz dz/dlam]
sticking_the_landing   log p - log q      --                        E_eps[df/dz dz/dlam]
====================== ================== ========================= ==========================

Every estimator raises TypeError or ValueError if the family is not what it requires, or if shapes
or dtypes disagree.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi.estimators import antithetic_pairs, baselines, expectations, relaxations
from bbvi.estimators.arguments import check_arguments, check_reparameterizable, check_target
from bbvi.estimators.arms import arms as _arms
from bbvi.estimators.double_control_variates import double_cv as _double_cv
from bbvi.estimators.finite_differences import finite_differences as _finite_differences
from bbvi.estimators.linearized import linearized as _linearized
from bbvi.estimators.measure_valued import measure_valued as _measure_valued
from bbvi.estimators.measure_valued import measure_valued_bernoulli as _measure_valued_bernoulli
from bbvi.estimators.muprop import muprop as _muprop
from bbvi.estimators.rebar import rebar as _rebar
from bbvi.estimators.rebar import relax as _relax
from bbvi.estimators.spsa import spsa as _spsa
from bbvi.logs import LOG_2PI
from bbvi.targets import plus
from bbvi.types import Array, Estimate, Reparameterizable, Target

Made = Callable[..., Any]
"""(family, target, lam, eps, ...) -> Estimate."""


def elbo_integrand(family: Any, target: Target, lam: Array) -> Target:
    """f(z) = log p(x, z) - log q_lam(z) with lam held fixed, as a target."""
    check_target(target)
    return plus(target, lambda z: -family.log_prob(lam, z), lambda z: -family.log_prob_dz(lam, z))


def log_likelihood(target: Target, name: str = "log_likelihood", otherwise: str = "") -> Target:
    """f(z) = log p(x | z) = log p(x, z) - log N(z; 0, I), as a target.

    The message is that of ``name``, who asks for it, and ends with ``otherwise``.

    Raises
    ------
    ValueError
        If the model's prior is not known to be the standard normal.
    """
    check_target(target)
    if not target.standard_normal_prior:
        raise ValueError(
            f"{name} got a model whose prior is not known to be N(0, I), so log p(x, z) cannot be "
            "split into log p(x | z) and log p(z). Expected a model with a StandardNormal prior (a "
            f"black box declares it by the attribute standard_normal_prior = True){otherwise}."
        )

    def minus_log_prior(z: Array) -> Array:
        return 0.5 * np.sum(z**2 + LOG_2PI, axis=-1)

    return plus(target, minus_log_prior, lambda z: z)


def of_elbo(estimator: Made) -> Made:
    """The ELBO's estimator of an estimator of E_q[f]: the same with f = log p - log q.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import DiagonalGaussian
    >>> from bbvi.estimators import baselines
    >>> from bbvi.models.integrands import quadratic
    >>> mine = of_elbo(baselines.var_grad)
    >>> q, eps = DiagonalGaussian(1), np.array([[[-1.0]], [[1.0]]])
    >>> mine(q, quadratic(0.0), np.zeros((1, 2)), eps).elbo.round(3)
    array([2.419])
    """

    @functools.wraps(estimator, _NAMES)
    def elbo(
        family: Any, target: Target, lam: Array, eps: Array, *args: Any, **options: Any
    ) -> Any:
        return estimator(family, elbo_integrand(family, target, lam), lam, eps, *args, **options)

    return _says(elbo, "f = log p(x, z) - log q_lam(z)")


def with_entropy(estimator: Made) -> Made:
    """The ELBO's estimator of an estimator of E_q[f]: f = log p, the entropy in closed form."""

    @functools.wraps(estimator, _NAMES)
    def elbo(
        family: Any, target: Target, lam: Array, eps: Array, *args: Any, **options: Any
    ) -> Any:
        return _plus_entropy(estimator(family, target, lam, eps, *args, **options), family, lam)

    return _says(elbo, "f = log p(x, z), and H[q_lam] in closed form")


def entropy_inside(estimator: Made) -> Made:
    """The ELBO's estimator of an estimator with ``closed_form``: f = log p, c = H[q]."""

    @functools.wraps(estimator, _NAMES)
    def elbo(
        family: Any, target: Target, lam: Array, eps: Array, *args: Any, **options: Any
    ) -> Any:
        return estimator(family, target, lam, eps, *args, closed_form=family.entropy, **options)

    return _says(elbo, "f = log p(x, z) and c = H[q_lam]")


_NAMES = ("__name__", "__qualname__", "__doc__")


def _says(elbo: Made, f: str) -> Made:
    elbo.__doc__ = f"For the ELBO, {f}:\n\n{inspect.cleandoc(elbo.__doc__ or '')}"
    return elbo


def _plus_entropy(estimate: Estimate, family: Any, lam: Array) -> Estimate:
    elbo, grad, grad_theta = estimate
    entropy, dentropy = family.entropy_and_grad(lam)
    return Estimate(elbo + entropy, grad + dentropy, grad_theta)


score_function = of_elbo(expectations.score_function)
control_variate = of_elbo(baselines.control_variate)
optimal_coefficients = of_elbo(baselines.optimal_coefficients)
cross_fitted_control_variate = of_elbo(baselines.cross_fitted_control_variate)
var_grad = of_elbo(baselines.var_grad)
measure_valued = of_elbo(_measure_valued)
measure_valued_bernoulli = of_elbo(_measure_valued_bernoulli)
arm = of_elbo(antithetic_pairs.arm)
disarm = of_elbo(antithetic_pairs.disarm)
arms = of_elbo(_arms)
muprop = of_elbo(_muprop)
double_cv = of_elbo(_double_cv)
rebar = of_elbo(_rebar)
relax = of_elbo(_relax)
concrete = of_elbo(relaxations.concrete)
straight_through = of_elbo(relaxations.straight_through)
straight_through_gumbel = of_elbo(relaxations.straight_through_gumbel)
linearized = with_entropy(_linearized)
finite_differences = entropy_inside(_finite_differences)
spsa = entropy_inside(_spsa)


def reparameterized(family: Reparameterizable, target: Target, lam: Array, eps: Array) -> Estimate:
    """E_eps[d/dlam log p(x, z(lam, eps))] + dH/dlam: the pathwise gradient, entropy closed-form.

    Requires
    --------
    A reparameterizable family with a closed-form entropy; a model differentiable in z.  Unbiased.

    Notes
    -----
    Kingma and Welling (2014), section 2.4; Ermon/Grover notes, "Gradient estimation".
    """
    check_reparameterizable(family, "reparameterized")
    return _plus_entropy(expectations.pathwise(family, target, lam, eps), family, lam)


def reparameterized_mc(
    family: Reparameterizable, target: Target, lam: Array, eps: Array
) -> Estimate:
    """E_eps[d/dlam (log p(x, z(lam, eps)) - log q_lam(z(lam, eps)))]: entropy by sampling.

    The total derivative of log q has two parts: through z (subtracted inside f) and directly in
    lam, the score (subtracted here).

    Requires
    --------
    A reparameterizable family; a model differentiable in z.  Unbiased.

    Notes
    -----
    SGVB estimator A of Kingma and Welling (2014), equation 6; Swaney lecture, "Reparameterization".
    """
    check_reparameterizable(family, "reparameterized_mc")
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f, dz, dtheta = elbo_integrand(family, target, lam).evaluate(z, dz=True, dtheta=True)
    grad = family.pullback(lam, eps, dz).mean(axis=0) - family.score(lam, z).mean(axis=0)
    return Estimate(f.mean(axis=0), grad, dtheta)


def reparameterized_kl(
    family: Reparameterizable, target: Target, lam: Array, eps: Array
) -> Estimate:
    """E_eps[d/dlam log p(x | z(lam, eps))] - dKL(q_lam || p(z))/dlam: KL in closed form.

    Requires
    --------
    A model with a standard-normal prior; a family with ``kl_standard_normal_and_grad``.  Unbiased.

    Notes
    -----
    SGVB estimator B of Kingma and Welling (2014), equation 7; Rios, "Gaussian KL"; Permuter
    Lecture 12, equation 10.
    """
    check_reparameterizable(family, "reparameterized_kl")
    try:
        closed_form = family.kl_standard_normal_and_grad  # type: ignore[attr-defined]
    except AttributeError:
        raise TypeError(
            f"reparameterized_kl got the family {type(family).__name__}, which has no closed-form "
            "KL to N(0, I) (kl_standard_normal_and_grad). Use reparameterized or "
            "reparameterized_mc."
        ) from None
    otherwise = "; otherwise use reparameterized or reparameterized_mc"
    integrand = log_likelihood(target, "reparameterized_kl", otherwise)
    log_lik, grad, dtheta = expectations.pathwise(family, integrand, lam, eps)
    kl, dkl = closed_form(lam)
    return Estimate(log_lik - kl, grad - dkl, dtheta)


def sticking_the_landing(
    family: Reparameterizable, target: Target, lam: Array, eps: Array
) -> Estimate:
    """E_eps[d/dz (log p(x, z) - log q_lam(z)) . dz/dlam]: the path derivative alone.

    Zero for every single sample when q is the exact posterior.

    Requires
    --------
    A reparameterizable family; a model differentiable in z.  Unbiased.

    Notes
    -----
    Roeder, Wu and Duvenaud (2017), equation 8.
    """
    check_reparameterizable(family, "sticking_the_landing")
    return expectations.pathwise(family, elbo_integrand(family, target, lam), lam, eps)
