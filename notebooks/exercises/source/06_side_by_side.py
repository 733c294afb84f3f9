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

# %% [markdown] nbgrader={"grade": false, "grade_id": "title_06", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Exercises 6. Side by side
#
# Belongs to notebook 6. Take the gap apart, then enter an estimator of your own.
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell below each: it prints "no
# complaint", or names the likely mistake. Shapes: N datapoints, S samples, D latent dimensions, Dx
# observed ones, P parameters of q. All logarithms are natural (nats).

# %% nbgrader={"grade": false, "grade_id": "install_06", "locked": true, "schema_version": 3, "solution": false, "task": false}
import importlib.util
import sys

if importlib.util.find_spec("bbvi") is None:
    sys.exit(f"bbvi is missing. In its checkout run: {sys.executable} -m pip install -e .")

# %% nbgrader={"grade": false, "grade_id": "setup_06", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from bbvi import checks

# %% [markdown] nbgrader={"grade": false, "grade_id": "split_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6.1 Two gaps in one (2 points)
#
# $\log p(x) - \mathrm{ELBO}$ has two causes: the family cannot express the posterior, and the encoder
# does not find the best member of the family. With the ELBO at the family's optimum in between, split
# the gap.


# %% nbgrader={"grade": false, "grade_id": "split", "locked": false, "schema_version": 3, "solution": true, "task": false}
def split(log_evidence, elbo, elbo_optimum):
    """All (N,) -> (approximation gap, amortization gap), both (N,) and not negative."""
    ### BEGIN SOLUTION
    return log_evidence - elbo_optimum, elbo_optimum - elbo
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "split_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.check_gap_split(split, np.random.default_rng(0))
print("split: no complaint")
### BEGIN HIDDEN TESTS
checks.check_gap_split(split, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "antithetic_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6.2 Your own estimator, in the comparison (4 points)
#
# An estimator is any function `(family, target, lam, eps) -> Estimate`. Write one: the reparameterized
# gradient, averaged over each $\varepsilon$ and its mirror image $-\varepsilon$. The two halves err on
# opposite sides, so that odd powers of the noise cancel. `bbvi.reparameterized` does each half; average
# `elbo`, `grad` and, unless it is None, each entry of `grad_theta`. The check wants it unbiased *and*
# better than `reparameterized` with the same eps.

# %% nbgrader={"grade": false, "grade_id": "antithetic", "locked": false, "schema_version": 3, "solution": true, "task": false}
from bbvi import Estimate, reparameterized


def antithetic(family, target, lam, eps):
    """The mean of the reparameterized estimates at eps and at -eps."""
    ### BEGIN SOLUTION
    one = reparameterized(family, target, lam, eps)
    other = reparameterized(family, target, lam, -eps)
    theta = one.grad_theta
    if theta is not None:
        theta = {key: 0.5 * (value + other.grad_theta[key]) for key, value in theta.items()}
    return Estimate(0.5 * (one.elbo + other.elbo), 0.5 * (one.grad + other.grad), theta)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "antithetic_test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.check_antithetic(antithetic, np.random.default_rng(0))
print("antithetic: no complaint")
### BEGIN HIDDEN TESTS
checks.check_antithetic(antithetic, np.random.default_rng(2026))
### END HIDDEN TESTS

# %% nbgrader={"grade": false, "grade_id": "antithetic_after", "locked": true, "schema_version": 3, "solution": false, "task": false}
from bbvi.estimators import Cost, Specification, itself
from bbvi.estimators.table import ESTIMATORS
from bbvi.experiments.csv_and_json import format_table
from bbvi.experiments.variance import variance
from bbvi.experiments.variance_grid import Grid
from bbvi.types import Reparameterizable

mine = Specification(
    antithetic,
    source="me",
    elbo_by=itself,
    family=Reparameterizable,
    differentiable=True,
    cost=Cost(samples=2),
)
names = ("score-function", "leave-one-out", "reparameterized", "sticking-the-landing", "mine")
grid = Grid(
    models=("linear-gaussian",),
    estimators=names,
    samples=(4,),
    dimensions=(2,),
    points=("mid",),
    replicates=500,
)
rows = variance(grid, table={**ESTIMATORS, "mine": mine}, workers=1, progress=False).rows
columns = ("estimator", "block", "bias_z", "variance", "evaluations", "variance_x_evaluations")
short = [
    {key: f"{row[key]:.3g}" if isinstance(row[key], float) else row[key] for key in columns}
    for row in rows
    if row["block"] == "mean"
]
print(format_table(short, columns))
