"""Targets made of targets, and of plain functions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi.types import Array, Evaluation, Target, Theta


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


def of_functions(
    value: Callable[..., Array],
    value_and_dz: Callable[..., tuple[Array, Array]],
    value_and_dtheta: Callable[..., tuple[Array, Theta | None]],
    value_and_grads: Callable[..., tuple[Array, Array, Theta | None]],
    num_data: int,
    latent_dim: int,
    dtype: Any,
    standard_normal_prior: bool = False,
    blankets: Callable[[Array], Array] | None = None,
) -> Target:
    """A `Target` of four functions, as `Target` itself was made before it had ``evaluate``.

    Parameters
    ----------
    value, value_and_dz : callable
        z -> log p (S, N), and d log p / dz (S, N, D) beside it.
    value_and_dtheta, value_and_grads : callable
        (z, weights) -> log p, and dtheta or both gradients beside it.
    num_data, latent_dim, dtype, standard_normal_prior, blankets
        As in `Target`.

    Examples
    --------
    >>> import numpy as np
    >>> def f(z): return np.sum(z**2, axis=-1)
    >>> target = of_functions(
    ...     f, lambda z: (f(z), 2 * z), lambda z, w: (f(z), {}), lambda z, w: (f(z), 2 * z, {}),
    ...     num_data=1, latent_dim=1, dtype=np.float64,
    ... )
    >>> target.evaluate(np.full((1, 1, 1), 3.0), dz=True)
    Evaluation(log_p=array([[9.]]), dz=array([[[6.]]]), dtheta=None)
    """

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        if dz and dtheta:
            return Evaluation(*value_and_grads(z, weights))
        if dz:
            return Evaluation(*value_and_dz(z), None)
        if dtheta:
            log_p, gradient = value_and_dtheta(z, weights)
            return Evaluation(log_p, None, gradient)
        return Evaluation(value(z), None, None)

    return Target(evaluate, num_data, latent_dim, np.dtype(dtype), standard_normal_prior, blankets)
