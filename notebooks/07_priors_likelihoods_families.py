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
# # 7. Priors, likelihoods and families
#
# **Question.** So far $p(z) = N(0, I)$, pixels were independent given $z$, and $q$ was a factorized
# Gaussian. None of this was needed by the method. What changes when each is exchanged?
#
# The ELBO names the three places:
#
# $$\mathrm{ELBO} = E_{q}\big[\underbrace{\log p_\theta(x \mid z)}_{\text{likelihood}}
# + \underbrace{\log p_\theta(z)}_{\text{prior}} - \underbrace{\log
# q_\lambda(z)}_{\text{family}}\big].$$
#
# The Ermon/Grover notes list the alternatives ("Parameterizing distributions"): a mixture as the
# prior, networks for mean *and* covariance, a full covariance by its Cholesky factor; and models
# over sequences. Rios adds text, and the warning that discrete latents are difficult. One
# exchange at a time.

# %% tags=["remove-cell"]
import importlib.util
import os
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %matplotlib inline
SMOKE = os.environ.get("BBVI_SMOKE") == "1"  # small sizes, for automatic tests

# %% tags=["hide-input"]
import itertools
import warnings
from functools import partial

import numpy as np

from bbvi import (
    MLP,
    AutoregressiveCategorical,
    BernoulliLikelihood,
    CategoricalLikelihood,
    CholeskyGaussian,
    DeepLatentModel,
    DiagonalGaussian,
    DiagonalScaleGaussian,
    FullCovarianceGaussian,
    HiddenMarkovModel,
    LearnedScaleGaussian,
    MixtureOfGaussians,
    ScalarScaleGaussian,
    StandardNormal,
    adam,
    backends,
    fit_amortized,
    infer,
    leave_one_out,
    score_function,
)
from bbvi.datasets import decode, digits, iris, train_test_split, unicode_names
from bbvi.estimators import ESTIMATORS
from bbvi.evaluation import elbo, log_evidence_quadrature
from bbvi.families import Bernoulli, Categorical
from bbvi.inference import NotConvergedWarning
from bbvi.lectures.digits_decoder import digits_decoder
from bbvi.lectures.priors import compare_priors
from bbvi.models import BernoulliPrior
from bbvi.nets import part
from bbvi.optimizers import cosine_decay
from bbvi.plotting.lectures import ellipse
from bbvi.plotting.models import priors_figure
from bbvi.plotting.style import COLORS, LINES, new_figure, styled
from bbvi.plotting.vae import draw_images

images, labels = digits()

# Fits in this notebook have a budget of steps; none claims an optimum.
warnings.filterwarnings("ignore", "fit_")

# %% [markdown]
# ## A mixture as the prior
#
# $$p_\theta(z) = \sum_{k=1}^K w_k\, N(z;\, m_k, L_k L_k^\top), \qquad
# \log p_\theta(z) = \operatorname{logsumexp}_k \big[\log w_k + \log N(z; m_k, L_k L_k^\top)\big],$$
#
# with trainable $w, m, L$: the prior becomes part of $\theta$. The KL in closed form is lost, the
# sampled forms of the ELBO go on.

# %%
mixture = MixtureOfGaussians(latent_dim=2, num_components=3)
params = mixture.init(np.random.default_rng(0))
weights, means, covariances = mixture.moments(params)


def log_mixture(z):
    """z (M, 2) -> (M,)"""
    d = z[:, None] - means  # (M, K, 2)
    mahalanobis = np.einsum("mki,kij,mkj->mk", d, np.linalg.inv(covariances), d)
    log_det = np.linalg.slogdet(2 * np.pi * covariances)[1]
    return np.logaddexp.reduce(np.log(weights) - 0.5 * (mahalanobis + log_det), axis=1)


z = np.random.default_rng(1).standard_normal((50, 2))
assert np.allclose(log_mixture(z), mixture.log_prob(params, z))

train, test = train_test_split(np.random.default_rng(2), images, labels)
seeds = (3,) if SMOKE else (3, 4, 5)
runs = [
    compare_priors(
        train._replace(x=train.x.astype(np.float32)),
        test._replace(x=test.x.astype(np.float32)),
        np.random.default_rng(seed),
        decoders=((8, 64), (2, 64), (2, 32, 64)),
        num_steps=100 if SMOKE else 700,
    )
    for seed in seeds
]
gained = {}
for seed, run in zip(seeds, runs):
    for row in run.rows[1::2]:
        gained.setdefault(row["decoder"], []).append(row["gain"])
        print(
            f"seed {seed}: decoder {row['decoder']:8} mixture's ELBO {row['test_elbo']:.2f}, "
            f"gain {row['gain']:.2f} ± {row['gain_se']:.2f}"
        )
if not SMOKE:
    assert min(gained["8-64"]) > 1
    assert min(gained["8-64"] + gained["2-64"]) > max(gained["2-32-64"])
    assert max(np.abs(gained["2-32-64"])) < 1
priors_figure(runs[0].rows, runs[0].fitted, test.labels)

# %% [markdown]
# ± is over the test digits, of one training run; another seed moves the gain (three are printed),
# and the length of training changes it, too: read the order of the decoders, not the digits.
#
# The components settle where the codes of new digits are, several digits to a component. What this
# is worth depends on the decoder. A linear one (8-64 and 2-64: no hidden layer) can only
# turn and stretch the prior, so a better prior is a better model. A decoder with a hidden layer
# can bend a normal prior into almost anything: of the three it gains least, for each seed.
#
# ## Four covariances for one likelihood
#
# $p_\theta(x \mid z) = N\big(\mu_\theta(z), \Sigma_\theta(z)\big)$. How much of $\Sigma$ should the
# network give? Petals of irises, length and width, with *one* latent dimension, so that the whole
# model can be drawn: a curve of means, and an ellipse at each point. The most general one has the
# density of a Cholesky factor, $\log N = -\tfrac12 \lVert
# L^{-1}(x - \mu)\rVert^2 - \log\det L - \log 2\pi$.

# %%
petals, kinds = iris().x[:, 2:], iris().labels
small, large = (petals[kinds == kind].std(axis=0) for kind in (0, 2))
assert np.all(small < 0.5 * large)
petals = (petals - petals.mean(axis=0)) / petals.std(axis=0)

outputs = np.random.default_rng(3).standard_normal((1, len(petals), 5))  # m (2), then L packed
m, (a, b, c) = outputs[0, :, :2], outputs[0, :, 2:].T
L = np.stack([np.exp(a), np.zeros_like(a), b, np.exp(c)], axis=1).reshape(-1, 2, 2)
w = np.linalg.solve(L, (petals - m)[:, :, None])[:, :, 0]
by_hand = -0.5 * (w**2).sum(axis=1) - a - c - np.log(2 * np.pi)
assert np.allclose(by_hand, CholeskyGaussian().log_prob({}, petals, outputs)[0])

likelihoods = {
    "one scale": (LearnedScaleGaussian(), 2),
    "one for each z": (ScalarScaleGaussian(), 3),
    "diagonal": (DiagonalScaleGaussian(), 4),
    "full (Cholesky)": (CholeskyGaussian(), 5),
}
num_steps = 100 if SMOKE else 1500
curve = np.linspace(-1.8, 1.8, 9)[:, None]
with styled():
    fig = new_figure(14, 4)
    for axes, (name, (likelihood, num_outputs)) in zip(fig.subplots(1, 4), likelihoods.items()):
        model = DeepLatentModel(StandardNormal(1), MLP((1, 32, num_outputs)), likelihood)
        fit = fit_amortized(
            model,
            DiagonalGaussian(1),
            petals,
            np.random.default_rng(4),
            encoder=MLP((2, 32, 2)),
            num_samples=4,
            num_steps=num_steps,
            optimizer=adam(cosine_decay(0.01, num_steps)),
        )
        log_p = log_evidence_quadrature(model, fit.theta, petals, tolerance=1e-4).value.mean()
        axes.plot(*petals.T, "o", ms=4, color=COLORS[7], alpha=0.7)
        for point in curve:
            drawn = np.tile(model.decode(fit.theta, point), (2000, 1))
            own = part(fit.theta, "likelihood")
            x = likelihood.sample(np.random.default_rng(5), own, drawn)
            style = {"color": COLORS[3], "linewidth": 1.6}
            axes.add_patch(ellipse(x.mean(axis=0), np.cov(x.T), 2, **style))
        fine = model.mean(fit.theta, np.linspace(-2.5, 2.5, 200)[:, None])
        axes.plot(*fine.T, color=COLORS[0])
        axes.set(xlabel="petal length (standardized)", title=f"{name}\nlog p(x) = {log_p:.2f} nats")
        axes.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.4))
        if name == "one scale":
            axes.set_ylabel("petal width (standardized)")
fig

# %% [markdown]
# The small irises are much more alike than the large ones: one scale for all must lie about both.
# So far these are the flowers that the model has seen. What do others say? A hundred flowers to
# learn from, fifty to judge by, three times.

# %%
splits = []
for seed in (4,) if SMOKE else (4, 5, 6):
    order = np.random.default_rng(seed).permutation(len(petals))
    learned, held_out = petals[order[:100]], petals[order[100:]]
    values = []
    for likelihood, num_outputs in likelihoods.values():
        model = DeepLatentModel(StandardNormal(1), MLP((1, 32, num_outputs)), likelihood)
        theta = fit_amortized(
            model,
            DiagonalGaussian(1),
            learned,
            np.random.default_rng(seed),
            encoder=MLP((2, 32, 2)),
            num_samples=4,
            num_steps=num_steps,
            optimizer=adam(cosine_decay(0.01, num_steps)),
        ).theta
        values.append(
            [
                log_evidence_quadrature(model, theta, part_of, tolerance=1e-4).value.mean()
                for part_of in (learned, held_out)
            ]
        )
    splits.append(values)
seen_log_p, new_log_p = np.moveaxis(splits, -1, 0)  # each (splits, likelihoods)
for name, seen, new in zip(likelihoods, seen_log_p.T, new_log_p.T):
    print(f"{name:16} seen {np.round(seen, 2)}  held out {np.round(new, 2)}")
if not SMOKE:
    assert np.all(seen_log_p[:, 1:] > seen_log_p[:, :1])
    assert np.all(new_log_p[:, 1] > new_log_p[:, 0])
    for freer in (2, 3):
        assert abs((new_log_p[:, freer] - new_log_p[:, 1]).mean()) < 0.15

# %% [markdown]
# A scale that depends on $z$ buys likelihood, on new flowers too, in every split. More freedom than
# that does not pay on new flowers: in the mean over the splits neither a diagonal nor a full
# covariance is ahead or behind by as much as 0.15 nats. It also buys danger: where few points lie,
# a network that may choose its variance will shrink it around them (exercise 2).
#
# ## A family with correlations
#
# $q = N(\mu, L L^\top)$ with any lower triangle $L$: still reparameterizable,
# $z = \mu + L\epsilon$, with entropy $\sum_d \log L_{dd}$ + constant.

# %%
family = FullCovarianceGaussian(2)
C = np.array([[1.0, 0.7], [0.7, 0.8]])
lam = family.from_moments(np.array([[0.5, -1.0]]), C)
eps = family.noise(np.random.default_rng(6), 10, 1)
assert np.allclose([0.5, -1.0] + eps @ np.linalg.cholesky(C).T, family.transform(lam, eps))
entropy = np.log(np.diagonal(np.linalg.cholesky(C))).sum() + 1 + np.log(2 * np.pi)
assert np.isclose(entropy, family.entropy(lam)[0])

some = images[:: len(images) // (10 if SMOKE else 100)]
found = digits_decoder(np.random.default_rng(6), num_steps=100 if SMOKE else 1500)
log_p = log_evidence_quadrature(found.model, found.theta, some).value
target = backends.kernel.target(found.model, found.theta, some)
for q in (DiagonalGaussian(2), family):
    rng = np.random.default_rng(7)
    lam = infer(found.model, q, found.theta, some, rng, num_samples=16).lam
    gap = log_p - elbo(q, target, lam, rng, num_samples=1000).value
    print(f"{type(q).__name__:24} approximation gap {gap.mean():.3f} nats, worst {gap.max():.3f}")

# %% [markdown]
# ## Sequences: a hidden Markov model
#
# Latents $z_1, \dots, z_T$ that form a chain, each with K states. The evidence is a sum over $K^T$
# paths, and the forward recursion does it in $T K^2$ operations,
# $\alpha_t(j) = p(x_t \mid j) \sum_i \alpha_{t-1}(i) A_{ij}$.

# %%
T, K = 10, 2
chain = HiddenMarkovModel(num_states=K, num_steps=T)
theta = {
    "initial": np.zeros(K),
    "transition": 2.5 * np.eye(K),
    "mean": np.array([-1.0, 1.0]),
    "log_scale": np.zeros(K),
}
x, _ = chain.sample(np.random.default_rng(8), theta, num=20)


def forward(x):
    A = np.exp(theta["transition"]) / np.exp(theta["transition"]).sum(axis=1, keepdims=True)
    emit = np.exp(-0.5 * (x[:, :, None] - theta["mean"]) ** 2) / np.sqrt(2 * np.pi)
    alpha = emit[:, 0] / K
    for t in range(1, T):
        alpha = emit[:, t] * (alpha @ A)
    return np.log(alpha.sum(axis=1))


paths = np.eye(K)[list(itertools.product(range(K), repeat=T))].reshape(-1, 1, T * K)
all_paths = chain.log_joint(theta, x, np.repeat(paths, len(x), axis=1))
brute_force = np.logaddexp.reduce(all_paths, axis=0)
exact = chain.log_evidence(theta, x)
assert np.allclose(forward(x), exact)
assert np.allclose(brute_force, exact)

# %% [markdown]
# Mean field (Rios) cuts the chain: $q = \prod_t q_t(z_t)$. No gradient can flow through a discrete
# $z$, so Step 1 uses the score function with a baseline; "Rao-Blackwellized" gives each factor only
# the terms of $\log p$ that contain it. What mean field loses is known exactly here.

# %%
mean_field = Categorical(num_variables=T, num_categories=K)
steps = 60 if SMOKE else 300
estimators = {
    "score function": score_function,
    "leave-one-out": partial(score_function, baseline=leave_one_out),
    "Rao-Blackwellized": ESTIMATORS["rao-blackwellized"].elbo,
}
loss, q = {}, {}
for name, estimator in estimators.items():
    rng = np.random.default_rng(9)
    with warnings.catch_warnings():
        # bbvi warns where Step 1 has not converged: here the estimators are compared by that.
        warnings.simplefilter("ignore", NotConvergedWarning)
        lam = infer(chain, mean_field, theta, x, rng, estimator=estimator, num_steps=steps).lam
    probability = np.exp(lam.reshape(-1, T, K))
    q[name] = probability / probability.sum(axis=2, keepdims=True)
    loss[name] = chain.kl_from_factorized(theta, x, q[name])
    bound = elbo(mean_field, backends.autodiff.target(chain, theta, x), lam, rng, num_samples=2000)
    assert np.all(np.abs(exact - bound.value - loss[name]) < 6 * bound.standard_error + 1e-6)
    print(f"{name:18} log p(x) - ELBO = {loss[name].mean():.3f} nats per sequence")
assert SMOKE or len({round(kl.mean(), 3) for kl in loss.values()}) == 3

# Is mean field too sure, and most so where the exact posterior is not? Other sequences, too.
for seed in () if SMOKE else (8, 18, 28):
    its_x, lam = x, None
    if seed != 8:
        its_x, _ = chain.sample(np.random.default_rng(seed), theta, num=20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)
            lam = infer(
                chain,
                mean_field,
                theta,
                its_x,
                np.random.default_rng(seed),
                estimator=estimators["leave-one-out"],
                num_steps=150,
            ).lam
    odds = q["leave-one-out"] if lam is None else np.exp(lam.reshape(-1, T, K))
    sure = (odds / odds.sum(axis=2, keepdims=True)).max(axis=2)
    exactly = chain.posterior(theta, its_x).marginals.max(axis=2)
    assert sure.mean() > exactly.mean()
    unclear = exactly < 0.8
    assert (sure - exactly)[unclear].mean() > 2 * np.abs(sure - exactly)[~unclear].mean()

with styled():
    fig = new_figure(11, 3.6)
    left, right = fig.subplots(1, 2, sharey=True)
    truth = chain.posterior(theta, x).marginals
    time, best, kl = np.arange(1, T + 1), q["leave-one-out"], loss["leave-one-out"]
    for axes, row in ((left, np.argmax(kl)), (right, np.argmin(kl))):
        axes.plot(time, truth[row, :, 1], "-o", color=COLORS[2], label="exact posterior")
        axes.plot(time, best[row, :, 1], "--s", color=COLORS[1], label="mean field")
        style = {"bottom": 0.5, "width": 0.35, "color": COLORS[4], "alpha": 0.5}
        axes.bar(time, x[row] / 8, label="x / 8", **style)
        axes.set(xlabel="time step t", title=f"KL = {kl[row]:.2f} nats")
        axes.set_ylim(-0.05, 1.3)
    left.set_ylabel("probability of state 2")
    left.legend(loc="upper center", ncols=3, fontsize=10)
fig

# %% [markdown]
# Where the data speak clearly, mean field agrees. Where a state must be inferred from its
# neighbours, a factorized $q$ is too sure of itself: minimizing $\mathrm{KL}(q \Vert p)$ picks
# *one* story and drops the others. Which one depends on the start and on luck: Step 1 has local
# optima here, and in this run the three gradients end with three losses.
#
# ## Sequences: text
#
# Rios' example: $z \sim N(0, I)$ and $x_t \mid z, x_{<t} \sim \mathrm{Cat}(f_\theta(z, x_{<t}))$.
# The text is the names of Unicode's pictographs, which every Python carries. Beside it, the same
# without $x_{<t}$, where all structure has to go through $z$.

# %%
text = unicode_names(max_length=10)
T, K, H = text.x.shape[1], 29, 64
num_steps = 60 if SMOKE else 800
code, asks = DiagonalGaussian(8), {}
print(f"{len(text.names)} names, e.g. {', '.join(text.names[:6])}")
for name, likelihood, num_outputs in (
    ("independent", CategoricalLikelihood(K), T * K),
    ("autoregressive", AutoregressiveCategorical(T, K, H), H),
):
    model = DeepLatentModel(StandardNormal(8), MLP((8, 64, num_outputs)), likelihood)
    fit = fit_amortized(
        model,
        code,
        text.x,
        np.random.default_rng(10),
        encoder=MLP((T, 64, 16)),
        num_samples=1,
        num_steps=num_steps,
        optimizer=adam(cosine_decay(0.01, num_steps)),
    )
    kl, _ = code.kl_standard_normal_and_grad(fit.lam)
    drawn, _ = model.sample(np.random.default_rng(11), fit.theta, num=8)
    print(f"\n{name}: ELBO {fit.trace.elbo[-20:].mean():.1f} nats, KL(q || p(z)) {kl.mean():.2f}")
    print("  sampled:", ", ".join(decode(drawn)))
    asks[name] = kl.mean()
assert SMOKE or asks["autoregressive"] < 0.5 < 1 < asks["independent"]

# %% [markdown]
# In this run the autoregressive model's KL is almost zero: it has learned to write
# without asking $z$. A likelihood that can do everything alone leaves the latents nothing to do
# (compare the collapse in notebook 4, and Permuter's remark after his equation 3).
#
# ## Discrete latents
#
# Eight binary latents for the digits: $2^8$ values, so $\log p_\theta(x)$ is a sum, and every
# shortcut can be checked.

# %%
model = DeepLatentModel(BernoulliPrior(8), MLP((8, 64, 64)), BernoulliLikelihood())
bits, encoder = Bernoulli(8), MLP((64, 64, 8))
num_steps = 60 if SMOKE else 1500
names = ("score-function", "leave-one-out", "disarm", "straight-through", "concrete")
corners = np.array(list(itertools.product([0.0, 1.0], repeat=8)))


def exact_log_p(theta, x):
    z = np.repeat(corners[:, None], len(x), axis=1)  # (256, N, 8)
    return np.logaddexp.reduce(model.log_joint(theta, x, z), axis=0)


curves, report = {}, []
for name in names:
    fit = fit_amortized(
        model,
        bits,
        images,
        np.random.default_rng(12),
        encoder=encoder,
        estimator=ESTIMATORS[name].elbo,
        num_samples=4,
        num_steps=num_steps,
        optimizer=adam(0.003),
    )
    lam = encoder(fit.phi, some)
    z = np.repeat(corners[:, None], len(some), axis=1)
    log_q, log_joint = bits.log_prob(lam, z), model.log_joint(fit.theta, some, z)
    true_elbo = (np.exp(log_q) * (log_joint - log_q)).sum(axis=0)
    target = backends.autodiff.target(model, fit.theta, some)
    sampled = elbo(bits, target, lam, np.random.default_rng(13), num_samples=1000)
    assert np.all(np.abs(sampled.value - true_elbo) < 6 * sampled.standard_error + 1e-6)
    assert np.all(true_elbo <= exact_log_p(fit.theta, some) + 1e-9)
    curves[name] = fit.trace.elbo
    values = (fit.trace.elbo[-50:].mean(), true_elbo.mean(), exact_log_p(fit.theta, some).mean())
    report.append((name, *values))

# "reported" is the estimator's mean over all digits in the last steps; the others are exact, and
# over the few digits in ``some``.
print("gradient             reported   ELBO  log p(x)")
for name, reported, bound, log_p in report:
    print(f"{name:20}{reported:9.2f}{bound:7.2f}{log_p:10.2f}")

if not SMOKE:
    concrete = report[-1]
    assert concrete[1] == max(reported for _, reported, _, _ in report)
    assert concrete[1] > concrete[2] + 0.3

with styled():
    fig = new_figure(13, 4.2)
    left, right = fig.subplots(1, 2, width_ratios=[1.2, 1])
    for number, (name, curve) in enumerate(curves.items()):
        smooth = np.convolve(curve, np.full(20, 1 / 20), mode="valid")
        left.plot(smooth, color=COLORS[number], ls=LINES[number], label=name, lw=1.8)
    left.set(xlabel="steps", ylabel="what the estimator reports (nats)", ylim=(-28, -16))
    left.set_title("Eight binary latents")
    left.legend(loc="lower right", ncols=2)
    last = model.mean(fit.theta, corners[np.random.default_rng(14).permutation(256)[:60]])
    draw_images(right, last, 12, f"E[x | z] for 60 of 256 codes ({names[-1]})")
fig

# %% [markdown]
# "Concrete" *reports* the highest value in this run, and the table shows why that must not be
# believed: it evaluates a model whose $z$ may lie between 0 and 1. The column ELBO is the bound of
# the model that was meant. Unbiased estimators report what they optimize.
#
# ## Exercises
#
# These are for thought. [Others](exercises/student/07_priors_and_families.ipynb)
# ask for code, and tell you what is wrong with it.
#
# 1. How many components are worth having? Plot the gain of the linear decoder against K. And why
#    can `reparameterized_kl` not be used with a mixture prior? Try it, and read the message.
# 2. Hold out a third of the irises and repeat the four covariances. Which one overfits first?
# 3. Compute $\mathrm{KL}(q\Vert p)$ and $\mathrm{KL}(p \Vert q)$ for the product of the *exact*
#    marginals of the chain. Which $q$ minimizes which?
# 4. The autoregressive model ignores $z$. Take away some of its memory (drop a random part of the
#    embeddings) until the KL rises. What happens to the ELBO?
# 5. Lower the temperature of "concrete" (`partial(concrete, temperature=0.1)`). What happens to the
#    distance between what it reports and the ELBO, and to its variance?
