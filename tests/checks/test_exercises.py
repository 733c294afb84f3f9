"""Every exercise: its solution passes, its stub stops, and typical wrong answers are named.

The sources are run without nbgrader: a solution cell is taken as it stands, with its solution
replaced by a stub, or with one typical mistake put in.
"""

import importlib.util
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bbvi import checks

EXERCISES = Path(__file__).parents[2] / "notebooks" / "exercises"
SOURCES = sorted((EXERCISES / "source").glob("*.py"))
STUDENT = EXERCISES / "student"

# exercise -> (text of the solution, what a student writes there, part of the message)
WRONG = {
    "log_normal": [
        ("np.exp(-log_scale)", "(1 / log_scale)", "sigma for log sigma"),
        ("np.exp(-log_scale)", "np.exp(-0.5 * log_scale)", "sigma squared is meant"),
        (" - 0.5 * np.log(2 * np.pi)", "", "constant -0.5 log"),
        (" - log_scale, axis", ", axis", "normalizer -log sigma is missing"),
        (" - log_scale, axis", " + log_scale, axis", "log sigma has the wrong sign"),
        ("np.sum(-0.5", "np.mean(-0.5", "a mean over the latent dimensions"),
        ("axis=-1", "axis=0", "wrong axis"),
        ("return np.sum(", "return np.exp(1) ** np.sum(", "a density, where its log is meant"),
        ("-0.5 * standardized**2", "-(standardized**2)", "factor 1/2 of the square"),
        (
            " - 0.5 * np.log(2 * np.pi) - log_scale, axis=-1)",
            " - log_scale, axis=-1) - 0.5 * np.log(2 * np.pi)",
            "every dimension, not once",
        ),
        ("np.exp(-log_scale)", "np.exp(log_scale)", "multiplied by sigma"),
        (
            " - log_scale, axis=-1)",
            ", axis=-1) - np.sum(log_scale)",
            "log sigma was summed over the datapoints too",
        ),
    ],
    "sample": [
        ("np.exp(log_sigma) *", "0 *", "noise of p"),
        ("np.exp(log_sigma) *", "log_sigma *", "sigma for log sigma"),
        ("np.exp(log_sigma) *", "np.exp(2 * log_sigma) *", "sigma squared where sigma is meant"),
        ("noise, z", "noise, rng.standard_normal(z.shape)", "another z than the one returned"),
        ("+ b + noise", "+ noise", "a term of the mean is missing"),
        ("return z @ W.T + b + noise, z", "return z, z @ W.T + b + noise", "in the other order"),
        ("z = rng.", "z = np.random.default_rng().", "instead of the rng that is passed in"),
        ("(num, W.shape[0])", "(num, 1)", "one number was drawn for several dimensions"),
        ("(num, W.shape[0])", "W.shape[0]", "one draw was used num times"),
        (
            "z = rng.standard_normal((num, W.shape[1]))",
            "z = np.tile(rng.standard_normal((num, 1)), W.shape[1])",
            "one number was drawn for several dimensions",
        ),
        (
            "z = rng.standard_normal((num, W.shape[1]))",
            "z = np.tile(rng.standard_normal(W.shape[1]), (num, 1))",
            "one draw was used num times",
        ),
        ("return z @ W.T + b", "return b", "or without W z"),
    ],
    "log_evidence": [
        (
            "return highest + np.log(np.mean(np.exp(log_likelihood - highest), axis=0))",
            "return np.mean(log_likelihood, axis=0)",
            "mean of the logs instead of the log of the mean",
        ),
        ("np.mean(np.exp", "np.sum(np.exp", "log S is missing"),
        ("return highest + ", "return ", "not added after the log"),
        (
            "return highest + np.log(np.mean(np.exp(log_likelihood - highest), axis=0))",
            "return np.log(np.mean(np.exp(log_likelihood), axis=0))",
            "exp underflowed",
        ),
    ],
    "elbo": [
        ("log_joint - log_q", "log_joint + log_q", "entropy has the wrong sign"),
        ("log_joint - log_q", "log_joint", "entropy is missing"),
        ("axis=0", "axis=1", "wrong axis"),
        ("np.mean(", "np.sum(", "summed over the samples"),
        (
            "np.mean(log_joint - log_q, axis=0)",
            "np.sum(np.exp(log_q) * (log_joint - log_q), axis=0)",
            "the samples come from q",
        ),
        ("axis=0)", "axis=0, keepdims=True)", "along another axis"),
        (
            "np.mean(log_joint - log_q, axis=0)",
            "np.log(np.mean(np.exp(log_joint - log_q), axis=0))",
            "mean of the logs",
        ),
        ("return np.mean(log_joint - log_q, axis=0)", "np.mean(log_joint)", "return statement"),
        (
            "return np.mean(log_joint - log_q, axis=0)",
            "log_joint -= log_q; return log_joint.mean(axis=0)",
            "in-place operation",
        ),
    ],
    "kl": [
        ("return np.sum(", "return -np.sum(", "sign is wrong"),
        ("np.exp(2 * log_scale)", "log_scale**2", "sigma for log sigma"),
        ("np.exp(2 * log_scale)", "np.exp(log_scale)", "sigma squared is meant"),
        ("- log_scale, axis", "- 0.5 * log_scale, axis", "a factor 2 is missing"),
        ("- log_scale, axis", "+ log_scale, axis", "entropy has the wrong sign"),
        (" - 1)", ")", "the -1 is missing"),
        ("mean**2 + ", "", "term of the mean is missing"),
        (
            "np.sum(0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale, axis=-1)",
            "np.sum(0.5 * (1 + mean**2) * np.exp(-2 * log_scale) - 0.5 + log_scale, axis=-1)",
            "the direction",
        ),
        ("np.sum(", "np.mean(", "mean over the latent dimensions"),
    ],
    "gaussian_kl": [
        (
            "precision = np.linalg.inv(cov_p)",
            "mean_q, cov_q, mean_p, cov_p = mean_p, cov_p, mean_q, cov_q\n"
            "    precision = np.linalg.inv(cov_p)",
            "the direction",
        ),
        ("+ log_det)", "- log_det)", "log det has the wrong sign"),
        (" - mean_q.shape[1]", "", "-D is missing"),
        ("0.5 * (trace", "(trace", "factor 1/2"),
        ("mean_q.shape[1]", "mean_q.shape[0]", "not of datapoints"),
        ("np.linalg.inv(cov_p)", "cov_p", "its inverse is meant"),
        ("np.linalg.inv(cov_p)", "np.linalg.inv(cov_q)", "that of cov_p is meant"),
    ],
    "iwae_bound": [
        (" - np.log(len(log_w))", "", "log S is missing"),
        (
            "return highest + np.log(np.exp(log_w - highest).sum(axis=0)) - np.log(len(log_w))",
            "return log_w.mean(axis=0)",
            "the mean of the logs is the ELBO",
        ),
        ("log_joint - log_q", "log_joint", "log q is missing"),
        ("highest = log_w.max(axis=0)", "highest = 0", "exp underflowed"),
        ("return highest + ", "return ", "not added after the log"),
    ],
    "score": [
        ("standardized**2 - 1", "standardized**2", "the -1"),
        ("standardized * np.exp(-log_scale)", "standardized", "divide by sigma squared"),
        (
            "return np.concatenate([in_mean, in_log_scale], axis=-1)",
            "return np.concatenate([in_mean, in_log_scale * np.exp(-log_scale)], axis=-1)",
            "derivative in sigma",
        ),
        ("[in_mean, in_log_scale]", "[in_log_scale, in_mean]", "halves are exchanged"),
        ("(z - mean)", "(mean - z)", "log q rises towards the mean"),
        ("standardized**2 - 1", "0.5 * (standardized**2 - 1)", "log sigma squared"),
        ("axis=-1)", "axis=0)", "along another axis"),
    ],
    "reinforce": [
        ("np.mean(f", "-np.mean(f", "the sign"),
        ("np.mean(f", "np.sum(f", "summed over the samples"),
        ("axis=0", "axis=1", "wrong axis"),
        (
            "np.mean(f[..., None] * score, axis=0)",
            "f.mean(axis=0)[:, None] * score.mean(axis=0)",
            "product of means",
        ),
        ("f[..., None] *", "(f - f.mean(axis=0))[..., None] *", "seen its own sample"),
    ],
    "pathwise": [
        ("* np.exp(log_scale)", "", "derivative in sigma"),
        ("* np.exp(log_scale)", "* log_scale", "sigma for log sigma"),
        ("df_dz * eps *", "df_dz *", "eps is missing"),
        ("np.exp(log_scale)", "np.exp(2 * log_scale)", "sigma squared where sigma is meant"),
        ("* np.exp(log_scale)", "* np.exp(log_scale) + 1", "the entropy belongs to the ELBO"),
        (".mean(axis=0)", ".sum(axis=0)", "summed over the samples"),
        (".mean(axis=0)", "", "no mean over the samples"),
    ],
    "score_variance": [
        ("15 * sigma**4)", "15 * sigma**4 + 4 * d**2 * sigma**2)", "squared mean"),
        ("/ sigma**2", "", "division by sigma"),
        ("d = mean - k", "d = mean", "d = mean - k"),
        ("14 * d**2", "-4 * d**2", "cross terms"),
    ],
    "leave_one_out": [
        (
            "(f.sum(axis=0) - f) / (len(f) - 1)",
            "np.broadcast_to(f.mean(0), f.shape)",
            "that is biased",
        ),
        ("(len(f) - 1)", "len(f)", "divisor S instead of S - 1"),
        ("if len(f) < 2:", "if len(f) < 1:", "accepts S = 1"),
        (
            'raise ValueError(f"f has {len(f)} sample; expected at least 2.")',
            "assert False",
            "raises Assert",
        ),
        ("return (f", "return f - (f", "return the baseline b alone"),
    ],
    "moving_average": [
        (
            "baseline[s] = running\n        running = decay * running + (1 - decay) * f_s\n",
            "running = decay * running + (1 - decay) * f_s\n        baseline[s] = running\n",
            "used after the update",
        ),
        (
            "decay * running + (1 - decay) * f_s",
            "(1 - decay) * running + decay * f_s",
            "decay and 1 - decay are exchanged",
        ),
        ("        running = decay", "        unused = decay", "running mean never changes"),
        ("(1 - decay) * f_s", "(1 - decay) * f_s.mean()", "one running mean for all datapoints"),
    ],
    "optimal_baseline": [
        ("score**2", "score", "h instead of h squared"),
        (" / np.sum(score**2, axis=0)", " / len(f)", "division by E"),
        (
            "np.sum(f[..., None] * score**2, axis=0) / np.sum(score**2, axis=0)",
            "(np.mean(f[..., None] * score**2, 0) - np.mean(f[..., None] * score, 0)"
            " * score.mean(0)) / score.var(0)",
            "need not be estimated",
        ),
        (
            "np.sum(f[..., None] * score**2, axis=0) / np.sum(score**2, axis=0)",
            "np.broadcast_to(f.mean(axis=0)[:, None], score.shape[1:])",
            "large score count more",
        ),
    ],
    "step_1": [
        ("lam[rows] += rate", "lam[rows] -= rate", "the sign"),
        ("lam = lam.copy()", "pass", "in-place operation"),
        ("lam[rows] += rate * grad", "lam += rate * grad.mean(axis=0)", "outside the minibatch"),
        ("rate * grad", "rate * grad / len(rows)", "divided by the size of the minibatch"),
        ("return lam", "return lam[rows]", "only the moved rows"),
        ("lam[rows]", "lam[: len(rows)]", "first rows moved"),
        ("lam[rows]", "lam[np.isin(np.arange(len(lam)), rows)]", "a mask or a sort"),
    ],
    "fit_q": [
        ("lam = lam + rate", "lam = lam - rate", "the sign"),
        (
            "    for _ in range(num_steps):\n        eps = family.noise(rng, 8, len(lam))\n",
            "    eps = family.noise(rng, 8, len(lam))\n    for _ in range(num_steps):\n",
            "eps is drawn once",
        ),
        ("        lam = lam + rate", "        new = lam + rate", "not carried over"),
        ("range(num_steps)", "range(num_steps // 2)", "one for each step"),
        ("rate * estimator", "rate / num_steps * estimator", "scaled down"),
        ("eps = family", "rng = np.random.default_rng(1); eps = family", "the same noise"),
        (
            "    for _ in",
            "    rng = np.random.default_rng(1)\n    for _ in",
            "a generator of its own",
        ),
        ("return lam", "return estimator(family, target, lam, eps)", "one array of numbers"),
        ("return lam", "return lam, [0.0]", "one array of numbers"),
    ],
    "theta_gradient": [
        ("num_data / B * ", "", "N / B is missing"),
        (".sum(axis=0)", ".mean(axis=0)", "divided by B twice"),
        ("gradients.mean(axis=0)", "gradients.sum(axis=0)", "summed over the samples"),
        ("num_data / B", "B / num_data", "B / N instead of N / B"),
    ],
    "bernoulli": [
        (
            "softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))",
            "softplus = np.log(1 + np.exp(logits))",
            "logits near 1000",
        ),
        ("np.sum(", "np.mean(", "a mean over the pixels"),
        ("x * logits", "(1 - x) * logits", "x and 1 - x are exchanged"),
        ("np.maximum(logits, 0)", "np.maximum(-logits, 0)", "softplus\\(-l\\)"),
        ("np.sum(x * logits", "-np.sum(x * logits", "sign is wrong"),
        (
            "softplus = ",
            "logits = 1 / (1 + np.exp(-logits)); softplus = ",
            "the sigmoid was applied twice",
        ),
    ],
    "encoder_pullback": [
        ("x.T @ grad", "x.T @ grad / len(x)", "mean over the datapoints"),
        ("x.T @ grad", "grad.T @ x", "transposed"),
        (", grad.sum(axis=0)", ", grad", "no sum over the datapoints"),
        ("return x.T @ grad, grad.sum(axis=0)", "return grad.sum(axis=0), x.T @ grad", "exchanged"),
        ("x.T @ grad", "np.outer(x.sum(axis=0), grad.sum(axis=0))", "not a product of sums"),
        ("return x.T @ grad, grad.sum(axis=0)", "return x.T @ grad", "return a, b"),
    ],
    "lecture_loss": [
        ("x.shape[1] * log_scale_x", "log_scale_x", "once per pixel"),
        ("- nlq", "+ nlq", "log q has the wrong sign"),
        ("nll + nlp - nlq", "(nll + nlp - nlq).sum()", "summed over the images"),
        ("nll + nlp", "nll", "prior's term is missing"),
        ("x.shape[1]", "len(x)", "len\\(x\\) counts the images"),
        ("log_scale_x[:, 0]", "log_scale_x", "take the column"),
        ("0.5 * squares", "squares", "factor 1/2 of the squared error"),
        ("nll + nlp", "0.5 * x.shape[1] * np.log(2 * np.pi) + nll + nlp", "left out"),
    ],
    "output_sizes": [
        ("// s + 1", "/ s + 1", "floor is forgotten"),
        ("n + 2 * p - k) //", "n + p - k) //", "padding counts once"),
        ("(n + 2 * p - k) // s", "n + 2 * p - s * k", "stride multiplies the kernel"),
        ("// s + 1", "// s", r"\+ 1 is missing"),
        ("k - 2 * p + more", "k - 2 * p", "output padding is missing"),
        ("k - 2 * p + more", "k - p + more", "padding counts once"),
        ("k - 2 * p + more", "k + 2 * p + more", "padding is added"),
        ("(n - 1)", "n", "n where n - 1 is meant"),
        ("return down, up", "return up, down", "exchanged"),
        ("s * (n - 1) + k", "n - 1 + s * k", "stride multiplies the kernel"),
    ],
    "conv_pullback": [
        ("dx, dw = np", "stride = 1\n    dx, dw = np", "stride is ignored"),
        ("g, w[:, :, i, j]", "g, w[:, :, -1 - i, -1 - j]", "kernel is turned"),
        ("noyx,oc->ncyx", "noyx,co->ncyx", "channels are swapped"),
        ("columns] += ", "columns] = ", "windows overlap"),
        ("dw[:, :, i, j] =", "dw[:, :, -1 - i, -1 - j] =", "kernel is flipped"),
        ("ncyx->oc", "ncyx->co", "channels are swapped"),
        ("return dx, dw", "return dx, dw / len(x)", "mean over the images"),
        ("return dx, dw", "return dw, dx", "exchanged"),
        (
            "return dx, dw",
            "return dx, conv_pullback(x[:1], w, g[:1], stride)[1] if len(x) > 1 else dw",
            "sum over the images",
        ),
    ],
    "split": [
        (
            "log_evidence - elbo_optimum, elbo_optimum - elbo",
            "elbo_optimum - elbo, log_evidence - elbo_optimum",
            "exchanged",
        ),
        ("log_evidence - elbo_optimum", "elbo_optimum - log_evidence", "the sign"),
        ("log_evidence - elbo_optimum,", "log_evidence - elbo,", "the whole gap"),
    ],
    "antithetic": [
        ("target, lam, -eps)", "target, lam, eps)", "not antithetic"),
        ("0.5 * (one.grad + other.grad)", "one.grad + other.grad", "counted twice"),
        ("0.5 * (one.grad + other.grad)", "0.5 * (one.grad - other.grad)", "lost term"),
        (", theta)", ", None)", "theta gradient was dropped"),
    ],
    "log_mixture": [
        (
            "return highest + np.log(np.sum(np.exp(terms - highest[..., None]), axis=-1))",
            "return np.sum(np.exp(log_weights) * log_densities, axis=-1)",
            "the mean of the logs",
        ),
        ("log_weights + ", "", "weights are missing"),
        ("return highest + ", "return ", "not added after the log"),
        ("log_weights + ", "np.exp(log_weights) + ", "w_k where log w_k is meant"),
        (
            "return highest + np.log(np.sum(np.exp(terms - highest[..., None]), axis=-1))",
            "return np.log(np.sum(np.exp(terms), axis=-1))",
            "exp underflowed",
        ),
    ],
    "transform": [
        ('"nij,snj->sni"', '"nji,snj->sni"', "L is transposed"),
        ('"nij,snj->sni"', '"nii,sni->sni"', "only the diagonal"),
        ("factor, eps", "factor @ factor.swapaxes(1, 2), eps", "instead of its factor"),
        ("mean + ", "", "mean is missing"),
        ("factor, eps", "np.linalg.inv(factor), eps", "would whiten z"),
    ],
    "bernoulli_score": [
        ("1 / (1 + np.exp(-logits))", "logits", "the sigmoid is missing"),
        (
            "z - 1 / (1 + np.exp(-logits))",
            "z * logits - np.logaddexp(0, logits)",
            "not its derivative",
        ),
        (
            "return z - 1 / (1 + np.exp(-logits))",
            "return 1 / (1 + np.exp(-logits)) - z",
            "the sign",
        ),
        (
            "return z - 1 / (1 + np.exp(-logits))",
            "p = 1 / (1 + np.exp(-logits)); return (z - p) / (p * (1 - p))",
            "derivative in the probability",
        ),
    ],
    "masked": [
        ("observed * (x", "~observed * (x", "mask is upside down"),
        (
            "observed * (x * logits - softplus)",
            "x * observed * logits - softplus",
            "count as white",
        ),
        ("np.sum(observed", "np.mean(observed", "a mean over the pixels"),
        ("observed * (x", "1 * (x", "mask is not used"),
        (
            "observed * (x * logits - softplus)",
            "x * (observed * logits) - np.logaddexp(0, observed * logits)",
            "costs log 2",
        ),
    ],
    "posterior_mean": [
        (" / np.sum(w, axis=0)", "", "not normalized"),
        ("np.sum(w * values, axis=0) / np.sum(w, axis=0)", "values.mean(axis=0)", "not used"),
        ("log_w - log_w.max(axis=0)", "log_w", "exp underflowed"),
        ("np.sum(w, axis=0)", "len(w)", "not normalized"),
        ("np.sum(w, axis=0)", "np.sum(w)", "each datapoint has its own sum"),
    ],
    "variance_ratio": [
        ("return score / (4 * sigma**2)", "return (score / (4 * sigma**2)) ** 0.5", "standard dev"),
        ("return score / (4 * sigma**2)", "return 4 * sigma**2 / score", "upside down"),
        ("return score / (4 * sigma**2)", "return score", "score function's variance alone"),
        (" / sigma**2\n", "\n", "in the squared score"),
        ("(4 * sigma**2)", "4", "sigma.2 is missing"),
        ("(4 * sigma**2)", "(4 * sigma**2 + 4 * mean**2)", "of the pathwise gradient"),
        ("14 *", "18 *", "squared mean"),
        ("15 *", "3 *", "term of sigma"),
    ],
    "samples_needed": [
        ("(error / wanted) ** 2", "(error / wanted)", "square the quotient"),
        ("(error / wanted) ** 2", "(error / wanted) ** 0.5", "root of the quotient"),
        ("num_samples * ", "", "factor alone"),
        ("error / wanted", "wanted / error", "upside down"),
        ("** 2", "** 2 - num_samples", "there already"),
    ],
    "mean_field": [
        ("correlation**2", "abs(correlation)", "the correlation is squared"),
        ("return variance,", "return variance**0.5,", "standard deviation"),
        ("return variance,", "return 1 / variance,", "precision"),
        ("return variance,", "return 1 + 0 * variance,", "p's own variances"),
        ("-np.log(variance) / 2", "np.log(variance) / 2", "never negative"),
        ("-np.log(variance) / 2", "-np.log(variance)", "factor 1/2"),
        ("-np.log(variance) / 2", "-np.log2(variance) / 2", "base 2"),
        ("-np.log(variance) / 2", "0 * variance", "no gap at all"),
    ],
    "minibatch_variance": [
        ("num_data**2 / batch", "(num_data / batch) ** 2", "their variances add up"),
        ("num_data**2", "num_data", "N stands there once"),
        ("num_data**2 / batch", "1 / batch", "was not scaled"),
        ("(between + within / num_samples)", "(between + within) / num_samples", "do not lessen"),
        ("within / num_samples", "within", "S does not divide within"),
        ("between + ", "", "between is missing"),
        (" + within / num_samples", "", "within is missing"),
        ("num_data**2 / batch", "num_data**2", "B is missing"),
        ("* (between", "* (1 - batch / num_data) * (between", "without replacement"),
    ],
    "crossing": [
        ("readings.crossing(np.random.default_rng(0))", "1.5", "the variance at the crossing"),
        ("readings.crossing(np.random.default_rng(0))", "0.38", "exponent of 10"),
        ("readings.crossing(np.random.default_rng(0))", "4.4", "read as an even one"),
        ("readings.crossing(np.random.default_rng(0))", "24", "a power of ten too many"),
        ("readings.crossing(np.random.default_rng(0))", "3.2", "misread: put a ruler"),
        ("readings.crossing(np.random.default_rng(0))", "(2.4, 1.5)", "one number"),
    ],
    "two_rates": [
        ("38, 0.05", "0.05, 38", "in the other order"),
        ("38, 0.05", "120, 0.05", "the last step"),
        ("38, 0.05", "38, 0.0085", "small step size's"),
        ("38, 0.05", "38, -1.3", "logarithm to the base 10"),
        ("38, 0.05", "38, 0.5", "ten too many"),
        ("38, 0.05", "38", "2 numbers"),
    ],
    "samples_by_eye": [
        ("3000", "300", "taken for the variance"),
        ("3000", "94", "multiply by 32"),
        ("3000", "55", "not like 1 / S"),
        ("3000", "32", "largest S"),
        ("3000", "10_000", "misread"),
    ],
    "frequency": [
        ("10.0", "0.1", "too small"),
        ("10.0", "3.0", "not far enough"),
        ("10.0", "-10.0", "positive"),
        ("10.0", "np.array([10.0])", "one number"),
    ],
    "covariance": [
        ("[[1, 0.95], [0.95, 1]]", "[[1, 0.5], [0.5, 1]]", "weaker"),
        ("[[1, 0.95], [0.95, 1]]", "[[1, -0.999], [-0.999, 1]]", "stronger"),
        ("[[1, 0.95], [0.95, 1]]", "[[1, 1.5], [1.5, 1]]", "between -1 and 1"),
        ("[[1, 0.95], [0.95, 1]]", "[[1, 0.95], [0, 1]]", "same covariance"),
        ("[[1, 0.95], [0.95, 1]]", "[[1, 0], [0, 100]]", "scale of its own"),
        ("[[1, 0.95], [0.95, 1]]", "np.eye(2)", "factorized itself"),
    ],
    "proposal_scale": [
        ("0.2", "3.0", "too wide"),
        ("0.2", "0.8", "not enough"),
        ("0.2", "1.0", "is the posterior"),
        ("0.2", "-0.2", "positive"),
    ],
    "common_rate": [
        ("0.03", "1.0", "too large"),
        ("0.03", "0.003", "too small"),
        ("0.03", "0", "positive"),
    ],
    "step_1_bugs": [
        (
            "curves.STEP_1)",
            'curves.STEP_1) | {"A": "entropy"}',
            r"A is not 'entropy'.*named twice.*width shrinks",
        ),
        ("curves.STEP_1)", 'curves.STEP_1) | {"A": "nothing"}', "none of the bugs"),
        ("curves.STEP_1)", 'curves.STEP_1) | {"Z": "noise"}', "no run 'Z'"),
        ("curves.STEP_1)", 'curves.STEP_1) and {"B": "entropy"}', "nothing of run A"),
    ],
    "fit_bugs": [
        (
            "curves.FIT)",
            'curves.FIT) | {"A": "kl"}',
            r"A is not 'kl'.*named twice.*pressed towards zero",
        ),
        ("curves.FIT)", 'curves.FIT) | {"A": "nothing"}', "none of the bugs"),
        ("curves.FIT)", 'curves.FIT) | {"Z": "lam"}', "no run 'Z'"),
        ("curves.FIT)", 'curves.FIT) and {"C": "kl"}', "nothing of run A"),
    ],
    "averaging_bugs": [
        (
            "curves.AVERAGING)",
            'curves.AVERAGING) | {"A": "none"}',
            r"A is not 'none'.*named twice.*falls like 1 / S",
        ),
        ("curves.AVERAGING)", 'curves.AVERAGING) | {"A": "nothing"}', "none of the bugs"),
        ("curves.AVERAGING)", 'curves.AVERAGING) | {"Z": "same"}', "no run 'Z'"),
        ("curves.AVERAGING)", 'curves.AVERAGING) and {"D": "none"}', "nothing of run A"),
    ],
    "seed_error": [
        ("axis=2", "axis=1", "spread over datapoints, where that over seeds"),
        ("means = y.mean(axis=2)", "means = y[:, 0]", "one seed alone"),
        ("means = y.mean(axis=2)", "means = y.reshape(len(y), -1)", "independent"),
        (
            "means.std(axis=1, ddof=1) / np.sqrt(y.shape[1])",
            "y.reshape(len(y), -1).std(axis=1, ddof=1) / np.sqrt(y.shape[1] * y.shape[2])",
            "taken for independent",
        ),
        (", ddof=1", "", "ddof=1, because"),
        (" / np.sqrt(y.shape[1])", "", "the error of the mean is smaller by sqrt"),
        ("np.sqrt(y.shape[1])", "y.shape[1]", "K instead of sqrt"),
        ("y.shape[1]", "y.shape[2]", r"the mean is over K seeds"),
    ],
    "paired_error": [
        (
            "return np.sqrt(over_seeds + over_data)",
            "return np.sqrt(sum(x.mean(2).var(1, ddof=1) / x.shape[1]"
            " + x.mean(1).var(1, ddof=1) / x.shape[2] for x in (a, b)))",
            "unpaired",
        ),
        ("over_seeds + over_data", "over_seeds", "over seeds alone: both sources"),
        ("over_seeds + over_data", "over_data", "over datapoints alone: both sources"),
        ("d = a - b", "d = (a - b)[:, :1]", "NaN"),
        (
            "np.sqrt(over_seeds + over_data)",
            "(a - b)[:, 0].std(axis=1, ddof=1) / np.sqrt(a.shape[2])",
            "one seed alone",
        ),
        ("return np.sqrt(over_seeds + over_data)", "return over_seeds + over_data", "variance"),
        ("d = a - b", "d = a + b", "the sign of a is wrong"),
        (", ddof=1", "", "K - 1 and N - 1"),
    ],
    "chosen_score": [
        ("np.argmax(validation", "np.argmax(test", "tuned on the test set"),
        ("validation.mean(axis=(1, 2))", "validation[:, 0].mean(axis=1)", "tuned by one seed"),
        ("validation.mean(axis=(1, 2))", "validation.max(axis=(1, 2))", "single datapoint"),
        ("validation.mean(axis=(1, 2))", "validation.mean(axis=2).max(axis=1)", "single run"),
        ("argmax", "argmin", "lowest mean"),
        ("test[best]", "validation[best]", "validation score is reported"),
        ("return test[best].mean(axis=1)", "return test[best].mean()", "its own score"),
        ("return test[best].mean(axis=1)", "return test.mean(axis=2).max(axis=0)", "tuned on"),
        (
            "best = np.argmax(validation.mean(axis=(1, 2)))\n    return test[best].mean(axis=1)",
            "best = validation.mean(axis=2).argmax(axis=0)\n"
            "    return test.mean(axis=2)[best, np.arange(test.shape[1])]",
            "each seed has its own step size",
        ),
    ],
    "simultaneous": [
        ("0.05 / (2 * len(mean))", "0.05 / 2", "each interval is at 95 %"),
        ("stats.t.ppf(level, num_seeds - 1)", "stats.norm.ppf(level)", "the normal quantile"),
        ("stats.t.ppf(level, num_seeds - 1)", "1.96", "the normal quantile"),
        ("(2 * len(mean))", "len(mean)", "one-sided"),
        ("num_seeds - 1", "num_seeds", "K degrees of freedom"),
        ("* error", "* error / np.sqrt(num_seeds)", "once more"),
        ("return mean - reach, mean + reach", "return mean + reach, mean - reach", "exchanged"),
        ("return mean - reach, mean + reach", "return -reach, reach", "the reach alone"),
    ],
}


# exercise -> the body of a right answer that looks nothing like the solution
OTHERWISE = {
    "log_normal": """from scipy.stats import norm
    rows = [norm.logpdf(z_s, mean, np.exp(log_scale)) for z_s in z]
    return np.array([[row.sum() for row in table] for table in rows])""",
    "sample": """draws = [rng.normal(size=W.shape[1]) for _ in range(num)]
    x = [rng.normal(W @ z + b, np.exp(log_sigma)) for z in draws]
    return [np.array(x), np.array(draws)]""",
    "log_evidence": """from scipy.special import logsumexp
    return logsumexp(log_likelihood, axis=0) - np.log(len(log_likelihood))""",
    "elbo": """total = 0.0
    for joint, q in zip(log_joint, log_q):
        total = total + joint - q
    return list(total / len(log_q))""",
    "kl": """variance = np.exp(log_scale) ** 2
    return -0.5 * (1 + np.log(variance) - mean**2 - variance).sum(1)""",
    "gaussian_kl": """gaps = []
    for m, C, n, P in zip(mean_q, cov_q, mean_p, cov_p):
        scaled = np.linalg.solve(P, C)
        square = (n - m) @ np.linalg.solve(P, n - m)
        gaps.append((np.trace(scaled) + square - len(m) - np.log(np.linalg.det(scaled))) / 2)
    return gaps""",
    "iwae_bound": "return np.logaddexp.reduce(log_joint - log_q) - np.log(log_q.shape[0])",
    "score": """precision = 1 / np.exp(log_scale) ** 2
    slope = precision * (z - mean)
    return np.dstack([slope, slope * (z - mean) - 1])""",
    "reinforce": 'return np.einsum("sn,snp->np", f, score) / f.shape[0]',
    "pathwise": """sigma = np.exp(log_scale)
    return np.hstack([df_dz.mean(0), sigma * np.mean(df_dz * eps, axis=0)])""",
    "score_variance": """sixth, fourth, s = 15, 3, sigma
    square = (mean - k) ** 4 + 6 * fourth * ((mean - k) * s) ** 2 + sixth * s**4
    return square / s**2 - 4 * (k - mean) ** 2""",
    "leave_one_out": """if f.shape[0] == 1:
        raise ValueError("one sample has no others")
    return np.stack([np.delete(f, s, axis=0).mean(axis=0) for s in range(len(f))])""",
    "moving_average": """b = [0 * f[0]]
    for value in f[:-1]:
        b = b + [b[-1] + (1 - decay) * (value - b[-1])]
    return np.array(b)""",
    "optimal_baseline": """h2 = np.square(score)
    return (h2 / h2.sum(0) * f[:, :, None]).sum(0)""",
    "step_1": """new = np.array(lam)
    for row, slope in zip(rows, grad):
        new[row] = lam[row] + rate * slope
    return new""",
    "fit_q": """lam = np.copy(lam)
    while num_steps:
        lam += rate * estimator(family, target, lam, family.noise(rng, 8, lam.shape[0]))[1]
        num_steps -= 1
    return lam""",
    "theta_gradient": "return np.mean(gradients, axis=(0, 1)) * num_data",
    "bernoulli": "return -np.logaddexp(0, (1 - 2 * x) * logits).sum(axis=2)",
    "encoder_pullback": """dA = sum(np.outer(x_n, grad_n) for x_n, grad_n in zip(x, grad))
    return [dA, np.ones(len(x)) @ grad]""",
    "lecture_loss": """sigma_x, sigma_z = np.exp(log_scale_x), np.exp(log_scale_z)
    image = (np.log(sigma_x) + 0.5 * np.square((x - mean_x) / sigma_x)).sum(axis=1)
    code = 0.5 * z**2 - np.log(sigma_z) - 0.5 * ((z - mean_z) / sigma_z) ** 2
    return image + code.sum(axis=1)""",
    "output_sizes": """last = n + p + p - k
    return [1 + (last - last % s) / s, (n - 1) * s + (k - p) - p + more]""",
    "conv_pullback": """dx, dw = 0 * x, 0 * w
    for y in range(g.shape[2]):
        for z in range(g.shape[3]):
            top, left = stride * y, stride * z
            seen = np.s_[:, :, top : top + w.shape[2], left : left + w.shape[3]]
            dx[seen] += np.tensordot(g[:, :, y, z], w, axes=1)
            dw += np.tensordot(g[:, :, y, z].T, x[seen], axes=1)
    return dx, dw""",
    "split": """amortization = elbo_optimum - elbo
    return [log_evidence - elbo - amortization, amortization]""",
    "antithetic": "return reparameterized(family, target, lam, np.concatenate([eps, -eps]))",
    "log_mixture": """from scipy.special import logsumexp
    return logsumexp(log_densities, b=np.exp(log_weights), axis=2)""",
    "transform": "return (factor @ eps[..., None])[..., 0] + mean",
    "bernoulli_score": """odds = np.exp(logits)
    return np.where(z == 1, 1 / (1 + odds), -odds / (1 + odds))""",
    "masked": """log_p = np.where(x == 1, -np.logaddexp(0, -logits), -np.logaddexp(0, logits))
    return np.array([[row[seen].sum() for row, seen in zip(s, observed)] for s in log_p])""",
    "posterior_mean": """from scipy.special import softmax
    return np.einsum("sn,snx->nx", softmax(log_w, axis=0), values)""",
    "variance_ratio": """r2 = (mean / sigma) ** 2
    return (r2**2 + 14 * r2 + 15) / 4""",
    "samples_needed": "return num_samples / np.square(wanted / error)",
    "mean_field": """precision = 1 / ((1 - correlation) * (1 + correlation))
    return [1 / precision, np.log(np.sqrt(precision))]""",
    "minibatch_variance": """one = within + between * num_samples
    return one * num_data * num_data / (batch * num_samples)""",
    "covariance": "return [[1, -0.97], [-0.97, 1]]",
    "common_rate": "return np.float32(0.07)",
    "seed_error": """import statistics
    means = [[np.mean(row) for row in method] for method in y]
    return [statistics.stdev(row) / len(row) ** 0.5 for row in means]""",
    "paired_error": """errors = []
    for difference in a - b:
        K, N = difference.shape
        seeds = np.sum((difference.mean(1) - difference.mean()) ** 2) / (K * (K - 1))
        data = np.sum((difference.mean(0) - difference.mean()) ** 2) / (N * (N - 1))
        errors.append((seeds + data) ** 0.5)
    return errors""",
    "chosen_score": """order = sorted(range(len(test)), key=lambda r: validation[r].sum())
    return [row.mean() for row in test[order[-1]]]""",
    "simultaneous": """each = 1 - 0.05 / mean.size
    return stats.t.interval(each, df=num_seeds - 1, loc=mean, scale=error)""",
}


class Cell(NamedTuple):
    kind: str
    nbgrader: dict
    text: str


def cells_of(path):
    """The cells of a py:percent source."""
    cells = []
    for block in re.split(r"(?m)^# %%", path.read_text())[1:]:
        head, _, text = block.partition("\n")
        kind = "markdown" if "[markdown]" in head else "code"
        if kind == "markdown":
            text = re.sub(r"(?m)^# ?", "", text)
        marks = json.loads(head.split("nbgrader=")[1])
        cells.append(Cell(kind, marks, text.strip("\n")))
    return cells


def student_text(cell):
    """What nbgrader leaves of a cell."""
    if cell.kind == "markdown" and cell.nbgrader["solution"]:
        return "YOUR ANSWER HERE"
    text = re.sub(
        r"(?s)( *)### BEGIN SOLUTION.*?### END SOLUTION",
        r"\1# YOUR CODE HERE\n\1raise NotImplementedError()",
        cell.text,
    )
    return re.sub(r"(?s)\n*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", "", text)


CHAPTERS = {path.stem: cells_of(path) for path in SOURCES}
EXERCISE = {
    cell.nbgrader["grade_id"]: (chapter, cell)
    for chapter, cells in CHAPTERS.items()
    for cell in cells
    if cell.kind == "code" and cell.nbgrader["solution"]
}


def named(chapter, end):
    return next(c for c in CHAPTERS[chapter] if c.nbgrader["grade_id"].endswith(end))


def grade(exercise, answer):
    """Run an answer and then its test cell, as a student does."""
    chapter, _ = EXERCISE[exercise]
    names = {"__name__": "exercise"}
    for text in (named(chapter, f"setup_{chapter[:2]}").text, answer):
        exec(compile(text, exercise, "exec"), names)
    test = next(c for c in CHAPTERS[chapter] if c.nbgrader["grade_id"] == f"{exercise}_test")
    exec(compile(test.text, f"{exercise}_test", "exec"), names)


def test_there_are_enough_exercises_in_the_order_of_the_notebooks():
    assert len(SOURCES) == 10
    assert len(EXERCISE) >= 20
    assert set(WRONG) == set(EXERCISE)
    assert min(len(wrong) for wrong in WRONG.values()) >= 2
    lectures = [path.name[:3] for path in sorted(EXERCISES.parent.glob("[0-9][0-9]_*.py"))]
    chapters = [path.name[:3] for path in SOURCES]
    assert chapters == [number for number in lectures if number in chapters]


def test_the_teachers_page_counts_the_points():
    table = (EXERCISES.parent / "README.md").read_text()
    points = [sum(cell.nbgrader.get("points", 0) for cell in cells) for cells in CHAPTERS.values()]
    assert [int(n) for n in re.findall(r"(?m)^\| `\d\d_.*\| (\d+) \|$", table)] == points


@pytest.mark.parametrize("exercise", EXERCISE)
def test_the_solution_passes(exercise, capsys):
    grade(exercise, EXERCISE[exercise][1].text)
    assert capsys.readouterr().out == f"{exercise}: no complaint\n"


@pytest.mark.parametrize("exercise", OTHERWISE)
def test_a_right_answer_written_otherwise_passes(exercise, capsys):
    head, _ = EXERCISE[exercise][1].text.split("### BEGIN SOLUTION")
    grade(exercise, head + OTHERWISE[exercise])
    assert "no complaint" in capsys.readouterr().out


@pytest.mark.parametrize("exercise", sorted(set(EXERCISE) - {"sample", "fit_q", "antithetic"}))
def test_a_right_answer_in_single_precision_passes(exercise, capsys):
    _, cell = EXERCISE[exercise]
    narrow = (
        "import functools\n"
        f"double = {exercise}\n"
        "def single(*arguments):\n"
        '    kinds = [getattr(a, "dtype", None) for a in arguments]\n'
        "    pairs = zip(arguments, kinds)\n"
        "    return double(*[np.float32(a) if k == float else a for a, k in pairs])\n"
        f"{exercise} = functools.update_wrapper(single, double)\n"
    )
    grade(exercise, f"{cell.text}\n\n{narrow}")
    assert "no complaint" in capsys.readouterr().out


@pytest.mark.parametrize("exercise", EXERCISE)
def test_the_empty_stub_stops(exercise):
    stub = student_text(EXERCISE[exercise][1])
    assert "SOLUTION" not in stub
    with pytest.raises(NotImplementedError):
        grade(exercise, stub)


@pytest.mark.parametrize(
    ("exercise", "number"), [(name, i) for name, wrong in WRONG.items() for i in range(len(wrong))]
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_typical_wrong_answers_are_rejected_by_name(exercise, number):
    right, wrong, message = WRONG[exercise][number]
    solution = EXERCISE[exercise][1].text
    assert right in solution, "the table does not fit the solution any more"
    with pytest.raises(AssertionError, match=message):
        grade(exercise, solution.replace(right, wrong))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_whole_chapter_runs(chapter):
    names = {"__name__": "chapter"}
    for cell in CHAPTERS[chapter]:
        if cell.kind == "code" and not cell.nbgrader["grade_id"].startswith("install"):
            exec(compile(cell.text, cell.nbgrader["grade_id"], "exec"), names)
    assert "checks" in names


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_student_copy_is_the_source_without_its_solutions(chapter):
    notebook = json.loads((STUDENT / f"{chapter}.ipynb").read_text())
    copied = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert copied == [student_text(cell) for cell in CHAPTERS[chapter]]
    assert all(not cell.get("outputs") for cell in notebook["cells"])


@pytest.mark.slow
def test_a_student_copy_is_what_nbgrader_generates(tmp_path):
    pytest.importorskip("nbgrader")
    pytest.importorskip("jupytext")
    spec = importlib.util.spec_from_file_location("release", EXERCISES / "release.py")
    release = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(release)
    # The chapter with cells of every kind; all chapters are compared cell by cell above.
    [path] = release.make(tmp_path, [source for source in SOURCES if "gradients" in source.stem])
    assert path.read_text() == (STUDENT / path.name).read_text()


def test_the_checks_of_exercises_are_public_and_take_an_rng():
    used = set(re.findall(r"checks\.(check_\w+)\(", "".join(p.read_text() for p in SOURCES)))
    assert used <= set(checks.__all__)
    with pytest.raises(AssertionError, match=r"should return one array of numbers"):
        checks.check_elbo(lambda log_joint, log_q: "a text", np.random.default_rng(0))
