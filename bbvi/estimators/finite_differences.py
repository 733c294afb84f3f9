"""Central differences of an S-sample objective with common random numbers.

    F_S(lam) = (1/S) sum_s f(z(lam, eps_s)) + c(lam),
    d F / d lam_p  ~  (F_S(lam + h e_p) - F_S(lam - h e_p)) / (2 h),        p = 1 .. P.

c is known in closed form: 0 for a plain E_q[f]; for the ELBO f = log p(x, z) and c = H[q_lam]
(`bbvi.estimators.finite_differences`).  Both sides use the same eps.  Taylor's formula gives the
bias and, where z moves smoothly with lam, the variance:

    E[estimate] - dF/dlam_p = h^2 / 6 d^3 F / d lam_p^3 + O(h^4),
    estimate - pathwise gradient of the same eps = O(h^2)    for each single sample.

So the variance is that of the pathwise gradient, without any derivative of the model; the price is
2 P evaluations for each sample.  Different eps on the two sides would give a variance of order
1 / h^2.

For a discrete z the mean is the same, because E_q[f] is smooth in lam although z is not.  But a
step of lam moves z with a probability of order h, and the quotient is then of order 1 / h: the
variance is of order 1 / h.  The table lists reparameterizable families only.  With another family
call the function itself, with a step that weighs bias against variance, e.g. ``step=0.5``.
"""

from collections.abc import Callable

import numpy as np

from bbvi.estimators.arguments import check_arguments
from bbvi.types import Array, Estimate, Family, Target

STEP = 0.01
"""h: the bias is then about 1e-5, and float32 still resolves the difference."""

ClosedForm = Callable[[Array], Array]
"""c, a term of the objective that needs no sampling: lam (N, P) -> (N,)."""


def nothing(lam: Array) -> Array:
    """c = 0: the objective is E_q[f] alone."""
    return np.zeros(len(lam), dtype=lam.dtype)


def finite_differences(
    family: Family,
    target: Target,
    lam: Array,
    eps: Array,
    step: float = STEP,
    closed_form: ClosedForm = nothing,
) -> Estimate:
    """(F_S(lam + h e_p) - F_S(lam - h e_p)) / (2 h) with the same eps, for each parameter p.

    Requires
    --------
    Values of the model only; a reparameterizable family for a variance that stays bounded as
    h -> 0.  S (1 + 2 P) evaluations.  Bias O(h^2).

    Parameters
    ----------
    family, target, lam, eps
        lam (N, P); eps (S, N, ...) from ``family.noise``.
    step : float
        h, positive, in the units of lam.
    closed_form : callable
        c.

    Raises
    ------
    TypeError
        If dtypes disagree.
    ValueError
        If shapes disagree, or the step is not positive.

    Notes
    -----
    Glasserman (2003), "Monte Carlo methods in financial engineering", section 7.1; Kiefer and
    Wolfowitz (1952).
    """
    check_arguments(family, target, lam, eps)

    def objective(rows: Array) -> Array:
        z = family.transform(rows, eps)
        return target.evaluate(z).log_p.mean(axis=0) + closed_form(rows)

    f, _, dtheta = target.evaluate(family.transform(lam, eps), dtheta=True)
    grad = central_differences(objective, lam, step)
    return Estimate(f.mean(axis=0) + closed_form(lam), grad, dtheta)


def central_differences(objective: Callable[[Array], Array], lam: Array, step: float) -> Array:
    """(F(lam + h e_p) - F(lam - h e_p)) / (2 h) of a row-wise F: lam (N, P) -> (N, P).

    Raises
    ------
    ValueError
        If the step is not positive.
    """
    check_step(step)
    grad = np.empty_like(lam)
    for p in range(lam.shape[1]):
        up, down = lam.copy(), lam.copy()
        up[:, p] += step
        down[:, p] -= step
        grad[:, p] = (objective(up) - objective(down)) / (2 * step)
    return grad


def check_step(step: float) -> None:
    """Raise ValueError unless the step is a positive number."""
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step is {step}; expected a positive number, e.g. {STEP}.")


finite_differences_of_expectation = finite_differences
"""The former name, kept for one release."""
