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
    DiagonalGaussian,
    StandardNormal,
    adam,
    backends,
    fit_amortized,
    reparameterized_mc,
)
from bbvi.datasets import digits, train_test_split
from bbvi.inference import fit_autoencoder
from bbvi.lectures.dense_and_convolutional import dense_and_convolutional
from bbvi.lectures.images import load_images
from bbvi.lectures.latent_maps import compare_codes
from bbvi.lectures.latent_space import average_by_class, manifold_grid, posterior_means
from bbvi.lectures.networks import convolutional_network, lecture_network, num_parameters
from bbvi.lectures.vae import train_vae
from bbvi.models import GaussianLikelihood
from bbvi.nets import Conv, TransposedConv
from bbvi.plotting.models import codes_figure
from bbvi.plotting.style import COLORS, MARKERS, new_figure, styled
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
# of them for two things: copy new digits, and make digits out of draws from a Gaussian. Three
# times, from other starts:

# %%
SEEDS = (0, 1, 2)
runs = [
    compare_codes(
        binary,
        binary_test,
        np.random.default_rng(10 + seed),
        num_steps=150 if SMOKE else 2500,
        evidence_rows=10 if SMOKE else 100,
    )
    for seed in SEEDS
]
print("seed           map squared error  largest sd of codes  log p(x)  with a fitted prior")
for seed, run in zip(SEEDS, runs):
    pca, autoencoder, vae = run.rows
    print(f"{seed:4}{'PCA':>14} {pca['squared_error']:13.4f}")
    for row in (autoencoder, vae):
        print(
            f"      {row['method']:12} {row['squared_error']:13.4f} {row['code_scale']:20.1f}",
            end="",
        )
        print(f"{row['log_evidence']:10.2f} {row['log_evidence_fitted']:20.2f}")
    if not SMOKE:
        assert max(autoencoder["squared_error"], vae["squared_error"]) < 0.9 * pca["squared_error"]
        assert 0.9 < vae["squared_error"] / autoencoder["squared_error"] < 1.15
        assert autoencoder["code_scale"] > 2 * vae["code_scale"]
        assert vae["log_evidence"] > autoencoder["log_evidence"] + 2
        made_good = autoencoder["log_evidence_fitted"] - autoencoder["log_evidence"]
        assert made_good > 0.5 * (vae["log_evidence"] - autoencoder["log_evidence"])
codes_figure(runs[0].rows, runs[0].codes, binary_test.labels)

# %% [markdown]
# Both networks copy about equally well, and better than a plane through the data can. But nothing
# told the autoencoder where to put its codes: they lie at any scale (compare the axes), and as a
# model with the prior $N(0, I)$ it is nats worse from each start. If one fits a Gaussian to its
# codes *afterwards*, most of that is made good, here with only two dimensions to go wrong. The VAE
# pays $\mathrm{KL}(q \Vert p(z))$ for every code and decodes a cloud $q$ instead of a point, so its
# codes fill the prior from the start. What it gains is a *model*: a density $p_\theta(x)$, a prior
# to draw from, and an error bar on every code.
#
# ## The constant of the squared error
#
# Permuter's equation 13 has a constant in it. With $p_\theta(x \mid z) = N(f(z), c I)$,
#
# $$\mathrm{ELBO} = -\frac{E_q \lVert x - f(z) \rVert^2}{2c} - \frac{D_x}{2} \log 2 \pi c
# - \mathrm{KL}(q \,\Vert\, p(z)) .$$
#
# A squared error *is* a Gaussian likelihood, and $c$ says how many nats it costs. Whoever trains
# "squared error plus KL" has chosen $c$. For given $f$ and $q$ the derivative in $c$ is zero at
# $c = E \lVert x - f(z) \rVert^2 / D_x$, the squared error per pixel. Here are four choices, three
# seeds each, on held-out grey digits:


# %%
grey, grey_test = (
    part._replace(x=part.x.astype(np.float32))
    for part in train_test_split(np.random.default_rng(0), *digits(binarize=False))
)


def fit_and_judge(seed, c, latent_dim, layers, num_steps):
    """Held-out squared error per pixel, KL for each latent dimension and ELBO in nats."""
    hidden = (64,) * layers
    decoder, to_lam = MLP((latent_dim, *hidden, 64)), MLP((64, *hidden, 2 * latent_dim))
    model = DeepLatentModel(StandardNormal(latent_dim), decoder, GaussianLikelihood(c**0.5))
    family, rng = DiagonalGaussian(latent_dim), np.random.default_rng(seed)
    fit = fit_amortized(
        model, family, grey.x, rng, encoder=to_lam, num_samples=1, num_steps=num_steps,
        optimizer=adam(0.005), progress=False,
    )  # fmt: skip
    lam, _ = backends.encode(to_lam, fit.phi, grey_test.x)
    z = family.transform(lam, family.noise(np.random.default_rng(7), 16, len(lam), lam.dtype))
    mean, log_sigma = family.split(lam)
    error = np.mean((grey_test.x - model.mean(fit.theta, z)) ** 2)
    kl = 0.5 * np.mean(mean**2 + np.exp(2 * log_sigma) - 2 * log_sigma - 1, axis=0)
    elbo = -32 * (error / c + np.log(2 * np.pi * c)) - kl.sum()
    return error, kl, elbo


CS = (0.003, 0.03, 0.3, 1.0)
by_c = {c: [fit_and_judge(seed, c, 2, 1, 20 if SMOKE else 1000) for seed in SEEDS] for c in CS}
print("    c    squared error per pixel     KL to the prior          ELBO")
for c, judged in by_c.items():
    error, kl, elbo = ([np.sum(run[i]) for run in judged] for i in range(3))
    cells = (" ".join(f"{v:{f}}" for v in each) for each, f in ((error, ".4f"), (kl, "6.2f")))
    print(f"{c:6}   {'    '.join(cells)}   ", " ".join(f"{v:7.1f}" for v in elbo))
largest = np.linalg.eigvalsh(np.cov(grey.x.T)).max()
print(f"largest variance of the digits in any direction: {largest:.2f}")
if not SMOKE:
    for seed in SEEDS:
        error, kl, elbo = (dict(zip(CS, (np.sum(by_c[c][seed][i]) for c in CS))) for i in range(3))
        assert max(elbo, key=elbo.get) == 0.03 == min(CS, key=lambda c: abs(c - error[0.03]))
        assert list(kl.values()) == sorted(kl.values(), reverse=True)
        assert abs(error[0.003] / error[0.03] - 1) < 0.15  # it hardly moves; c did tenfold
        # Nothing is left in the code: the error is that of the mean image.
        assert largest < 1
        assert kl[1.0] < 0.1
        assert abs(error[1.0] / np.mean((grey_test.x - grey.x.mean(0)) ** 2) - 1) < 0.05

# %% [markdown]
# The bound is highest where $c$ is nearest to the squared error itself. Below it a tenfold smaller
# $c$ buys hardly any error, though the code pays more KL for it; the autoencoder is the limit
# $c \to 0$. Above it, codes are given up. In probabilistic PCA that is exact: a direction is used
# only if the data's variance along it is above $c$ (Tipping and Bishop, 1999, equation 7). No
# direction of the digits has as much as 1, and with $c = 1$ the network learns the mean image and
# $q = p(z)$: *posterior collapse*, by a constant that nobody looked at (Lucas et al., 2019). Hence
# the lecture of Swaney lets the decoder say its own scale.
#
# **Disentangled codes.** Permuter's introduction hopes for codes of which each dimension moves one
# property of the image alone. The $\beta$-VAE (Higgins et al., 2017) weights the KL by $\beta > 1$
# for it. With a Gaussian likelihood that is no new objective:
# $-\lVert x - f \rVert^2 / 2c - \beta\, \mathrm{KL}$ is $\beta$ times the bound with $\beta c$ for
# $c$, up to a constant, so the table above is one of $\beta$ as well. And the model alone cannot
# know the axes: $N(0, I)$ has none. Turn $z$ by any rotation $R$, turn the decoder back, and
# every $\log p_\theta(x, z)$, hence $p_\theta(x)$, stays as it was:

# %%
rng = np.random.default_rng(8)
theta, z = copier.init(rng), rng.standard_normal((1, len(binary.x), 2))
R = np.array([[0.6, -0.8], [0.8, 0.6]])
turned = {**theta, "decoder.W0": R @ theta["decoder.W0"]}
same = copier.log_joint(turned, binary.x, z @ R.T)
assert np.allclose(same, copier.log_joint(theta, binary.x, z), rtol=1e-12)

# %% [markdown]
# Only the factorized $q$, the networks' shapes and the data's own structure prefer some axes, and
# whether these are the ones that a person would name takes labels to say (Locatello et al., 2019).
#
# ## How many dimensions, how many layers?
#
# "The dimension of the latent space and the 'depth' of autoencoders [...] have to be carefully
# controlled and adjusted depending on the final purpose", says Lecture 12. Here is that sweep:
# held-out digits, $c = 0.03$, networks of 0, 1 and 2 hidden layers on either side, three seeds.

# %%
DIMS, LAYERS = (2, 4, 16), (0, 1, 2)
swept = {
    (layers, dim): [fit_and_judge(seed, 0.03, dim, layers, 20 if SMOKE else 600) for seed in SEEDS]
    for layers in LAYERS
    for dim in DIMS
}
with styled():
    fig = new_figure(11, 4.2)
    left, right = fig.subplots(1, 2)
    for axes, i, name in ((left, 2, "ELBO (nats)"), (right, 0, "squared error per pixel")):
        for layers, color, marker in zip(LAYERS, COLORS, MARKERS):
            for seed in SEEDS:
                values = [swept[layers, dim][seed][i] for dim in DIMS]
                label = f"{layers} hidden layers" if seed == 0 else None
                axes.plot(DIMS, values, color=color, marker=marker, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(DIMS, DIMS)
        axes.set_xlabel("latent dimensions D")
        axes.set_ylabel(f"{name}, held out")
    right.legend()
used = [np.sum(kl > 0.1) for _, kl, _ in swept[2, 16]]
print("dimensions of 16 with a KL above 0.1 nats, two hidden layers, each seed:", *used)
if not SMOKE:
    for seed in SEEDS:
        error, _, elbo = ({key: judged[seed][i] for key, judged in swept.items()} for i in range(3))
        for layers in LAYERS:
            assert error[layers, 2] > error[layers, 4] > error[layers, 16]
        for dim in DIMS:
            assert elbo[2, dim] > elbo[0, dim]
        assert elbo[0, 2] + 5 < elbo[1, 2] < elbo[2, 2]
        assert elbo[2, 4] - elbo[2, 2] > elbo[2, 16] - elbo[2, 4]
fig

# %% [markdown]
# Depth bends a small code around the data: at $D = 2$ every hidden layer raises the bound, from
# each of the three starts. Dimensions are worth less and less (with two hidden layers the third and
# the fourth more than the twelve after them), and each is paid for by its KL. The purpose decides:
# two dimensions to look at, more to copy or to restore, and for a model of the data as many as the
# held-out bound still rewards.
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
# (The latent space is shown without its outermost digits, 0.5 % on each side.) The lecture observes
# on MNIST that 0 and 1 lie apart from all others, that 4, 7 and 9 share a region, and so do 3, 5
# and
# 8. Which of this do you find in this picture? The map has another layout from every start. The
# averages blur what differs within a class.
#
# ## A convolutional network
#
# The layers so far do not know which pixels are neighbours. The lecture's next step is a network
# that does: each output of a *convolution* looks at a window of $k \times k$ pixels, with the same
# weights wherever the window stands, in steps of $s$ and with $p$ rows of zeros around the image:
#
# $$\mathrm{out}_{o, yx} = b_o + \sum_{cij} w_{o, cij}\, P(a)_{cij, yx},
# \qquad P(a)_{cij, yx} = a_{c,\, s y + i - p,\, s x + j - p} .$$
#
# $P$ only copies: it lays the pixels below each place of the window into a column (*im2col*), and
# the layer is the matrix product $W P(a)$. Of $n$ rows it makes
# $\lfloor (n + 2p - k) / s \rfloor + 1$. The way back, from a small image to a large one, is the
# *adjoint* of that linear map, $g \mapsto P^\top(W^\top g)$: every column is added to where its
# pixels came from. It is what the chain rule needs for the gradient in $a$. As a layer of a decoder
# it is called a *transposed convolution*; it makes $s (n - 1) + k - 2p$ rows of $n$, and those that
# a stride lost are added at the end. All of this in ten lines:

# %%
rng = np.random.default_rng(9)
a, w = rng.standard_normal((5, 2, 7, 7)), rng.standard_normal((3, 2, 3, 3))  # N C H W, O C k k
k, s, p = 3, 2, 1
padded = np.pad(a, ((0, 0), (0, 0), (p, p), (p, p)))
windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))[:, :, ::s, ::s]
columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(5, 2 * k * k, -1)  # P(a)
rows = (7 + 2 * p - k) // s + 1
out = (w.reshape(3, -1) @ columns).reshape(5, 3, rows, rows)
assert np.allclose(out, Conv(3, k, s, p)(w, np.zeros(3), a))
g = rng.standard_normal(out.shape)
back = TransposedConv(2, k, s, p)(w, np.zeros(2), g)
assert back.shape == a.shape
assert back.shape[2] == s * (rows - 1) + k - 2 * p
assert np.isclose(np.sum(out * g), np.sum(a * back))  # <W P(a), g> = <a, adjoint of g>

# %% [markdown]
# The lecture's network with two such layers before its hidden layer, and its mirror image as the
# decoder; the hidden layer is made as wide as gives both networks equally many parameters:

# %%
conv = convolutional_network(784)
print(conv.encoder.describe(), conv.model.decoder.describe(), sep="\n\n")
shared = sum(
    np.prod(layer.weight_shape(shape))
    for net in (conv.encoder, conv.model.decoder)
    for layer, shape in zip(net.layers, net.shapes)
    if isinstance(layer, Conv | TransposedConv)
)
print(f"\nparameters: dense {num_parameters(lecture_network(784)):,},", end=" ")
print(f"convolutional {num_parameters(conv):,}, of these {shared:,} in windows")
assert shared < 0.02 * num_parameters(conv)

# %% [markdown]
# A window is used at 196 or 49 places: 1 % of the parameters does two fifths of all products, and a
# step takes longer. Is it worth that? Both networks on the small digits, from
# three starts: the convolutional one for as many seconds as the dense one took, then for as many
# epochs. $\log p(x)$ of 60 held-out digits is by importance sampling (notebook 12).

# %%
small = load_images("digits", np.random.default_rng(5))
ladder = dense_and_convolutional(
    small,
    SEEDS,
    np.random.default_rng,
    epochs=1 if SMOKE else 20,
    num_images=10 if SMOKE else 60,
    num_samples=200,
    refine_steps=50,
)
print("seed  network  budget   epochs   ELBO  log p(x)")
for row in ladder:
    print(
        f"{row['seed']:4}  {row['network']:7}  {row['budget']:7} {row['epochs']:7}"
        f" {row['held_out_elbo']:6.1f} {row['log_evidence']:9.1f}"
    )
dense, timed, counted = (
    np.array([row["log_evidence"] for row in ladder[first::3]]) for first in range(3)
)
for name, gain in (("seconds", timed - dense), ("epochs", counted - dense)):
    half = 4.30 * gain.std(ddof=1) / 3**0.5  # t with two degrees of freedom, 95 %
    print(f"convolutional - dense at equal {name}: {gain.mean():.1f} +- {half:.1f} nats")
    assert SMOKE or gain.mean() < half
if not SMOKE:
    assert max(map(np.ptp, (dense, timed, counted))) > 3
    assert sum(row["epochs"] for row in ladder[1::3]) < 3 * 20

# %% [markdown]
# Three starts do not show the convolutional network ahead at $D = 2$, neither at equal epochs nor
# at equal seconds: an image of 8 × 8 pixels has little for a window to share, and a network ends
# nats apart from start to start.
# What one sees for certain is the price, fewer epochs in the same time. For MNIST, see
# [the benchmarks](../benchmarks/README.md). Exercises 5.4 and 5.5 of
# [chapter 5](exercises/student/05_amortized.ipynb) ask for the sizes and for the adjoint.
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
