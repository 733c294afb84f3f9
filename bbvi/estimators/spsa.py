"""SPSA: one difference along a random direction for all parameters at once.

    g_sp = (F(lam + h Delta_s, eps_s) - F(lam - h Delta_s, eps_s)) / (2 h Delta_sp),

with F(lam, eps) = f(z(lam, eps)) + c(lam), c as in `bbvi.estimators.finite_differences`, and P
fair signs Delta_sp = +-1 for each sample.
Two evaluations for each sample serve any number of parameters.  With g the pathwise gradient,

    E[g_sp] - dF/dlam_p = h^2 / 6 (d^3 F/dlam_p^3 + 3 sum_{r != p} d^3 F/dlam_p dlam_r^2) + O(h^4),
    Var(g_sp) = Var(g_p) + sum_{r != p} E[g_r^2] + O(h^2)                for each single sample:

every other parameter's slope is noise, so that the variance grows with P.  For a discrete z the
variance is of order 1 / h, see `bbvi.estimators.finite_differences`.

The signs come from the noise, like everything random.  For two independent draws of any continuous
noise, the sign of their difference is a fair coin.
"""

from typing import Any

import numpy as np

from bbvi.estimators.arguments import check_arguments
from bbvi.estimators.finite_differences import STEP, ClosedForm, check_step, nothing
from bbvi.types import Array, Estimate, Family, Target


def draws(family: Any) -> int:
    """Rows of noise for one sample: one for z, and two for each width of noise in signs."""
    width = family.noise(np.random.Generator(np.random.PCG64(0)), 1, 1)[0, 0].size
    return _draws(family.num_params, width)


def spsa(
    family: Family,
    target: Target,
    lam: Array,
    eps: Array,
    step: float = STEP,
    closed_form: ClosedForm = nothing,
) -> Estimate:
    """(F(lam + h Delta) - F(lam - h Delta)) / (2 h Delta_p), a random sign for each parameter.

    Requires
    --------
    Values of the model only; a reparameterizable family for a variance that stays bounded as
    h -> 0.  3 S evaluations.  Bias O(h^2).

    Parameters
    ----------
    family, target, lam
        lam (N, P).
    eps : ndarray (draws * S, N, ...)
        As from ``bbvi.estimators.draw_noise``: `draws` (family) blocks of S one after the other,
        the first for z, the others for the signs.
    step : float
        h, positive, in the units of lam.
    closed_form : callable
        c.

    Raises
    ------
    TypeError
        If dtypes disagree.
    ValueError
        If shapes disagree, the step is not positive, or the number of rows of eps is not a
        multiple of `draws`.

    Notes
    -----
    Spall (1992), "Multivariate stochastic approximation using a simultaneous perturbation gradient
    approximation", equation 2.2; a direction of its own for each sample.
    """
    z_eps, signs = _split(family, target, lam, eps)
    check_step(step)

    def objective(rows: Array) -> Array:
        """F with one lam for each sample: rows (S, N, P) -> (S, N)."""
        S, N, P = rows.shape
        flat = rows.reshape(S * N, P)
        z = family.transform(flat, z_eps.reshape(1, S * N, *z_eps.shape[2:]))
        f = target.evaluate(z.reshape(S, N, -1)).log_p
        return f + closed_form(flat).reshape(S, N)

    f, _, dtheta = target.evaluate(family.transform(lam, z_eps), dtheta=True)
    difference = objective(lam + step * signs) - objective(lam - step * signs)
    # 1 / Delta = Delta.
    grad = (difference[..., None] * signs).mean(axis=0) / (2 * step)
    return Estimate(f.mean(axis=0) + closed_form(lam), grad, dtheta)


def _split(family: Any, target: Target, lam: Array, eps: Array) -> tuple[Array, Array]:
    """The noise of z (S, N, ...), and signs (S, N, P) of lam's dtype."""
    check_arguments(family, target, lam, eps)
    P, width = family.num_params, eps[0, 0].size
    blocks = _draws(P, width)
    if len(eps) % blocks:
        raise ValueError(
            f"eps has {len(eps)} rows; expected a multiple of {blocks}, because one sample of spsa "
            f"with {P} parameters uses up {blocks} draws. Use bbvi.estimators.draw_noise, or that "
            "many times more samples."
        )
    e = eps.reshape(blocks, -1, *eps.shape[1:])
    S, N = e.shape[1:3]
    fair = np.where(e[1::2] < e[2::2], -1, 1).astype(lam.dtype)
    return e[0], np.moveaxis(fair, 0, 2).reshape(S, N, -1)[..., :P]


def _draws(num_params: int, width: int) -> int:
    return 1 + 2 * -(-num_params // width)


spsa_of_expectation = spsa
"""The former name, kept for one release."""
