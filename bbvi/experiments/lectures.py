"""What the lectures draw, computed: naive Monte Carlo, the ELBO's gap, Step 1 watched (floor 6)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.datasets import digits
from bbvi.estimators import reparameterized
from bbvi.evaluation.exact_sums import gauss_hermite
from bbvi.evaluation.grid_sums import grid_expectation, moments_of
from bbvi.evaluation.quadrature import find_boxes, grid, log_evidence_quadrature
from bbvi.families import DiagonalGaussian
from bbvi.inference import fit_amortized
from bbvi.inference.local import ascend
from bbvi.logs import log_mean_exp
from bbvi.models import BernoulliLikelihood, DeepLatentModel, LinearGaussian, StandardNormal
from bbvi.nets import MLP
from bbvi.optimizers import adam, cosine_decay
from bbvi.protocols import Gaussian, HasLogEvidence
from bbvi.types import Array, Estimator, Family, Model, Target, Theta
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


class Course(NamedTuple):
    """Step 1, recorded: T steps of N datapoints, the start included.

    Attributes
    ----------
    lam : ndarray (T + 1, N, P)
    elbo, kl : ndarray (T + 1, N)
        By Gauss-Hermite sums, and KL(q || p(z | x)) by trapezoids on q's own box, nats: two
        computations, whose sum should be log p(x).
    log_evidence : ndarray (N,)
    """

    lam: Array
    elbo: Array
    kl: Array
    log_evidence: Array


def watch_step_1(
    model: Model,
    family: Any,
    theta: Theta,
    x: Array,
    rng: np.random.Generator,
    *,
    lam: Array | None = None,
    estimator: Estimator = reparameterized,
    num_samples: int = 8,
    num_steps: int = 60,
    rate: float = 0.15,
) -> Course:
    """Run Step 1 on x (N, Dx) at fixed theta, with lam, ELBO and gap after every step.

    Requires
    --------
    D <= 2 and a Gaussian family; float64.

    Parameters
    ----------
    model, family, theta, x
        p_theta(x, z), q_lam(z), and the data.
    rng : numpy Generator
        For the samples.
    lam : ndarray (N, P), optional
        Start; by default ``family.init(N)``.
    estimator, num_samples, num_steps
        The gradient, S and T.
    rate : float
        Adam's step size, falling to 0 by a cosine.

    Raises
    ------
    TypeError, ValueError
        If the family is not Gaussian, or D > 2.

    Notes
    -----
    Ermon/Grover notes, "Black-box variational inference", Step 1.
    """
    as_count("num_steps", num_steps)
    target = backends.target(model, theta, x)
    if isinstance(model, HasLogEvidence):
        log_evidence = model.log_evidence(theta, x)
    else:
        log_evidence = log_evidence_quadrature(model, theta, x).value
    lam = family.init(len(x)) if lam is None else lam
    optimizer = adam(cosine_decay(rate, num_steps))
    moments, lams = optimizer.init(lam, rows=True), [lam]
    for _ in range(num_steps):
        lam, moments, _ = ascend(
            family, target, lam, rng, estimator, num_samples, optimizer, moments
        )
        lams.append(lam)
    elbo = np.stack([exact_elbo(family, target, lam) for lam in lams])
    kl = np.stack([kl_to_posterior(family, target, lam, log_evidence) for lam in lams])
    return Course(np.stack(lams), elbo, kl, log_evidence)


def exact_elbo(family: Any, target: Target, lam: Array) -> Array:
    """The ELBO (N,) by Gauss-Hermite sums, by a grid where q is not Gaussian."""
    if isinstance(family, Gaussian):
        return gauss_hermite(family, target, lam, num_nodes=100).elbo
    return grid_expectation(family, target, lam).elbo


def kl_to_posterior(
    family: Any, target: Target, lam: Array, log_evidence: Array, nodes: int = 100
) -> Array:
    """KL(q || p(z | x)) = sum of q (log q - log p(x, z) + log p(x)) over a grid: (N,), nats."""
    mean, covariance = moments_of(family, lam)
    width = 7 * np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    z = grid(mean - width, mean + width, nodes)
    cell = np.prod(2 * width / (nodes - 1), axis=1)
    log_q = family.log_prob(lam, z)
    return cell * np.sum(np.exp(log_q) * (log_q - target.value(z) + log_evidence), axis=0)


class Landscape(NamedTuple):
    """One datapoint's log p(x, z) on a grid of z: z1, z2 and log_joint are (nodes, nodes)."""

    z1: Array
    z2: Array
    log_joint: Array


def landscapes(model: Model, theta: Theta, x: Array, nodes: int = 90) -> list[Landscape]:
    """The log joint of each row of x on a grid over the prior's bulk and its own posterior.

    Requires
    --------
    D = 2; float64.
    """
    low, high = find_boxes(model, theta, x)
    z = grid(np.minimum(low, -2.6), np.maximum(high, 2.6), nodes)
    log_joint = backends.target(model, theta, x).value(z)
    squares = (nodes, nodes)
    return [
        Landscape(z[:, n, 0].reshape(squares), z[:, n, 1].reshape(squares), log_p.reshape(squares))
        for n, log_p in enumerate(log_joint.T)
    ]


def course_rows(family: Any, course: Course) -> list[dict[str, Any]]:
    """A course as tidy rows, one for each datapoint and step: moments of q, ELBO, gap."""
    rows = []
    for n, log_evidence in enumerate(course.log_evidence):
        for step, lam in enumerate(course.lam[:, n]):
            mean, covariance = (moment[0] for moment in moments_of(family, lam[None]))
            row: dict[str, Any] = {"datapoint": n, "step": step}
            row |= {f"mean_{d + 1}": mean[d] for d in range(len(mean))}
            row |= {f"sd_{d + 1}": np.sqrt(covariance[d, d]) for d in range(len(mean))}
            row |= {"elbo": course.elbo[step, n], "kl": course.kl[step, n]}
            rows.append({**row, "log_evidence": log_evidence})
    return rows


class Decoder(NamedTuple):
    """A model of the binarized digits with D = 2, learned as a VAE, with its family and theta."""

    model: DeepLatentModel
    family: Family
    theta: Theta
    phi: Theta
    encoder: MLP


def digits_decoder(
    rng: np.random.Generator, num_steps: int = 1500, prior: Any = None, hidden: int = 64
) -> Decoder:
    """Learn the two-dimensional Bernoulli decoder whose posteriors the figures show.

    Parameters
    ----------
    rng : numpy Generator
        For starting values, minibatches and samples.
    num_steps : int
        Steps of `bbvi.fit_amortized`.
    prior : optional
        p(z), by default N(0, I).
    hidden : int
        Units on either side.
    """
    x, family = digits().x, DiagonalGaussian(2)
    prior = StandardNormal(2) if prior is None else prior
    model = DeepLatentModel(prior, MLP((2, hidden, x.shape[1])), BernoulliLikelihood())
    encoder = MLP((x.shape[1], hidden, family.num_params))
    fit = fit_amortized(
        model,
        family,
        x,
        rng,
        encoder=encoder,
        num_steps=num_steps,
        optimizer=adam(cosine_decay(0.01, num_steps)),
        progress=False,
    )
    assert fit.phi is not None
    return Decoder(model, family, fit.theta, fit.phi, encoder)


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
