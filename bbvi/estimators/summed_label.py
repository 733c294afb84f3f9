"""The ELBO with a discrete label summed out and the rest reparameterized."""

import numpy as np

from bbvi.estimators.arguments import check_arguments
from bbvi.families.label_and_gaussian import LabelAndGaussian
from bbvi.types import Array, Estimate, Target


def summed_label(family: LabelAndGaussian, target: Target, lam: Array, eps: Array) -> Estimate:
    """sum_k q(y = k) E_eps[log p(x, k, z_k)] + H[q], z_k = mu_k + sigma_k eps.

    The label contributes no noise at all: its gradient is q(y = k) (f_k - sum_j q(y = j) f_j).

    Requires
    --------
    A `LabelAndGaussian` family; a model differentiable in z.  Unbiased.  K S evaluations of the
    log joint for each datapoint.

    Raises
    ------
    TypeError, ValueError
        If the family is another one, or shapes or dtypes disagree.

    Notes
    -----
    Kingma et al. (2014), "Semi-supervised learning with deep generative models", equation 7.
    """
    if not isinstance(family, LabelAndGaussian):
        raise TypeError(
            f"summed_label got the family {type(family).__name__}; expected LabelAndGaussian. "
            "For other discrete latents use score_function."
        )
    check_arguments(family, target, lam, eps)
    (S, N), K = eps.shape[:2], family.num_labels
    p = family.probabilities(lam)
    z = np.concatenate([family.with_label(lam, eps, k) for k in range(K)])
    weights = np.repeat(p.T / np.asarray(S, lam.dtype), S, axis=0)
    log_p, dz, dtheta = target.evaluate(z, True, True, weights)
    f = log_p.reshape(K, S, N).mean(axis=1).T
    mean = np.sum(p * f, axis=-1)
    dz = dz.reshape(K, S, N, -1)[..., K:]
    rows, style_eps = family.split(lam)[1], eps[..., K:]
    drows = [
        p[:, k, None] * family.style.pullback(rows[k], style_eps, dz[k]).mean(axis=0)
        for k in range(K)
    ]
    entropy, dentropy = family.entropy_and_grad(lam)
    grad = np.concatenate([p * (f - mean[:, None]), *drows], axis=-1)
    return Estimate(mean + entropy, grad + dentropy, dtheta)
