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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_08", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 8. What a latent-variable model is good for
#
# Belongs to notebook 8. The AEVB review names denoising, inpainting and super-resolution; all three are
# inference with another likelihood, followed by a posterior mean.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_08", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_08", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "masked_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8.1 Inpainting: a likelihood with holes (2 points)
#
# When only some pixels were seen, only these enter $\log p(x \mid z)$; the others are what the
# posterior will be asked for. Step 1 needs no other change.


# %% nbgrader={"grade": false, "grade_id": "masked", "locked": false, "schema_version": 3, "solution": true, "task": false}
def masked(x, observed, logits):
    """x (N, Dx) of zeros and ones, observed (N, Dx) True where seen, logits (S, N, Dx) -> (S, N)."""
    ### BEGIN SOLUTION
    softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
    return np.sum(observed * (x * logits - softplus), axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "masked_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_masked_log_likelihood(masked, np.random.default_rng(0))
print("masked: no complaint")
### BEGIN HIDDEN TESTS
checks.check_masked_log_likelihood(masked, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "posterior_mean_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8.2 Denoising: the mean of the clean image (3 points)
#
# The denoised image is $E[\bar x(z) \mid x]$, the decoder's mean averaged over the posterior. Samples
# from q with importance weights $w_s = p(x, z_s) / q(z_s)$ estimate it without the error of q:
#
# $$\frac{\sum_s w_s\, \bar x(z_s)}{\sum_s w_s}.$$
#
# The log weights are near -2000 again.


# %% nbgrader={"grade": false, "grade_id": "posterior_mean", "locked": false, "schema_version": 3, "solution": true, "task": false}
def posterior_mean(log_w, values):
    """log w (S, N), values (S, N, Dx) -> weighted mean over the samples (N, Dx)."""
    ### BEGIN SOLUTION
    w = np.exp(log_w - log_w.max(axis=0))[..., None]
    return np.sum(w * values, axis=0) / np.sum(w, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "posterior_mean_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_posterior_mean(posterior_mean, np.random.default_rng(0))
print("posterior_mean: no complaint")
### BEGIN HIDDEN TESTS
checks.check_posterior_mean(posterior_mean, np.random.default_rng(2026))
### END HIDDEN TESTS
