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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_04", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 4. Black-box variational inference
#
# Belongs to notebook 4. The two steps of the Ermon/Grover notes, by hand.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_04", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_04", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "step_1_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4.1 Step 1 for a minibatch (2 points)
#
# Each datapoint has its own row $\lambda_i$. A step moves the rows of the minibatch, each by its own
# gradient, and no others. Return a new table; leave the old one as it was.


# %% nbgrader={"grade": false, "grade_id": "step_1", "locked": false, "schema_version": 3, "solution": true, "task": false}
def step_1(lam, rows, grad, rate):
    """lam (N, P), rows (B,) of the minibatch, grad (B, P) of the ELBO -> new lam (N, P)."""
    ### BEGIN SOLUTION
    lam = lam.copy()
    lam[rows] += rate * grad
    return lam
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "step_1_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_step_1(step_1, np.random.default_rng(0))
print("step_1: no complaint")
### BEGIN HIDDEN TESTS
checks.check_step_1(step_1, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "fit_q_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4.2 Step 1 until it has converged (3 points)
#
# Now the loop. Every step draws fresh noise `family.noise(rng, 8, len(lam))`, asks the estimator for
# an `Estimate`, whose `.grad` is the gradient of the ELBO in `lam`, and climbs.


# %% nbgrader={"grade": false, "grade_id": "fit_q", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fit_q(estimator, family, target, lam, rng, num_steps, rate):
    """lam (N, P) after num_steps steps of Step 1 from the lam that is passed in."""
    ### BEGIN SOLUTION
    for _ in range(num_steps):
        eps = family.noise(rng, 8, len(lam))
        lam = lam + rate * estimator(family, target, lam, eps).grad
    return lam
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit_q_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_step_1_loop(fit_q, np.random.default_rng(0))
print("fit_q: no complaint")
### BEGIN HIDDEN TESTS
checks.check_step_1_loop(fit_q, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "theta_gradient_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4.3 Step 2 for a minibatch (2 points)
#
# Step 2 moves the parameters that all datapoints share. A minibatch of B out of N datapoints gives an
# unbiased estimate of the gradient of the *whole* ELBO, $\sum_{i=1}^{N} \mathrm{ELBO}_i$ (Kingma and
# Welling, 2014, equation 8).


# %% nbgrader={"grade": false, "grade_id": "theta_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def theta_gradient(gradients, num_data):
    """d log p(x_i, z_si) / d theta (S, B, K), and N -> gradient of the sum of all N ELBOs (K,)."""
    ### BEGIN SOLUTION
    B = gradients.shape[1]
    return num_data / B * gradients.mean(axis=0).sum(axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "theta_gradient_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_theta_gradient(theta_gradient, np.random.default_rng(0))
print("theta_gradient: no complaint")
### BEGIN HIDDEN TESTS
checks.check_theta_gradient(theta_gradient, np.random.default_rng(2026))
### END HIDDEN TESTS
