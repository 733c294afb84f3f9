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
# # 11. Global, hierarchical, semi-supervised
#
# **Question.** So far every datapoint had latents of its own, in one layer, and $\theta$ was a
# point. What changes when the unknown is shared by all datapoints, has a structure, or is partly
# known?
#
# Nothing changes in the method: an unknown needs a term in $\log p$ and a factor in $q$.
#
# $$\log p(x) \ge E_q\big[\log p(\theta) + \textstyle\sum_i \log p_\theta(x_i, z_i) -
# \log q(\theta) - \sum_i \log q_i(z_i)\big].$$
#
# With $q(\theta)$ at a point this is maximum likelihood or MAP, with a density it is variational
# Bayes (Swaney: "inference for the full posterior $p(\theta, z \mid x)$"; AEVB review, section 2.1;
# Kingma and Welling, appendix F). With no $z_i$ at all it is inference of global parameters. The
# Ermon/Grover notes ("Representation") name layers and chains, Rios names labels. Five models, each
# with an exact answer to compare with, but for the last.

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
from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DiagonalGaussian,
    FullCovarianceGaussian,
    GaussianLikelihood,
    HierarchicalModel,
    LabelAndGaussian,
    LinearGaussianStateSpace,
    LogisticRegression,
    SemiSupervised,
    adam,
    attach_labels,
    backends,
    fit_amortized,
    fit_bbvi,
    infer,
    infer_minibatches,
    maximum_a_posteriori,
    maximum_likelihood,
    normal_prior,
    summed_label,
    variational_bayes,
)
from bbvi.datasets import breast_cancer, digits, train_test_split
from bbvi.inference import NotConvergedWarning, theta_posterior
from bbvi.models import LabelBlind
from bbvi.optimizers import cosine_decay
from bbvi.plotting.style import COLORS, LINES, MARKERS, new_figure, styled

# Fits in this notebook have a budget of steps; none claims an optimum.
warnings.filterwarnings("ignore", "(fit_|infer)")
warnings.simplefilter("ignore", NotConvergedWarning)
SEEDS = (0,) if SMOKE else (0, 1, 2)

# %% [markdown]
# ## theta as a point, a point with a prior, a latent
#
# $\mu \sim N(0, \tau^2)$, $z_i \sim N(0, 1)$, $x_i \sim N(\mu + z_i, 1)$. Summing out $z_i$ leaves
# $x_i \sim N(\mu, 2)$, so that all answers are known:
#
# | | objective | answer |
# |---|---|---|
# | maximum likelihood | $\sum_i \mathrm{ELBO}_i$ | $\bar x$ |
# | MAP | $\sum_i \mathrm{ELBO}_i + \log p(\mu)$ | $\sum_i x_i / (N + 2 / \tau^2)$ |
# | variational Bayes | $E_{q(\mu)}[\sum_i \mathrm{ELBO}_i + \log p(\mu)] + H[q(\mu)]$ | a density |
# | exact | | $N\big(\text{MAP},\ 1 / (\tau^{-2} + N / 2)\big)$ |


# %%
@dataclass(frozen=True)
class Location:
    """z_i ~ N(0, 1), x_i ~ N(mu + z_i, 1)."""

    latent_dim: int = 1

    def init(self, rng):
        return {"mu": np.zeros(())}

    def log_joint(self, theta, x, z):
        errors = x - theta["mu"] - z
        return -0.5 * anp.sum(z**2 + errors**2 + 2 * np.log(2 * np.pi), axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        return theta["mu"] + z + rng.standard_normal((num, 1)), z


TAU, steps = 0.5, 100 if SMOKE else 700
prior = normal_prior(TAU)
ways = {
    "maximum likelihood": maximum_likelihood,
    "MAP": maximum_a_posteriori(prior),
    "variational Bayes": variational_bayes(prior),
}
answers = {}
print("    N  seed  mean of x     ML    MAP  exact mean   VB    sd: VB  conditional  exact")
for num in (4, 40):
    for seed in SEEDS:
        x, _ = Location().sample(np.random.default_rng(seed), {"mu": 1.5}, num)
        fits = {
            name: fit_bbvi(
                Location(),
                DiagonalGaussian(1),
                x,
                np.random.default_rng(seed),
                num_samples=8,
                num_steps=steps,
                inner_steps=1,
                batch_size=num,
                optimizer=adam(cosine_decay(0.05, steps)),
                local_optimizer=adam(cosine_decay(0.1, steps)),
                learning=learning,
                backend="autodiff",
            )
            for name, learning in ways.items()
        }
        ml, mode = (float(fits[name].theta["mu"]) for name in ("maximum likelihood", "MAP"))
        q_mean, q_sd = (float(part["mu"]) for part in theta_posterior(fits["variational Bayes"]))
        exact_mean = x.sum() / (num + 2 / TAU**2)
        exact_sd, conditional = (TAU**-2 + num / 2) ** -0.5, (TAU**-2 + num) ** -0.5
        answers[num, seed] = ml, mode, q_mean, q_sd, exact_mean, exact_sd
        print(
            f"{num:5}{seed:6}{x.mean():11.3f}{ml:7.3f}{mode:7.3f}{exact_mean:12.3f}"
            f"{q_mean:7.3f}{q_sd:9.3f}{conditional:10.3f}{exact_sd:10.3f}"
        )
        if not SMOKE:
            assert abs(ml - x.mean()) < 0.05
            assert abs(mode - exact_mean) < 0.05
            assert abs(q_mean - exact_mean) < 0.1
            assert abs(q_sd - conditional) < 0.04
            assert q_sd < exact_sd
for seed in () if SMOKE else SEEDS:
    few, many = answers[4, seed], answers[40, seed]
    assert 0 < few[1] / few[0] < many[1] / many[0] < 1  # MAP / maximum likelihood
    assert many[3] < 0.6 * few[3]  # both spreads narrow
    assert many[5] < 0.6 * few[5]

with styled():
    fig = new_figure(12, 4)
    for axes, num in zip(fig.subplots(1, 2), (4, 40)):
        ml, mode, q_mean, q_sd, exact_mean, exact_sd = answers[num, 0]
        at = np.linspace(-0.6, 2.6, 400)
        for name, m, s, k in (
            ("exact p(μ | x)", exact_mean, exact_sd, 2),
            ("variational q(μ)", q_mean, q_sd, 0),
        ):
            density = np.exp(-0.5 * ((at - m) / s) ** 2) / s / np.sqrt(2 * np.pi)
            axes.plot(at, density, color=COLORS[k], ls=LINES[k], label=name)
        axes.axvline(ml, color=COLORS[1], ls="--", label="maximum likelihood")
        axes.axvline(mode, color=COLORS[3], ls=":", label="MAP")
        axes.set(xlabel="μ", ylabel="density", title=f"N = {num}")
        axes.margins(y=0.3)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", fontsize=10)
fig

# %% [markdown]
# The prior pulls the mode towards zero, by less the more data there are. Variational Bayes has the
# right mean and a spread that is too small: $q(\mu) \prod_i q(z_i)$ takes the variance of $\mu$
# *given* the $z_i$ (notebook 9), which is all that a factorized $q$ can do. A larger N narrows both
# alike and does not mend their ratio, which tends to $\sqrt{1/2}$ (exercise 1).
#
# ## A global latent, by minibatches
#
# In Bayesian logistic regression all rows speak of the same weights $z$. Then $N = 1$: the data
# set is the datapoint, and the sum over its R rows can be estimated from B of them,
#
# $$\log p(z) + \frac{R}{B} \sum_{r \in B} \log p(y_r \mid f_r, z), \qquad
# E_B[\,\cdot\,] = \log p(z) + \sum_{r=1}^R \log p(y_r \mid f_r, z).$$
#
# Without the factor the prior would count R / B times too much.

# %%
data = breast_cancer()
features = (data.x - data.x.mean(axis=0)) / data.x.std(axis=0)
R, num_features = features.shape
whole = LogisticRegression(num_features, R)
rows_x = whole.pack(features, data.labels)
q = DiagonalGaussian(whole.latent_dim)

# Unbiased: over the minibatches of a partition the mean is the whole, to the last digit.
z = np.random.default_rng(0).standard_normal((5, 1, whole.latent_dim))
partition = np.random.default_rng(1).permutation(R)[:560].reshape(28, 20)
small = LogisticRegression(num_features, 560)
first = small.pack(features[partition.ravel()], data.labels[partition.ravel()])
parts = [small.minibatch(first, np.arange(20 * k, 20 * k + 20)) for k in range(28)]
mean = np.mean([model.log_joint({}, x, z) for model, x in parts], axis=0)
assert np.allclose(mean, small.log_joint({}, first, z))


def stream(rng, num_steps, size=20):
    for _ in range(num_steps):
        yield whole.minibatch(rows_x, rng.choice(R, size, replace=False))


def bound(lam):
    """The ELBO of a q without sampling: each logit is a one-dimensional Gaussian."""
    moments = q.moments(lam)
    expected = whole.expected_log_joint(rows_x, moments.mean, moments.covariance)
    return float(expected[0] + q.entropy(lam)[0])


passes = (1, 3) if SMOKE else (1, 3, 10, 30)
reached = {"minibatches of 20 rows": [], "all rows in each step": []}
for seed in SEEDS:
    few, all_of_them = [], []
    for count in passes:
        num_steps = count * R // 20
        fit = infer_minibatches(
            stream(np.random.default_rng(seed), num_steps),
            q,
            {},
            np.random.default_rng(seed),
            optimizer=adam(cosine_decay(0.1, num_steps)),
        )
        few.append(bound(fit.lam))
        fit = infer(
            whole,
            q,
            {},
            rows_x,
            np.random.default_rng(seed),
            num_samples=8,
            num_steps=count,
            optimizer=adam(cosine_decay(0.1, count)),
        )
        all_of_them.append(bound(fit.lam))
    reached["minibatches of 20 rows"].append(few)
    reached["all rows in each step"].append(all_of_them)
long_steps = 100 if SMOKE else 1000
best = bound(
    infer(
        whole,
        q,
        {},
        rows_x,
        np.random.default_rng(9),
        num_samples=8,
        num_steps=long_steps,
        optimizer=adam(cosine_decay(0.1, long_steps)),
    ).lam
)
print(f"best factorized q, by {long_steps} passes: ELBO {best:.2f} nats")
for name, values in reached.items():
    print(f"{name:24}", "  ".join(f"{p} passes {v:.1f}" for p, v in zip(passes, values[0])))
if not SMOKE:
    few, all_of_them = (np.array(values) for values in reached.values())
    assert np.all(few[:, 1:] > all_of_them[:, 1:])
    assert np.all(few < best)

with styled():
    fig = new_figure(8.5, 4.4)
    axes = fig.subplots()
    for number, (name, values) in enumerate(reached.items()):
        for seed, line in zip(SEEDS, values):
            label = f"{name} ({len(SEEDS)} seeds)" if seed == 0 else None
            style = {"color": COLORS[number], "ls": LINES[number], "marker": MARKERS[number]}
            axes.plot(passes, best - np.array(line), label=label, **style)
    axes.set(xscale="log", yscale="log", xlabel="passes over the data", ylabel="ELBO lost (nats)")
    axes.set_xticks(passes, [str(count) for count in passes])
    axes.minorticks_off()
    axes.set_title("569 tumours, 31 weights: the distance to the best factorized q")
    axes.legend()
fig

# %% [markdown]
# At the same price, counted in rows, the steps from twenty rows each are ahead from the third pass
# on: each is noisy, and there are many more of them. Their step size has to fall, since the noise
# of the minibatch does not vanish at the optimum (Hoffman et al., 2013).
#
# ## Two layers
#
# $z_2 \sim N(0, I)$, $z_1 \mid z_2 \sim N(f(z_2), s^2 I)$, $x \mid z_1 \sim N(g(z_1), c I)$. With
# linear $f$ and $g$ everything is Gaussian, and what mean field loses is known (notebook 9):
# $\tfrac12 (\sum_d \log \Lambda_{dd} + \log\det\Sigma)$, with the posterior's covariance $\Sigma$
# and precision $\Lambda$.

# %%
layers = HierarchicalModel(MLP((1, 2)), MLP((2, 5)), GaussianLikelihood(0.5))
scales = np.array([0.03, 0.1, 0.2, 0.5, 1.0])
losses = {}
for seed in (0, 1, 2):
    theta = layers.init(np.random.default_rng(seed))
    losses[seed] = []
    for s in scales:
        theta = {**theta, "low.log_scale": np.full(2, np.log(s))}
        x, _ = layers.sample(np.random.default_rng(seed), theta, 5)
        covariance = layers.linear_posterior(theta, x).covariance
        precision = np.diagonal(np.linalg.inv(covariance))
        losses[seed].append(0.5 * (np.log(precision).sum() + np.linalg.slogdet(covariance)[1]))
    assert np.all(np.diff(losses[seed][:4]) < 0)
    assert losses[seed][0] > 4 * losses[seed][3]
fitted, steps = {}, 100 if SMOKE else 800
for s in (0.2, 1.0):
    theta = {**layers.init(np.random.default_rng(0)), "low.log_scale": np.full(2, np.log(s))}
    x, _ = layers.sample(np.random.default_rng(0), theta, 5)
    log_p = layers.linear_log_evidence(theta, x)
    for family in (DiagonalGaussian(3), FullCovarianceGaussian(3)):
        fit = infer(
            layers,
            family,
            theta,
            x,
            np.random.default_rng(1),
            num_samples=16,
            num_steps=steps,
            optimizer=adam(cosine_decay(0.1, steps)),
        )
        lost = (log_p - fit.trace.elbo[-1] if SMOKE else log_p - fit.verdict.elbo).mean()
        fitted[s, type(family).__name__] = lost
        print(f"s = {s}: {type(family).__name__:22} log p(x) - ELBO = {lost:.3f} nats")
    if not SMOKE:
        exact = losses[0][list(scales).index(s)]
        assert abs(fitted[s, "DiagonalGaussian"] - exact) < 0.05
        assert abs(fitted[s, "FullCovarianceGaussian"]) < 0.05

with styled():
    fig = new_figure(8, 4)
    axes = fig.subplots()
    for seed, line in losses.items():
        label = f"mean field, exact, theta {seed}"
        axes.plot(scales, line, color=COLORS[seed], ls=LINES[seed], label=label)
    for s in (0.2, 1.0):
        axes.plot(s, fitted[s, "DiagonalGaussian"], "o", ms=9, color=COLORS[0])
    axes.set(xscale="log", xlabel="s: noise between the layers", ylabel="log p(x) - ELBO (nats)")
    axes.set_xticks(scales, [f"{s:g}" for s in scales])
    axes.minorticks_off()
    axes.set_title("Two layers under a factorized q (dots: fitted)")
    axes.legend()
fig

# %% [markdown]
# The tighter the upper layer holds the lower one, the more they know of each other, and the more a
# factorized $q$ loses. (What is left at $s = 1$ is the correlation that the data make, by the
# decoder.) This is Rios' warning that "optimisation may be difficult with several
# latent variables", in one formula. A full covariance loses nothing here. In a deep model a $q$
# that runs through the layers, $q(z_2 \mid z_1)\, q(z_1)$, is the usual compromise.
#
# ## A chain of states
#
# $z_1 \sim N(0, I)$, $z_t \mid z_{t-1} \sim N(A z_{t-1}, Q)$, $x_t \mid z_t \sim N(C z_t, R)$. The
# Kalman filter sums the evidence along time, as the forward recursion did in notebook 7.

# %%
T = 12
chain = LinearGaussianStateSpace(state_dim=1, step_dim=1, num_steps=T)
theta = {
    "A": np.array([[0.95]]),
    "C": np.array([[1.0]]),
    "log_q": np.array([np.log(0.3)]),
    "log_r": np.array([np.log(0.8)]),
}


def kalman(x):
    """log p(x) of one series (T,), by hand."""
    mean, variance, log_p = 0.0, 1.0, 0.0
    for t, value in enumerate(x):
        if t > 0:
            mean, variance = 0.95 * mean, 0.95**2 * variance + 0.3**2
        spread = variance + 0.8**2
        log_p -= 0.5 * ((value - mean) ** 2 / spread + np.log(2 * np.pi * spread))
        gain = variance / spread
        mean, variance = mean + gain * (value - mean), (1 - gain) * variance
    return log_p


x, z = chain.sample(np.random.default_rng(2), theta, 40)
log_p = chain.log_evidence(theta, x)
assert np.allclose([kalman(row) for row in x], log_p)
exact = chain.posterior(theta, x)
target = backends.autodiff.target(chain, theta, x)
inside, spreads, lost = {}, {}, {}
for seed in SEEDS:
    for name, family in (
        ("mean field", DiagonalGaussian(T)),
        ("full covariance", FullCovarianceGaussian(T)),
    ):
        fit = infer(
            chain,
            family,
            theta,
            x,
            np.random.default_rng(seed),
            num_samples=8,
            num_steps=steps,
            optimizer=adam(cosine_decay(0.1, steps)),
        )
        moments = family.moments(fit.lam)
        sd = np.sqrt(np.diagonal(moments.covariance, axis1=1, axis2=2))
        inside[name, seed] = (np.abs(z - moments.mean) < 2 * sd).mean()
        spreads[name, seed] = sd / np.sqrt(np.diagonal(exact.covariance))
        draws = family.transform(fit.lam, family.noise(np.random.default_rng(3), 500, len(x)))
        log_w = target.value(draws) - family.log_prob(fit.lam, draws)
        lost[name, seed] = (log_p - log_w.mean(axis=0)).mean()
        print(
            f"seed {seed} {name:16} log p(x) - ELBO {lost[name, seed]:.3f} nats, sd of q / exact "
            f"{spreads[name, seed].mean():.2f}, states within 2 sd: {inside[name, seed]:.1%}"
        )
    if not SMOKE:
        assert spreads["mean field", seed].max() < 0.85
        assert abs(spreads["full covariance", seed].mean() - 1) < 0.05
        assert inside["mean field", seed] < 0.90 < inside["full covariance", seed]
        assert lost["full covariance", seed] < 0.2 < lost["mean field", seed]

row, time = 0, np.arange(1, T + 1)
mean_field = DiagonalGaussian(T)
fit = infer(
    chain,
    mean_field,
    theta,
    x[:1],
    np.random.default_rng(0),
    num_samples=8,
    num_steps=steps,
    optimizer=adam(cosine_decay(0.1, steps)),
)
moments = mean_field.moments(fit.lam)
with styled():
    fig = new_figure(10, 4.2)
    axes = fig.subplots()
    sd = np.sqrt(np.diagonal(exact.covariance))
    low, high = exact.mean[row] - 2 * sd, exact.mean[row] + 2 * sd
    axes.fill_between(time, low, high, color=COLORS[4], alpha=0.4, label="exact posterior, ± 2 sd")
    q_sd = np.sqrt(np.diagonal(moments.covariance[0]))
    style = {"fmt": "o", "color": COLORS[3], "capsize": 4, "label": "mean field, ± 2 sd"}
    axes.errorbar(time, moments.mean[0], yerr=2 * q_sd, **style)
    axes.plot(time, z[row], "-", color="black", label="true state")
    axes.plot(time, x[row], "x", color=COLORS[5], mew=2, label="observed")
    axes.set(xlabel="time t", ylabel="state", title="One series: the bars are too short")
    axes.legend(ncols=2, fontsize=10)
    axes.margins(y=0.25)
fig

# %% [markdown]
# Two standard deviations should hold 95 % of the true states. Those of the full covariance do;
# those of mean field hold far fewer (printed above).
#
# ## Labels for some
#
# A label $y$ is a latent that is known for a few datapoints (Rios: "semi-supervised learning";
# Kingma et al., 2014, model M2):
#
# $$y \sim \text{uniform}, \quad z \sim N(0, I), \quad x \sim p_\theta(x \mid y, z), \qquad
# q_\phi(y, z \mid x) = q_\phi(y \mid x)\, q_\phi(z \mid x, y).$$
#
# The digits with four labels of each class. The sum over ten labels is done exactly
# (`summed_label`). For comparison: the same encoder, learning from the labelled digits alone.

# %%
images, labels = digits()
model = SemiSupervised(10, MLP((15, 64, 64)), BernoulliLikelihood())
family = LabelAndGaussian(10, 5)
encoder = LabelBlind(MLP((64, 64, family.num_params)))
steps = 30 if SMOKE else 400
scores = {"40 labels and all images": [], "40 labelled images alone": []}
for seed in SEEDS:
    train, test = train_test_split(np.random.default_rng(seed), images, labels)
    known = np.zeros(len(train.x), dtype=bool)
    for k in range(10):
        known[np.flatnonzero(train.labels == k)[:4]] = True
    rows = attach_labels(train.x, train.labels, known).astype(np.float32)
    # Labelled rows are few: let a minibatch have some of them.
    everything = np.concatenate([rows, *[rows[known]] * 6])
    new = np.column_stack([test.x, np.full(len(test.x), -1)]).astype(np.float32)
    for name, learned_from in zip(scores, (everything, rows[known])):
        fit = fit_amortized(
            model,
            family,
            learned_from,
            np.random.default_rng(seed),
            encoder=encoder,
            estimator=summed_label,
            num_samples=1,
            num_steps=steps,
            batch_size=min(100, len(learned_from)),
            optimizer=adam(cosine_decay(0.01, steps)),
        )
        predicted = family.probabilities(encoder(fit.phi, new)).argmax(axis=1)
        scores[name].append((predicted == test.labels).mean())
for name, values in scores.items():
    print(f"{name}: right on new digits", ", ".join(f"{value:.1%}" for value in values))
if not SMOKE:
    assert np.all(np.array(scores["40 labels and all images"]) > scores["40 labelled images alone"])

# %% [markdown]
# The images without labels help: their evidence $\sum_y p(x, y)$ tells the encoder which images
# belong together, and the few labels then name the groups.
#
# ## Exercises
#
# These are for thought. The samplers of [notebook 9](09_did_it_work.ipynb) say when to believe $q$.
#
# 1. In the first model show that the precision matrix of $(\mu, z_1, \dots, z_N)$ has $N +
#    \tau^{-2}$, $2$ and $1$ as its entries. Derive from it the variance of $q(\mu)$ and the limit
#    $\sqrt{1/2}$ of the ratio of standard deviations.
# 2. Leave out the factor $R / B$ (`LogisticRegression(num_features, 20)` in `stream`). To which
#    posterior does $q$ go, and by what factor are its standard deviations too large, roughly?
# 3. Take $s \to 0$ in the two layers. What is the posterior then, and why does mean field's loss
#    grow without bound while $\log p(x)$ does not?
# 4. Give one label of each class instead of four, then forty. When do the images without labels
#    stop helping?
