"""Targets made of targets."""

from collections.abc import Callable

from bbvi.types import Array, Evaluation, Target


def plus(target: Target, term: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Target:
    """log p(x, z) + term(z): the one way to add a function of z alone.

    The ELBO's integrand is log p - log q (`bbvi.estimators.elbo_integrand`), the log-likelihood is
    log p - log p(z).  What was known of the prior and of the Markov blankets is known no longer.

    Parameters
    ----------
    target : Target
    term : callable
        z (S, N, D) -> (S, N), nats.
    slope : callable
        z (S, N, D) -> d term / dz (S, N, D).

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi.models.integrands import quadratic
    >>> target = plus(quadratic(0.0), lambda z: 3 * z[..., 0], lambda z: np.full_like(z, 3))
    >>> log_p, dz = target.value_and_dz(np.ones((1, 1, 1)))
    >>> log_p.item(), dz.item()
    (4.0, 5.0)
    """

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        log_p, log_p_dz, log_p_dtheta = target.evaluate(z, dz, dtheta, weights)
        return Evaluation(
            log_p + term(z), None if log_p_dz is None else log_p_dz + slope(z), log_p_dtheta
        )

    return target._replace(evaluate=evaluate, standard_normal_prior=False, blankets=None)


def hold_theta(target: Target) -> Target:
    """The same target with theta held fixed: its theta gradients are None and cost nothing.

    Step 1 of black-box VI hands this to the estimator, which need not know.
    """

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        return target.evaluate(z, dz)

    return target._replace(evaluate=evaluate)
