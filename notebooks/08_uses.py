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
# # 8. Uses
#
# **Question.** The model is learned. What is it good for?
#
# Whoever has $p_\theta(x, z)$ and can infer $z$ can answer questions that nobody thought of during
# learning. The AEVB review (section 2.1) names three kinds. **Imitation**: a learned $\theta$
# stands for what made the data, and makes more of it (notebook 5 does). **Representation**:
# $E_q[z]$ as a short code of $x$, for example for a classifier. **Marginal inference**: of an image
# only $y$ is seen, a part of it, or a noisy or coarse version. Then
#
# $$E[x \mid y] = E_{p_\theta(z \mid y)}\big[E[x \mid y, z]\big],
# \qquad p_\theta(z \mid y) \propto p(z)\, p_\theta(y \mid z),
# \qquad p_\theta(y \mid z) = \sum_x p(y \mid x)\, p_\theta(x \mid z).$$
#
# Only the likelihood changes, from $p_\theta(x \mid z)$ to $p_\theta(y \mid z)$; prior, decoder and
# $\theta$ stay, and so does everything we know about inference.

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

from bbvi import DeepLatentModel, DiagonalGaussian, infer
from bbvi.datasets import digits
from bbvi.evaluation.quadrature import find_boxes, grid
from bbvi.inference import NotConvergedWarning
from bbvi.lectures.digits_decoder import digits_decoder
from bbvi.lectures.images import load_images
from bbvi.lectures.latent_space import interpolate
from bbvi.lectures.restoration import Budget, restore
from bbvi.lectures.uses import uses
from bbvi.models import MaskedBernoulli
from bbvi.plotting.lectures import draw_q
from bbvi.plotting.style import new_figure, styled
from bbvi.plotting.uses import errors_figure, restored_figure
from bbvi.plotting.vae import draw_images

# %% [markdown]
# ## From scratch: half a digit, exactly
#
# With D = 2 the posterior of $z$ given the upper half of a digit can be summed on a grid. A pixel
# that was not seen sums to 1 and drops out of the likelihood, so only the seen ones are counted.

# %%
images = digits().x
learned = digits_decoder(np.random.default_rng(0), num_steps=150 if SMOKE else 2000)
model, theta = learned.model, learned.theta
mask = np.arange(64) < 32
whole = images[[3, 7, 14, 26, 30]]
half = whole * mask


def complete_exactly(half, nodes=60 if SMOKE else 120):
    """E[x | upper half] (N, 64), by a sum over a grid of z."""
    axis = np.linspace(-4.5, 4.5, nodes)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 1, 2)
    logits = model.decode(theta, z)  # (nodes^2, 1, 64)
    log_lik = (mask * (half * logits - np.logaddexp(0, logits))).sum(axis=2)
    log_w = log_lik - 0.5 * (z**2).sum(axis=2)
    w = np.exp(log_w - log_w.max(axis=0))
    mean = np.einsum("sn,sj->nj", w / w.sum(axis=0), 1 / (1 + np.exp(-logits[:, 0])))
    return np.where(mask, half, mean)


# The package: the same model with the likelihood exchanged, Step 1, and E_q[E[x | y, z]].
seen_model = DeepLatentModel(model.prior, model.decoder, MaskedBernoulli())
y = MaskedBernoulli().observe(half, mask)
family, rng = DiagonalGaussian(2), np.random.default_rng(1)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", NotConvergedWarning)  # of several modes, which are the point
    fit = infer(seen_model, family, theta, y, rng, num_samples=16)
lam = fit.lam
by_step_1 = restore(seen_model, family, theta, lam, y, rng, num_samples=200)

exactly = complete_exactly(half)
difference = np.abs(by_step_1 - exactly)[:, ~mask].mean(axis=1)
print("mean difference per hidden pixel, Step 1 against the exact sum:", difference.round(3))
print("of half a digit the verdict sees several modes:", fit.verdict.several_modes)
assert np.median(difference) < 0.08

# %% [markdown]
# The posterior given half a digit may have several modes ("a 3 or a 9?"), and a Gaussian $q$ must
# choose one of them, or lie across all; or it is bent, and $q$ is not. Either can make the two
# differ. The pictures, and the exact posteriors:

# %% tags=["hide-input"]
with styled():
    fig = new_figure(13, 4.9)
    top, low = fig.subfigures(2, 1, height_ratios=[2.1, 1])
    for row, axes in enumerate(top.subplots(1, len(half))):
        corners = find_boxes(seen_model, theta, y[row : row + 1], backend="autodiff")
        points = grid(*corners, 150)
        log_joint = seen_model.log_joint(theta, y[row : row + 1], points)[:, 0]
        density = np.exp(log_joint - log_joint.max()).reshape(150, 150)
        z1, z2 = (points[:, 0, d].reshape(150, 150) for d in (0, 1))
        levels = np.exp(-0.5 * np.array([3, 2, 1, 0.3, 0]) ** 2)
        axes.contourf(z1, z2, density, levels, cmap="Blues")
        moments = family.moments(lam[row : row + 1])
        draw_q(axes, moments.mean[0], moments.covariance[0])
        inside = density > 0.5 * levels[0]
        axes.set(xlim=(z1[inside].min() - 0.5, z1[inside].max() + 0.5), xlabel="$z_1$")
        axes.set(ylim=(z2[inside].min() - 0.5, z2[inside].max() + 0.5))
        axes.grid(visible=False)
    top.axes[0].set_ylabel("$z_2$")
    top.suptitle("Posterior given the upper half (blue), and q at 1 and 2 sd (orange)")
    shown = np.where(mask, half, np.nan)
    pictures = {"truth": whole, "seen": shown, "exact E[x | y]": exactly, "by Step 1": by_step_1}
    for axes, (name, rows) in zip(low.subplots(1, 4), pictures.items()):
        draw_images(axes, rows, 5, name)
fig

# %% [markdown]
# ## More dimensions, three kinds of damage, three procedures
#
# With D = 16 there is no grid. `uses` learns an autoencoder of the binarized digits once, and
# restores new ones from the upper half (*inpainting*), from an image with 15 % of the pixels
# flipped (*denoising*), and from the number of dark pixels in each block of 2 × 2
# (*super-resolution*). $z$ is inferred by the three procedures of notebook 6, at fixed $\theta$.
# The rival is probabilistic PCA with as many components, which knows the damage as well as we do,
# but is linear. All of it three times: other starts, networks, damage and images.

# %%
data = load_images("digits", np.random.default_rng(2))
runs = [
    uses(
        data,
        np.random.default_rng(seed),
        latent_dim=16,
        hidden=100,
        num_steps=150 if SMOKE else 2500,
        num_restored=12 if SMOKE else 100,
        budget=Budget(
            cold_steps=30 if SMOKE else 200,
            refine_steps=5 if SMOKE else 30,
            encoder_steps=60 if SMOKE else 1500,
            hidden=100,
        ),
    )
    for seed in (3, 4, 5)
]
found = runs[0]
print(f"{'task':18}{'method':16}{'error of each run':>21}{'± se':>8}{'µs/image':>10}")
for rows in zip(*(run.restoration for run in runs)):
    cost = 1e6 * rows[0].get("seconds_per_image", 0)
    print(
        f"{rows[0]['task']:18}{rows[0]['method']:16}"
        + "".join(f"{row['error']:7.3f}" for row in rows)
        + f"{rows[0]['error_se']:8.3f}"
        + (f"{cost:10.1f}" if cost else "")
    )
if not SMOKE:
    gains = {}
    for run in runs:
        rows = {(row["task"], row["method"]): row for row in run.restoration}
        for task in ("inpainting", "denoising", "super-resolution"):
            error = {name: row["error"] for (its, name), row in rows.items() if its == task}
            gains.setdefault(task, []).append(error["amortized"] - error["semi-amortized"])
            assert error["semi-amortized"] < error["PCA"]
            assert error["amortized"] < error["PCA"] < error["mean image"]
            assert error["bbvi"] < error["amortized"]
            assert abs(error["semi-amortized"] - error["bbvi"]) < 0.005
            cost = [rows[task, name]["seconds_per_image"] for name in ("amortized", "bbvi")]
            assert 100 * cost[0] < rows[task, "semi-amortized"]["seconds_per_image"] < cost[1]
    assert min(map(np.mean, gains.values())) > 0
errors_figure(found.restoration)

# %%
restored_figure(found.restored[0])

# %%
restored_figure(found.restored[2])

# %% [markdown]
# The posterior knows what digits look like, so it draws the missing half with the right strokes, or
# with a grey compromise where several digits fit. In each run Step 1 from a cold start costs the
# most; the encoder of *damaged* images answers at once and is a little worse. In the mean over the
# runs a few steps of Step 1 from there bring a gain in every task. (The bars are over the images of
# the first run.) This is notebook 6 again, on a task.
#
# ## Representation
#
# Is $E_q[z]$ a better code than principal components? A linear classifier of the ten digits on
# either, with 16 numbers per image:

# %%
for run in runs:
    means, components = (100 * row["accuracy"] for row in run.representation)
    error = 100 * run.representation[0]["accuracy_se"]
    print(f"posterior means {means:.1f} %, principal components {components:.1f} %", end=" ")
    print(f"of new digits right, ± {error:.1f} %")
    if not SMOKE:
        assert abs(means - components) < 4

# Walking between codes: straight lines in z, decoded.
network, fit = found.network, found.fit
codes = network.encoder(fit.phi, (data.test.x[:12] >= 0.5).astype(data.test.x.dtype))[:, :16]
walks = interpolate(codes[:6], codes[6:], num=12)
with styled():
    fig = new_figure(9, 4.6)
    decoded = network.model.mean(fit.theta, walks.reshape(-1, 16))
    draw_images(fig.subplots(), decoded, 12, "Six walks between two digits: straight lines in z")
fig

# %% [markdown]
# On these small images the two codes are about equally good for a linear classifier: the first 16
# principal components already hold most of what tells digits apart. The difference is in what else
# one can do with the code: judge by the walks whether the points between two codes are digits, and
# the code comes with an error bar.
#
# ## Exercises
#
# These are for thought. [Others](exercises/student/08_uses.ipynb)
# ask for code, and tell you what is wrong with it.
#
# 1. Show that pixels that are not seen drop out of $p_\theta(y \mid z)$, and derive the likelihood
#    of the flipped image.
# 2. In the first experiment use a full-covariance $q$, and then start Step 1 at several places.
#    Which one brings the difference to the exact answer down?
# 3. Hide a random half of the pixels instead of the lower half. Why is that so much easier?
# 4. Write a task of your own: images seen through a blur, or with a moving hole. What has to be in
#    its `Task`?
# 5. Semi-supervised learning: put a class label into the model as a second, discrete latent (see
#    `bbvi.families.LabelAndGaussian`), and learn from ten labelled digits of each kind.
