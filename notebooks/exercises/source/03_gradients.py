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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_03", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 3. Gradients of an expectation
#
# Belongs to notebook 3. Samples come from the very distribution that is to be differentiated. Two
# ways out, and what can be done about the noise of the first.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_03", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_03", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "derive_reinforce_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.1 Derive the REINFORCE gradient (3 points)
#
# The Ermon/Grover notes state that
#
# $$\nabla_\lambda E_{q_\lambda}[f(z)] = E_{q_\lambda}\big[f(z)\, \nabla_\lambda \log q_\lambda(z)\big]$$
#
# and leave the derivation to the reader. Do it: two lines, and one assumption that you should name.
# Then let $f(z) = \log p(x, z) - \log q_\lambda(z)$ depend on $\lambda$ too, and show why the extra
# term vanishes. (Graded by hand.)

# %% [markdown] nbgrader={"grade": true, "grade_id": "derive_reinforce", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# Write $\nabla q = q \nabla \log q$ (wherever $q > 0$), and move the derivative inside the integral,
# which is allowed when $f \nabla q$ is dominated by an integrable function near $\lambda$:
# $\nabla \int q f = \int f \nabla q = \int q\, f\, \nabla \log q = E_q[f \nabla \log q]$.
#
# If $f$ contains $-\log q_\lambda$, there is one more term, $E_q[\nabla f] = -E_q[\nabla \log q]
# = -\int \nabla q = -\nabla \int q = -\nabla 1 = 0$: the score has mean zero.

# %% [markdown] nbgrader={"grade": false, "grade_id": "score_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.2 The score of a Gaussian (2 points)
#
# Differentiate $\log q_\lambda(z)$ of exercise 1.1 with respect to $\mu$ and to $\log\sigma$ (not
# $\sigma$), and put the two halves side by side.


# %% nbgrader={"grade": false, "grade_id": "score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def score(z, mean, log_scale):
    """d log q(z) / d(mean, log sigma): z (S, N, D), mean and log_scale (N, D) -> (S, N, 2 D)."""
    ### BEGIN SOLUTION
    standardized = (z - mean) * np.exp(-log_scale)
    in_mean = standardized * np.exp(-log_scale)
    in_log_scale = standardized**2 - 1
    return np.concatenate([in_mean, in_log_scale], axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "score_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_score(score, np.random.default_rng(0))
print("score: no complaint")
### BEGIN HIDDEN TESTS
checks.check_score(score, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "reinforce_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.3 The REINFORCE estimate (2 points)
#
# Now code what you derived: S samples, their values $f_s$ and their scores.


# %% nbgrader={"grade": false, "grade_id": "reinforce", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reinforce(f, score):
    """f (S, N), score (S, N, P) -> estimate of d E[f] / d lam (N, P)."""
    ### BEGIN SOLUTION
    return np.mean(f[..., None] * score, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "reinforce_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_score_gradient(reinforce, np.random.default_rng(0))
print("reinforce: no complaint")
### BEGIN HIDDEN TESTS
checks.check_score_gradient(reinforce, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "pathwise_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.4 The reparameterized estimate (2 points)
#
# Write $z = \mu + \sigma\varepsilon$ with $\varepsilon \sim N(0, I)$ (Permuter, equation 14). The
# noise does not depend on $\lambda$, so the derivative goes straight through $z$ (Rios,
# "Reparametrised gradient estimate"):
# $\nabla_\lambda E[f] = E_\varepsilon[f'(z)\, \partial z / \partial \lambda]$.


# %% nbgrader={"grade": false, "grade_id": "pathwise", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pathwise(df_dz, eps, log_scale):
    """df_dz and eps (S, N, D), log_scale (N, D) -> d E[f] / d(mean, log sigma) (N, 2 D)."""
    ### BEGIN SOLUTION
    in_log_scale = df_dz * eps * np.exp(log_scale)
    return np.concatenate([df_dz, in_log_scale], axis=-1).mean(axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "pathwise_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_pathwise_gradient(pathwise, np.random.default_rng(0))
print("pathwise: no complaint")
### BEGIN HIDDEN TESTS
checks.check_pathwise_gradient(pathwise, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "score_variance_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.5 Predict the variance before measuring it (3 points)
#
# Let $q = N(\mu, \sigma^2)$, $f(z) = (z - k)^2$ and $d = \mu - k$. The pathwise estimate of
# $\partial E[f] / \partial\mu$ from one sample is $2(z - k)$: its variance is $4\sigma^2$, whatever
# $d$. Work out the variance of the score-function estimate
# $g = (z - k)^2 (z - \mu)/\sigma^2$, as a polynomial in $d$ and $\sigma$ over $\sigma^2$. (With $z -
# \mu = \sigma\varepsilon$ you need $E\varepsilon^2 = 1$, $E\varepsilon^4 = 3$, $E\varepsilon^6 = 15$,
# and that $E[g] = 2d$.)


# %% nbgrader={"grade": false, "grade_id": "score_variance", "locked": false, "schema_version": 3, "solution": true, "task": false}
def score_variance(mean, sigma, k):
    """Variance of one sample's (z - k)^2 (z - mean) / sigma^2; arrays of one shape."""
    ### BEGIN SOLUTION
    d = mean - k
    return (d**4 + 14 * d**2 * sigma**2 + 15 * sigma**4) / sigma**2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "score_variance_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_score_variance(score_variance, np.random.default_rng(0))
print("score_variance: no complaint")
### BEGIN HIDDEN TESTS
checks.check_score_variance(score_variance, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% nbgrader={"grade": false, "grade_id": "score_variance_after", "locked": true, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(0)
mean, sigma, k = 1.0, 1.0, -3.0
z = mean + sigma * rng.standard_normal(1_000_000)
g = (z - k) ** 2 * (z - mean) / sigma**2
print(
    f"measured {g.var():.1f}, predicted {score_variance(mean, sigma, k):.1f}, pathwise {4 * sigma**2:.1f}"
)

# %% [markdown] nbgrader={"grade": false, "grade_id": "leave_one_out_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.6 A baseline that is free (3 points)
#
# Because $E[\nabla \log q] = 0$, any $b_s$ that does not depend on $z_s$ may be subtracted from $f_s$.
# The mean of the *other* samples is such a number. With a single sample there are no others: raise a
# `ValueError` that says so.


# %% nbgrader={"grade": false, "grade_id": "leave_one_out", "locked": false, "schema_version": 3, "solution": true, "task": false}
def leave_one_out(f):
    """f (S, N) -> b (S, N), b_s the mean of the other samples' f."""
    ### BEGIN SOLUTION
    if len(f) < 2:
        raise ValueError(f"f has {len(f)} sample; expected at least 2.")
    return (f.sum(axis=0) - f) / (len(f) - 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "leave_one_out_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_leave_one_out(leave_one_out, np.random.default_rng(0))
print("leave_one_out: no complaint")
### BEGIN HIDDEN TESTS
checks.check_leave_one_out(leave_one_out, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "moving_average_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.7 Find the bug: a biased baseline (3 points)
#
# A colleague reports that training with a running mean as baseline is stable but slow, "as if the step
# size were smaller". Here is the code. Run it, and look at the mean gradient: the exact one is 2.


# %% nbgrader={"grade": false, "grade_id": "moving_average_given", "locked": true, "schema_version": 3, "solution": false, "task": false}
def colleagues_average(f, decay):
    baseline, running = np.empty_like(f), np.zeros(f.shape[1])
    for s, f_s in enumerate(f):
        running = decay * running + (1 - decay) * f_s
        baseline[s] = running
    return baseline


rng = np.random.default_rng(0)
z = 1 + rng.standard_normal((20, 20_000))  # q = N(1, 1), f(z) = z^2: d E[f] / d mean = 2
f = z**2
gradient = np.mean((f - colleagues_average(f, decay=0.5)) * (z - 1))
print(f"mean gradient with the colleague's baseline: {gradient:.3f}; exact: 2")

# %% [markdown] nbgrader={"grade": false, "grade_id": "moving_average_text_2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Write `moving_average` so that the estimate is unbiased, and explain to yourself the factor by which
# the colleague's gradient is too small.


# %% nbgrader={"grade": false, "grade_id": "moving_average", "locked": false, "schema_version": 3, "solution": true, "task": false}
def moving_average(f, decay):
    """f (S, N) in order -> b (S, N): b_1 = 0, b_{s+1} = decay b_s + (1 - decay) f_s."""
    ### BEGIN SOLUTION
    baseline, running = np.empty_like(f), np.zeros(f.shape[1])
    for s, f_s in enumerate(f):
        baseline[s] = running
        running = decay * running + (1 - decay) * f_s
    return baseline
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "moving_average_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_moving_average(moving_average, np.random.default_rng(0))
print("moving_average: no complaint")
### BEGIN HIDDEN TESTS
checks.check_moving_average(moving_average, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "optimal_baseline_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3.8 The best constant (3 points)
#
# Which coefficient $b_p$ makes the variance of $(f - b_p)\, h_p$ smallest, for $h_p = \partial \log q /
# \partial \lambda_p$? Differentiate $E[(f - b_p)^2 h_p^2]$ (Ranganath et al., 2014, equation 8), and
# replace expectations by sample means.


# %% nbgrader={"grade": false, "grade_id": "optimal_baseline", "locked": false, "schema_version": 3, "solution": true, "task": false}
def optimal_baseline(f, score):
    """f (S, N), score (S, N, P) -> one coefficient for each parameter (N, P)."""
    ### BEGIN SOLUTION
    return np.sum(f[..., None] * score**2, axis=0) / np.sum(score**2, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimal_baseline_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_optimal_baseline(optimal_baseline, np.random.default_rng(0))
print("optimal_baseline: no complaint")
### BEGIN HIDDEN TESTS
checks.check_optimal_baseline(optimal_baseline, np.random.default_rng(2026))
### END HIDDEN TESTS
