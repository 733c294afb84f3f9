"""How Step 2 treats theta: a point, a point with a prior, or a latent of its own.

=========================== ==================== ================================================
``learning=``               Step 2 moves         objective, for N datapoints
=========================== ==================== ================================================
maximum_likelihood          theta                sum_i ELBO_i(theta)
maximum_a_posteriori(prior) theta                sum_i ELBO_i(theta) + log p(theta)
variational_bayes(prior)    (mean, log scale)    E_q(theta)[sum_i ELBO_i(theta) + log p(theta)]
                            of q(theta)          + H[q(theta)]
known_theta(theta)          nothing              sum_i ELBO_i, at that theta
=========================== ==================== ================================================

Each wraps the function that makes a target of (model, theta, x): its targets have the extra terms,
spread evenly over the N datapoints, in their values and in their theta gradients.  The procedures
and the estimators do not know which one is in use.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.nets import join, part
from bbvi.targets import hold_theta
from bbvi.types import Array, Evaluation, Model, Target, Theta

ThetaPrior = Callable[[Theta], tuple[float, Theta]]
"""theta -> log p(theta) in nats, and its gradient with theta's keys."""

TargetOf = Callable[[Model, Theta, Array], Target]
"""(model, theta, x) -> target, e.g. `bbvi.backends.target`."""


class Learning(NamedTuple):
    """One row of the table above.

    Attributes
    ----------
    start : callable
        theta -> eta, the parameters that Step 2 moves.
    wrap : callable
        (target_of, N, rng) -> a function like target_of that takes eta for theta.
    point : callable
        eta -> theta, the point to report.
    """

    start: Callable[[Theta], Theta]
    wrap: Callable[[TargetOf, int, np.random.Generator], TargetOf]
    point: Callable[[Theta], Theta]


def _same(theta: Theta) -> Theta:
    return theta


maximum_likelihood = Learning(_same, lambda target_of, num_data, rng: target_of, _same)
"""theta is a point without a prior."""


def normal_prior(scale: float) -> ThetaPrior:
    """p(theta) = N(0, scale^2 I) on every entry of theta.

    Raises
    ------
    ValueError
        If the scale is not positive.

    Examples
    --------
    >>> log_p, gradient = normal_prior(1.0)({"W": np.array([2.0])})
    >>> round(log_p, 4), gradient
    (-2.9189, {'W': array([-2.])})
    """
    if not 0 < scale < np.inf:
        raise ValueError(f"scale is {scale!r}; expected a positive standard deviation.")
    constant = float(np.log(scale) + 0.5 * LOG_2PI)

    def prior(theta: Theta) -> tuple[float, Theta]:
        log_p = sum(
            -0.5 * float(np.sum((value / scale) ** 2)) - constant * value.size
            for value in theta.values()
        )
        gradient = {key: -value / np.asarray(scale**2, value.dtype) for key, value in theta.items()}
        return float(log_p), gradient

    return prior


def maximum_a_posteriori(prior: ThetaPrior) -> Learning:
    """Add log p(theta) to the objective: the mode of p(theta | x), as far as the ELBO is tight.

    Parameters
    ----------
    prior : callable
        theta -> (log p(theta), its gradient), e.g. ``normal_prior(1.0)``.

    Notes
    -----
    The AEVB review, section 2.1: "approximate ML or MAP estimation for the parameters".
    """

    def wrap(inner: TargetOf, num_data: int, rng: np.random.Generator) -> TargetOf:
        def target_with_prior(model: Model, theta: Theta, x: Array) -> Target:
            log_p, gradient = prior(theta)
            return _add(inner(model, theta, x), log_p / num_data, _scaled(gradient, 1 / num_data))

        return target_with_prior

    return Learning(_same, wrap, _same)


def variational_bayes(prior: ThetaPrior, start_scale: float = 0.05) -> Learning:
    """Full variational Bayes: theta ~ q(theta) = N(mean, diag(scale^2)), fitted like any lam.

    Every minibatch draws one theta = mean + scale * eps and pulls d/dtheta back to mean and
    log scale.  ``Fit.theta`` is the mean; ``theta_posterior(fit)`` gives the mean and the
    standard deviation of q(theta), each a dict like theta.

    Parameters
    ----------
    prior : callable
        theta -> (log p(theta), its gradient), e.g. ``normal_prior(1.0)``.
    start_scale : float
        Standard deviation of q(theta) at the start; its mean starts at theta.

    Raises
    ------
    ValueError
        If ``start_scale`` is not positive.

    Notes
    -----
    Kingma and Welling (2014), appendix F; Swaney lecture, section I: inference for the full
    posterior p(theta, z | x).
    """
    if not 0 < start_scale < np.inf:
        raise ValueError(f"start_scale is {start_scale!r}; expected a positive number.")

    def start(theta: Theta) -> Theta:
        log_scale = {key: np.full_like(value, np.log(start_scale)) for key, value in theta.items()}
        return join(mean=theta, log_scale=log_scale)

    def wrap(inner: TargetOf, num_data: int, rng: np.random.Generator) -> TargetOf:
        def target_at_draw(model: Model, eta: Theta, x: Array) -> Target:
            mean, log_scale = part(eta, "mean"), part(eta, "log_scale")
            move = {
                key: np.exp(value) * np.asarray(rng.standard_normal(value.shape), value.dtype)
                for key, value in log_scale.items()
            }
            theta = {key: np.asarray(value + move[key]) for key, value in mean.items()}
            log_p, gradient = prior(theta)
            # The log scale's own entropy term: dH / d log scale = 1.
            entropy_gradient = {key: np.ones_like(value) for key, value in log_scale.items()}

            def pull_back(dtheta: Theta) -> Theta:
                return join(mean=dtheta, log_scale={k: g * move[k] for k, g in dtheta.items()})

            extra = pull_back(gradient)
            for key, value in join(log_scale=entropy_gradient).items():
                extra[key] = extra[key] + value
            shift = (log_p + _entropy(log_scale)) / num_data
            return _add(inner(model, theta, x), shift, _scaled(extra, 1 / num_data), pull_back)

        return target_at_draw

    return Learning(start, wrap, lambda eta: part(eta, "mean"))


def known_theta(theta: Theta) -> Learning:
    """theta is known: what is learnt is where lam comes from, the table or the encoder.

    With `bbvi.fit_amortized` this amortizes Step 1 for an existing model, e.g. one
    that was learnt from whole images, for inference from partly observed ones.

    Parameters
    ----------
    theta : dict
        Of x's dtype.

    Notes
    -----
    Ermon/Grover notes, "Amortized variational inference": an encoder in the place of Step 1.
    """

    def wrap(inner: TargetOf, num_data: int, rng: np.random.Generator) -> TargetOf:
        return lambda model, eta, x: hold_theta(inner(model, theta, x))

    return Learning(lambda start: {}, wrap, lambda eta: theta)


def moves_nothing(learning: Learning) -> bool:
    """Whether Step 2 has nothing to move, because theta is known.

    Examples
    --------
    >>> moves_nothing(maximum_likelihood), moves_nothing(known_theta({"W": np.ones(2)}))
    (False, True)
    """
    return not learning.start({"theta": np.zeros(1)})


def theta_posterior(fit: Any) -> tuple[Theta, Theta]:
    """Mean and standard deviation of q(theta) after a fit with `variational_bayes`.

    Raises
    ------
    ValueError
        If the fit learnt a point.
    """
    eta = fit.state.theta if fit.state is not None else {}
    mean, log_scale = part(eta, "mean"), part(eta, "log_scale")
    if not mean or mean.keys() != log_scale.keys():
        raise ValueError(
            "fit learnt a point theta, not q(theta); expected a fit with "
            "learning=variational_bayes(prior)."
        )
    return mean, {key: np.exp(value) for key, value in log_scale.items()}


posterior = theta_posterior
"""The earlier name of `theta_posterior`."""


def _entropy(log_scale: Theta) -> float:
    """H[q(theta)] = sum log scale + (1 + log 2 pi) / 2."""
    constant = 0.5 * (1 + LOG_2PI)
    return float(sum(np.sum(v) + constant * v.size for v in log_scale.values()))


def _scaled(gradient: Theta, factor: float) -> Theta:
    return {key: value * np.asarray(factor, value.dtype) for key, value in gradient.items()}


def _add(
    target: Target, shift: float, extra: Theta, pull_back: Callable[[Theta], Theta] = _same
) -> Target:
    """The target plus a term in theta alone, whose share for one datapoint is ``shift``.

    ``extra`` is that share's gradient; the target's own gradient goes through ``pull_back``.
    """

    def total(dtheta: Theta | None, count: float) -> Theta:
        slope = pull_back(dtheta or {})
        return {
            key: np.asarray(value * np.asarray(count, value.dtype) + slope.get(key, 0))
            for key, value in extra.items()
        }

    def count(z: Array, weights: Array | None) -> float:
        return z.shape[1] if weights is None else float(np.sum(weights))

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        log_p, z_gradient, theta_gradient = target.evaluate(z, dz, dtheta, weights)
        if dtheta:
            theta_gradient = total(theta_gradient, count(z, weights))
        return Evaluation(log_p + shift, z_gradient, theta_gradient)

    return target._replace(evaluate=evaluate)
