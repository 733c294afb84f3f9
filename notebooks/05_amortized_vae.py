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
# # 5. Amortized inference and the variational autoencoder
#
# **Question.** Step 1 optimizes a $\lambda_i$ for every datapoint, and again for every new one.
# For a given $\theta$ there is a map $x_i \mapsto \lambda_i^*$. Can it be learned?
#
# Let a network with parameters $\phi$ play that map, $\lambda_i = f_\phi(x_i)$, and raise the same
# bound in both:
#
# $$\max_{\theta, \phi} \sum_i \mathrm{ELBO}\big(x_i;\, \theta, f_\phi(x_i)\big)
# = \sum_i E_\epsilon\Big[\log p_\theta\big(x_i, z_i\big) - \log q_{\lambda_i}(z_i)\Big],
# \qquad z_i = \mu_\phi(x_i) + \sigma_\phi(x_i)\, \epsilon .$$
#
# The two steps of black-box VI become one (Ermon/Grover notes, "Amortized variational inference";
# Swaney, "Amortized optimization"). $f_\phi$ is called the encoder, $p_\theta(x \mid z)$ the
# decoder, and the pair looks like an autoencoder: Permuter's Lecture 12 comes from that side. This
# notebook comes from both, and repeats the run on handwritten digits with which Swaney's lecture
# ends.

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

import autograd
import autograd.numpy as anp
import numpy as np

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    StandardNormal,
    adam,
    backends,
    reparameterized_mc,
)
from bbvi.datasets import digits, train_test_split
from bbvi.inference import fit_autoencoder
from bbvi.lectures.images import load_images
from bbvi.lectures.latent_maps import compare_codes
from bbvi.lectures.latent_space import average_by_class, manifold_grid, posterior_means
from bbvi.lectures.networks import lecture_network
from bbvi.lectures.vae import train_vae
from bbvi.plotting.models import codes_figure
from bbvi.plotting.style import new_figure, styled
from bbvi.plotting.vae import draw_images, draw_latent_space, draw_objective

# Fits in this notebook have a budget of steps; none claims an optimum.
warnings.filterwarnings("ignore", "fit_")

# %% [markdown]
# ## From scratch
#
# The lecture's network, written out: one hidden layer of relus on either side, D = 2; the decoder
# ends in one logistic mean per pixel and a *single* log-scale for the whole image. The objective in
# ten lines, and its gradient by automatic differentiation from end to end.

# %%
train, _ = train_test_split(np.random.default_rng(0), *digits(binarize=False))
network = lecture_network(64, hidden=128)
model, family, encoder = network
LOG_2PI = np.log(2 * np.pi)


def relu(a):
    return anp.maximum(a, 0)


def elbo_by_hand(parameters, x, eps):
    theta, phi = parameters
    lam = relu(x @ phi["W0"] + phi["b0"]) @ phi["W1"] + phi["b1"]
    mu, log_sigma = lam[:, :2], lam[:, 2:]
    z = mu + anp.exp(log_sigma) * eps
    h = relu(z @ theta["decoder.W0"] + theta["decoder.b0"])
    out = h @ theta["decoder.W1"] + theta["decoder.b1"]
    mean, log_scale = 1 / (1 + anp.exp(-out[:, :-1])), out[:, -1:]
    log_lik = anp.sum(-0.5 * ((x - mean) / anp.exp(log_scale)) ** 2 - log_scale - 0.5 * LOG_2PI, 1)
    log_prior = anp.sum(-0.5 * z**2 - 0.5 * LOG_2PI, 1)
    log_q = anp.sum(-0.5 * eps**2 - log_sigma - 0.5 * LOG_2PI, 1)
    return anp.mean(log_lik + log_prior - log_q)


rng = np.random.default_rng(1)
theta, phi, batch = model.init(rng), encoder.init(rng), train.x[:50]
eps = family.noise(rng, 1, len(batch))
dtheta, dphi = autograd.grad(elbo_by_hand)((theta, phi), batch, eps[0])

# %% [markdown]
# The package never differentiates from end to end. It takes the gradient in $\lambda$, from the
# same estimator as in notebook 4, which does not know where $\lambda$ came from, and pulls it back
# through the encoder. The chain rule says that this is the same:

# %%
lam, pullback = backends.kernel.encode(encoder, phi, batch)
target = backends.kernel.target(model, theta, batch)
estimate = reparameterized_mc(family, target, lam, eps)
assert np.isclose(elbo_by_hand((theta, phi), batch, eps[0]), estimate.elbo.mean(), rtol=1e-10)
for key, value in pullback(estimate.grad / len(batch)).items():
    assert np.allclose(value, dphi[key], rtol=1e-8, atol=1e-12), key
for key, value in estimate.grad_theta.items():
    assert np.allclose(value / len(batch), dtheta[key], rtol=1e-8, atol=1e-12), key

# %% [markdown]
# ## Autoencoder against variational autoencoder
#
# Take two networks and leave out everything probabilistic about $z$: the encoder gives one code
# $z = g_\phi(x)$, without noise and without a prior, and the decoder copies,
# $\max_{\theta, \phi} \sum_i \log p_\theta(x_i \mid g_\phi(x_i))$. This is the autoencoder with
# which Permuter's lecture begins (for a Gaussian likelihood: least squares). Here on binary digits:


# %%
binary, binary_test = train_test_split(np.random.default_rng(2), *digits())
copier = DeepLatentModel(StandardNormal(2), MLP((2, 64, 64)), BernoulliLikelihood())
to_code = MLP((64, 64, 2))


def log_copy(parameters, x):
    theta, phi = parameters
    z = anp.tanh(x @ phi["W0"] + phi["b0"]) @ phi["W1"] + phi["b1"]
    h = anp.tanh(z @ theta["decoder.W0"] + theta["decoder.b0"])
    logits = h @ theta["decoder.W1"] + theta["decoder.b1"]
    return anp.mean(anp.sum(x * logits - anp.logaddexp(0, logits), axis=1))


rng, optimizer = np.random.default_rng(3), adam(0.01)
parts = [copier.init(rng), to_code.init(rng)]
moments = [optimizer.init(part) for part in parts]
for _ in range(3):
    gradients = autograd.grad(log_copy)(tuple(parts), binary.x)
    for k in (0, 1):
        parts[k], moments[k] = optimizer.update(gradients[k], moments[k], parts[k])

copied = fit_autoencoder(
    copier,
    binary.x,
    np.random.default_rng(3),
    encoder=to_code,
    num_steps=3,
    batch_size=len(binary.x),
    optimizer=optimizer,
)
for mine, theirs in zip(parts, (copied.theta, copied.phi)):
    assert all(np.allclose(mine[key], theirs[key], rtol=1e-7, atol=1e-10) for key in mine)

# %% [markdown]
# Now train it to the end, beside a VAE of the same networks and principal components, and ask each
# of them for two things: copy new digits, and make digits out of draws from a Gaussian.

# %%
maps = compare_codes(
    binary,
    binary_test,
    np.random.default_rng(4),
    num_steps=150 if SMOKE else 2500,
    evidence_rows=10 if SMOKE else 100,
)
rows = {row["method"]: row for row in maps.rows}
if not SMOKE:
    assert rows["VAE"]["log_evidence"] > rows["autoencoder"]["log_evidence"] + 2
codes_figure(maps.rows, maps.codes, binary_test.labels)

# %% [markdown]
# Both networks copy about equally well, and better than a plane through the data can. But nothing
# told the autoencoder where to put its codes: they lie at any scale (compare the axes), and as a
# model with the prior $N(0, I)$ it is many nats worse. If one fits a Gaussian to its codes
# *afterwards*, that is made good, here with only two dimensions to go wrong. The VAE pays
# $\mathrm{KL}(q \Vert p(z))$ for every code and decodes a cloud $q$ instead of a point, so its
# codes fill the prior from the start. What it gains is a *model*: a density $p_\theta(x)$, a prior
# to draw from, and an error bar on every code.
#
# ## The lecture's run
#
# Swaney trains this network (512 hidden units) on the 60,000 digits of MNIST with Adam and
# minibatches of 128, and prints the objective $J = -\mathrm{ELBO}$ without the constant
# $\tfrac{D_x}{2}\log 2\pi$. If the environment variable `BBVI_DATA` names a folder with MNIST's
# four files, the next cell repeats that; otherwise it trains on the 8 × 8 digits.

# %%
name = "mnist" if os.environ.get("BBVI_DATA") and not SMOKE else "digits"
images = load_images(name, np.random.default_rng(5))
big = lecture_network(images.train.x.shape[1])
epochs = {"mnist": 6, "digits": 60}[name]
run = train_vae(
    big,
    images.train.x,
    np.random.default_rng(6),
    epochs=2 if SMOKE else epochs,
    batch_size=images.batch_size,
    log_every=images.log_every,
)
print(f"{len(images.train.x):,} images of {name}")
for row in run.epochs[:: max(1, len(run.epochs) // 8)]:
    print(f"epoch {row['epoch']:3}: J = {row['objective']:8.2f}")
if name == "mnist":
    print("The lecture prints -626.77 after its first epoch and -831.01 after its twentieth.")
    assert run.epochs[-1]["objective"] < -750
assert run.epochs[-1]["objective"] < run.epochs[0]["objective"]

# %%
means = posterior_means(big, run.phi, images.test.x)
classes, averages = average_by_class(big.model.mean(run.theta, means), images.test.labels)
grid = manifold_grid(2, size=12).astype(means.dtype)
with styled():
    fig = new_figure(12.5, 8.8)
    (top_left, top_right), (low_left, low_right) = fig.subplots(2, 2, height_ratios=[1.25, 1])
    shown = slice(0, 2000)
    draw_latent_space(top_left, means[shown], images.test.labels[shown])
    # Two dimensions hold most digits within a few units; the rest would shrink the picture.
    for set_limits, column in ((top_left.set_xlim, means[:, 0]), (top_left.set_ylim, means[:, 1])):
        set_limits(*np.quantile(column, (0.005, 0.995)) * 1.15)
    draw_images(top_right, big.model.mean(run.theta, grid), 12, "E[x | z], z over the prior")
    draw_objective(low_left, run.iterations, run.epochs)
    worst, best = run.epochs[0]["objective"], run.epochs[-1]["objective"]
    low_left.set_ylim(best - 0.1 * (worst - best) - 30, worst + 1.5 * (worst - best) + 30)
    draw_images(low_right, averages, 5, "Average reconstruction of each digit")
fig

# %% [markdown]
# The observations of the lecture can be checked on the picture: 0 and 1 lie apart from all others;
# 4, 7 and 9 share a region, and so do 3, 5 and 8. The averages are blurred where classes overlap.
#
# ## Exercises
#
# These are for thought. [Others](exercises/student/05_amortized.ipynb)
# ask for code, and tell you what is wrong with it.
#
# 1. The package's `reparameterized` uses $\nabla_\lambda H[q]$ in closed form, the lecture samples
#    $\log q$. Show that the gradients have the same mean. Which is noisier at the end of training?
# 2. Permuter's equation 13 ends in the expected squared error over $2c$, plus a KL. Let the
#    constant scale $c$ go to zero. What becomes of the VAE?
# 3. Turn the VAE gradually into the autoencoder: weight the KL by a factor from 1 down to 0, and
#    plot the codes. When do the gaps between the classes open?
# 4. Set the decoder's input to $\mu_\phi(x)$ plus *fixed* noise that is never redrawn. Why does
#    learning then fail on new images?
