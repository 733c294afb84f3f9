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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_10", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 10. Comparing honestly
#
# Belongs to notebook 10. Errors over the right axis, pairs, a step size that the test data have not
# seen, and many comparisons at once.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: M methods or pairs of methods, K seeds, N held-out
# datapoints. Scores are held-out ELBOs in nats: higher is better.

# %% nbgrader={"grade": false, "grade_id": "install_10", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_10", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "seed_error_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 10.1 The axis of the error (2 points)
#
# Each of M methods was run at K seeds and measured on N held-out datapoints. How far would the mean
# be from that of other seeds? The standard error over seeds, with $\bar y_k$ the mean over datapoints:
#
# $$\mathrm{se} = \frac{\operatorname{sd}_k(\bar y_k)}{\sqrt K}, \qquad
# \operatorname{sd}_k(\bar y_k)^2 = \frac{1}{K - 1} \sum_k \Big(\bar y_k - \frac1K \sum_j
# \bar y_j\Big)^2.$$


# %% nbgrader={"grade": false, "grade_id": "seed_error", "locked": false, "schema_version": 3, "solution": true, "task": false}
def seed_error(y):
    """y (M, K, N) -> the standard error over seeds of each method's mean, (M,)."""
    ### BEGIN SOLUTION
    means = y.mean(axis=2)
    return means.std(axis=1, ddof=1) / np.sqrt(y.shape[1])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "seed_error_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_seed_error(seed_error, np.random.default_rng(0))
print("seed_error: no complaint")
### BEGIN HIDDEN TESTS
checks.check_seed_error(seed_error, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "paired_error_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 10.2 Pairs (3 points)
#
# M pairs of methods, `a[m]` and `b[m]`, were run at the *same* K seeds and measured on the *same* N
# datapoints. Another comparison would have other seeds and other datapoints, so that the mean
# difference has two sources of error. With $d_{kn} = a_{kn} - b_{kn}$,
#
# $$\mathrm{se}^2 = \frac{\operatorname{var}_k\big(\operatorname{mean}_n d\big)}{K} +
# \frac{\operatorname{var}_n\big(\operatorname{mean}_k d\big)}{N},$$
#
# both variances with the divisor of an estimated mean (`ddof=1`).


# %% nbgrader={"grade": false, "grade_id": "paired_error", "locked": false, "schema_version": 3, "solution": true, "task": false}
def paired_error(a, b):
    """a, b (M, K, N) -> the standard error of each mean difference, (M,)."""
    ### BEGIN SOLUTION
    d = a - b
    over_seeds = d.mean(axis=2).var(axis=1, ddof=1) / d.shape[1]
    over_data = d.mean(axis=1).var(axis=1, ddof=1) / d.shape[2]
    return np.sqrt(over_seeds + over_data)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "paired_error_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_paired_error(paired_error, np.random.default_rng(0))
print("paired_error: no complaint")
### BEGIN HIDDEN TESTS
checks.check_paired_error(paired_error, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "chosen_score_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 10.3 A step size that the test data have not seen (3 points)
#
# A method was run with R step sizes, each at K seeds, and measured on N validation rows and on N test
# rows. Choose *one* step size: the one with the highest mean, over seeds and rows. Then return what may
# be reported of it: for each seed its mean over the rows. Which rows choose, and which rows report?


# %% nbgrader={"grade": false, "grade_id": "chosen_score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def chosen_score(validation, test):
    """Both (R, K, N) -> the score to report of the chosen step size at each seed, (K,)."""
    ### BEGIN SOLUTION
    best = np.argmax(validation.mean(axis=(1, 2)))
    return test[best].mean(axis=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "chosen_score_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_chosen_score(chosen_score, np.random.default_rng(0))
print("chosen_score: no complaint")
### BEGIN HIDDEN TESTS
checks.check_chosen_score(chosen_score, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "simultaneous_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 10.4 Many comparisons at once (3 points)
#
# M differences are told in one table, each with its standard error from K seeds. Make intervals
#
# $$\text{mean}_m \pm t\big(1 - \tfrac{0.05}{2 M};\ K - 1\big)\, \mathrm{se}_m,$$
#
# which *all* hold together in 95 of 100 tables: each holds with $1 - 0.05 / M$ (Bonferroni), half of
# what is left beyond either end. `stats.t.ppf(level, degrees)` is the quantile $t$ of Student's
# distribution.


# %% nbgrader={"grade": false, "grade_id": "simultaneous", "locked": false, "schema_version": 3, "solution": true, "task": false}
from scipy import stats


def simultaneous(mean, error, num_seeds):
    """mean, error (M,), K -> (low, high), both (M,)."""
    ### BEGIN SOLUTION
    level = 1 - 0.05 / (2 * len(mean))
    reach = stats.t.ppf(level, num_seeds - 1) * error
    return mean - reach, mean + reach
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "simultaneous_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.check_simultaneous_intervals(simultaneous, np.random.default_rng(0))
print("simultaneous: no complaint")
### BEGIN HIDDEN TESTS
checks.check_simultaneous_intervals(simultaneous, np.random.default_rng(2026))
### END HIDDEN TESTS
