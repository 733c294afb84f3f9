# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_09", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 9. Predict, read, change, find the bug
#
# Belongs to notebook 9; 9.1 to 9.4 can be done after notebook 3. Here no equation is to be typed in. You
# *predict* a number before you measure it, *read* one off a figure, *change* an experiment until what it
# seemed to show turns over, and *find the bug* that made a curve.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake.

# %% nbgrader={"grade": false, "grade_id": "install_09", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_09", "locked": true, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

from bbvi import DiagonalGaussian, checks
from bbvi.checks.exercises import curves, readings
from bbvi.estimators import expectations
from bbvi.models.integrands import quadratic


def draw(runs, x, limits, logarithmic=False):
    """Each quantity of the runs in a panel, a line for each letter."""
    names = list(next(iter(runs.values())))
    _, panels = plt.subplots(1, len(names), figsize=(5 * len(names), 4), layout="constrained")
    for axes, name, limit in zip(panels, names, limits):
        for (letter, run), line in zip(runs.items(), ["-", "--", "-.", ":", "-", "--"]):
            axes.plot(x, run[name], line, lw=2, label=letter)
        axes.set(title=name, ylim=limit)
        if logarithmic:
            axes.set(xscale="log", yscale="log")
    panels[0].legend(ncols=2)


# %% [markdown] nbgrader={"grade": false, "grade_id": "variance_ratio_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Predict, then measure
# ## 9.1 How much noisier is the score function? (2 points)
#
# $\frac{d}{d\mu} E_q[z^2]$ for $q = N(\mu, \sigma^2)$, by one sample: the score function's $z^2 (z - \mu) /
# \sigma^2$ against the pathwise $2 z$. By which factor is the *variance* of the first larger?
# (3.5 has the variance of the first. $E[\epsilon^4] = 3$, $E[\epsilon^6] = 15$.)


# %% nbgrader={"grade": false, "grade_id": "variance_ratio", "locked": false, "schema_version": 3, "solution": true, "task": false}
def variance_ratio(mean, sigma):
    """(M,), (M,) -> variance of the score function over that of pathwise, (M,)."""
    ### BEGIN SOLUTION
    score = (mean**4 + 14 * mean**2 * sigma**2 + 15 * sigma**4) / sigma**2
    return score / (4 * sigma**2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "variance_ratio_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_variance_ratio(variance_ratio, np.random.default_rng(0))
print("variance_ratio: no complaint")
### BEGIN HIDDEN TESTS
checks.check_variance_ratio(variance_ratio, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% nbgrader={"grade": false, "grade_id": "variance_ratio_measured", "locked": true, "schema_version": 3, "solution": false, "task": false}
rows = np.tile([[1.0, np.log(0.5)]], (100_000, 1))
q, f = DiagonalGaussian(1), quadratic(0.0, num_data=len(rows))
eps = q.noise(np.random.default_rng(1), 1, len(rows))
one, other = (
    estimator(q, f, rows, eps).grad[:, 0].var()
    for estimator in (expectations.score_function, expectations.pathwise)
)
print(f"predicted {variance_ratio(1.0, 0.5):.1f}, measured {one / other:.1f}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "samples_needed_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.2 How many samples? (1 point)
#
# A mean over `num_samples` draws has the standard error `error`. How many draws does the standard error
# `wanted` take?


# %% nbgrader={"grade": false, "grade_id": "samples_needed", "locked": false, "schema_version": 3, "solution": true, "task": false}
def samples_needed(error, num_samples, wanted):
    """(M,), S, (M,) -> the number of samples for the wanted error, (M,)."""
    ### BEGIN SOLUTION
    return num_samples * (error / wanted) ** 2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "samples_needed_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.check_samples_needed(samples_needed, np.random.default_rng(0))
print("samples_needed: no complaint")
### BEGIN HIDDEN TESTS
checks.check_samples_needed(samples_needed, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "mean_field_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.3 What does a factorized q lose? (2 points)
#
# The posterior is Gaussian in two dimensions, with variances 1 and a correlation. Predict the variance of
# the factorized Gaussian with the highest ELBO (the same in both dimensions), and what it loses, in nats.


# %% nbgrader={"grade": false, "grade_id": "mean_field", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mean_field(correlation):
    """(M,) -> the variances of the best factorized q (M,), and log p(x) - ELBO (M,)."""
    ### BEGIN SOLUTION
    variance = 1 - correlation**2
    return variance, -np.log(variance) / 2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mean_field_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_mean_field(mean_field, np.random.default_rng(0))
print("mean_field: no complaint")
### BEGIN HIDDEN TESTS
checks.check_mean_field(mean_field, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% nbgrader={"grade": false, "grade_id": "mean_field_measured", "locked": true, "schema_version": 3, "solution": false, "task": false}
correlation = 0.8
precision = np.linalg.inv(np.array([[1, correlation], [correlation, 1]]))
lam = np.zeros(2)  # log sigma; the mean of q is right
for _ in range(500):
    lam = lam + 0.05 * (1 - np.diagonal(precision) * np.exp(2 * lam))
loss = (
    np.diagonal(precision) @ np.exp(2 * lam) - 2 - np.linalg.slogdet(precision)[1]
) / 2 - lam.sum()
print("predicted", mean_field(correlation), "measured", np.exp(2 * lam[0]), loss)

# %% [markdown] nbgrader={"grade": false, "grade_id": "minibatch_variance_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.4 A minibatch, and samples (2 points)
#
# The gradient in $\theta$ is a sum over N datapoints. It is estimated by
#
# $$\frac{N}{B} \sum_{b=1}^B \frac1S \sum_{s=1}^S g_{bs},$$
#
# with B datapoints drawn with replacement. Over datapoints the exact $g_n$ has the variance `between`;
# around it one sample's $g_{ns}$ has the variance `within`. What is the variance of the estimate?


# %% nbgrader={"grade": false, "grade_id": "minibatch_variance", "locked": false, "schema_version": 3, "solution": true, "task": false}
def minibatch_variance(between, within, num_data, batch, num_samples):
    """(M,), (M,), N, B, S -> the variance of the estimate of theta's gradient, (M,)."""
    ### BEGIN SOLUTION
    return num_data**2 / batch * (between + within / num_samples)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "minibatch_variance_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_minibatch_variance(minibatch_variance, np.random.default_rng(0))
print("minibatch_variance: no complaint")
### BEGIN HIDDEN TESTS
checks.check_minibatch_variance(minibatch_variance, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% nbgrader={"grade": false, "grade_id": "minibatch_variance_measured", "locked": true, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(2)
N, B, S = 100, 10, 4
exact = rng.standard_normal(N)
chosen = exact[rng.integers(N, size=(20_000, B))]
estimates = N * (chosen + rng.normal(0, 3, (S, *chosen.shape)).mean(axis=0)).mean(axis=1)
print("predicted", minibatch_variance(exact.var(), 9.0, N, B, S), "measured", estimates.var())

# %% [markdown] nbgrader={"grade": false, "grade_id": "crossing_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Read a figure
# ## 9.5 Where two estimators cross (1 point)
#
# The variances of the score function and of the pathwise gradient of $E[\cos kz]$. At which $k$ are they
# alike? (Within a tenth.)

# %% nbgrader={"grade": false, "grade_id": "crossing_figure", "locked": true, "schema_version": 3, "solution": false, "task": false}
k = np.geomspace(0.2, 10, 200)
_, axes = plt.subplots(figsize=(7, 4.5))
for (name, values), line in zip(
    readings.frequency_curves(np.random.default_rng(0), k).items(), ("-", "--")
):
    axes.plot(k, values, line, lw=2, label=name)
axes.set(xscale="log", yscale="log", xlabel="k", ylabel="variance of d/d mean")
axes.grid(which="both", alpha=0.4)
axes.legend()


# %% nbgrader={"grade": false, "grade_id": "crossing", "locked": false, "schema_version": 3, "solution": true, "task": false}
def crossing():
    """-> k, read off the figure."""
    ### BEGIN SOLUTION
    return readings.crossing(np.random.default_rng(0))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "crossing_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.check_crossing(crossing, np.random.default_rng(0))
print("crossing: no complaint")

# %% [markdown] nbgrader={"grade": false, "grade_id": "two_rates_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.6 Two step sizes (2 points)
#
# The same Step 1 with two constant step sizes. Read at which step the smaller one overtakes, and how many
# nats the larger one is short of the best ELBO in the end.

# %% nbgrader={"grade": false, "grade_id": "two_rates_figure", "locked": true, "schema_version": 3, "solution": false, "task": false}
_, axes = plt.subplots(figsize=(7, 4.5))
for values, rate, line in zip(
    readings.rate_curves(np.random.default_rng(0)), readings.RATES, ("-", "--")
):
    axes.plot(values, line, lw=2, label=f"step size {rate:g}")
axes.set(yscale="log", xlabel="step", ylabel="log p(x) - ELBO (nats)")
axes.grid(which="both", alpha=0.4)
axes.legend()


# %% nbgrader={"grade": false, "grade_id": "two_rates", "locked": false, "schema_version": 3, "solution": true, "task": false}
def two_rates():
    """-> step, gap."""
    ### BEGIN SOLUTION
    return 38, 0.05
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "two_rates_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_two_rates(two_rates, np.random.default_rng(0))
print("two_rates: no complaint")

# %% [markdown] nbgrader={"grade": false, "grade_id": "samples_by_eye_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.7 Beyond the edge of a figure (1 point)
#
# The variance of the score function's gradient against the number S of samples. At which S is its
# *standard deviation* 0.1? Extend the line. (Within a half.)

# %% nbgrader={"grade": false, "grade_id": "samples_by_eye_figure", "locked": true, "schema_version": 3, "solution": false, "task": false}
run = curves.averaging_runs(np.random.default_rng(0))["none"]
_, axes = plt.subplots(figsize=(7, 4.5))
axes.plot(curves.SIZES, run["variance"], "-o", lw=2)
axes.set(xscale="log", yscale="log", xlabel="samples S", ylabel="variance of d/d mean")
axes.grid(which="both", alpha=0.4)


# %% nbgrader={"grade": false, "grade_id": "samples_by_eye", "locked": false, "schema_version": 3, "solution": true, "task": false}
def samples_by_eye():
    """-> S."""
    ### BEGIN SOLUTION
    return 3000
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "samples_by_eye_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.check_samples_by_eye(samples_by_eye, np.random.default_rng(0))
print("samples_by_eye: no complaint")

# %% [markdown] nbgrader={"grade": false, "grade_id": "frequency_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Change an experiment
# Each claim below was measured, and is true where it was measured. Return settings at which it turns
# over; the check runs your experiment three times.
#
# ## 9.8 "The pathwise gradient has less variance" (1 point)
#
# ... of $E_q[\cos kz]$, $q = N(0.5, 1)$, at $k = \frac12$. Return a $k$ at which its variance is 20 times
# that of the score function.


# %% nbgrader={"grade": false, "grade_id": "frequency", "locked": false, "schema_version": 3, "solution": true, "task": false}
def frequency():
    """-> k."""
    ### BEGIN SOLUTION
    return 10.0
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "frequency_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.check_frequency(frequency, np.random.default_rng(0))
print("frequency: no complaint")
### BEGIN HIDDEN TESTS
checks.check_frequency(frequency, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "covariance_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.9 "A factorized q loses next to nothing" (1 point)
#
# ... of a Gaussian posterior with variances 1 and correlation 0.1. Return a covariance matrix, with
# variances 1, of which the best factorized Gaussian loses between 1 and 2 nats.


# %% nbgrader={"grade": false, "grade_id": "covariance", "locked": false, "schema_version": 3, "solution": true, "task": false}
def covariance():
    """-> the covariance of a posterior, (2, 2)."""
    ### BEGIN SOLUTION
    return np.array([[1, 0.95], [0.95, 1]])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "covariance_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.check_covariance(covariance, np.random.default_rng(0))
print("covariance: no complaint")
### BEGIN HIDDEN TESTS
checks.check_covariance(covariance, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "proposal_scale_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.10 "k-hat is small, so believe the evidence" (1 point)
#
# ... for the posterior $N(0, 1)$ and 4000 samples of $q = N(0, 0.9^2)$. Return a standard deviation of $q$
# at which $\hat k$ warns: above 0.7 in the mean over ten draws.


# %% nbgrader={"grade": false, "grade_id": "proposal_scale", "locked": false, "schema_version": 3, "solution": true, "task": false}
def proposal_scale():
    """-> the standard deviation of q."""
    ### BEGIN SOLUTION
    return 0.2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "proposal_scale_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.check_proposal_scale(proposal_scale, np.random.default_rng(0))
print("proposal_scale: no complaint")
### BEGIN HIDDEN TESTS
checks.check_proposal_scale(proposal_scale, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "common_rate_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.11 "With the same step size, pathwise ends nearer to the optimum" (2 points)
#
# ... than `leave_one_out`, after 100 plain gradient steps with S = 16, at step size 0.3, on a
# linear-Gaussian model whose posterior $q$ can match. Return a step size at which leave-one-out is left
# with less than half of what pathwise is.


# %% nbgrader={"grade": false, "grade_id": "common_rate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def common_rate():
    """-> the step size of both."""
    ### BEGIN SOLUTION
    return 0.03
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "common_rate_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_common_rate(common_rate, np.random.default_rng(0))
print("common_rate: no complaint")
### BEGIN HIDDEN TESTS
checks.check_common_rate(common_rate, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "step_1_bugs_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Find the bug in a training curve
# One run of each list is right (`none`), each other has one of the bugs. Return the name of each letter's.
#
# ## 9.12 Step 1 (3 points)
#
# One datapoint, S = 4, plain gradient steps, drawn with $\log p(x) = 0$. The width is q's standard
# deviation divided by the posterior's.
#
# | name | what was done |
# |---|---|
# | `none` | nothing |
# | `descent` | lam - rate * grad |
# | `entropy` | the entropy has the wrong sign |
# | `noise` | eps is drawn once, before the loop |
# | `mean` | only the mean moves, log sigma stays |
# | `rate` | the step size is too large |

# %% nbgrader={"grade": false, "grade_id": "step_1_bugs_figure", "locked": true, "schema_version": 3, "solution": false, "task": false}
runs = curves.hidden(np.random.default_rng(0), curves.STEP_1, curves.step_1_runs)
draw(runs, np.arange(150), [(-6, 0.5), (0, 4)])


# %% nbgrader={"grade": false, "grade_id": "step_1_bugs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def step_1_bugs():
    """-> {"A": the name of its bug, "B": ...}."""
    ### BEGIN SOLUTION
    return curves.letters(np.random.default_rng(0), curves.STEP_1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "step_1_bugs_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_step_1_bugs(step_1_bugs, np.random.default_rng(0))
print("step_1_bugs: no complaint")

# %% [markdown] nbgrader={"grade": false, "grade_id": "fit_bugs_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.13 A whole fit (3 points)
#
# Step 1 and Step 2 in turn, on 40 datapoints of a linear-Gaussian model. The gradients are exact, so that
# nothing is noise. KL is that of q from the prior.
#
# | name | what was done |
# |---|---|
# | `none` | nothing |
# | `theta` | theta is not updated |
# | `lam` | Step 1 is left out: lam stays where it began |
# | `kl` | the KL counts three times, as by a sum in one place and a mean in the other |
# | `entropy` | log q is missing from Step 1's objective |

# %% nbgrader={"grade": false, "grade_id": "fit_bugs_figure", "locked": true, "schema_version": 3, "solution": false, "task": false}
runs = curves.hidden(np.random.default_rng(0), curves.FIT, curves.fit_runs)
draw(runs, np.arange(120), [(-5.6, -4.3), (-6.9, -4.3), (-0.1, 3)])


# %% nbgrader={"grade": false, "grade_id": "fit_bugs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fit_bugs():
    """-> {"A": the name of its bug, "B": ...}."""
    ### BEGIN SOLUTION
    return curves.letters(np.random.default_rng(0), curves.FIT)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit_bugs_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_fit_bugs(fit_bugs, np.random.default_rng(0))
print("fit_bugs: no complaint")

# %% [markdown] nbgrader={"grade": false, "grade_id": "averaging_bugs_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9.14 An estimator's mean and variance (2 points)
#
# The score function's estimate of $\frac{d}{d\mu} E[z^2]$ over 4000 replicates, for each number S of
# samples. The mean is divided by the exact gradient, so that 1 is right.
#
# | name | what was done |
# |---|---|
# | `none` | nothing |
# | `sum` | the samples are summed, not averaged |
# | `same` | one eps for all S samples |
# | `own sample` | the baseline is the mean over all samples, the own one among them |
# | `pathwise` | the pathwise term is added to the score function's: both paths at once |

# %% nbgrader={"grade": false, "grade_id": "averaging_bugs_figure", "locked": true, "schema_version": 3, "solution": false, "task": false}
runs = curves.hidden(np.random.default_rng(0), curves.AVERAGING, curves.averaging_runs)
draw(runs, curves.SIZES, [(0.3, 40), (0.3, 1500)], logarithmic=True)


# %% nbgrader={"grade": false, "grade_id": "averaging_bugs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def averaging_bugs():
    """-> {"A": the name of its bug, "B": ...}."""
    ### BEGIN SOLUTION
    return curves.letters(np.random.default_rng(0), curves.AVERAGING)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "averaging_bugs_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_averaging_bugs(averaging_bugs, np.random.default_rng(0))
print("averaging_bugs: no complaint")
