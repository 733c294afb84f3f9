"""The checks of the exercises about the two gradient estimators and the variance of one."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.sizes import D, N, S
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_score_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``reinforce(f, score)``: (1/S) sum_s f_s d log q(z_s)/dlam, (N, P).

    f is (S, N), the integrand at the samples; score (S, N, P).

    Notes
    -----
    Williams (1992); Ermon/Grover notes, "Gradient estimation".
    """
    f, score = rng.standard_normal((S, N)) - 3, rng.standard_normal((S, N, 2 * D))
    terms, centred = f[..., None] * score, f - f.mean(axis=0)
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
            (centred[..., None] * score).mean(axis=0),
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", terms.mean(axis=1)),
        Suspect("averaged over the datapoints too", terms.mean(axis=(0, 1))),
        Suspect("divided by f: f multiplies the score", (score / f[..., None]).mean(axis=0)),
        Suspect("the score is squared", (f[..., None] * score**2).mean(axis=0)),
        Suspect("divided by S - 1: that is for a variance", terms.sum(axis=0) / (S - 1)),
        Suspect(
            "weights f / sum f: that is no mean over the samples", terms.sum(0) / f.sum(0)[:, None]
        ),
    ]
    check_formula(answer, {"f": f, "score": score}, _score_gradient, suspects)


def _score_gradient(f: Array, score: Array) -> Array:
    return np.mean(f[..., None] * score, axis=0)


@without_frames
def check_pathwise_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``pathwise(df_dz, eps, log_scale)``: (1/S) sum_s df/dz . dz/d(mean, log sigma).

    z = mean + sigma eps; df_dz and eps are (S, N, D), log_scale (N, D); the answer is (N, 2 D).

    Notes
    -----
    Rios, "Reparametrised gradient estimate"; Kingma and Welling (2014), section 2.4.
    """
    df_dz, eps = rng.standard_normal((2, S, N, D))
    log_scale = rng.uniform(0.3, 0.9, (N, D))
    arguments = {"df_dz": df_dz, "eps": eps, "log_scale": log_scale}
    check_formula(answer, arguments, _pathwise, _mistakes_of_the_path(**arguments))


def _pathwise(df_dz: Array, eps: Array, log_scale: Array) -> Array:
    sigma = np.exp(log_scale)
    return np.mean(np.concatenate([df_dz, df_dz * eps * sigma], axis=-1), axis=0)


def _mistakes_of_the_path(df_dz: Array, eps: Array, log_scale: Array) -> list[Suspect]:
    sigma = np.exp(log_scale)
    in_log_scale = df_dz * eps * sigma

    def both(in_mean: Array = df_dz, in_log_scale: Array = in_log_scale) -> Array:
        return np.concatenate([in_mean, in_log_scale], axis=-1).mean(axis=0)

    second_half = [
        (
            "that is the derivative in sigma: dz/d(log sigma) = sigma eps (sigma for log sigma)",
            df_dz * eps,
        ),
        ("sigma for log sigma: np.exp(log_scale) is missing", df_dz * eps * log_scale),
        ("sigma squared where sigma is meant", df_dz * eps * sigma**2),
        ("the +1 of the entropy belongs to the ELBO: f is all there is", in_log_scale + 1),
        ("log sigma's part minus 1: f is all there is", in_log_scale - 1),
        ("eps is missing: dz/d(log sigma) = sigma eps", df_dz * sigma),
        ("divided by sigma, where it is multiplied", df_dz * eps / sigma),
        ("df_dz is missing in the part of log sigma", eps * sigma),
        ("eps + sigma, where their product is meant", df_dz * (eps + sigma)),
        (
            "the score function's formula, (eps^2 - 1), in the part of log sigma",
            df_dz * (eps**2 - 1),
        ),
        ("the sign of log sigma's part", -in_log_scale),
    ]
    first_half = [
        ("eps belongs to the part of log sigma alone", df_dz * eps),
        ("sigma belongs to the part of log sigma alone", df_dz * sigma),
        ("divided by sigma: dz/d mean is 1", df_dz / sigma),
        ("divided by sigma^2, as in the score: dz/d mean is 1", df_dz / sigma**2),
        ("dz/d mean = 1, without df_dz", np.ones_like(df_dz)),
        ("the sign of the mean's part", -df_dz),
    ]
    half = "summed over the samples in one half, averaged in the other"
    means, right = both(df_dz, df_dz.mean(axis=0) * eps.mean(axis=0) * sigma + 0 * eps), both()
    scale = np.repeat([1, S], D)
    return [
        *(Suspect(mistake, both(in_log_scale=wrong)) for mistake, wrong in second_half),
        *(Suspect(mistake, both(in_mean=wrong)) for mistake, wrong in first_half),
        Suspect("summed over the samples instead of averaged", S * right),
        Suspect("the mean of a product is not the product of means", means),
        Suspect(
            "no mean over the samples (axis 0)", np.concatenate([df_dz, in_log_scale], axis=-1)
        ),
        Suspect(half, right * scale),
        Suspect(half, right * scale[::-1]),
    ]


@without_frames
def check_score_variance(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score_variance(mean, sigma, k)``: Var of (z - k)^2 d log q(z)/d mean for one sample.

    q = N(mean, sigma^2); with d = mean - k the answer is a polynomial in d and sigma, divided by
    sigma^2.  All arguments are arrays of one shape.
    """
    mean, sigma, k = rng.standard_normal(6), rng.uniform(0.5, 2, 6), rng.standard_normal(6)
    d, right = mean - k, _score_variance(mean, sigma, k)
    suspects = [
        Suspect("the squared mean (2 d)^2 is not subtracted: that is E[g^2]", right + 4 * d**2),
        Suspect("that is the pathwise estimator's variance", 4 * sigma**2),
        Suspect("the division by sigma^2, from the score, is missing", right * sigma**2),
        Suspect("d = mean - k: the mean was used", _score_variance(mean, sigma, 0 * k)),
        Suspect("that is a standard deviation", np.sqrt(right)),
        Suspect("that is the variance with the best baseline", 8 * d**2 + 6 * sigma**2),
        Suspect(
            "(d + sigma eps)^4 has cross terms, 6 d^2 sigma^2 eps^2 among them", right - 18 * d**2
        ),
        Suspect("the sixth moment of eps is 15, the fourth 3", right - 12 * d**2 - 12 * sigma**2),
        Suspect("that is the estimator's mean, 2 d", 2 * d),
        Suspect("that is the squared mean, 4 d^2", 4 * d**2),
        Suspect("divided by sigma: the score's 1/sigma is squared", right * sigma),
        Suspect("divided by sigma^4: that forgets the sigma of z - mean", right / sigma**2),
        Suspect("d = mean + k: it is mean - k", _score_variance(mean, sigma, -k)),
        Suspect("the mean was subtracted without its square", right + 4 * d**2 - 2 * d),
        Suspect("(2 d)^2 is 4 d^2: a factor is wrong in the squared mean", right + 2 * d**2),
        Suspect("the squared mean is subtracted twice", right - 4 * d**2),
        Suspect("the squared mean is added, where it is subtracted", right + 8 * d**2),
        Suspect(
            "the cross term: 2 d sigma eps, squared, is 4 d^2 sigma^2 eps^2", right - 12 * d**2
        ),
        Suspect("sigma was taken for sigma^2", _score_variance(mean, np.sqrt(sigma), k)),
        Suspect("sigma^2 was taken for sigma", _score_variance(mean, sigma**2, k)),
    ]
    terms = {
        "the term of d^4": d**4 / sigma**2,
        "the term of d^2 sigma^2 (its factor is 18 - 4 = 14; E eps^4 = 3)": 14 * d**2,
        "the term of sigma^4 (its factor is E eps^6 = 15)": 15 * sigma**2,
    }
    arguments = {"mean": mean, "sigma": sigma, "k": k}
    check_formula(answer, arguments, _score_variance, suspects, terms=terms)


def _score_variance(mean: Array, sigma: Array, k: Array) -> Array:
    d = mean - k
    return (d**4 + 14 * d**2 * sigma**2 + 15 * sigma**4) / sigma**2
