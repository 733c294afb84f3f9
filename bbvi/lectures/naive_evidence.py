"""How far naive Monte Carlo from the prior is from log p(x)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.datasets import digits
from bbvi.logs import log_mean_exp
from bbvi.models import LinearGaussian, StandardNormal
from bbvi.types import Array, Theta
from bbvi.validation import as_count


def naive_evidence(
    rng: np.random.Generator,
    dimensions: Sequence[int] = (2, 4, 8, 16),
    samples: Sequence[int] = (1, 10, 100, 1_000, 10_000),
    replicates: int = 200,
) -> list[dict[str, Any]]:
    """How far log (1/S) sum_s p(x | z_s), z_s ~ p(z), is from log p(x), which is known here.

    Probabilistic PCA of the grey digits with D latents, and the first digit as x.

    Parameters
    ----------
    rng : numpy Generator
        For z.
    dimensions, samples : sequence of int
        D and S.
    replicates : int
        Independent estimates for each D and S.

    Returns
    -------
    list of dict
        One row for each D and S: log_evidence (nats), the error's low, median and high (5, 50
        and 95 % of the replicates), and samples_for_ten_percent: the S at which the standard
        deviation of p(x)'s estimate is a tenth of p(x).

    Notes
    -----
    Ermon/Grover notes, "Learning directed latent variable models"; Swaney lecture, "Inference
    and learning".
    """
    as_count("replicates", replicates, minimum=2)
    x, rows = digits(binarize=False).x, []
    for D in dimensions:
        model = LinearGaussian(D, x.shape[1])
        theta, one = model.fit_ml(x), x[:1]
        exact = float(model.log_evidence(theta, one)[0])
        log_lik = _log_likelihoods(model, theta, one, rng, max(samples), replicates)
        needed = float(np.exp(log_relative_variance(model, theta, one)[0] + np.log(100)))
        for S in samples:
            part = log_lik[:S]
            error = log_mean_exp(part) - exact
            low, median, high = np.quantile(error, (0.05, 0.5, 0.95))
            rows.append(
                {
                    "dimension": D,
                    "samples": S,
                    "replicates": replicates,
                    "log_evidence": exact,
                    "low": low,
                    "median": median,
                    "high": high,
                    "samples_for_ten_percent": needed,
                }
            )
    return rows


def log_relative_variance(model: LinearGaussian, theta: Theta, x: Array) -> Array:
    """Log of Var[p(x | z)] / p(x)^2 for z ~ p(z), exact: (N,).

    A squared Gaussian density is a narrower one: p(x | z)^2 is proportional to
    N(x; W z + b, sigma^2 I / 2), so E[p(x | z)^2] is an evidence again.
    """
    narrow = {**theta, "log_sigma": theta["log_sigma"] - 0.5 * np.log(2)}
    factor = -0.5 * x.shape[1] * (np.log(4 * np.pi) + 2 * theta["log_sigma"])
    log_ratio = factor + model.log_evidence(narrow, x) - 2 * model.log_evidence(theta, x)
    return log_ratio + np.log1p(-np.exp(-log_ratio))


def _log_likelihoods(
    model: LinearGaussian,
    theta: Theta,
    x: Array,
    rng: np.random.Generator,
    num_samples: int,
    replicates: int,
) -> Array:
    """log p(x | z) for z ~ p(z): (num_samples, replicates)."""
    log_lik = np.empty((num_samples, replicates))
    target, prior = (
        backends.autodiff.target(model, theta, x),
        StandardNormal(model.latent_dim),
    )
    for r in range(replicates):
        z = prior.sample(rng, {}, num_samples)[:, None, :]
        log_lik[:, r] = (target.value(z) - prior.log_prob({}, z))[:, 0]
    return log_lik
