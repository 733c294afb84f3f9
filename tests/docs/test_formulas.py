"""The formulas that the gallery derives for families and likelihoods are those of the code."""

import itertools

import numpy as np
import pytest
from scipy import special, stats

pytest.importorskip("sphinx")

from book import members, shown

N, S = 3, 4


def at(family, seed=0):
    """Parameters (N, P) in general position, and points of the family there."""
    rng = np.random.default_rng(seed)
    lam = 0.5 * rng.standard_normal((N, family.num_params))
    return lam, family.transform(lam, family.noise(rng, S, N))


def normal_entropy(log_sigma):
    return log_sigma.sum(-1) + log_sigma.shape[-1] / 2 * np.log(2 * np.pi * np.e)


def diagonal(q, lam, z):
    mu, log_sigma = np.split(lam, 2, axis=1)
    eps = (z - mu) / np.exp(log_sigma)
    log_q = -(eps**2 / 2 + log_sigma + np.log(2 * np.pi) / 2).sum(-1)
    kl = (mu**2 + np.exp(2 * log_sigma) - 1 - 2 * log_sigma).sum(-1) / 2
    np.testing.assert_allclose(q.kl_standard_normal_and_grad(lam)[0], kl)
    return log_q, normal_entropy(log_sigma)


def full(q, lam, z):
    D = q.latent_dim
    mu, L = lam[:, :D], np.zeros((N, D, D))
    L[:, *np.tril_indices(D)] = lam[:, D:]
    log_diagonal = np.diagonal(L, axis1=1, axis2=2).copy()
    L[:, range(D), range(D)] = np.exp(log_diagonal)
    eps = np.linalg.solve(L, (z - mu)[..., None])[..., 0]
    log_q = -(eps**2).sum(-1) / 2 - D / 2 * np.log(2 * np.pi) - log_diagonal.sum(-1)
    kl = ((mu**2).sum(-1) + (L**2).sum((1, 2)) - D) / 2 - log_diagonal.sum(-1)
    np.testing.assert_allclose(q.kl_standard_normal_and_grad(lam)[0], kl)
    return log_q, normal_entropy(log_diagonal)


def bernoulli(q, lam, z):
    softplus, p = np.log1p(np.exp(lam)), special.expit(lam)
    np.testing.assert_allclose(q.score(lam, z), z - p)
    return (z * lam - softplus).sum(-1), (softplus - lam * p).sum(-1)


def categorical(q, lam, z):
    logits, hot = lam.reshape(N, 2, 3), z.reshape(S, N, 2, 3)
    log_p = logits - special.logsumexp(logits, axis=-1, keepdims=True)
    np.testing.assert_allclose(q.score(lam, z), (hot - np.exp(log_p)).reshape(z.shape))
    return (hot * log_p).sum((-1, -2)), -(np.exp(log_p) * log_p).sum((-1, -2))


def beta(q, lam, z):
    a, b = np.exp(np.split(lam, 2, axis=1))
    np.testing.assert_allclose(special.betainc(a, b, z), 1 - special.betainc(b, a, 1 - z))
    psi = special.psi
    entropy = special.betaln(a, b) - (a - 1) * psi(a) - (b - 1) * psi(b)
    entropy = entropy + (a + b - 2) * psi(a + b)
    return stats.beta(a, b).logpdf(z).sum(-1), entropy.sum(-1)


def gamma(q, lam, z):
    a, b = np.exp(np.split(lam, 2, axis=1))
    log_q = a * np.log(b) - special.gammaln(a) + (a - 1) * np.log(z) - b * z
    eps = special.gammainc(a, b * z)
    moved = q.pullback(lam, eps, np.ones_like(z))[..., q.latent_dim :]
    np.testing.assert_allclose(moved, -z, rtol=1e-6)
    entropy = a - np.log(b) + special.gammaln(a) + (1 - a) * special.psi(a)
    return log_q.sum(-1), entropy.sum(-1)


def label(q, lam, z):
    hot, style = z[..., :3], z[..., 3:]
    log_pi = lam[:, :3] - special.logsumexp(lam[:, :3], axis=1, keepdims=True)
    mu, log_sigma = np.moveaxis(lam[:, 3:].reshape(N, 3, 2), -1, 0)
    log_q = (hot * (log_pi + stats.norm(mu, np.exp(log_sigma)).logpdf(style))).sum(-1)
    entropy = (np.exp(log_pi) * (normal_entropy(log_sigma[..., None]) - log_pi)).sum(-1)
    return log_q, entropy


def laplace(q, lam, z):
    m, log_b = np.split(lam, 2, axis=1)
    b = np.exp(log_b)
    score = np.concatenate([np.sign(z - m) / b, np.abs(z - m) / b - 1], axis=-1)
    np.testing.assert_allclose(q.score(lam, z), score)
    log_q = -(np.abs(z - m) / b + np.log(2 * b)).sum(-1)
    return log_q, log_b.sum(-1) + q.latent_dim * (1 + np.log(2))


def groups(q, lam, z):
    first, second = q.groups
    lams, zs = (lam[:, : first.num_params], lam[:, first.num_params :]), (z[..., :1], z[..., 1:])
    parts = list(zip(q.groups, lams, zs, strict=True))
    scores = [group.score(*part) for group, *part in parts]
    np.testing.assert_allclose(q.score(lam, z), np.concatenate(scores, axis=-1))
    log_q = sum(group.log_prob(*part) for group, *part in parts)
    return log_q, first.entropy(lams[0]) + second.entropy(lams[1])


def flow(q, lam, z):
    mu, log_sigma, (a, b) = lam[:, :2], lam[:, 2:4], lam[:, 4:].T
    first = (z[..., 0] - mu[:, 0]) / np.exp(log_sigma[:, 0])
    second = (z[..., 1] - mu[:, 1] - a * first - b * first**2) / np.exp(log_sigma[:, 1])
    log_q = stats.norm.logpdf(first) + stats.norm.logpdf(second) - log_sigma.sum(-1)
    return log_q, normal_entropy(log_sigma)


FAMILIES = {
    "DiagonalGaussian": diagonal,
    "FullCovarianceGaussian": full,
    "Bernoulli": bernoulli,
    "Categorical": categorical,
    "Beta": beta,
    "Gamma": gamma,
    "LabelAndGaussian": label,
    "Laplace": laplace,
    "MeanField": groups,
    "SmoothMeanField": groups,
    "QuadraticFlow": flow,
}
"""Name -> log q (S, N) and entropy (N,) as its page derives them."""


@pytest.mark.parametrize("name", members.words("families"))
def test_a_family_is_what_its_page_derives(name):
    q = shown.family_of(name)
    lam, z = at(q)
    log_q, entropy = FAMILIES[name](q, lam, z)
    np.testing.assert_allclose(q.log_prob(lam, z), log_q, rtol=1e-10)
    np.testing.assert_allclose(q.entropy(lam), entropy, rtol=1e-10)


def softplus(logits):
    return np.logaddexp(0, logits)


def normal(x, mean, log_scale):
    squares = np.exp(-2 * log_scale) * (x - mean) ** 2
    return -(squares + 2 * log_scale + np.log(2 * np.pi)).sum(-1) / 2


def symbols(x, logits):
    chosen = np.take_along_axis(logits, x.astype(int)[..., None], axis=-1)[..., 0]
    return (chosen - special.logsumexp(logits, axis=-1)).sum(-1)


def autoregressive(x, params, outputs, likelihood):
    state, total = outputs, 0
    for t in range(likelihood.num_steps):
        logits = np.tanh(state) @ params["V"][t] + params["b"][t]
        total = total + symbols(x[..., [t]], logits[..., None, :])
        if t + 1 < likelihood.num_steps:
            state = state + params["embed"][t][x[..., t].astype(int)]
    return total


def cholesky(x, params, outputs, likelihood):
    D = x.shape[-1]
    L = np.zeros((*outputs.shape[:-1], D, D))
    L[..., *np.tril_indices(D)] = outputs[..., D:]
    log_diagonal = np.diagonal(L, axis1=-2, axis2=-1).copy()
    L[..., range(D), range(D)] = np.exp(log_diagonal)
    r = np.linalg.solve(L, (x - outputs[..., :D])[..., None])[..., 0]
    return -(r**2).sum(-1) / 2 - log_diagonal.sum(-1) - D / 2 * np.log(2 * np.pi)


def masked(x, params, outputs, likelihood):
    values, mask = np.split(x, 2, axis=-1)
    return (mask * (values * outputs - softplus(outputs))).sum(-1)


def flipped(x, params, outputs, likelihood):
    one = likelihood.rate + (1 - 2 * likelihood.rate) * special.expit(outputs)
    return np.log(np.where(x == 1, one, 1 - one)).sum(-1)


def blocks(x, params, outputs, likelihood):
    """By all 2^K images of a block; pixels lie row by row in a square of 4."""
    logits = outputs.reshape(*outputs.shape[:-1], 2, 2, 2, 2)
    logits = np.moveaxis(logits, -3, -2).reshape(*outputs.shape[:-1], 4, 4)
    total = np.zeros(logits.shape[:-1])
    for image in itertools.product((0, 1), repeat=4):
        total += (x == sum(image)) * np.exp(logits @ np.array(image))
    return (np.log(total) - softplus(logits).sum(-1)).sum(-1)


LIKELIHOODS = {
    "BernoulliLikelihood": lambda x, _, l, __: (x * l - softplus(l)).sum(-1),
    "CategoricalLikelihood": lambda x, _, l, it: symbols(
        np.broadcast_to(x, (S, *x.shape)), l.reshape(S, N, -1, it.num_categories)
    ),
    "AutoregressiveCategorical": lambda x, params, c, it: autoregressive(
        np.broadcast_to(x, (S, *x.shape)), params, c, it
    ),
    "GaussianLikelihood": lambda x, _, f, it: normal(x, f, np.log(it.scale)),
    "LearnedScaleGaussian": lambda x, params, f, _: normal(x, f, params["log_scale"]),
    "ScalarScaleGaussian": lambda x, _, out, __: normal(x, out[..., :-1], out[..., -1:]),
    "DiagonalScaleGaussian": lambda x, _, out, __: normal(x, *np.split(out, 2, axis=-1)),
    "CholeskyGaussian": cholesky,
    "MaskedBernoulli": masked,
    "FlippedBernoulli": flipped,
    "BlockCounts": blocks,
}
"""Name -> log p(x | z) (S, N) as its page derives it."""


@pytest.mark.parametrize("name", members.words("likelihoods"))
def test_a_likelihood_is_what_its_page_derives(name):
    (likelihood, width), rng = shown.likelihood_of(name), np.random.default_rng(0)
    outputs = rng.standard_normal((S, N, width))
    params = {key: value + 0.3 for key, value in likelihood.init(rng).items()}
    x = likelihood.sample(rng, params, outputs[0])
    if name == "MaskedBernoulli":
        x[:, width:] = rng.random((N, width)) < 0.5
    expected = LIKELIHOODS[name](x, params, outputs, likelihood)
    np.testing.assert_allclose(likelihood.log_prob(params, x, outputs), expected, rtol=1e-10)
