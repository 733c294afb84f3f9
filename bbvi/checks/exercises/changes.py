"""The checks of changed experiments: settings at which a measured claim turns over.

The student returns the settings; the check runs the experiment with them, over several seeds.
"""

import copy
import math
from functools import partial

import numpy as np

from bbvi.backends import autodiff
from bbvi.checks.exercises.answers import Answer, as_array, call, name_of
from bbvi.checks.mistakes import fail, without_frames
from bbvi.estimators import expectations, leave_one_out, of_elbo, reparameterized
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.families import DiagonalGaussian
from bbvi.importance_weights import psis
from bbvi.models import LinearGaussian
from bbvi.models.integrands import cosine
from bbvi.types import Array, Estimator


def _number(answer: Answer, what: str) -> float:
    """The one positive number that an answer without arguments returns."""
    name = name_of(answer)
    value = as_array(name, call(answer, {}))
    if value.shape != ():
        fail(f"{name} has shape {value.shape}.", f"it should return one number, {what}")
    if not (math.isfinite(value) and value > 0):
        fail(f"{name} is {value:g}.", f"{what} is positive and finite")
    return float(value)


@without_frames
def check_frequency(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``frequency()``: a k at which the pathwise gradient of E[cos kz] is the noisier one.

    The claim: "the pathwise gradient has less variance".  At q = N(0.5, 1) and one sample it has
    to have at least 20 times the variance of the score function's, measured three times.

    Raises
    ------
    AssertionError
        With what was measured and the likely mistake.
    """
    k = _number(answer, "the angular frequency k")
    family, lam, R = DiagonalGaussian(1), np.array([[0.5, 0.0]]), 4000
    rows, f = np.repeat(lam, R, axis=0), cosine(k, num_data=R)
    ratios = []
    for _ in range(3):
        eps = family.noise(rng, 1, R)
        pathwise = expectations.pathwise(family, f, rows, eps).grad[:, 0].var()
        score = expectations.score_function(family, f, rows, eps).grad[:, 0].var()
        ratios.append(pathwise / score)
    low = min(ratios)
    measured = f"At k = {k:g} the pathwise variance is {low:.2g} times the score function's."
    if low < 1:
        fail(
            measured,
            "k is too small: under one q the cosine has hardly a slope there, and the claim holds",
        )
    if low < 20:
        fail(
            measured,
            "k goes the right way, not far enough: the variance of -k sin(kz) grows like k^2, "
            "that of the score function stays",
        )


@without_frames
def check_covariance(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``covariance()``: a posterior of which a factorized q loses between 1 and 2 nats.

    The claim: "a factorized Gaussian loses next to nothing".  The answer is the covariance (2, 2)
    of a Gaussian posterior, with variances 1; the best factorized q loses
    -log(1 - correlation^2) / 2.

    Raises
    ------
    AssertionError
        With the loss and the likely mistake.
    """
    name = name_of(answer)
    C = as_array(name, call(answer, {}))
    if C.shape != (2, 2):
        fail(f"{name} has shape {C.shape}.", "a covariance in two dimensions is (2, 2)")
    if not np.allclose(C, C.T):
        fail(f"{name} is not symmetric.", "C[0, 1] and C[1, 0] are the same covariance")
    if not np.allclose(np.diagonal(C), 1):
        fail(
            f"The variances are {C[0, 0]:g} and {C[1, 1]:g}.",
            "scales were changed: q has a scale of its own for each dimension, so that they lose "
            "nothing. Leave the variances at 1",
        )
    if abs(C[0, 1]) >= 1:
        fail(
            f"The correlation is {C[0, 1]:g}.",
            "that is no covariance: a correlation lies between -1 and 1",
        )
    lost = -0.5 * math.log(1 - C[0, 1] ** 2)
    measured = f"At a correlation of {C[0, 1]:g} the best factorized q loses {lost:.3g} nats."
    if lost == 0:
        fail(measured, "without a correlation the posterior is factorized itself")
    if lost < 1:
        fail(measured, "a weaker correlation than needed: 1 - correlation^2 has to fall to e^-2")
    if lost > 2:
        fail(measured, "a stronger correlation than needed: 2 nats are the limit")


@without_frames
def check_proposal_scale(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``proposal_scale()``: the sd of a proposal whose k-hat warns.

    The claim: "k-hat is below 0.7, so the evidence may be believed".  The posterior is N(0, 1), q
    is N(0, scale^2), with 4000 samples; the tail of the weights has the shape k = 1 - scale^2 for
    scale < 1.  The mean of k-hat over ten draws has to be above 0.7.

    Raises
    ------
    AssertionError
        With k-hat and the likely mistake.

    Notes
    -----
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance sampling".
    """
    scale = _number(answer, "the standard deviation of q")
    eps = rng.standard_normal((4000, 10))
    log_w = -0.5 * (scale * eps) ** 2 + 0.5 * eps**2 + math.log(scale)
    khat = float(psis(log_w).khat.mean())
    measured = f"At scale {scale:g} the mean of ten k-hats is {khat:.2f}."
    if khat > 0.7:
        return
    if scale > 1:
        w = np.exp(log_w - log_w.max(axis=0))
        effective = float((w.sum(axis=0) ** 2 / (w**2).sum(axis=0)).mean())
        fail(
            measured,
            "q is too wide: its weights are bounded, however few of them count (the effective "
            f"sample size is {effective:.0f} of 4000). k-hat warns of a q that is too narrow",
        )
    if scale > 0.99:
        fail(measured, "q is the posterior: all weights are equal")
    fail(
        measured,
        "q is too narrow already, but not enough: with shape k = 1 - scale^2 the scale has to "
        "fall well below sqrt(0.3)",
    )


@without_frames
def check_common_rate(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``common_rate()``: a step size at which the score function ends ahead of pathwise.

    The claim, measured at step size 0.3: "with the same step size for both, `reparameterized` ends
    nearer to the best ELBO than `leave_one_out`".  100 steps of Step 1 with S = 16,
    three data sets.

    Raises
    ------
    AssertionError
        With the distances and the likely mistake.
    """
    rate = _number(answer, "the step size")
    # Both on the same data, and with the same noise.
    lost = np.array([_distances(e, rate, copy.deepcopy(rng)) for e in _PAIR]).T
    score, pathwise = lost.max(axis=0)
    measured = (
        f"At step size {rate:g} leave_one_out ends {score:.3g} nats from the best ELBO, "
        f"reparameterized {pathwise:.3g} (the worst of three data sets)."
    )
    if (lost[:, 0] < lost[:, 1] / 2).all():
        return
    if rate >= 0.12:
        fail(
            measured,
            "too large a step size: far from the optimum the score function's noise throws lam "
            "away before it can vanish",
        )
    fail(
        measured,
        "too small a step size: both are still on the way, and what noise is left at the optimum "
        "does not show yet",
    )


_PAIR: tuple[Estimator, Estimator] = (
    of_elbo(partial(expectations.score_function, baseline=leave_one_out)),
    reparameterized,
)


def _distances(estimator: Estimator, rate: float, rng: np.random.Generator) -> Array:
    """Log p(x) - ELBO after 100 steps, of three sets of 16 datapoints; infinite if lam ran away."""
    model, family, num = LinearGaussian(2, 3), DiagonalGaussian(2), 48
    W = np.array([[1.0, 0.5], [0.5, -1.0], [0.0, 0.0]])
    theta = {"W": W, "b": np.zeros(3), "log_sigma": np.array(-0.3)}
    x, _ = model.sample(rng, theta, num)
    target, lam, away = autodiff.target(model, theta, x), family.init(num) + 0.5, np.zeros(num)
    for _ in range(100):
        lam = lam + rate * estimator(family, target, lam, family.noise(rng, 16, num)).grad
        ran = ~(np.abs(lam) < 50).all(axis=1)
        lam[ran], away[ran] = 0, math.inf
    elbo: Array = linear_gaussian_elbo(model, theta, x, family, lam).elbo
    return np.asarray((model.log_evidence(theta, x) - elbo + away).reshape(3, 16).mean(axis=1))
