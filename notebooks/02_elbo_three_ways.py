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
# # 2. The ELBO, three ways
#
# **Question.** $\log p_\theta(x)$ is out of reach. What can be computed instead, and how far from
# it is that?
#
# Put any density $q(z)$ under the integral and use that the logarithm is concave (Jensen):
#
# $$\log p_\theta(x) = \log E_{q}\left[\frac{p_\theta(x, z)}{q(z)}\right]
# \;\ge\; E_{q}\left[\log \frac{p_\theta(x, z)}{q(z)}\right] = \mathrm{ELBO}(q).$$
#
# (The equality wants a $q$ that reaches wherever $p_\theta(x, z)$ does; Ermon/Grover, in the
# footnote. If $q$ misses a part, then $E_q[p_\theta(x, z) / q(z)]$ is only the share of
# $p_\theta(x)$ that it did reach, and the bound holds all the more.)
#
# The lectures write this one number in three ways. Each splits the logarithm elsewhere:
#
# | | form | in words | source |
# |---|---|---|---|
# | a | $E_q[\log p(x, z)] + H[q]$ | fit the joint, but stay spread out | Rios |
# | b | $E_q[\log p(x \mid z)] - \mathrm{KL}(q \Vert p(z))$ | reconstruct, at a price | Permuter |
# | c | $E_q[\log p(x, z) - \log q(z)]$ | the mean log weight | Ermon/Grover; Swaney |
#
# In a and b a part of the expectation is done in closed form, in c nothing is. So the three agree
# in their mean, and differ in their noise.

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

import numpy as np

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    DiagonalGaussian,
    FullCovarianceGaussian,
    LinearGaussian,
    StandardNormal,
    backends,
    fit_amortized,
    infer,
    reparameterized,
    reparameterized_kl,
    reparameterized_mc,
)
from bbvi.datasets import digits, iris, train_test_split
from bbvi.evaluation import elbo, linear_gaussian_elbo, log_evidence_quadrature
from bbvi.evaluation.quadrature import find_boxes, grid
from bbvi.experiments.compare import PosteriorOnGrid
from bbvi.lectures.step_1_watched import kl_to_posterior
from bbvi.plotting.compare import posterior_panel, same_limits
from bbvi.plotting.style import COLORS, LINES, MARKERS, new_figure, styled

# Fits in this notebook have a budget of steps; none claims an optimum.
warnings.filterwarnings("ignore", "fit_")

# %% [markdown]
# ## From scratch
#
# A model with exact answers: probabilistic PCA with D = 2 of the 150 irises. $q$ is the factorized
# Gaussian, $\lambda = (\mu, \log \sigma)$, one row per flower, and $z = \mu + \sigma \epsilon$.

# %%
x = iris().x
model, family = LinearGaussian(latent_dim=2, observed_dim=4), DiagonalGaussian(2)
theta = model.fit_ml(x)
LOG_2PI = np.log(2 * np.pi)


def three_elbos(lam, eps):
    mu, log_sigma = lam[:, :2], lam[:, 2:]
    z = mu + np.exp(log_sigma) * eps  # (S, N, D)
    log_joint = model.log_joint(theta, x, z)
    log_lik = log_joint + 0.5 * (z**2 + LOG_2PI).sum(axis=-1)
    log_q = -(0.5 * (eps**2 + LOG_2PI) + log_sigma).sum(axis=-1)
    entropy = (log_sigma + 0.5 * (1 + LOG_2PI)).sum(axis=-1)
    kl = (0.5 * (mu**2 + np.exp(2 * log_sigma) - 1) - log_sigma).sum(axis=-1)
    return log_joint + entropy, log_lik - kl, log_joint - log_q  # a, b, c: (S, N)


rng = np.random.default_rng(0)
lam = 0.3 * rng.standard_normal((len(x), family.num_params))
eps = family.noise(rng, 1000, len(x))
forms = three_elbos(lam, eps)

# The same three in the package: they are the value half of three gradient estimators.
target = backends.autodiff.target(model, theta, x)
for form, estimator in zip(forms, (reparameterized, reparameterized_kl, reparameterized_mc)):
    assert np.allclose(form.mean(axis=0), estimator(family, target, lam, eps).elbo, rtol=1e-10)

# ... and all of them estimate the exact ELBO, which this model has in closed form.
exact = linear_gaussian_elbo(model, theta, x, family, lam).elbo
for form in forms:
    standard_error = form.std(axis=0) / np.sqrt(len(eps))
    assert np.all(np.abs(form.mean(axis=0) - exact) < 5 * standard_error + 1e-9)

# %% [markdown]
# ## Same mean, different noise
#
# Let $\lambda$ walk in a straight line from the prior to the exact posterior of one flower.

# %%
optimum = family.from_moments(*model.posterior(theta, x))
steps = np.linspace(0, 1, 21)
spread, values = [], []
for t in steps:
    here = t * optimum
    spread.append([form.std(axis=0).mean() for form in three_elbos(here, eps)])
    values.append(linear_gaussian_elbo(model, theta, x, family, here).elbo.mean())

# At the posterior every single log weight is log p(x): form c has no noise at all.
assert np.allclose(three_elbos(optimum, eps)[2], model.log_evidence(theta, x))
# What is said below about the noise holds for other draws, too.
for seed in (0, 1, 2):
    draws = family.noise(np.random.default_rng(seed), 1000, len(x))
    far, near = (
        [form.std(axis=0).mean() for form in three_elbos(t * optimum, draws)] for t in (0.3, 0.95)
    )
    assert min(far[:2]) > 0.9 * far[2]
    assert min(near[:2]) > 2 * near[2]

names = ("a: joint + entropy", "b: reconstruction - KL", "c: log weights")
with styled():
    fig = new_figure(13, 4.4)
    left, right = fig.subplots(1, 2)
    left.plot(steps, values, "-o", color=COLORS[0], label="ELBO")
    evidence = model.log_evidence(theta, x).mean()
    left.axhline(evidence, color="black", ls="--", label="log p(x)")
    left.set(xlabel="from the prior (0) to the posterior (1)", ylabel="nats per flower")
    left.set_yscale("symlog", linthresh=5)
    left.set_ylim(-120, -1.5)
    left.set_yticks([-100, -30, -10, -5, -3], ["-100", "-30", "-10", "-5", "-3"])
    left.set_title("One bound ...")
    left.legend(loc="lower right")
    for k, name in enumerate(names):
        style = {"color": COLORS[k], "ls": LINES[k], "marker": MARKERS[k], "markevery": 2}
        right.plot(steps, np.maximum(np.array(spread)[:, k], 1e-3), label=name, **style)
    right.annotate("exactly 0", (1, 1e-3), (0.72, 2e-3), arrowprops={"arrowstyle": "->"})
    right.set(xlabel="from the prior (0) to the posterior (1)", yscale="log")
    right.set_ylabel("sd of one sample (nats)")
    right.set_title("... three kinds of noise")
    right.legend(loc="lower left")
fig

# %% [markdown]
# Doing a part in closed form hardly helps while $q$ is bad, and hurts when $q$ is good: near the
# posterior the noise in $\log p$ would be cancelled by the noise in $\log q$, if only the latter
# had been left in. Notebook 3 finds the same in the *gradients*.
#
# ## The gap is a divergence, exactly
#
# Insert $p(x, z) = p(z \mid x)\,p(x)$ into form c:
#
# $$\log p_\theta(x) - \mathrm{ELBO}(q) = \mathrm{KL}\big(q(z) \,\Vert\, p_\theta(z \mid x)\big).$$
#
# Nothing is left over, so raising the ELBO over $q$ lowers this divergence, although the posterior
# is never evaluated (Rios, "An approximate posterior"; Permuter, equation 7). On probabilistic PCA
# all three terms have closed forms. To make it interesting, turn the latent axes by an angle:
# $W \to W R$. No $p(x)$ changes, but the posterior becomes correlated, which a factorized $q$
# cannot follow.


# %%
def kl_gaussians(m, C, m_p, C_p):
    """KL(N(m, C) || N(m_p, C_p)) for rows m (N, D), C (N, D, D), and one C_p (D, D)."""
    P, d = np.linalg.inv(C_p), m_p - m
    log_dets = np.linalg.slogdet(C_p)[1] - np.linalg.slogdet(C)[1]
    traces = np.einsum("ij,nji->n", P, C)
    return 0.5 * (traces + np.einsum("ni,ij,nj->n", d, P, d) - m.shape[1] + log_dets)


angles = np.linspace(0, 90, 19)
gaps = {"factorized": [], "full covariance": []}
families = {"factorized": family, "full covariance": FullCovarianceGaussian(2)}
for angle in np.radians(angles):
    R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = {**theta, "W": theta["W"] @ R}
    log_p, posterior = model.log_evidence(turned, x), model.posterior(turned, x)
    assert np.allclose(log_p, model.log_evidence(theta, x))
    for name, q in families.items():
        best = q.from_moments(*posterior)
        gap = log_p - linear_gaussian_elbo(model, turned, x, q, best).elbo
        assert np.allclose(gap, kl_gaussians(*q.moments(best), *posterior), atol=1e-10)
        gaps[name].append(gap.mean())
assert max(gaps["factorized"]) > 0.5
assert max(gaps["full covariance"]) < 1e-9

with styled():
    fig = new_figure(8, 4)
    axes = fig.subplots()
    for k, (name, gap) in enumerate(gaps.items()):
        axes.plot(angles, gap, label=f"best {name} q", color=COLORS[k], ls=LINES[k])
    axes.set(xlabel="angle of the latent axes (degrees)", ylabel="log p(x) - ELBO (nats)")
    axes.set_title("The same p(x) every time; the gap is KL(q || posterior)")
    axes.legend()
fig

# %% [markdown]
# A model with the best possible likelihood may have a bad ELBO: turning the axes costs the model
# nothing and the factorized $q$ a lot. Learning by ELBO therefore *chooses* axes that suit $q$.
#
# ## Which mode?
#
# $\mathrm{KL}(q \Vert p) = E_q[\log q - \log p]$ is an average *under q*: it punishes $q$ for being
# where $p$ is not, and does not mind if $q$ leaves out a part of $p$. The other direction,
# $\mathrm{KL}(p \Vert q)$, does the reverse: its best Gaussian has the mean and the variance of
# $p$.
# With a posterior of two modes the two could hardly disagree more.

# %%
nodes = np.linspace(-8, 8, 2001)
width = nodes[1] - nodes[0]


def log_gaussian(m, s):
    return -0.5 * ((nodes - m) / s) ** 2 - np.log(s) - 0.5 * LOG_2PI


def kl_nodes(log_a, log_b):
    return width * np.sum(np.exp(log_a) * (log_a - log_b))


chosen = {}
for weight in (0.5, 0.6, 0.7):  # of the left mode
    log_p2 = np.logaddexp(
        np.log(weight) + log_gaussian(-2, 0.7), np.log(1 - weight) + log_gaussian(2, 0.7)
    )
    means, sds = np.linspace(-3, 3, 61), np.geomspace(0.4, 4, 47)
    for name, divergence in (
        ("KL(q || p)", lambda log_q, log_p=log_p2: kl_nodes(log_q, log_p)),
        ("KL(p || q)", lambda log_q, log_p=log_p2: kl_nodes(log_p, log_q)),
    ):
        values = [[divergence(log_gaussian(m, s)) for s in sds] for m in means]
        i, j = np.unravel_index(np.argmin(values), np.shape(values))
        chosen[weight, name] = means[i], sds[j]
    mean = 2 - 4 * weight
    assert np.allclose(chosen[weight, "KL(p || q)"][0], mean, atol=0.1)
    assert np.allclose(chosen[weight, "KL(p || q)"][1] ** 2, 0.49 + 4 - mean**2, rtol=0.1)
    assert abs(abs(chosen[weight, "KL(q || p)"][0]) - 2) < 0.15
    assert chosen[weight, "KL(q || p)"][1] < 0.9

with styled():
    fig = new_figure(9, 4)
    axes = fig.subplots()
    axes.fill_between(nodes, np.exp(log_p2), color=COLORS[4], alpha=0.4, label="posterior p")
    for number, name in enumerate(("KL(q || p)", "KL(p || q)")):
        m, s = chosen[0.7, name]
        style = {"color": COLORS[(3, 2)[number]], "ls": LINES[number]}
        axes.plot(nodes, np.exp(log_gaussian(m, s)), label=f"best q for {name}", **style)
    axes.set(xlabel="z", ylabel="density", xlim=(-6, 6))
    axes.set_title("The ELBO seeks a mode; the other direction covers both")
    axes.legend()
fig

# %% [markdown]
# The ELBO uses the first direction, because it can be estimated by samples of $q$. So a $q$ found
# by
# it may be right where it is, and blind elsewhere (notebook 9).
#
# ## Digits, by quadrature
#
# With a neural network as decoder no posterior is known in closed form; with D = 2 it can still be
# had by summing over a grid. Train a small model first (how, is the subject of notebooks 4 and 5),
# and look at the encoder's $q$ for digits that it has not seen.

# %%
train, test = train_test_split(np.random.default_rng(0), *digits())
deep = DeepLatentModel(StandardNormal(2), MLP((2, 64, 64)), BernoulliLikelihood())
encoder = MLP((64, 64, family.num_params))
num_steps = 300 if SMOKE else 3000
rng = np.random.default_rng(1)
fit = fit_amortized(deep, family, train.x, rng, encoder=encoder, num_steps=num_steps)

unseen = test.x[: 20 if SMOKE else 200]
log_p = log_evidence_quadrature(deep, fit.theta, unseen).value
q_encoder = encoder(fit.phi, unseen)
q_best = infer(deep, family, fit.theta, unseen, rng, lam=q_encoder, num_steps=300).lam
target = backends.autodiff.target(deep, fit.theta, unseen)
bound_encoder = elbo(family, target, q_encoder, rng, num_samples=2000)
bound_best = elbo(family, target, q_best, rng, num_samples=2000)


def kl_on_grid(row, lam, log_evidence, nodes=150):
    """KL(q || p(z | x)) of one digit by a plain sum, and the grid with its log joint."""
    x_row, lam_row = unseen[row : row + 1], lam[row : row + 1]
    low, high = find_boxes(deep, fit.theta, x_row, backend="autodiff")
    mu, sigma = lam_row[:, :2], np.exp(lam_row[:, 2:])
    low, high = np.minimum(low, mu - 7 * sigma), np.maximum(high, mu + 7 * sigma)
    z = grid(low, high, nodes)  # (nodes^2, 1, 2)
    log_joint = deep.log_joint(fit.theta, x_row, z)[:, 0]
    log_q = family.log_prob(lam_row, z)[:, 0]
    cell = np.prod((high - low) / (nodes - 1))
    return cell * np.sum(np.exp(log_q) * (log_q - (log_joint - log_evidence))), z, log_joint


shown = np.unique(test.labels[:20], return_index=True)[1][[0, 1, 4, 6]]  # four different digits
divergences = [kl_on_grid(row, q_encoder, log_p[row])[0] for row in shown]
packaged = kl_to_posterior(family, target, q_encoder, log_p)
assert np.allclose(divergences, packaged[shown], atol=1e-3)
for row, divergence in zip(shown, divergences):
    label = test.labels[row]
    gap = log_p[row] - bound_encoder.value[row]
    assert abs(gap - divergence) < 5 * bound_encoder.standard_error[row] + 1e-3
    print(f"a {label}: log p(x) - ELBO = {gap:.3f}, KL on the grid = {divergence:.3f} nats")

# %% tags=["hide-input"]
with styled():
    fig = new_figure(13, 6.2)
    panels = fig.subplots(2, 4)
    for column, row in enumerate(shown):
        for line, (lam, name) in zip(panels, ((q_encoder, "encoder's q"), (q_best, "best q"))):
            kl, z, log_joint = kl_on_grid(row, lam, log_p[row])
            z1, z2 = (z[:, 0, d].reshape(150, 150) for d in (0, 1))
            moments = family.moments(lam[row : row + 1])
            posterior = PosteriorOnGrid(
                "", row, z1, z2, log_joint.reshape(150, 150), moments.mean[0], moments.covariance[0]
            )
            posterior_panel(line[column], posterior)
            line[column].set_title(f"{name}: KL = {kl:.2f} nats", fontsize=13)
        panels[1, column].set_xlabel("$z_1$")
        inset = panels[0, column].inset_axes([0.0, 0.7, 0.28, 0.3])
        inset.imshow(unseen[row].reshape(8, 8), cmap="gray_r")
        inset.set(xticks=[], yticks=[])
        inset.grid(visible=False)
    panels[0, 0].set_ylabel("$z_2$")
    panels[1, 0].set_ylabel("$z_2$")
    for column in panels.T:
        same_limits(column)
    fig.suptitle("True posterior (blue), and q at 1 and 2 standard deviations (orange)")
fig

# %%
approximation = (log_p - bound_best.value).mean()
amortization = (bound_best.value - bound_encoder.value).mean()
print(f"mean over {len(unseen)} digits, in nats:")
print(f"  log p(x)                          {log_p.mean():8.2f}")
print(f"  - approximation gap (family)      {approximation:8.2f}")
print(f"  - amortization gap (encoder)      {amortization:8.2f}")
print(f"  = ELBO of the encoder's q         {bound_encoder.value.mean():8.2f}")
assert min(approximation, amortization) > 0

# %% [markdown]
# The gap has two parts: what no factorized Gaussian could express (posteriors of a network are bent
# and tilted), and what the encoder could have done better with one. The package measures both with
# `bbvi.evaluation.inference_gap`; notebook 6 compares methods by them.
#
# ## Exercises
#
# These are for thought. [Others](exercises/student/02_elbo.ipynb)
# ask for code, and tell you what is wrong with it.
#
# 1. Show that form b follows from form a, and that the KL of a Gaussian to $N(0, I)$ is
#    $\tfrac12 \sum_d (\mu_d^2 + \sigma_d^2 - 1) - \sum_d \log \sigma_d$ (Rios, "Gaussian KL").
# 2. Why is form c noiseless at the posterior while a and b are not? Compute the standard deviation
#    of form a there in closed form for this model, and compare with the figure.
# 3. In the second figure the gap is zero at 0 and at 90 degrees. At which angle is it largest, and
#    why is that angle the same for every flower?
# 4. Replace the factorized $q$ of the digits by `FullCovarianceGaussian(2)` in `infer`. How much of
#    the approximation gap goes away? What is left?
