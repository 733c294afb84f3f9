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
# # 1. Latent-variable models
#
# **Question.** A model says how hidden causes $z$ give rise to what we see, $x$. How do we draw
# from it, and how probable does it make a given $x$?
#
# The model is a joint density in two factors,
#
# $$p_\theta(x, z) = p(z)\, p_\theta(x \mid z),
# \qquad p_\theta(x) = \int p(z)\, p_\theta(x \mid z)\, dz .$$
#
# Drawing is easy: first a cause from the prior, then an observation given that cause
# (*ancestral sampling*). The second question is the hard one: the integral runs over every
# possible cause. The Ermon/Grover notes begin here, and so do Permuter's Lecture 12 (equations 2
# and 3), the slides of Rios and Swaney's lecture; they agree that the obvious Monte Carlo estimate
# of the integral is not good enough. This notebook *measures* how bad it is, on a model where the
# integral is known.
#
# Notation, here and in all notebooks: N datapoints, S samples, D latent dimensions, Dx observed
# ones; densities are logarithms, in nats.

# %% tags=["remove-cell"]
import importlib.util
import os
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %matplotlib inline
SMOKE = os.environ.get("BBVI_SMOKE") == "1"  # small sizes, for automatic tests

# %% tags=["hide-input"]
import numpy as np

from bbvi import LinearGaussian, backends
from bbvi.datasets import digits
from bbvi.evaluation import log_evidence_is
from bbvi.families import FullCovarianceGaussian
from bbvi.lectures.naive_evidence import log_relative_variance
from bbvi.plotting.diagrams import plate_model
from bbvi.plotting.style import COLORS, new_figure, styled
from bbvi.plotting.vae import draw_images

# %% [markdown]
# The model as a plate diagram (left): what is inside the plate is there once for each datapoint,
# and $x_i$, in grey, is what we see. The middle and the right say where a $q$ for $z_i$ may come
# from;
# notebooks 4 and 5 are about that.

# %%
plate_model()

# %% [markdown]
# ## Ancestral sampling
#
# The simplest latent-variable model with pictures: probabilistic PCA,
#
# $$z \sim N(0, I_D), \qquad x \mid z \sim N(Wz + b,\; \sigma^2 I),$$
#
# fitted to handwritten digits of 8 × 8 pixels. Its maximum-likelihood $\theta = (W, b, \sigma)$
# has a closed form (`fit_ml`), so nothing has to be trained.

# %%
x, labels = digits(binarize=False)
model = LinearGaussian(latent_dim=8, observed_dim=64)
theta = model.fit_ml(x)


def ancestral(rng, theta, num):
    W, b, sigma = theta["W"], theta["b"], np.exp(theta["log_sigma"])
    z = rng.standard_normal((num, W.shape[1]))  # z ~ p(z)
    noise = rng.standard_normal((num, W.shape[0]))
    return z @ W.T + b + sigma * noise, z  # x ~ p(x | z)


x_mine, z_mine = ancestral(np.random.default_rng(0), theta, num=20)
x_bbvi, z_bbvi = model.sample(np.random.default_rng(0), theta, num=20)
assert np.array_equal(x_mine, x_bbvi)
assert np.array_equal(z_mine, z_bbvi)

left_to_noise = [LinearGaussian(D, 64).fit_ml(x)["log_sigma"] for D in (2, 8, 32)]
assert left_to_noise[0] > left_to_noise[1] > left_to_noise[2]

# %% tags=["hide-input"]
with styled():
    fig = new_figure(13, 3.6)
    panels = fig.subplots(1, 4)
    draw_images(panels[0], x[:20], 5, "Data")
    for axes, D in zip(panels[1:], (2, 8, 32)):
        pca = LinearGaussian(D, 64)
        drawn, _ = pca.sample(np.random.default_rng(1), pca.fit_ml(x), num=20)
        draw_images(axes, drawn, 5, f"Ancestral samples, D = {D}")
fig

# %% [markdown]
# More latent dimensions give more of the structure to $z$ and leave less to the noise. A linear
# decoder will not draw digits, though; from notebook 4 on it is a neural network.
#
# ## What learning needs
#
# The closed form above is a luxury. In general $\theta$ is to be chosen so that the model's $x$ are
# like the data's. As a divergence,
#
# $$\mathrm{KL}(p_\text{data} \Vert p_\theta) = E_{p_\text{data}}[\log p_\text{data}(x)]
# - E_{p_\text{data}}[\log p_\theta(x)] .$$
#
# The first term does not know $\theta$, and the mean over the data estimates the second: the
# nearest model is the one with the highest mean log-evidence (Ermon/Grover, "Learning directed
# latent variable models"). So $\log p_\theta(x)$ is wanted for every datapoint, many times over.
#
# ## Naive Monte Carlo
#
# The integral is an expectation under the prior, so average over draws from the prior:
#
# $$p_\theta(x) = E_{p(z)}\big[p_\theta(x \mid z)\big]
# \approx \hat p(x) = \frac1S \sum_{s=1}^S p_\theta(x \mid z_s), \qquad z_s \sim p(z).$$
#
# Ten lines, with the sum done in logarithms. The package has no function for naive Monte Carlo,
# because it is importance sampling with the *prior as the proposal*:
# `log_evidence_is` with a Gaussian $q$ at `family.init`, which is $N(0, I)$.


# %%
def log_likelihood(theta, x, z):
    """log p(x | z): x (Dx,), z (S, D) -> (S,)."""
    r = (x - theta["b"] - z @ theta["W"].T) * np.exp(-theta["log_sigma"])
    return -0.5 * (r**2 + np.log(2 * np.pi)).sum(axis=1) - len(x) * theta["log_sigma"]


def naive_log_evidence(rng, theta, x, S):
    z = rng.standard_normal((S, theta["W"].shape[1]))
    log_p = log_likelihood(theta, x, z)
    return log_p.max() + np.log(np.exp(log_p - log_p.max()).mean())


S = 2_000 if SMOKE else 20_000
one = x[:1]
family = FullCovarianceGaussian(model.latent_dim)
target = backends.autodiff.target(model, theta, one)
found = log_evidence_is(family, target, family.init(1), np.random.default_rng(2), num_samples=S)
mine = naive_log_evidence(np.random.default_rng(2), theta, one[0], S)
assert np.isclose(mine, found.value[0], rtol=1e-10)

exact = model.log_evidence(theta, one)[0]
print(f"exact log p(x)    {exact:9.3f} nats")
print(f"naive Monte Carlo {mine:9.3f} nats from {S} samples")
print(f"effective samples {found.effective_sample_size[0]:9.1f}")
for seed in (2, 3, 4):
    again = log_evidence_is(
        family, target, family.init(1), np.random.default_rng(seed), num_samples=S
    )
    assert again.effective_sample_size[0] < 0.01 * S

# %% [markdown]
# The last line is the trouble in one number: of all the samples, the sum is made by a handful.
# Swaney's lecture puts it this way: the integrand is practically zero nearly everywhere and large
# in a few places, and draws that do not know $x$ rarely land there.
#
# ## Its variance, exactly
#
# For one sample, relative to the true value,
#
# $$\rho = \frac{\mathrm{Var}_{p(z)}[p(x \mid z)]}{p(x)^2}
# = \frac{E_{p(z)}[p(x \mid z)^2]}{p(x)^2} - 1,
# \qquad \mathrm{sd}\big[\hat p(x)\big] / p(x) = \sqrt{\rho / S}.$$
#
# For a Gaussian, $N(x; m, \sigma^2 I)^2 = (4 \pi \sigma^2)^{-D_x/2}\, N(x; m, \tfrac12 \sigma^2
# I)$: the second moment is again the evidence of a linear-Gaussian model, with half the noise
# variance. So $\rho$ is known without sampling anything.


# %%
def log_rho(model, theta, x):
    half = {**theta, "log_sigma": theta["log_sigma"] - 0.5 * np.log(2)}
    constant = 0.5 * x.shape[1] * np.log(4 * np.pi * np.exp(2 * theta["log_sigma"]))
    log_second_moment = model.log_evidence(half, x) - constant
    return np.log(np.expm1(log_second_moment - 2 * model.log_evidence(theta, x)))


dims = (1, 2, 3, 4, 6, 8, 12, 16)
draws = 5_000 if SMOKE else 50_000
predicted, measured = [], {3: [], 4: [], 5: []}
for D in dims:
    pca = LinearGaussian(D, 64)
    theta_D = pca.fit_ml(x)
    predicted.append(np.exp(log_rho(pca, theta_D, one)[0]))
    for seed, variances in measured.items():
        z = np.random.default_rng(seed).standard_normal((draws, D))
        log_p = log_likelihood(theta_D, one[0], z)
        ratio = np.exp(log_p - pca.log_evidence(theta_D, one)[0])  # p(x | z) / p(x), mean 1
        variances.append(ratio.var())

# The package has the formula too: it is behind a figure of `bbvi figures`.
assert np.isclose(log_rho(model, theta, one)[0], log_relative_variance(model, theta, one)[0])
# Where the samples can see the variance, they agree with the formula ...
for variances in measured.values():
    assert np.allclose(variances[:2], predicted[:2], rtol=0.2)
    # ... and where they cannot, they do not even see that something is wrong.
    assert variances[-1] < 0.1 * predicted[-1]
assert np.all(np.diff(predicted) > 0)
assert 1e10 < predicted[-1] / 0.01 < 1e11

# %%
sizes = np.unique(np.logspace(0.5, np.log10(S), 40).astype(int))
posterior = family.from_moments(*model.posterior(theta, one))
wide = posterior.copy()
wide[:, family.parameter_blocks["log-scale"]] += np.log(1.3)
after_ten = {"z ~ prior": [], "z ~ posterior, widened": []}
with styled():
    fig = new_figure(13, 4.8)
    left, right = fig.subplots(1, 2)
    for q, color, name in ((family.init(1), 3, "z ~ prior"), (wide, 0, "z ~ posterior, widened")):
        for replicate in range(8):
            rng = np.random.default_rng(replicate)
            z = family.transform(q, family.noise(rng, S, 1))
            log_w = (target.value(z) - family.log_prob(q, z))[:, 0]
            running = [np.logaddexp.reduce(log_w[:n]) - np.log(n) for n in sizes]
            after_ten[name].append(running[np.searchsorted(sizes, 10)])
            label = name if replicate == 0 else None
            left.plot(sizes, running, color=COLORS[color], lw=1.2, alpha=0.8, label=label)
    left.axhline(exact, color="black", ls="--", label="exact log p(x)")
    left.set(xscale="log", xlabel="samples S", ylabel="estimate of log p(x) (nats)")
    left.set_ylim(exact - 40, exact + 8)
    left.set_title("Eight runs each, D = 8")
    left.legend(loc="lower right")
    right.plot(dims, np.array(predicted) / 0.01, "-o", color=COLORS[0], label="exact formula")
    seen = np.array(measured[3]) / 0.01
    right.plot(dims, seen, "--s", color=COLORS[3], label=f"as seen by {draws:,} samples")
    right.set(yscale="log", xlabel="latent dimensions D", ylabel="samples needed")
    right.set_title("Samples for a standard error of 10 % of p(x)")
    right.legend()
assert np.allclose(after_ten["z ~ posterior, widened"], exact, atol=1.5)
assert np.median(after_ten["z ~ prior"]) < exact - 5
fig

# %% [markdown]
# **Left:** the runs from the prior creep upwards from below, each at its own pace, because
# everything waits for the next lucky sample. They are biased too: the logarithm is concave, so
# $E[\log \hat p(x)] \le \log p(x)$. That inequality, Jensen's, will be turned into a tool in the
# next notebook. The runs whose samples come from near the *posterior* are done after ten samples.
#
# **Right:** the cost of the naive estimate grows exponentially with D: with 16 latent
# dimensions, tens of billions of samples for *one* digit. Worse, the samples do not warn: the
# variance *that they show* (orange, dashed) falls to nothing, because the events that make it
# large were never drawn.
#
# With the posterior itself as the proposal, every weight $p(x, z_s) / p(z_s \mid x)$ *is* $p(x)$:
# one sample suffices. So estimating $p(x)$ and knowing $p(z \mid x)$ are one problem, and the
# way out is to look for a $q(z)$ close to the posterior.

# %%
z = family.transform(posterior, family.noise(np.random.default_rng(4), 5, 1))
log_w = target.value(z) - family.log_prob(posterior, z)
assert np.allclose(log_w, exact)
print("log weights at the exact posterior:", log_w[:, 0].round(9), " log p(x):", exact.round(9))

# %% [markdown]
# ## Exercises
#
# These are for thought. [Others](exercises/student/01_latent_variables.ipynb)
# ask for code, and tell you what is wrong with it.
#
# 1. Derive $N(x; m, \sigma^2 I)^2 \propto N(x; m, \tfrac12\sigma^2 I)$ with its constant.
# 2. Plot the number of samples needed against the noise $\sigma$ at fixed $D = 4$. Why does a
#    *better* model (smaller noise) make naive Monte Carlo *worse*?
# 3. Learning needs $\nabla_\theta \log p_\theta(x)$. Differentiate $\log \hat p(x)$ and show that
#    it is a weighted mean of $\nabla_\theta \log p_\theta(x \mid z_s)$. How many samples carry
#    weight?
# 4. Widen the proposal by a factor of 3 instead of 1.3, then shrink it by 2. Which is worse, and
#    why? (`effective_sample_size` may mislead you in one of the two cases.)
