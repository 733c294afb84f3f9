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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_07", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 7. Priors, likelihoods and families
#
# Belongs to notebook 7. The alternatives that the Ermon/Grover notes name in passing, and the discrete
# latents that Rios lists as a difficulty.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_07", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_07", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "log_mixture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7.1 A mixture as the prior (2 points)
#
# The prior may be a trainable mixture, $p(z) = \sum_k w_k\, N_k(z)$. Given the components'
# log-densities, combine them without leaving the logarithms.


# %% nbgrader={"grade": false, "grade_id": "log_mixture", "locked": false, "schema_version": 3, "solution": true, "task": false}
def log_mixture(log_weights, log_densities):
    """log w_k (K,), log N_k(z) (S, N, K) -> log p(z) (S, N)."""
    ### BEGIN SOLUTION
    terms = log_weights + log_densities
    highest = terms.max(axis=-1)
    return highest + np.log(np.sum(np.exp(terms - highest[..., None]), axis=-1))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "log_mixture_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_log_mixture(log_mixture, np.random.default_rng(0))
print("log_mixture: no complaint")
### BEGIN HIDDEN TESTS
checks.check_log_mixture(log_mixture, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "transform_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7.2 A full covariance (2 points)
#
# A diagonal q cannot lean. With a lower-triangular $L_n$, $z = \mu_n + L_n \varepsilon$ has the
# covariance $L_n L_n^\top$. Apply each datapoint's factor to each of its samples.


# %% nbgrader={"grade": false, "grade_id": "transform", "locked": false, "schema_version": 3, "solution": true, "task": false}
def transform(eps, mean, factor):
    """eps (S, N, D), mean (N, D), factor (N, D, D) -> z (S, N, D)."""
    ### BEGIN SOLUTION
    return mean + np.einsum("nij,snj->sni", factor, eps)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "transform_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_full_covariance_transform(transform, np.random.default_rng(0))
print("transform: no complaint")
### BEGIN HIDDEN TESTS
checks.check_full_covariance_transform(transform, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "bernoulli_score_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7.3 Discrete latents (2 points)
#
# There is no smooth path from noise to a bit, so reparameterization has nothing to differentiate; the
# score function has. Find $\partial \log q(z) / \partial l$ for a Bernoulli with logit $l$, and see it
# simplify.


# %% nbgrader={"grade": false, "grade_id": "bernoulli_score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bernoulli_score(z, logits):
    """z (S, N, D) of zeros and ones, logits (N, D) -> (S, N, D)."""
    ### BEGIN SOLUTION
    return z - 1 / (1 + np.exp(-logits))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bernoulli_score_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_bernoulli_score(bernoulli_score, np.random.default_rng(0))
print("bernoulli_score: no complaint")
### BEGIN HIDDEN TESTS
checks.check_bernoulli_score(bernoulli_score, np.random.default_rng(2026))
### END HIDDEN TESTS
