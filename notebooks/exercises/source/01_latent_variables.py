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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_01", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 1. Latent-variable models
#
# Belongs to notebook 1. Three functions on which everything else stands: a log-density, a draw, and
# the estimate of $\log p(x)$ that every lecture starts with (Ermon/Grover notes, Permuter's
# equations 2 and 3, Swaney's section II) and then gives up.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_01", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_01", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "log_normal_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1.1 A log-density (2 points)
#
# The workhorse of all that follows is the factorized Gaussian, with $\lambda = (\mu, \log\sigma)$:
#
# $$\log q_\lambda(z) = \sum_{d=1}^{D} \log N(z_d; \mu_d, \sigma_d^2).$$
#
# Write it for S samples of N datapoints at once. Everything is in logarithms, the scale too: an
# optimizer may then move $\log\sigma$ anywhere without making $\sigma$ negative.


# %% nbgrader={"grade": false, "grade_id": "log_normal", "locked": false, "schema_version": 3, "solution": true, "task": false}
def log_normal(z, mean, log_scale):
    """log N(z; mean, diag(sigma^2)): z (S, N, D), mean and log_scale (N, D) -> (S, N)."""
    ### BEGIN SOLUTION
    standardized = (z - mean) * np.exp(-log_scale)
    return np.sum(-0.5 * standardized**2 - 0.5 * np.log(2 * np.pi) - log_scale, axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "log_normal_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_log_normal(log_normal, np.random.default_rng(0))
print("log_normal: no complaint")
### BEGIN HIDDEN TESTS
checks.check_log_normal(log_normal, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "sample_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1.2 Ancestral sampling (2 points)
#
# A directed model is a recipe: first the cause, then the effect. For probabilistic PCA,
#
# $$z \sim N(0, I), \qquad x \mid z \sim N(Wz + b,\; \sigma^2 I).$$
#
# Draw `num` pairs with the generator that is passed in.


# %% nbgrader={"grade": false, "grade_id": "sample", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sample(rng, W, b, log_sigma, num):
    """W (Dx, D), b (Dx,), log_sigma a number -> x (num, Dx), z (num, D)."""
    ### BEGIN SOLUTION
    z = rng.standard_normal((num, W.shape[1]))
    noise = np.exp(log_sigma) * rng.standard_normal((num, W.shape[0]))
    return z @ W.T + b + noise, z
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sample_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_ancestral_sampling(sample, np.random.default_rng(0))
print("sample: no complaint")
### BEGIN HIDDEN TESTS
checks.check_ancestral_sampling(sample, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "log_evidence_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1.3 Naive Monte Carlo, in logarithms (3 points)
#
# The evidence is a mean over the prior, so estimate it by one:
#
# $$\log p(x) \approx \log \frac1S \sum_{s=1}^S p(x \mid z_s), \qquad z_s \sim p(z).$$
#
# The argument holds $\log p(x_n \mid z_{sn})$. For a picture these are near -2000 nats, and
# `np.exp(-2000)` is zero.


# %% nbgrader={"grade": false, "grade_id": "log_evidence", "locked": false, "schema_version": 3, "solution": true, "task": false}
def log_evidence(log_likelihood):
    """log p(x_n | z_sn) (S, N) -> estimate of log p(x_n) (N,)."""
    ### BEGIN SOLUTION
    highest = log_likelihood.max(axis=0)
    return highest + np.log(np.mean(np.exp(log_likelihood - highest), axis=0))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "log_evidence_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_log_evidence(log_evidence, np.random.default_rng(0))
print("log_evidence: no complaint")
### BEGIN HIDDEN TESTS
checks.check_log_evidence(log_evidence, np.random.default_rng(2026))
### END HIDDEN TESTS
