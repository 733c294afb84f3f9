"""Checks of exercises about the ELBO, divergences and bounds (floor 5)."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import (
    DX,
    NOT_ADDED,
    D,
    N,
    S,
    check_far_away,
    log_mean_exp,
)
from bbvi.checks.verdicts import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_elbo(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``elbo(log_joint, log_q)``: mean over samples of log p(x, z_s) - log q(z_s), (N,).

    Both arguments are (S, N), nats.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    log_joint, log_q = -8 + rng.standard_normal((S, N)), -2 + rng.standard_normal((S, N))
    log_w, q = log_joint - log_q, np.exp(log_q)
    again = "weighted by q once more: the samples come from q, a plain mean is its expectation"
    suspects = [
        Suspect(again, (q * log_w).sum(axis=0)),
        Suspect(again, (q * log_w).mean(axis=0)),
        Suspect(again, (q * log_w).sum(axis=0) / q.sum(axis=0)),
        Suspect("the entropy is missing: subtract log q", log_joint.mean(axis=0)),
        Suspect("the entropy has the wrong sign: it is -E[log q]", (log_joint + log_q).mean(0)),
        Suspect("summed over the samples instead of averaged", log_w.sum(axis=0)),
        Suspect(
            "the log of the mean weight estimates log p(x): the ELBO is the mean of the logs",
            log_mean_exp(log_w),
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", log_w.mean(axis=1)),
        Suspect("the mean over everything: one ELBO per datapoint is asked for", log_w.mean()),
        Suspect("no mean over the samples (axis 0)", log_w),
    ]
    check_answer(answer, {"log_joint": log_joint, "log_q": log_q}, log_w.mean(axis=0), suspects)


@without_frames
def check_kl_to_prior(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``kl(mean, log_scale)``: KL(N(mean, diag(sigma^2)) || N(0, I)), (N,), nats.

    mean and log_scale = log sigma are (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Rios, "Gaussian KL"; Kingma and Welling (2014), appendix B.
    """
    mean, log_scale = rng.standard_normal((N, D)), rng.uniform(0.3, 0.9, (N, D))
    sigma = np.exp(log_scale)

    def kl(variance: Array, log_variance: Array) -> Array:
        return 0.5 * (mean**2 + variance - 1 - log_variance)

    right = kl(sigma**2, 2 * log_scale)
    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    suspects = [
        Suspect(forgotten, kl(log_scale**2, 2 * log_scale).sum(axis=1)),
        Suspect(forgotten, kl(log_scale**2, 2 * np.log(log_scale)).sum(axis=1)),
        Suspect("sigma where sigma squared is meant", kl(sigma, 2 * log_scale).sum(axis=1)),
        Suspect("log sigma was taken for log sigma squared", kl(sigma, log_scale).sum(axis=1)),
        Suspect(
            "log sigma squared is 2 log sigma: a factor 2 is missing",
            kl(sigma**2, log_scale).sum(axis=1),
        ),
        Suspect("the factor 1/2 is missing", 2 * right.sum(axis=1)),
        Suspect("the -1 is missing", (right + 0.5).sum(axis=1)),
        Suspect("the term of the mean is missing", (right - 0.5 * mean**2).sum(axis=1)),
        Suspect(
            "the direction: that is KL(N(0, I) || q)",
            (0.5 * ((1 + mean**2) / sigma**2 - 1) + log_scale).sum(axis=1),
        ),
        Suspect("the entropy has the wrong sign", kl(sigma**2, -2 * log_scale).sum(axis=1)),
        Suspect("a mean over the latent dimensions: their KLs add up", right.mean(axis=1)),
        Suspect("summed over the wrong axis: dimensions are axis=-1", right.sum(axis=0)),
        Suspect("summed over the datapoints too: one KL for each is asked for", right.sum()),
    ]
    check_answer(answer, {"mean": mean, "log_scale": log_scale}, right.sum(axis=1), suspects)


@without_frames
def check_gaussian_kl(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``kl(mean_q, cov_q, mean_p, cov_p)``: KL(q || p) of two Gaussians, (N,), nats.

    Means are (N, D), covariances (N, D, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    means = rng.standard_normal((2, N, D))
    roots = rng.standard_normal((2, N, D, D))
    covs = roots @ roots.swapaxes(-1, -2) + 0.5 * np.eye(D)
    arguments = {"mean_q": means[0], "cov_q": covs[0], "mean_p": means[1], "cov_p": covs[1]}
    trace, square, log_det = _kl_terms(means[0], covs[0], means[1], covs[1])
    right = 0.5 * (trace + square - D + log_det)
    suspects = [
        Suspect(
            "the direction: that is KL(p || q)",
            0.5 * (np.sum(_kl_terms(means[1], covs[1], means[0], covs[0]), axis=0) - D),
        ),
        Suspect("log det has the wrong sign", 0.5 * (trace + square - D - log_det)),
        Suspect("the log determinants are missing", 0.5 * (trace + square - D)),
        Suspect("the -D is missing", 0.5 * (trace + square + log_det)),
        Suspect("the term of the means is missing", 0.5 * (trace - D + log_det)),
        Suspect("the factor 1/2 is missing", 2 * right),
        Suspect(
            "D is the number of dimensions, not of datapoints",
            0.5 * (trace + square - N + log_det),
        ),
        *_wrong_precisions(means, covs, log_det),
    ]
    check_answer(answer, arguments, right, suspects)


def _kl_terms(mean_q: Array, cov_q: Array, mean_p: Array, cov_p: Array) -> list[Array]:
    """tr(P^-1 Q), the squared distance of the means under P^-1, and log det P - log det Q."""
    precision = np.linalg.inv(cov_p)
    gap = mean_q - mean_p
    return [
        np.einsum("nij,nji->n", precision, cov_q),
        np.einsum("ni,nij,nj->n", gap, precision, gap),
        np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1],
    ]


def _wrong_precisions(means: Array, covs: Array, log_det: Array) -> list[Suspect]:
    """The KL with another matrix where the inverse of cov_p belongs."""
    gap, (cov_q, cov_p) = means[0] - means[1], covs

    def kl(matrix: Array) -> Array:
        trace = np.einsum("nij,nji->n", matrix, cov_q)
        return 0.5 * (trace + np.einsum("ni,nij,nj->n", gap, matrix, gap) - D + log_det)

    return [
        Suspect("cov_p where its inverse is meant", kl(cov_p)),
        Suspect("the inverse of cov_q where that of cov_p is meant", kl(np.linalg.inv(cov_q))),
    ]


@without_frames
def check_iwae_bound(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``bound(log_joint, log_q)``: log (1/S) sum_s p(x, z_s) / q(z_s), (N,), nats.

    Both arguments are (S, N).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), equation 8.
    """
    log_joint, log_q = -6 + rng.standard_normal((S, N)), -2 + rng.standard_normal((S, N))
    log_w = log_joint - log_q
    right = log_mean_exp(log_w)
    suspects = [
        Suspect("log S is missing: the mean weight is their sum divided by S", right + np.log(S)),
        Suspect(NOT_ADDED, right - log_w.max(axis=0)),
        Suspect("log S was subtracted twice", right - np.log(S)),
        Suspect(
            "the mean of the logs is the ELBO: the logarithm belongs outside the mean",
            log_w.mean(axis=0),
        ),
        Suspect("the weights are p / q: log q has the wrong sign", log_mean_exp(log_joint + log_q)),
        Suspect("log q is missing", log_mean_exp(log_joint)),
        Suspect("the mean over the wrong axis: samples are axis 0", log_mean_exp(log_w.T)),
    ]
    check_answer(answer, {"log_joint": log_joint, "log_q": log_q}, right, suspects)
    check_far_away(answer, {"log_joint": log_joint - 2000, "log_q": log_q}, right - 2000)


@without_frames
def check_gap_split(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``split(log_evidence, elbo, elbo_optimum)`` -> (approximation, amortization) gaps.

    All are (N,), nats.

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Cremer, Li and Duvenaud (2018), section 3.
    """
    log_evidence = -10 + rng.standard_normal(N)
    optimum = log_evidence - rng.uniform(0.2, 1, N)
    elbo = optimum - rng.uniform(0.2, 1, N)
    right = log_evidence - optimum, optimum - elbo
    arguments = {"log_evidence": log_evidence, "elbo": elbo, "elbo_optimum": optimum}
    for part, (own, other) in enumerate((right, right[::-1])):
        suspects = [
            Suspect("the sign: a gap is what is lost, and not negative", -own),
            Suspect("the two gaps are exchanged", other),
            Suspect("that is the whole gap, log p(x) - ELBO", log_evidence - elbo),
        ]
        check_answer(answer, arguments, own, suspects, part=part)


@without_frames
def check_posterior_mean(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``posterior_mean(log_w, values)``: sum_s w_s values_s / sum_s w_s, (N, Dx).

    log_w (S, N) are log weights log p(x, z_s) - log q(z_s); values (S, N, Dx).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    log_w, values = -3 + rng.standard_normal((S, N)), rng.standard_normal((S, N, DX))
    w = np.exp(log_w)[..., None]
    shifted = w / w.max(axis=0)
    bare = "the weights are not normalized: divide by their sum"
    together = "normalized over the datapoints together: each datapoint has its own sum"
    right = (w * values).sum(axis=0) / w.sum(axis=0)
    suspects = [
        Suspect("the weights are not used", values.mean(axis=0)),
        *(Suspect(bare, (v * values).sum(axis=0)) for v in (w, shifted)),
        *(Suspect(bare, (v * values).mean(axis=0)) for v in (w, shifted)),
        Suspect(
            "normalized over the datapoints: samples are axis 0",
            (w * values / w.sum(axis=1, keepdims=True)).sum(axis=0),
        ),
        *(Suspect(together, (v * values).sum(axis=0) / v.sum()) for v in (w, shifted)),
        Suspect("log weights used as weights", _weighted(log_w[..., None], values)),
    ]
    check_answer(answer, {"log_w": log_w, "values": values}, right, suspects)
    check_far_away(answer, {"log_w": log_w - 2000, "values": values}, right)


def _weighted(w: Array, values: Array) -> Array:
    return (w * values).sum(axis=0) / w.sum(axis=0)
