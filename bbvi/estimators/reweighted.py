"""The wake phase of reweighted wake-sleep: posterior expectations by importance weights.

With w_s = p(x, z_s) / q(z_s), z_s ~ q, and w~_s = w_s / sum_t w_t:

    d log p(x) / d theta            ~  sum_s w~_s d log p(x, z_s) / d theta
    -d KL(p(z | x) || q) / d lam    ~  sum_s w~_s d log q(z_s) / d lam

Both are ratios of two means, hence biased by O(1/S).  lam does not climb the ELBO: the divergence
is the other one, which covers all of the posterior instead of sitting inside it.
"""

from bbvi.estimators.arguments import check_arguments
from bbvi.estimators.elbo import elbo_integrand
from bbvi.importance_weights import normalized
from bbvi.logs import log_mean_exp
from bbvi.types import Array, Estimate, Family, Target


def reweighted_wake(family: Family, target: Target, lam: Array, eps: Array) -> Estimate:
    """sum_s w~_s d log q(z_s)/dlam, and theta's gradient with the same weights.

    Requires
    --------
    Values of the model; a score of the family, discrete or not.  Biased by O(1/S) for
    -d KL(p(z | x) || q)/dlam, and no gradient of the ELBO at all; theta's is that of L_S.

    Returns
    -------
    Estimate
        ``elbo`` holds log (1/S) sum_s w_s, the importance-weighted bound.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes disagree.

    Notes
    -----
    Bornschein and Bengio (2015), equations 5 and 9; Le et al. (2019).
    """
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    log_w = elbo_integrand(family, target, lam).evaluate(z).log_p
    weights = normalized(log_w)
    dtheta = target.evaluate(z, dtheta=True, weights=weights).dtheta
    grad = (weights[..., None] * family.score(lam, z)).sum(axis=0)
    return Estimate(log_mean_exp(log_w), grad, dtheta)
