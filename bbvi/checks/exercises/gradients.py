"""Checks of exercises about scores and gradient estimators (floor 5)."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import D, N, S
from bbvi.checks.verdicts import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_score(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score(z, mean, log_scale)``: d log q(z) / d(mean, log sigma), (S, N, 2 D).

    z is (S, N, D); mean and log_scale = log sigma are (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    z, mean = rng.standard_normal((S, N, D)), rng.standard_normal((N, D))
    log_scale = rng.uniform(0.3, 0.9, (N, D))
    sigma, gap = np.exp(log_scale), z - mean

    def both(in_mean: Array, in_log_scale: Array) -> Array:
        return np.concatenate([in_mean, in_log_scale], axis=-1)

    in_mean, in_log_scale = gap / sigma**2, (gap / sigma) ** 2 - 1
    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    suspects = [
        Suspect(
            "that is the derivative in sigma; in log sigma it is sigma times as large",
            both(in_mean, in_log_scale / sigma),
        ),
        Suspect(
            "that is the derivative in log sigma squared, half of that in log sigma",
            both(in_mean, in_log_scale / 2),
        ),
        Suspect(forgotten, both(gap / log_scale**2, (gap / log_scale) ** 2 - 1)),
        Suspect("divide by sigma squared in the mean's part", both(gap / sigma, in_log_scale)),
        Suspect(
            "the -1, from the normalizer -log sigma, is missing", both(in_mean, in_log_scale + 1)
        ),
        Suspect("the sign: log q rises towards the mean", both(-in_mean, in_log_scale)),
        Suspect("the sign: that is the derivative in z", -both(in_mean, in_log_scale)),
        Suspect("the halves are exchanged: first the mean", both(in_log_scale, in_mean)),
    ]
    arguments = {"z": z, "mean": mean, "log_scale": log_scale}
    check_answer(answer, arguments, both(in_mean, in_log_scale), suspects)


@without_frames
def check_score_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``reinforce(f, score)``: (1/S) sum_s f_s d log q(z_s)/dlam, (N, P).

    f is (S, N), the integrand at the samples; score (S, N, P).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Williams (1992); Ermon/Grover notes, "Gradient estimation".
    """
    f, score = rng.standard_normal((S, N)) - 3, rng.standard_normal((S, N, 2 * D))
    terms = f[..., None] * score
    suspects = [
        Suspect("the sign: the ELBO is climbed, not descended", -terms.mean(axis=0)),
        Suspect("summed over the samples instead of averaged", terms.sum(axis=0)),
        Suspect(
            "the mean of a product is not the product of means: f_s belongs to its own score",
            f.mean(axis=0)[:, None] * score.mean(axis=0),
        ),
        Suspect("f is missing: E[score] is zero, it has no direction", score.mean(axis=0)),
        Suspect(
            "f minus its mean over all samples is a baseline that has seen its own sample",
            ((f - f.mean(axis=0))[..., None] * score).mean(axis=0),
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", terms.mean(axis=1)),
        Suspect("averaged over the datapoints too", terms.mean(axis=(0, 1))),
        Suspect("no mean over the samples (axis 0)", terms),
    ]
    check_answer(answer, {"f": f, "score": score}, terms.mean(axis=0), suspects)


@without_frames
def check_pathwise_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``pathwise(df_dz, eps, log_scale)``: (1/S) sum_s df/dz . dz/d(mean, log sigma).

    z = mean + sigma eps; df_dz and eps are (S, N, D), log_scale (N, D); the answer is (N, 2 D).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Rios, "Reparametrised gradient estimate"; Kingma and Welling (2014), section 2.4.
    """
    df_dz, eps = rng.standard_normal((2, S, N, D))
    log_scale = rng.uniform(0.3, 0.9, (N, D))
    sigma = np.exp(log_scale)

    def both(in_mean: Array, in_log_scale: Array) -> Array:
        return np.concatenate([in_mean, in_log_scale], axis=-1)

    right = both(df_dz, df_dz * eps * sigma)
    suspects = [
        Suspect(
            "that is the derivative in sigma: dz/d(log sigma) = sigma eps (sigma for log sigma)",
            both(df_dz, df_dz * eps).mean(axis=0),
        ),
        Suspect(
            "sigma for log sigma: np.exp(log_scale) is missing",
            both(df_dz, df_dz * eps * log_scale).mean(axis=0),
        ),
        Suspect(
            "sigma squared where sigma is meant",
            both(df_dz, df_dz * eps * sigma**2).mean(axis=0),
        ),
        Suspect(
            "the +1 of the entropy belongs to the ELBO; here f is all there is",
            both(df_dz, df_dz * eps * sigma + 1).mean(axis=0),
        ),
        Suspect(
            "eps is missing: dz/d(log sigma) = sigma eps", both(df_dz, df_dz * sigma).mean(axis=0)
        ),
        Suspect("summed over the samples instead of averaged", right.sum(axis=0)),
        Suspect(
            "the mean of a product is not the product of means",
            both(df_dz.mean(axis=0), df_dz.mean(axis=0) * eps.mean(axis=0) * sigma),
        ),
        Suspect(
            "the halves are exchanged: first the mean", both(df_dz * eps * sigma, df_dz).mean(0)
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", right.mean(axis=1)),
        Suspect("no mean over the samples (axis 0)", right),
    ]
    arguments = {"df_dz": df_dz, "eps": eps, "log_scale": log_scale}
    check_answer(answer, arguments, right.mean(axis=0), suspects)


@without_frames
def check_score_variance(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score_variance(mean, sigma, k)``: Var of (z - k)^2 d log q(z)/d mean for one sample.

    q = N(mean, sigma^2); with d = mean - k the answer is a polynomial in d and sigma, divided by
    sigma^2.  All arguments are arrays of one shape.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    mean, sigma, k = rng.standard_normal(6), rng.uniform(0.5, 2, 6), rng.standard_normal(6)
    d = mean - k
    right = (d**4 + 14 * d**2 * sigma**2 + 15 * sigma**4) / sigma**2
    suspects = [
        Suspect("the squared mean (2 d)^2 is not subtracted: that is E[g^2]", right + 4 * d**2),
        Suspect("that is the pathwise estimator's variance", 4 * sigma**2),
        Suspect("the division by sigma^2, from the score, is missing", right * sigma**2),
        Suspect("d = mean - k: the mean was used", _score_variance(mean, sigma)),
        Suspect("that is a standard deviation", np.sqrt(right)),
        Suspect("that is the variance with the best baseline", 8 * d**2 + 6 * sigma**2),
        Suspect(
            "(d + sigma eps)^4 has cross terms, 6 d^2 sigma^2 eps^2 among them",
            (d**4 + 15 * sigma**4) / sigma**2 - 4 * d**2,
        ),
        Suspect("the sixth moment of eps is 15, the fourth 3", _wrong_moments(d, sigma)),
    ]
    check_answer(answer, {"mean": mean, "sigma": sigma, "k": k}, right, suspects)


def _score_variance(d: Array, sigma: Array) -> Array:
    return (d**4 + 14 * d**2 * sigma**2 + 15 * sigma**4) / sigma**2


def _wrong_moments(d: Array, sigma: Array) -> Array:
    return (d**4 + 2 * d**2 * sigma**2 + 3 * sigma**4) / sigma**2


@without_frames
def check_bernoulli_score(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score(z, logits)``: d log Bernoulli(z; sigmoid(l)) / dl, (S, N, D).

    z (S, N, D) in {0, 1}; logits (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    z = rng.integers(0, 2, (S, N, D)).astype(float)
    logits = rng.uniform(0.3, 2, (N, D))
    p = 1 / (1 + np.exp(-logits))
    suspects = [
        Suspect(
            "that is the derivative in the probability: times p (1 - p) it is in the logit",
            (z - p) / (p * (1 - p)),
        ),
        Suspect("logits are not probabilities: the sigmoid is missing", z - logits),
        Suspect("that is log q itself, not its derivative", z * logits + np.log(1 - p)),
        Suspect("only ones contribute: for z = 0 it is -p", z * (1 - p)),
        Suspect("the chain rule was applied twice", (z - p) * p * (1 - p)),
        Suspect("the sign", p - z),
    ]
    check_answer(answer, {"z": z, "logits": logits}, z - p, suspects)
