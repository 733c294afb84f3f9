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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_05", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 5. Amortized inference and the VAE
#
# Belongs to notebook 5. The likelihood of a binary image, the gradient of an encoder, the loss of
# Swaney's lecture, and the two things to know of a convolution: its output's size and its adjoint.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_05", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_05", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "bernoulli_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5.1 The likelihood of binary pixels (3 points)
#
# The decoder's output is a logit $l_j$ for each pixel: $p(x_j = 1) = 1 / (1 + e^{-l_j})$. A confident
# decoder has logits of hundreds, where the probability rounds to 1 and $\log(1 - p)$ to minus
# infinity. Write $\log p(x \mid z)$ so that it survives $l_j = \pm 1000$.


# %% nbgrader={"grade": false, "grade_id": "bernoulli", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bernoulli(x, logits):
    """sum_j log p(x_j): x (N, Dx) of zeros and ones, logits (S, N, Dx) -> (S, N)."""
    ### BEGIN SOLUTION
    softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
    return np.sum(x * logits - softplus, axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bernoulli_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_bernoulli_log_likelihood(bernoulli, np.random.default_rng(0))
print("bernoulli: no complaint")
### BEGIN HIDDEN TESTS
checks.check_bernoulli_log_likelihood(bernoulli, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "encoder_pullback_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5.2 From lambda to phi (3 points)
#
# Amortize: $\lambda_n = f_\phi(x_n)$. All that is new is a chain rule,
# $\nabla_\phi \sum_n \mathrm{ELBO}_n = \sum_n (\partial\lambda_n / \partial\phi)^\top
# \nabla_{\lambda_n} \mathrm{ELBO}_n$. Do it for the simplest encoder, $\lambda = x A + c$.


# %% nbgrader={"grade": false, "grade_id": "encoder_pullback", "locked": false, "schema_version": 3, "solution": true, "task": false}
def encoder_pullback(x, grad):
    """x (N, Dx), grad = d ELBO_n / d lam_n (N, P) -> dA (Dx, P), dc (P,)."""
    ### BEGIN SOLUTION
    return x.T @ grad, grad.sum(axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "encoder_pullback_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_encoder_gradient(encoder_pullback, np.random.default_rng(0))
print("encoder_pullback: no complaint")
### BEGIN HIDDEN TESTS
checks.check_encoder_gradient(encoder_pullback, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "lecture_loss_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5.3 The lecture's loss, per image (3 points)
#
# Swaney's lecture minimizes $J = -\log p(x \mid z) - \log p(z) + \log q(z \mid x)$ with a Gaussian
# likelihood whose *one* $\log\sigma_x$ holds for all Dx pixels of an image, a standard-normal prior and
# a diagonal Gaussian posterior. Write J for each image, without the terms in $2\pi$.


# %% nbgrader={"grade": false, "grade_id": "lecture_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def lecture_loss(x, mean_x, log_scale_x, z, mean_z, log_scale_z):
    """x, mean_x (N, Dx); log_scale_x (N, 1); z, mean_z, log_scale_z (N, D) -> J (N,)."""
    ### BEGIN SOLUTION
    squares = np.sum(((x - mean_x) * np.exp(-log_scale_x)) ** 2, axis=-1)
    nll = x.shape[1] * log_scale_x[:, 0] + 0.5 * squares
    nlp = 0.5 * np.sum(z**2, axis=-1)
    nlq = np.sum(log_scale_z + 0.5 * ((z - mean_z) * np.exp(-log_scale_z)) ** 2, axis=-1)
    return nll + nlp - nlq
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lecture_loss_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_lecture_loss(lecture_loss, np.random.default_rng(0))
print("lecture_loss: no complaint")
### BEGIN HIDDEN TESTS
checks.check_lecture_loss(lecture_loss, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "output_sizes_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5.4 How large is the output? (3 points)
#
# A convolution slides a window of $k$ rows over an image of $n$ rows with $p$ rows of zeros on
# *either* side, in steps of $s$. Its output has a row for each place where the whole window fits.
# The transposed convolution goes back: each of its $n$ input rows puts down a window of $k$ rows, $s$
# rows after the one before; then $p$ rows are cut off on either side, and a few more rows
# (`more`, the output padding) are added on one side.
#
# Write the number of output rows of either. (Then a decoder can be made whose image fits.)


# %% nbgrader={"grade": false, "grade_id": "output_sizes", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_sizes(n, k, s, p, more):
    """Integers (L,), an entry for each layer -> rows of a convolution, of a transposed one."""
    ### BEGIN SOLUTION
    down = (n + 2 * p - k) // s + 1
    up = s * (n - 1) + k - 2 * p + more
    return down, up
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "output_sizes_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_convolution_sizes(output_sizes, np.random.default_rng(0))
print("output_sizes: no complaint")
### BEGIN HIDDEN TESTS
checks.check_convolution_sizes(output_sizes, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "conv_pullback_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5.5 The adjoint of a convolution (4 points)
#
# Without padding, a convolution is
# $\mathrm{out}_{noyx} = \sum_{cij} w_{ocij}\, \mathrm{in}_{n, c, sy + i, sx + j}$: linear in the image,
# and linear in the weights. So the chain rule needs no derivative, only the two adjoint maps: for a
# slope $g$ of the shape of the output they satisfy
#
# $$\langle \mathrm{conv}(x, w),\, g \rangle = \langle x,\, dx \rangle = \langle w,\, dw \rangle
# \qquad \text{for all } x \text{ and all } w .$$
#
# Read $dx$ and $dw$ off these identities. $dx$ *is* a transposed convolution. A loop over the
# entries $(i, j)$ of the window is enough: `x[:, :, i : i + s * Y : s, j : j + s * X : s]` are the
# pixels that entry sees at all places (Y, X) of the window.


# %% nbgrader={"grade": false, "grade_id": "conv_pullback", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv_pullback(x, w, g, stride):
    """x (N, C, H, W), w (O, C, kh, kw), g (N, O, Y, X), stride s -> dx and dw, like x and w."""
    ### BEGIN SOLUTION
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    Y, X = g.shape[2:]
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            rows = slice(i, i + stride * Y, stride)
            columns = slice(j, j + stride * X, stride)
            dx[:, :, rows, columns] += np.einsum("noyx,oc->ncyx", g, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("noyx,ncyx->oc", g, x[:, :, rows, columns])
    return dx, dw
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "conv_pullback_test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.check_convolution_pullback(conv_pullback, np.random.default_rng(0))
print("conv_pullback: no complaint")
### BEGIN HIDDEN TESTS
checks.check_convolution_pullback(conv_pullback, np.random.default_rng(2026))
### END HIDDEN TESTS
