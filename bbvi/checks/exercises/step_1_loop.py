"""The check of the exercise about the loop of Step 1."""

import copy
from typing import Any

import numpy as np

from bbvi.backends import autodiff
from bbvi.checks.exercises.answers import Answer, as_array, call, name_of
from bbvi.checks.exercises.sizes import D, N
from bbvi.checks.mistakes import Suspect, fail, require_close, without_frames
from bbvi.estimators import sticking_the_landing
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.families import DiagonalGaussian
from bbvi.models import LinearGaussian
from bbvi.types import Array, Estimate, Target


@without_frames
def check_step_1_loop(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``fit(estimator, family, target, lam, rng, num_steps, rate)``: lam after Step 1.

    Each step draws new noise for a few samples, asks the estimator for the gradient, and climbs.
    It is run on a linear-Gaussian model, whose best q is known.
    """
    model, family = LinearGaussian(D, D + 1), DiagonalGaussian(D)
    # Orthogonal columns: the posterior is diagonal, and the noise vanishes on the way to it.
    W = np.array([[1.0, 0.5], [0.5, -1.0], [0.0, 0.0]])
    theta = {"W": W, "b": np.array([0.3, 0.0, -0.3]), "log_sigma": np.array(-0.3)}
    x, _ = model.sample(rng, theta, N)
    seen: list[tuple[Array, Array]] = []
    estimates: list[Estimate] = []

    def watched(family: Any, target: Target, lam: Array, eps: Array) -> Estimate:
        seen.append((np.array(lam), np.array(eps)))
        # A lam that runs away is refused by the library; the first wrong step says more.
        away = estimates and not (np.abs(lam) < 1e3).all()
        estimates.append(estimates[-1] if away else sticking_the_landing(family, target, lam, eps))
        return estimates[-1]

    start, num_steps, rate = family.init(N) + 0.5, 400, 0.05
    settings = {
        "estimator": watched,
        "family": family,
        "target": autodiff.target(model, theta, x),
        "lam": start,
        "rng": rng,
        "num_steps": num_steps,
        "rate": rate,
    }
    unused = copy.deepcopy(rng)
    with np.errstate(all="ignore"):
        lam = as_array(name_of(answer), call(answer, settings))

    def elbo(lam: Array) -> Array:
        return linear_gaussian_elbo(model, theta, x, family, lam).elbo

    best = elbo(family.from_moments(*model.posterior(theta, x)))
    _check_loop(name_of(answer), seen, lam, start, num_steps)
    _check_steps([one for one, _ in seen] + [lam], estimates, rate)
    if rng.random() == unused.random():
        fail(
            f"{name_of(answer)} did not use the rng that is passed in.",
            "a generator of its own: draw with family.noise(rng, ...)",
        )
    with np.errstate(all="ignore"):
        reached = elbo(lam)
    if not (reached > elbo(start) - 1e-3).all():
        fail(
            f"The ELBO fell from {elbo(start).mean():.3f} to {reached.mean():.3f} nats.",
            "the sign: climb the ELBO, lam + rate * grad",
        )
    if not (reached > best - 0.02).all():
        fail(
            f"The ELBO is {reached.mean():.3f} nats; the best q reaches {best.mean():.3f}.",
            "the gradient is scaled down, e.g. divided by the number of datapoints, samples or "
            "steps, or only one row or block of lam moves",
        )


def _check_steps(path: list[Array], estimates: list[Estimate], rate: float) -> None:
    """Each step is rate * grad; the first that is not is named."""
    for t, (before, after, estimate) in enumerate(zip(path, path[1:], estimates)):
        grad, step = np.asarray(estimate.grad), after - before
        if np.allclose(step, rate * grad, rtol=1e-3, atol=1e-5 * (1 + np.abs(before).max())):
            continue
        suspects = _mistakes_of_a_step(before, estimates, t, rate)
        if t == len(estimates) - 1 and np.allclose(after, path[0], atol=1e-9):
            suspects.insert(0, Suspect("the starting lam is returned, not the moved one", step))
        limit = 1e-4 * (np.abs(step) + 1e-3)
        what = f"Step {t + 1} of lam differs from rate * grad"
        cause = (
            "lam + rate * grad is the whole step; another step size, momentum, clipping, or a mean "
            "of several lam is not asked for"
        )
        require_close(what, step, rate * grad, limit, suspects, otherwise=cause)


def _mistakes_of_a_step(
    before: Array, estimates: list[Estimate], t: int, rate: float
) -> list[Suspect]:
    grad, elbo = np.asarray(estimates[t].grad), np.asarray(estimates[t].elbo)[:, None]
    step, (num, P), num_steps = rate * grad, grad.shape, len(estimates)
    scaled = "the gradient is scaled down, divided by"
    each_row = "each row has its own ELBO"
    elbos = "the .elbo of the estimate, where its .grad is meant"
    shrinks = "the step size shrinks with the steps: rate is constant"
    unit = "the gradient is normalized to length 1"
    flat = "the mean gradient over the datapoints: each row of lam has its own"
    one_row = "only one row or block of lam moves"
    columns, rows = np.arange(P), np.arange(num)[:, None]
    table = [
        ("the sign: climb the ELBO, lam + rate * grad", -step),
        ("rate is missing: lam + rate * grad", grad),
        ("divided by rate: lam + rate * grad", grad / rate),
        ("rate was applied twice", rate * step),
        *((elbos, rate * value + 0 * grad) for value in (elbo, elbo.mean(), elbo.sum())),
        ("the .elbo times the .grad: the .grad alone is the slope", elbo * step),
        (f"{scaled} 8, the number of samples: it is their mean", step / 8),
        (
            "the gradient is multiplied by 8, the number of samples: it is a mean over them",
            step * 8,
        ),
        (f"{scaled} N: {each_row}", step / num),
        (f"the gradient is multiplied by N: {each_row}", step * num),
        (f"{scaled} num_steps", step / num_steps),
        (f"{scaled} the number of parameters", step / P),
        ("two steps for each gradient: lam moves twice", 2 * step),
        (shrinks, step / (t + 1)),
        (shrinks, step / np.sqrt(t + 1)),
        (shrinks, step * (1 - t / num_steps)),
        ("the gradient is halved", step / 2),
        ("lam is replaced by the step: add the step to lam", step - before),
        ("lam is replaced by the gradient: add the step to lam", grad - before),
        ("the step is the sign of the gradient", rate * np.sign(grad)),
        (unit, step / np.linalg.norm(grad)),
        (unit, step / np.linalg.norm(grad, axis=1, keepdims=True)),
        (
            "only the mean moves: log sigma, the second half of lam, has a gradient too",
            step * (columns < P // 2),
        ),
        (
            "only log sigma moves: the mean, the first half of lam, has a gradient too",
            step * (columns >= P // 2),
        ),
        (one_row, step * (rows == 0)),
        (one_row, step * (rows == num - 1)),
        *((flat, value + 0 * grad) for value in (step.mean(axis=0), step.sum(axis=0), step.mean())),
        ("the gradient of the step before is used", rate * np.asarray(estimates[t - 1].grad)),
        ("this lam is not the last: one step is missing or not returned", 0 * grad),
    ]
    return [Suspect(*row) for row in table]


def _check_loop(
    name: str, seen: list[tuple[Array, Array]], lam: Array, start: Array, num_steps: int
) -> None:
    """The faults of a loop that show before the result is looked at."""
    if lam.shape != start.shape:
        fail(f"{name} returned shape {lam.shape}, lam has {start.shape}.", "return lam itself")
    if len(seen) != num_steps:
        fail(f"{name} asked for {len(seen)} gradients in {num_steps} steps.", "one for each step")
    if np.array_equal(seen[0][0], seen[-1][0]):
        fail(
            "Every gradient was taken at the starting lam.",
            "lam is not carried over to the next step",
        )
    if np.array_equal(seen[0][1], seen[1][1]):
        fail(
            "Two steps used the same noise.",
            "eps is drawn once before the loop: the optimum of those few samples is not the ELBO's",
        )
