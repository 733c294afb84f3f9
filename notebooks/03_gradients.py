# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Score function and reparameterization
#
# **Question.** The ELBO is an expectation under $q_\lambda$, and $\lambda$ is what we want to move.
# How do we differentiate an expectation with respect to its own distribution, by sampling?
#
# $$\nabla_\lambda E_{q_\lambda(z)}[f(z)] = \;?$$
#
# The ELBO is the case $f = \log p_\theta(x, z) - \log q_\lambda(z)$. Everything below holds for any
# $f$, so we begin with one whose answers are known by hand.
#
# ## Two derivations
#
# **Score function** (REINFORCE; Ermon/Grover notes, who leave the derivation to the reader; Rios;
# Swaney). Differentiate the density under the integral, and write the result as an expectation
# again with $\nabla q = q \nabla \log q$:
#
# $$\nabla_\lambda \int f\, q_\lambda\, dz = \int f\, q_\lambda \nabla_\lambda \log q_\lambda\, dz
#  = E_{q_\lambda}\big[f(z)\, \nabla_\lambda \log q_\lambda(z)\big].$$
#
# If $f$ depends on $\lambda$ itself, as $-\log q_\lambda$ does, there is one more term,
# $-E_q[\nabla_\lambda \log q_\lambda]$, and it is zero because $\int q_\lambda = 1$ for all
# $\lambda$. $f$ need not be differentiable, nor $z$ continuous.
# (Mind the signs when you compare. Swaney's $J$ is the *negative* ELBO; the last two gradients
# before his "Reparameterization" are called $\nabla J$, but with $\log (p / q)$ they are those of
# the ELBO itself.)
#
# **Reparameterization** (Ermon/Grover; Permuter, equation 14; Rios; Swaney). Write $z$ as a smooth
# function of $\lambda$ and of noise that does not know $\lambda$: $z = \mu + \sigma\epsilon$. Then
# the expectation is over a fixed distribution, and the derivative goes through $f$:
#
# $$\nabla_\lambda E_{\epsilon}\big[f(z(\lambda, \epsilon))\big]
# = E_{\epsilon}\left[\frac{\partial f}{\partial z}\,
#   \frac{\partial z(\lambda, \epsilon)}{\partial \lambda}\right].$$
#
# The first equality, $E_{q_\lambda}[f(z)] = E_\epsilon[f(z(\lambda, \epsilon))]$, is the *law of
# the
# unconscious statistician* (LOTUS): the mean of a function of a random variable needs the
# distribution of the noise only, not that of the variable.

# %% tags=["remove-cell"]
import importlib.util
import os
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %matplotlib inline
SMOKE = os.environ.get("BBVI_SMOKE") == "1"  # small sizes, for automatic tests

# %% tags=["hide-input"]
from functools import partial

import numpy as np

from bbvi import DiagonalGaussian, Laplace, LinearGaussian, backends, leave_one_out, reparameterized
from bbvi.datasets import iris
from bbvi.estimators import ESTIMATORS, constant, expectations
from bbvi.estimators.specification import draw_noise, prepared_expectation
from bbvi.evaluation import (
    cosine_expectation,
    hermite_nodes,
    linear_gaussian_elbo,
    quadratic_expectation,
)
from bbvi.experiments.variance import Grid, variance
from bbvi.families import Bernoulli
from bbvi.models.integrands import cosine, quadratic
from bbvi.plotting.diagrams import two_gradients
from bbvi.plotting.style import COLORS, LINES, MARKERS, new_figure, styled

# %% [markdown]
# The two as graphs: a circle is drawn, a square is computed, the derivative runs along the dashed
# arrows. On the left it cannot pass through $z$ and goes around, by $\log q$.

# %%
two_gradients()

# %% [markdown]
# ## The easy gradient: theta
#
# $q_\lambda$ does not contain $\theta$, so the derivative may be pushed through the expectation,
# $\nabla_\theta E_q[\log p_\theta(x, z)] = E_q[\nabla_\theta \log p_\theta(x, z)]$: the mean over
# samples of $q$ of an ordinary gradient (Ermon/Grover; Rios, "Generative network gradient"). No
# trick, and nothing to choose. On probabilistic PCA both sides are known:

# %%
flowers, pca = iris().x, LinearGaussian(2, 4)
theta, diagonal = pca.init(np.random.default_rng(0)), DiagonalGaussian(2)
for seed in (0, 1, 2):
    rng = np.random.default_rng(seed)
    rows = 0.5 * rng.standard_normal((len(flowers), 4))
    target = backends.autodiff.target(pca, theta, flowers)
    known = linear_gaussian_elbo(pca, theta, flowers, diagonal, rows).grad_theta["b"]
    each = []
    for _ in range(200):
        noise = diagonal.noise(rng, 1, len(flowers))
        each.append(reparameterized(diagonal, target, rows, noise).grad_theta["b"])
    off = (np.mean(each, axis=0) - known) / (np.std(each, axis=0) / np.sqrt(200))
    assert np.all(np.abs(off) < 5)
print(
    "gradient in b: exact", known.round(1), " mean of 200 estimates", np.mean(each, axis=0).round(1)
)

# %% [markdown]
# ## Which distributions can be reparameterized?
#
# Rios asks for an invertible, differentiable $h$ with $h(z, \lambda) = \epsilon$ whose
# distribution is
# free of $\lambda$. Then the density of $z$ is that of $\epsilon$, times how much $h$ stretches:
#
# $$\log q_\lambda(z) = \log p(\epsilon) - \log \left|\det \frac{\partial z}{\partial
# \epsilon}\right|.$$
#
# Every *location-scale* family is of this kind, $z = \mu + \sigma \epsilon$ with any fixed
# $p(\epsilon)$ and Jacobian $\prod_d \sigma_d$: Gaussian, Laplace, Student, logistic. And any
# smooth
# increasing map of such a $z$ is, too: $y = e^z$ makes the log-normal.

# %%
rng = np.random.default_rng(1)
double = Laplace(2)
lam_2 = np.array([[0.5, -1.0, 0.2, -0.3]])  # location, log scale
eps_2 = double.noise(rng, 5, 1)
z_2 = double.transform(lam_2, eps_2)
log_noise = double.log_prob(np.zeros((1, 4)), double.transform(np.zeros((1, 4)), eps_2))
assert np.allclose(double.log_prob(lam_2, z_2), log_noise - lam_2[:, 2:].sum(axis=1))

y = np.exp(z_2)  # one more map, dy/dz = y
jacobian = np.log(y).sum(axis=-1)
log_density_y = double.log_prob(lam_2, z_2) - jacobian
# Against the definition: the chance of a small box around y is its density times its volume.
below, above = np.log(y - 1e-4 * y), np.log(y + 1e-4 * y)
scale = np.exp(lam_2[:, 2:])


def laplace_cdf(z):
    u = (z - lam_2[:, :2]) / scale
    return np.where(u < 0, 0.5 * np.exp(-np.abs(u)), 1 - 0.5 * np.exp(-np.abs(u)))


chance = (laplace_cdf(above) - laplace_cdf(below)).prod(axis=-1)
assert np.allclose(np.log(chance / (2e-4 * y).prod(axis=-1)), log_density_y, atol=1e-3)

# Pathwise gradients with Laplace noise: E[(z - k)^2] = (mu - k)^2 + 2 sigma^2.
many_rows = np.tile([[1.0, 0.0]], (50_000, 1))
noise = Laplace(1).noise(rng, 1, len(many_rows))
slope = expectations.pathwise(Laplace(1), quadratic(-3.0, len(many_rows)), many_rows, noise).grad
assert np.all(np.abs(slope.mean(axis=0) - [8, 4]) < 5 * slope.std(axis=0) / np.sqrt(len(slope)))

# %% [markdown]
# Beyond these: the Gamma and the Beta have no such formula for $z$, but $\partial z / \partial
# \lambda$
# follows from the derivative of their distribution function (*implicit* reparameterization,
# `bbvi.Gamma`). So Rios' drawback "location-scale families only" has been overcome. What remains
# out
# of reach is at the end of this notebook.
#
# ## From scratch
#
# $f(z) = (z - k)^2$ with $k = -3$, and $q = N(\mu, \sigma^2)$ with $\lambda = (\mu, \log\sigma)
# = (1, 0)$. The exact gradient is $(2(\mu - k),\, 2\sigma^2) = (8, 2)$. To measure a variance we
# need many *independent* estimates: the rows of $\lambda$ are R equal copies, and each row has
# its own noise.

# %%
k, R = -3.0, 20_000 if SMOKE else 200_000
family = DiagonalGaussian(1)
lam = np.tile([[1.0, 0.0]], (R, 1))  # (R, P)
rng = np.random.default_rng(0)


def score_function_by_hand(lam, eps):
    mu, sigma = lam[:, :1], np.exp(lam[:, 1:])
    z = mu + sigma * eps
    score = np.concatenate([(z - mu) / sigma**2, ((z - mu) / sigma) ** 2 - 1], axis=-1)
    return ((z - k) ** 2 * score).mean(axis=0)


def pathwise_by_hand(lam, eps):
    mu, sigma = lam[:, :1], np.exp(lam[:, 1:])
    z = mu + sigma * eps
    dz_dlam = np.concatenate([np.ones_like(eps), sigma * eps], axis=-1)
    return (2 * (z - k) * dz_dlam).mean(axis=0)


eps = family.noise(rng, 1, R)  # S = 1
f = quadratic(k, num_data=R)
score = expectations.score_function(family, f, lam, eps).grad
path = expectations.pathwise(family, f, lam, eps).grad
assert np.allclose(score_function_by_hand(lam, eps), score)
assert np.allclose(pathwise_by_hand(lam, eps), path)

exact = quadratic_expectation(family, k, lam[:1]).grad[0]
for grads in (score, path):
    assert np.all(np.abs(grads.mean(axis=0) - exact) < 5 * grads.std(axis=0) / np.sqrt(R))
print("exact gradient:", exact)
print(f"score function: mean {score.mean(axis=0).round(2)}, variance {score.var(axis=0).round(0)}")
print(f"pathwise:       mean {path.mean(axis=0).round(2)}, variance {path.var(axis=0).round(1)}")

# %% [markdown]
# Both are right on average. In closed form, with $d = \mu - k$, the variances for $\mu$ are
# $(d^4 + 14 d^2\sigma^2 + 15 \sigma^4) / \sigma^2 = 495$ and $4\sigma^2 = 4$: the score function
# needs 120 times as many samples. Rios names the reason: it multiplies a direction that knows
# nothing of $f$ by a number that may be large. The pathwise gradient knows the slope.
#
# ## Baselines
#
# Since $E_q[\nabla \log q] = 0$, any number $b$ may be subtracted from $f$, if it does not depend
# on the sample that it is used for: $E_q[(f - b)\nabla\log q]$ is the same for all $b$. The best is
# $b^* = E[f h^2] / E[h^2]$ with $h = \nabla_\mu \log q$.

# %%
assert np.isclose(score[:, 0].var(), 495, rtol=0.1)
assert np.isclose(path[:, 0].var(), 4, rtol=0.1)

baselines = np.linspace(0, 45, 16)
variances = []
for b in baselines:
    estimator = partial(expectations.score_function, baseline=constant(b))
    variances.append(estimator(family, f, lam, eps).grad[:, 0].var())
# In closed form it is a parabola, and its lowest point is far above pathwise's 4.
assert np.allclose(variances, baselines**2 - 38 * baselines + 495, rtol=0.1)
z = family.transform(lam, eps)
h = family.score(lam, z)[..., 0]
best = (f.value(z) * h**2).mean() / (h**2).mean()


def own_mean(f):
    """The mean over all samples, the own one included: looks harmless, is biased."""
    return f.mean(axis=0, keepdims=True)


sample_sizes = np.array([2, 3, 4, 6, 8, 12, 16])
ratios = {"leave-one-out": [], "own mean (wrong)": []}
for S in sample_sizes:
    noise = family.noise(rng, S, R // 4)
    few = quadratic(k, num_data=R // 4)
    for name, baseline in zip(ratios, (leave_one_out, own_mean)):
        estimate = expectations.score_function(family, few, lam[: R // 4], noise, baseline)
        ratios[name].append(estimate.grad[:, 0].mean() / exact[0])
assert np.allclose(ratios["leave-one-out"], 1, atol=0.1)
assert np.allclose(ratios["own mean (wrong)"], 1 - 1 / sample_sizes, atol=0.1)

with styled():
    fig = new_figure(15, 4.8)
    first, second, third = fig.subplots(1, 3)
    # The whole range: a fifth of the score function's mean comes from its long tail.
    bins = np.linspace(score[:, 0].min(), score[:, 0].max(), 200)
    for number, (grads, name) in enumerate(((score, "score function"), (path, "pathwise"))):
        first.hist(grads[:, 0], bins, density=True, color=COLORS[number], alpha=0.7, label=name)
    first.axvline(exact[0], color="black", ls="--", label="exact: 8")
    first.set(xlabel=r"one estimate of d/d$\mu$ (S = 1)", ylabel="density", yscale="log")
    first.set_title("The same mean")
    first.legend()
    second.plot(baselines, variances, "-o", color=COLORS[0], label="score function, f - b")
    second.axvline(17, color=COLORS[1], ls=":", label="b = E[f] = 17")
    second.axvline(best, color="black", ls="--", label=f"best b = {best:.0f}")
    second.axhline(4, color=COLORS[3], ls="-.", label="pathwise")
    second.set(xlabel="baseline b", ylabel=r"variance of d/d$\mu$ (S = 1)", yscale="log")
    second.set_ylim(3, 20_000)
    second.set_title("A baseline helps, in moderation")
    second.legend(loc="upper center", ncols=2, frameon=True, framealpha=1)
    for number, (name, ratio) in enumerate(ratios.items()):
        style = {"color": COLORS[3 * number], "ls": LINES[number], "marker": MARKERS[number]}
        third.plot(sample_sizes, ratio, label=name, **style)
    third.plot(sample_sizes, 1 - 1 / sample_sizes, color="black", lw=1, label="(S - 1) / S")
    third.set(xlabel="samples S", ylabel="mean estimate / exact", ylim=(0.4, 1.1))
    third.set_title("A baseline must not peek")
    third.legend(loc="lower right")
fig

# %% [markdown]
# The right panel is the most common bug in home-made estimators. Subtracting the mean of the *same*
# samples makes each baseline depend on its own sample; the gradient shrinks by $(S - 1)/S$, and at
# $S = 1$ it vanishes. `leave_one_out` takes the mean of the *other* samples, and refuses $S = 1$.
#
# ## When pathwise loses
#
# "Lower variance" is an observation, not a theorem (the Ermon/Grover notes say "empirically", and
# mean it). The score function multiplies by the *size* of $f$, the pathwise gradient by its
# *slope*. So take a function that is small and steep: $f(z) = \cos(kz)$.

# %%
frequencies = np.array([0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6])
replicates = 10_000 if SMOKE else 100_000
here = np.tile([[0.5, 0.0]], (replicates, 1))
nodes = hermite_nodes(family, here[:1], 200)
measured, known = {"score function": [], "pathwise": []}, {"score function": [], "pathwise": []}
for k in frequencies:
    f = cosine(k, num_data=replicates)
    eps = family.noise(rng, 1, replicates)
    mean = cosine_expectation(family, k, here[:1]).grad[0, 0]
    z, q = nodes.z[:, 0, 0], nodes.probabilities[:, 0]
    terms = (np.cos(k * z) * (z - 0.5), -k * np.sin(k * z))
    for name, function, term in zip(
        measured, (expectations.score_function, expectations.pathwise), terms
    ):
        measured[name].append(function(family, f, here, eps).grad[:, 0].var())
        known[name].append(q @ term**2 - mean**2)
for name in measured:
    assert np.allclose(measured[name], known[name], rtol=0.1)
assert known["pathwise"][0] < known["score function"][0]
assert known["pathwise"][-1] > 10 * known["score function"][-1]

with styled():
    fig = new_figure(12, 4.2)
    left, right = fig.subplots(1, 2)
    z = np.linspace(-3, 4, 400)
    left.plot(z, np.cos(6 * z), color=COLORS[0], label="f(z) = cos 6z")
    left.fill_between(
        z, np.exp(-0.5 * (z - 0.5) ** 2), color=COLORS[1], alpha=0.4, label="q (scaled)"
    )
    left.set(xlabel="z", ylim=(-1.1, 1.6))
    left.set_title("Many slopes under one q")
    left.legend(loc="upper left", ncols=2)
    for number, name in enumerate(measured):
        right.plot(frequencies, known[name], color=COLORS[number], ls=LINES[number], label=name)
        right.plot(frequencies, measured[name], MARKERS[number], color=COLORS[number])
    right.set(xscale="log", yscale="log", xlabel="k", ylabel=r"variance of d/d$\mu$ (S = 1)")
    right.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    right.minorticks_off()
    right.set_title("E[cos kz]: lines by quadrature, marks measured")
    right.legend()
fig

# %% [markdown]
# ## The variance laboratory
#
# `bbvi.experiments.variance` measures every estimator of the package at frozen points along Step 1:
# at its start ($q$ = prior), after ten steps, and at its end. Here on one handwritten digit under
# a trained decoder (D = 2), and on probabilistic PCA, where the end is the *exact* posterior. The
# bias is measured as well, in standard errors from the exact gradient.

# %%
names = (
    "score-function",
    "constant-baseline",
    "leave-one-out",
    "reparameterized",
    "reparameterized-kl",
    "sticking-the-landing",
)
lab = variance(
    Grid(
        models=("digits", "linear-gaussian-digits"),
        estimators=names,
        samples=(4,),
        dimensions=(2,),
        replicates=200 if SMOKE else 2000,
        training_steps=100 if SMOKE else 1000,
    ),
    seed=0,
    workers=1,
)
rows = [row for row in lab.rows if row["block"] == "mean"]
assert not lab.failures
assert all(abs(row["bias_z"]) < 5 for row in rows)


def find(model, point, estimator):
    keys = ("model", "point", "estimator")
    found = [r for r in rows if tuple(r[key] for key in keys) == (model, point, estimator)]
    return found[0]["variance"]


# At the exact posterior two kinds of estimator have no variance at all.
for name in ("sticking-the-landing", "leave-one-out"):
    assert find("linear-gaussian-digits", "converged", name) < 1e-20
for name in ("reparameterized", "reparameterized-kl"):
    assert find("linear-gaussian-digits", "converged", name) > 0.1

# What is said below about the ranking holds for four decoders, each with a digit of its own.
three = ("score-function", "leave-one-out", "reparameterized")
at_end = []
for seed in () if SMOKE else (0, 1, 2, 3):  # a decoder that has learned nothing ranks otherwise
    grid = Grid(
        models=("digits", "linear-gaussian-digits"),
        estimators=three,
        samples=(4,),
        dimensions=(2,),
        replicates=1000,
        training_steps=1000,
    )
    ranked = {
        (row["model"], row["point"], row["estimator"]): row["variance"]
        for row in variance(grid, seed=seed, workers=1).rows
        if row["block"] == "mean"
    }
    score_0, loo_0, path_0 = (ranked["digits", "start", name] for name in three)
    assert path_0 < loo_0 < score_0 / 4
    assert path_0 < score_0 / 8
    score_0, loo_0, path_0 = (ranked["linear-gaussian-digits", "start", name] for name in three)
    assert path_0 < score_0 / 7
    assert 0.6 * score_0 < loo_0
    score_1, loo_1, path_1 = (ranked["digits", "converged", name] for name in three)
    assert score_1 > ranked["digits", "start", "score-function"]
    assert loo_1 < score_1 / 20
    assert ranked["linear-gaussian-digits", "converged", "leave-one-out"] < 1e-20
    assert ranked["linear-gaussian-digits", "converged", "reparameterized"] > 0.1
    at_end.append(loo_1 / path_1)
print("leave-one-out / pathwise on the digit, at the end:", np.round(at_end, 2))
assert SMOKE or sorted(at_end)[1] < 1  # below for half of them at least

with styled():
    fig = new_figure(13, 4.8)
    panels = fig.subplots(1, 2, sharey=True)
    places = np.arange(len(names))[::-1]
    for axes, model in zip(panels, ("digits", "linear-gaussian-digits")):
        for number, point in enumerate(("start", "mid", "converged")):
            values = np.maximum([find(model, point, name) for name in names], 1e-2)
            axes.plot(values, places, MARKERS[number], ms=11, color=COLORS[number], label=point)
        axes.set(xscale="log", xlabel="variance of the gradient in the mean (S = 4)")
        axes.set_title(f"{model}, D = 2")
    panels[0].set_yticks(places, names)
    for place in (places[1], places[2], places[-1]):
        panels[1].text(1.5e-2, place - 0.08, "exactly 0")
    panels[0].legend(title="along Step 1", loc="lower right")
fig

# %% [markdown]
# What to see:
#
# * At the start the pathwise estimators beat the plain score function by a factor of seven and
#   more on PCA and on the digit of each decoder, as the lectures say. A baseline takes away three
#   quarters of the score function's variance and more on the digit, and less than half of it on
#   PCA. Pathwise stays ahead on both.
# * At the end the ranking changes. On PCA the score function with a leave-one-out baseline has no
#   variance at all. On the digit it depends on the decoder and the digit: for half of the four, or
#   more, it has less variance than the usual pathwise gradient (printed above).
# * `reparameterized` and `reparameterized-kl` do the entropy or the KL in closed form, and this is
#   what keeps them shaking at the optimum; `sticking-the-landing` (Roeder, Wu and Duvenaud) samples
#   everything and drops the score, whose mean is zero. It comes to rest.
# * On the digit the plain score function gets *worse* towards the end: $q$ narrows, its score grows
#   as $1/\sigma$, and $f$ is then almost a constant, $\log p(x)$: noise that a baseline removes.
#
# ## What pathwise cannot do at all
#
# With discrete $z$ there is no slope to follow, and the estimator says so.

# %%
coin = Bernoulli(1)
logit = np.zeros((1, 1))
try:
    expectations.pathwise(coin, quadratic(0.499), logit, coin.noise(rng, 2, 1))
except TypeError as error:
    print(error)
else:
    raise AssertionError("a Bernoulli has no pathwise gradient")

# %% [markdown]
# ## Discrete latents beyond REINFORCE
#
# What is left is the score function, and much has been done to make it quieter without using a
# slope
# of $f$ at the sample, or with one that is taken elsewhere and corrected:
#
# | idea | estimators |
# |---|---|
# | a baseline: of the other samples, or learned as a function of $x$ | leave-one-out, NVIL |
# | $f$ at two antithetic draws | ARM, DisARM, ARMS |
# | a first-order expansion as control variate | MuProp, double control variates |
# | a relaxed $z$ as control variate, its bias removed again | REBAR, RELAX |
# | a relaxed $z$ *instead*, its bias left in | concrete, straight-through |
#
# Four coins, $f(b) = \sum_d (b_d - 0.45)^2$, four samples; the exact gradient is
# $p (1 - p) (0.55^2 - 0.45^2)$ for each coin. (RELAX learns its surrogate beforehand.)

# %%
D, S, t = 4, 4, 0.45
coins, copies = Bernoulli(D), 1000 if SMOKE else 8000
beyond = ("score-function", "leave-one-out", "arm", "disarm", "arms", "muprop", "double-cv")
beyond += ("rebar", "relax", "concrete", "straight-through")
spread, far = {}, {}
for seed in (0, 1, 2):
    rng = np.random.default_rng(seed)
    logits = np.tile(rng.standard_normal((1, D)), (copies, 1))
    integrand = quadratic(t, num_data=copies, latent_dim=D)
    p = 1 / (1 + np.exp(-logits[0]))
    truth = p * (1 - p) * ((1 - t) ** 2 - t**2)
    for name in beyond:
        its = ESTIMATORS[name]
        estimator = prepared_expectation(its, coins, integrand, logits, None, rng)
        noise = draw_noise(its, coins, rng, S, copies)
        grad = estimator(coins, integrand, logits, noise).grad
        spread[name, seed] = grad.var(axis=0).sum()
        far[name, seed] = np.abs(
            (grad.mean(axis=0) - truth) / (grad.std(axis=0) / np.sqrt(copies))
        ).max()

print("                  variance, seeds 0 to 2        standard errors from the truth")
for name in beyond:
    numbers = "  ".join(f"{spread[name, seed]:.4f}" for seed in (0, 1, 2))
    errors = "  ".join(f"{far[name, seed]:5.1f}" for seed in (0, 1, 2))
    print(f"{name:18}{numbers}        {errors}")
for seed in (0, 1, 2):
    for name in beyond:
        assert (far[name, seed] < 5) == (name not in ("concrete", "straight-through"))
    for name in ("leave-one-out", "arm", "disarm", "arms"):
        assert spread[name, seed] < spread["score-function", seed] / 20
    assert spread["disarm", seed] < spread["arm", seed]
    assert spread["rebar", seed] < spread["score-function", seed]
    for name in ("leave-one-out", "arm", "disarm", "arms"):
        assert spread["relax", seed] < spread[name, seed]
    for name in ("concrete", "straight-through"):
        assert spread[name, seed] < spread["score-function", seed] / 3

# %% [markdown]
# Samples that correct each other win by a factor of twenty and more on this integrand, without
# learning anything; DisARM is ARM with its redundant noise averaged out. RELAX, whose surrogate is
# learned beforehand, is quieter still. The relaxations are quiet and wrong: more samples do not
# help
# them. Notebook 7 learns a model with eight bits by some of these, and each has a page in the book.
#
# ## Exercises
#
# These are for thought. [Others](exercises/student/03_gradients.ipynb)
# ask for code, and tell you what is wrong with it.
#
# 1. Derive the variance 495 of the plain score function, and the best baseline. (E[ε⁴] = 3,
#    E[ε⁶] = 15.)
# 2. Show that leave-one-out is unbiased, and that "own mean" shrinks the gradient by exactly
#    $(S - 1) / S$. Which correction factor makes the two equal?
# 3. For $\cos kz$, let $k \to \infty$ at $\sigma = 1$: what are the limits of both variances?
#    What happens to the comparison when $\sigma$ shrinks like $1/k$?
# 4. Add `"measure-valued"` to the laboratory, and plot `variance_x_evaluations`. Is it still good
#    at equal cost? Then pass an estimator of your own in `table={**ESTIMATORS, "mine": ...}`.
