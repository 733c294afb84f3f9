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
# # 12. Bounds and evidence
#
# **Question.** The ELBO is one number below $\log p_\theta(x)$. Which others are there, how near do
# they come, and when may an estimate of $\log p_\theta(x)$ be believed?
#
# All of them are made of the same weights of samples from $q$,
#
# $$w_s = \frac{p_\theta(x, z_s)}{q(z_s)}, \qquad E_q[w] = p_\theta(x).$$
#
# | | bound or estimate | source |
# |---|---|---|
# | ELBO | $E[\log w]$ | the lectures |
# | importance-weighted | $L_K = E\big[\log \tfrac1K \sum_k w_k\big]$ | Burda et al., 2016 |
# | Rényi | $\tfrac{1}{1 - \alpha} \log E[w^{1 - \alpha}]$ | Li and Turner, 2016 |
# | importance sampling, PSIS | $\log \tfrac1S \sum_s w_s$, with $\hat k$ | Vehtari et al., 2024 |
# | annealed importance sampling | weights along a path from $q$ to the posterior | Neal, 2001 |
#
# Swaney notes "the importance sampling like form" of the gradient. Here is what it means: the same
# $\log w$ that averages to the ELBO multiplies the score,
# $\nabla_\lambda \mathrm{ELBO} \approx \tfrac1S \sum_s \log w_s\, \nabla_\lambda \log q(z_s)$.

# %% tags=["remove-cell"]
import importlib.util
import os
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %matplotlib inline
SMOKE = os.environ.get("BBVI_SMOKE") == "1"  # small sizes, for automatic tests

# %% tags=["hide-input"]
import warnings

import autograd.numpy as anp
import numpy as np

from bbvi import (
    DiagonalGaussian,
    LinearGaussian,
    Posterior,
    adam,
    backends,
    fit_amortized,
    fit_importance_weighted,
    importance_bounds,
    infer,
    log_evidence_ais,
    log_evidence_is,
    log_evidence_psis,
    log_evidence_quadrature,
    score_function,
)
from bbvi.datasets import digits
from bbvi.estimators import dreg, iwae, renyi
from bbvi.evaluation import UnreliableWarning
from bbvi.experiments.problem import problem_from
from bbvi.inference import NotConvergedWarning
from bbvi.lectures.digits_decoder import digits_decoder
from bbvi.optimizers import cosine_decay
from bbvi.plotting.style import COLORS, LINES, MARKERS, new_figure, styled

# Fits in this notebook have a budget of steps; none claims an optimum.
warnings.filterwarnings("ignore", "fit_")
warnings.simplefilter("ignore", NotConvergedWarning)
warnings.simplefilter("ignore", UnreliableWarning)  # unreliable proposals are the subject
SEEDS = (0,) if SMOKE else (0, 1, 2)

# %% [markdown]
# ## From scratch
#
# Probabilistic PCA of the digits, D = 4, where $\log p(x)$ is exact; $q$ is the prior moved half of
# the way to the posterior.

# %%
x = digits(binarize=False).x[:20]
model, family = LinearGaussian(4, 64), DiagonalGaussian(4)
theta = model.fit_ml(digits(binarize=False).x)
lam = 0.5 * family.from_moments(*model.posterior(theta, x))
target = backends.autodiff.target(model, theta, x)
rng = np.random.default_rng(0)
eps = family.noise(rng, 64, len(x))
z = family.transform(lam, eps)
log_w = target.value(z) - family.log_prob(lam, z)  # (S, N)


def importance_weighted_by_hand(log_w):
    highest = log_w.max(axis=0)
    return highest + np.log(np.exp(log_w - highest).mean(axis=0))


assert np.allclose(importance_weighted_by_hand(log_w), iwae(family, target, lam, eps).elbo)

# Swaney's estimate of the gradient: log weights times scores.
by_hand = (log_w[..., None] * family.score(lam, z)).mean(axis=0)
assert np.allclose(by_hand, score_function(family, target, lam, eps).grad)

# %% [markdown]
# ## More weights, tighter bound
#
# $L_1 = \mathrm{ELBO} \le L_K \le L_{K+1} \le \log p(x)$: the logarithm of a mean of more weights
# lies nearer to its own mean. What is left falls like $\mathrm{Var}(w / p(x)) / 2K$, if the
# weights have a variance; with heavier tails more slowly. Digits under a trained decoder (D = 2),
# $q$ the best factorized Gaussian: ten weights close two fifths of the distance or more, and a
# hundred do not close the 99 % that $1 / K$ would.

# %%
sizes = (1, 2, 5, 10, 20, 50, 100)
images = digits().x
some = images[:: len(images) // (10 if SMOKE else 60)]
distances = []
for seed in SEEDS:
    decoder = digits_decoder(np.random.default_rng(seed), num_steps=100 if SMOKE else 1000)
    log_p = log_evidence_quadrature(decoder.model, decoder.theta, some).value
    rng = np.random.default_rng(seed)
    fit = infer(decoder.model, decoder.family, decoder.theta, some, rng, num_steps=200)
    at = backends.kernel.target(decoder.model, decoder.theta, some)
    bounds = importance_bounds(
        decoder.family,
        at,
        fit.lam,
        np.random.default_rng(seed),
        num_weights=sizes,
        num_replicates=10 if SMOKE else 50,
    )
    left = (log_p - bounds.value).mean(axis=1)
    error = np.sqrt((bounds.standard_error**2).mean(axis=1) / len(some))
    distances.append(left)
    line = "  ".join(f"K={K} {d:.3f}" for K, d in zip(sizes, left))
    print(f"decoder {seed}: log p(x) - L_K:", line)
    assert np.all(np.diff(left) < 3 * error[:-1])  # shared samples: each bound above the last
    assert np.all(left > -5 * error)
    if not SMOKE:
        assert left[3] < 0.6 * left[0]
        assert left[-1] > 3 * left[0] / 100

with styled():
    fig = new_figure(8.5, 4.3)
    axes = fig.subplots()
    for seed, left in zip(SEEDS, distances):
        style = {"color": COLORS[seed], "ls": LINES[seed], "marker": MARKERS[seed]}
        axes.plot(sizes, np.maximum(left, 1e-4), label=f"decoder {seed}", **style)
    axes.plot(sizes, distances[0][0] / np.array(sizes), color="black", lw=1, label="1 / K")
    axes.set(xscale="log", yscale="log", xlabel="weights K", ylabel="log p(x) - L_K (nats)")
    axes.set_title("The importance-weighted bound closes in")
    axes.legend()
fig

# %% [markdown]
# ## Learning with the tighter bound
#
# $L_K$ can be raised in place of the ELBO, in $\theta$ and $\phi$: the importance-weighted
# autoencoder. Both runs below draw K = 10 samples for each digit in each step; one takes the mean
# of the logarithms, the other the logarithm of the mean. Judged by $\log p_\theta(x)$ of *new*
# digits, by quadrature.

# %%
budget = 60 if SMOKE else 800
gains, amortized_losses = [], []
for seed in SEEDS:
    problem = problem_from("digits", np.random.default_rng(seed), dtype=np.float32)
    new = problem.test.x[: 10 if SMOKE else 100]
    values = []
    for fit_with in (fit_amortized, fit_importance_weighted):
        fit = fit_with(
            problem.model,
            problem.family,
            problem.train.x,
            np.random.default_rng(seed),
            encoder=problem.encoder,
            num_samples=10,
            num_steps=budget,
            optimizer=adam(cosine_decay(0.005, budget)),
        )
        evidence = log_evidence_quadrature(problem.model, fit.theta, new, tolerance=0.01).value
        at = backends.kernel.target(problem.model, fit.theta, new)
        q_new = problem.encoder(fit.phi, new)
        first = importance_bounds(problem.family, at, q_new, np.random.default_rng(1), (1,), 200)
        values.append((evidence.mean(), first.value.mean()))
    (plain, elbo_plain), (weighted, elbo_weighted) = values
    gains.append(weighted - plain)
    amortized_losses.append((plain - elbo_plain, weighted - elbo_weighted))
    print(
        f"seed {seed}: log p(x) of new digits: by the ELBO {plain:.2f}, by L_10 {weighted:.2f}; "
        f"their ELBOs {elbo_plain:.2f} and {elbo_weighted:.2f}"
    )
if not SMOKE:
    assert np.mean(gains) > 0.1
    lost_plain, lost_weighted = np.array(amortized_losses).T
    assert np.all(lost_weighted > lost_plain)

# %% [markdown]
# In the mean over the three starts the tighter bound makes the better model; from one start alone
# it may go either way. It does not make the better $q$: with weights to repair it, $q$ may be wider
# than the posterior, and its own ELBO is not what was raised, so that it loses more of $\log p(x)$
# from each start. There is a price on the side of $\phi$, too. In $L_K$ the gradient of $\lambda$
# gets *smaller* than its noise as K grows, unless the score that is hidden in it is taken out
# (`dreg`; Rainforth et al., 2018, Tucker et al., 2019):

# %%
ratios, shown = {"iwae": [], "dreg": []}, (1, 4, 16, 64)
for seed in (0, 1, 2):
    row = x[seed : seed + 1]
    near = family.from_moments(*model.posterior(theta, row)) + 0.1
    replicates = 100 if SMOKE else 1000
    copies = backends.autodiff.target(model, theta, np.repeat(row, replicates, axis=0))
    for name, estimator in (("iwae", iwae), ("dreg", dreg)):
        line = []
        for K in shown:
            noise = family.noise(np.random.default_rng(K), K, replicates)
            grad = estimator(family, copies, np.repeat(near, replicates, axis=0), noise).grad[:, 0]
            line.append(abs(grad.mean()) / grad.std())
        ratios[name].append(line)
for name, lines in ratios.items():
    print(f"{name}: |mean| / sd at K = {shown}:", np.round(np.mean(lines, axis=0), 2))
if not SMOKE:
    assert np.all(np.array(ratios["dreg"])[:, -1] > 4 * np.array(ratios["iwae"])[:, -1])
    assert np.all(np.array(ratios["dreg"])[:, -1] > np.array(ratios["dreg"])[:, 0])
    assert np.all(np.array(ratios["iwae"])[:, -1] < np.array(ratios["iwae"])[:, 0])

# %% [markdown]
# ## Rényi bounds, and which mode is sought
#
# $L_\alpha = \frac{1}{1 - \alpha} \log E_q[w^{1 - \alpha}]$ runs from $\log p(x)$ at $\alpha = 0$
# to the ELBO at $\alpha \to 1$, and beyond $\log p(x)$ for $\alpha < 0$ (a bound from *above*,
# if it is exact: with few samples the estimate falls short again). Each $\alpha$ has its own idea
# of a good $q$. Two modes and one Gaussian:


# %%
def log_two_modes(z):
    a, b = (-0.5 * ((z[..., 0] - m) / 0.7) ** 2 for m in (-2.0, 2.0))
    return anp.logaddexp(np.log(0.6) + a, np.log(0.4) + b) - np.log(0.7 * np.sqrt(2 * np.pi))


nodes = np.linspace(-12, 12, 4001)
step = nodes[1] - nodes[0]
log_p_nodes = log_two_modes(nodes[:, None])
assert np.isclose(step * np.exp(log_p_nodes).sum(), 1)


def exact_renyi(alpha, m, s):
    """L_alpha of q = N(m, s^2) by a sum over nodes; log p(x) = 0."""
    log_q = -0.5 * ((nodes - m) / s) ** 2 - np.log(s * np.sqrt(2 * np.pi))
    if alpha == 1:
        return step * (np.exp(log_q) * (log_p_nodes - log_q)).sum()
    exponent = log_q + (1 - alpha) * (log_p_nodes - log_q)
    top = exponent.max()
    return (top + np.log(step * np.exp(exponent - top).sum())) / (1 - alpha)


alphas = (-0.5, 0.0, 0.5, 0.9, 1.0, 2.0)
values = [exact_renyi(alpha, -1.5, 1.5) for alpha in alphas]
assert np.all(np.diff(values) < 0)  # falls with alpha
assert abs(values[1]) < 1e-9  # alpha = 0: log p(x) itself
bimodal, one = Posterior(log_two_modes, 1), DiagonalGaussian(1)
some_lam = np.array([[-1.5, np.log(1.5)]])
at = backends.autodiff.target(bimodal, {}, bimodal.x)
rows = np.repeat(some_lam, 200, axis=0)
for alpha, value in zip(alphas[:-1], values):  # the package; at 2 the noise has no variance
    noise = one.noise(np.random.default_rng(3), 20_000, 1)
    assert abs(renyi(one, at, some_lam, noise, alpha=alpha).elbo[0] - value) < 0.1

print("alpha   best mean   best sd   L_alpha")
best_q = {}
for alpha in (0.1, 0.5, 1.0, 2.0):
    means, sds = np.linspace(-2.5, 2.5, 51), np.geomspace(0.4, 4, 61)
    table = np.array([[exact_renyi(alpha, m, s) for s in sds] for m in means])
    i, j = np.unravel_index(table.argmax(), table.shape)
    best_q[alpha] = means[i], sds[j]
    print(f"{alpha:5}{means[i]:11.2f}{sds[j]:10.2f}{table[i, j]:10.3f}")
assert best_q[0.1][1] > 1.8 > 0.9 > best_q[1.0][1]
assert abs(best_q[1.0][0] + 2) < 0.2
assert abs(best_q[0.1][0]) < 1

with styled():
    fig = new_figure(9, 4)
    axes = fig.subplots()
    axes.fill_between(nodes, np.exp(log_p_nodes), color=COLORS[4], alpha=0.4, label="posterior")
    for number, (alpha, (m, s)) in enumerate(best_q.items()):
        density = np.exp(-0.5 * ((nodes - m) / s) ** 2) / s / np.sqrt(2 * np.pi)
        style = {"color": COLORS[(0, 5, 3, 2)[number]], "ls": LINES[number]}
        axes.plot(
            nodes, density, label=rf"$\alpha$ = {alpha:g}" + " (ELBO)" * (alpha == 1), **style
        )
    axes.set(
        xlim=(-6, 6), xlabel="z", ylabel="density", title=r"The best Gaussian for each $\alpha$"
    )
    axes.legend()
fig

# %% [markdown]
# Near $\alpha = 0$ the best $q$ covers all of the mass; at $\alpha = 1$ (the ELBO) and above it
# takes the larger mode and leaves out the other: *mode seeking*, drawn.
#
# ## Estimates of the evidence, and their warnings
#
# The same samples give $\log \frac1S \sum_s w_s$. When may it be believed? Three proposals for new
# digits: the prior, the encoder's $q$, and the best factorized Gaussian. `log_evidence_psis`
# returns $\hat k$ with the estimate (notebook 9); here the truth is known, by quadrature.

# %%
print("                 k-hat (median, largest)   mean |error| (nats)")
report = {}
for seed in SEEDS:
    problem = problem_from("digits", np.random.default_rng(seed), dtype=np.float64)
    fit = fit_amortized(
        problem.model,
        problem.family,
        problem.train.x,
        np.random.default_rng(seed),
        encoder=problem.encoder,
        num_steps=60 if SMOKE else 600,
    )
    new = problem.test.x[: 10 if SMOKE else 100]
    log_p = log_evidence_quadrature(problem.model, fit.theta, new).value
    at = backends.kernel.target(problem.model, fit.theta, new)
    by_encoder = problem.encoder(fit.phi, new)
    best = infer(
        problem.model, problem.family, fit.theta, new, np.random.default_rng(1), lam=by_encoder
    ).lam
    for name, proposal in (
        ("prior", problem.family.init(len(new))),
        ("encoder", by_encoder),
        ("best q", best),
    ):
        found = log_evidence_psis(problem.family, at, proposal, np.random.default_rng(2), 1000)
        errors = np.abs(found.value - log_p)
        report[seed, name] = np.median(found.khat), errors.mean()
        print(
            f"seed {seed} {name:10}{np.median(found.khat):10.2f}{found.khat.max():12.2f}"
            f"{errors.mean():20.3f}"
        )
    if not SMOKE:
        assert report[seed, "best q"][1] < 0.05
        assert report[seed, "prior"][0] < 0.7
        assert report[seed, "best q"][1] < report[seed, "prior"][1] / 3
        assert report[seed, "encoder"][1] < report[seed, "prior"][1]

# %% [markdown]
# The prior is the worst proposal, and for most digits its $\hat k$ does not say so: it is wider
# than
# their posteriors, so that its weights have no heavy tail, but few of them count. $\hat k$ warns of
# proposals that are too narrow; the effective sample size of those that are too wide.
#
# ## A path to the posterior
#
# In more dimensions no simple $q$ is near enough. *Annealed importance sampling* goes from $q$ to
# the posterior in small steps, $f_t = q^{1 - \beta_t}\, p(x, z)^{\beta_t}$, moves the samples at
# each step by a transition that keeps $f_t$, and multiplies the weights of the steps. The mean
# weight is $p(x)$, whatever the transitions do. Probabilistic PCA with D = 16, where naive Monte
# Carlo would
# need tens of billions of samples (notebook 1), from the same start, the prior:

# %%
grey = digits(binarize=False).x
deep, wide = LinearGaussian(16, 64), DiagonalGaussian(16)
theta = deep.fit_ml(grey)
three = grey[[0, 700, 1400]]
exact = deep.log_evidence(theta, three)
at = backends.autodiff.target(deep, theta, three)
prior = wide.init(3)
temperatures = (10, 30) if SMOKE else (10, 30, 100, 300)
off = {}
for seed in SEEDS:
    naive = log_evidence_is(wide, at, prior, np.random.default_rng(seed), 20_000)
    off["naive", seed] = np.abs(naive.value - exact).mean()
    for T in temperatures:
        annealed = log_evidence_ais(
            wide, at, prior, np.random.default_rng(seed), num_chains=16, num_temperatures=T
        )
        off[T, seed] = np.abs(annealed.value - exact).mean()
    line = "  ".join(f"T = {T}: {off[T, seed]:.2f}" for T in temperatures)
    print(f"seed {seed}: mean |error| in nats: naive {off['naive', seed]:.1f}, annealed {line}")
    if not SMOKE:
        assert off[300, seed] < 1.5 < 10 < off["naive", seed]
        assert off[300, seed] < off[10, seed] / 3

# %% [markdown]
# | question | take |
# |---|---|
# | compare models with the same $q$ cheaply | the ELBO, or $L_K$ on the same K |
# | $\log p(x)$, $q$ is good ($\hat k < 0.7$) | PSIS |
# | $\log p(x)$, D of 2 or so | quadrature |
# | $\log p(x)$, no good $q$ | annealed importance sampling |
# | learn $\theta$ with a loose family | $L_K$ with `dreg` |
#
# ## Exercises
#
# These are for thought. The samplers' warnings are explained in [notebook 9](09_did_it_work.ipynb).
#
# 1. Show $L_K \le L_{K+1}$: a mean of $K + 1$ weights is the mean of its $K + 1$ leave-one-out
#    means. Where does Jensen enter?
# 2. Expand $\log(1 + \delta)$ with $\delta = \frac1K \sum_k w_k / p(x) - 1$ to get the loss
#    $\mathrm{Var}(w / p(x)) / 2K$. For which $q$ is the variance infinite?
# 3. Is $L_\alpha$ with $\alpha < 0$ and 10 samples above or below $\log p(x)$? Try it with `renyi`.
# 4. In annealed importance sampling let the transition do nothing. What is the estimate then?
