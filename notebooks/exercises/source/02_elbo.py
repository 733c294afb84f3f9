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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_02", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 2. The ELBO
#
# Belongs to notebook 2. The bound, its closed-form parts, the gap, and a tighter bound.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_02", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_02", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "elbo_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2.1 The ELBO from samples (2 points)
#
# From the slides of Rios: the ELBO is the expected log joint plus the entropy of q,
#
# $$\mathrm{ELBO} = E_q[\log p(x, z)] + H[q], \qquad H[q] = -E_q[\log q(z)].$$
#
# Estimate it, for each datapoint, from S samples $z_s \sim q$.


# %% nbgrader={"grade": false, "grade_id": "elbo", "locked": false, "schema_version": 3, "solution": true, "task": false}
def elbo(log_joint, log_q):
    """log p(x_n, z_sn) and log q(z_sn), both (S, N) -> (N,)."""
    ### BEGIN SOLUTION
    return np.mean(log_joint - log_q, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "elbo_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_elbo(elbo, np.random.default_rng(0))
print("elbo: no complaint")
### BEGIN HIDDEN TESTS
checks.check_elbo(elbo, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "kl_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2.2 The KL term in closed form (2 points)
#
# With a standard-normal prior the ELBO is also the reconstruction minus a KL that needs no samples
# (Permuter, equation 9; Rios, "Gaussian KL"). Derive
# $\mathrm{KL}(N(\mu, \mathrm{diag}\,\sigma^2) \,\|\, N(0, I))$ and code it. Mind that the
# argument is $\log\sigma$, not $\log\sigma^2$.


# %% nbgrader={"grade": false, "grade_id": "kl", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kl(mean, log_scale):
    """KL to N(0, I) of each row: mean and log_scale (N, D) -> (N,)."""
    ### BEGIN SOLUTION
    return np.sum(0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale, axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "kl_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_kl_to_prior(kl, np.random.default_rng(0))
print("kl: no complaint")
### BEGIN HIDDEN TESTS
checks.check_kl_to_prior(kl, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "gaussian_kl_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2.3 The gap is a KL divergence (3 points)
#
# $\log p(x) - \mathrm{ELBO} = \mathrm{KL}(q \,\|\, p(z \mid x))$, in this direction. Where the
# posterior is a Gaussian (probabilistic PCA), the gap is a KL of two Gaussians with any covariances.
# The cell below your answer's check puts the three numbers side by side.


# %% nbgrader={"grade": false, "grade_id": "gaussian_kl", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    """KL(q || p): means (N, D), covariances (N, D, D) -> (N,)."""
    ### BEGIN SOLUTION
    precision = np.linalg.inv(cov_p)
    gap = mean_q - mean_p
    trace = np.trace(precision @ cov_q, axis1=1, axis2=2)
    distance = np.einsum("ni,nij,nj->n", gap, precision, gap)
    log_det = np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1]
    return 0.5 * (trace + distance - mean_q.shape[1] + log_det)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gaussian_kl_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_gaussian_kl(gaussian_kl, np.random.default_rng(0))
print("gaussian_kl: no complaint")
### BEGIN HIDDEN TESTS
checks.check_gaussian_kl(gaussian_kl, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% nbgrader={"grade": false, "grade_id": "gaussian_kl_after", "locked": true, "schema_version": 3, "solution": false, "task": false}
from bbvi import DiagonalGaussian, LinearGaussian
from bbvi.evaluation import linear_gaussian_elbo

model, family = LinearGaussian(2, 3), DiagonalGaussian(2)
theta = model.init(np.random.default_rng(0))
x, _ = model.sample(np.random.default_rng(1), theta, num=4)
lam = family.init(4) + 0.3
posterior = model.posterior(theta, x)
gap = gaussian_kl(*family.moments(lam), posterior.mean, np.tile(posterior.covariance, (4, 1, 1)))
bound = linear_gaussian_elbo(model, theta, x, family, lam).elbo
print("ELBO      ", bound.round(4))
print("ELBO + KL ", (bound + gap).round(4))
print("log p(x)  ", model.log_evidence(theta, x).round(4))

# %% [markdown] nbgrader={"grade": false, "grade_id": "iwae_bound_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2.4 A tighter bound, and its log S (3 points)
#
# Put S samples under one logarithm and the bound rises (Burda, Grosse and Salakhutdinov, 2016):
#
# $$L_S = E\Big[\log \frac1S \sum_{s=1}^S w_s\Big], \qquad w_s = \frac{p(x, z_s)}{q(z_s)}.$$
#
# Code the estimate from one set of S samples. Before you run the check: what is $L_1$?


# %% nbgrader={"grade": false, "grade_id": "iwae_bound", "locked": false, "schema_version": 3, "solution": true, "task": false}
def iwae_bound(log_joint, log_q):
    """log p(x_n, z_sn) and log q(z_sn), both (S, N) -> (N,)."""
    ### BEGIN SOLUTION
    log_w = log_joint - log_q
    highest = log_w.max(axis=0)
    return highest + np.log(np.exp(log_w - highest).sum(axis=0)) - np.log(len(log_w))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "iwae_bound_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_iwae_bound(iwae_bound, np.random.default_rng(0))
print("iwae_bound: no complaint")
### BEGIN HIDDEN TESTS
checks.check_iwae_bound(iwae_bound, np.random.default_rng(2026))
### END HIDDEN TESTS
