"""Checks of exercises about updates: Step 1, Step 2, the encoder, an own estimator (floor 5)."""

import copy
from typing import Any

import numpy as np

from bbvi.backends import autodiff
from bbvi.checks.estimator import check_estimator
from bbvi.checks.exercises.answers import Answer, as_array, call, check_answer, name_of
from bbvi.checks.exercises.densities import DX, D, N, S
from bbvi.checks.problem import linear_gaussian_problem, tile_target
from bbvi.checks.verdicts import Suspect, fail, without_frames
from bbvi.estimators import reparameterized, sticking_the_landing
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.families import DiagonalGaussian
from bbvi.models import LinearGaussian
from bbvi.types import Array, Estimate, Estimator, Target


@without_frames
def check_step_1(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``step_1(lam, rows, grad, rate)``: the table (N, P) after one step on a minibatch.

    lam_i <- lam_i + rate * d ELBO_i / d lam_i for the datapoints i in ``rows``; all other rows
    stay.  grad (B, P) belongs to ``rows`` (B,).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Ermon/Grover notes, "Black-box variational inference", Step 1.
    """
    lam, rows, rate = rng.standard_normal((6, 4)), np.array([4, 1, 2]), 0.1
    grad = rng.standard_normal((3, 4))

    def moved(step: Array) -> Array:
        table = lam.copy()
        table[rows] += step
        return table

    in_order = lam.copy()
    in_order[: len(rows)] += rate * grad
    in_sorted_order = lam.copy()
    in_sorted_order[np.sort(rows)] += rate * grad
    suspects = [
        Suspect("the sign: that is a step down, and the ELBO is climbed", moved(-rate * grad)),
        Suspect("the step size is missing", moved(grad)),
        Suspect(
            "averaged over the minibatch: each row has its own ELBO and its own gradient",
            moved(rate * grad.mean(axis=0)),
        ),
        Suspect("divided by the size of the minibatch", moved(rate * grad / len(rows))),
        Suspect("rows outside the minibatch moved", lam + rate * grad.mean(axis=0)),
        Suspect(
            "grad belongs to rows in their order, which a mask or a sort has lost", in_sorted_order
        ),
        Suspect("the first rows moved instead of those named in rows", in_order),
        Suspect(
            "the other rows are reset", moved(rate * grad) * np.isin(np.arange(6), rows)[:, None]
        ),
        Suspect("only the moved rows: return the whole table", lam[rows] + rate * grad),
    ]
    arguments = {"lam": lam, "rows": rows, "grad": grad, "rate": rate}
    check_answer(answer, arguments, moved(rate * grad), suspects)


@without_frames
def check_step_1_loop(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``fit(estimator, family, target, lam, rng, num_steps, rate)``: lam after Step 1.

    Each step draws new noise for a few samples, asks the estimator for the gradient, and climbs.
    It is run on a linear-Gaussian model, whose best q is known.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    model, family = LinearGaussian(D, D + 1), DiagonalGaussian(D)
    # Orthogonal columns: the posterior is diagonal, and the noise vanishes on the way to it.
    W = np.array([[1.0, 0.5], [0.5, -1.0], [0.0, 0.0]])
    theta = {"W": W, "b": np.array([0.3, 0.0, -0.3]), "log_sigma": np.array(-0.3)}
    x, _ = model.sample(rng, theta, N)
    seen: list[tuple[Array, Array]] = []

    def watched(family: Any, target: Target, lam: Array, eps: Array) -> Estimate:
        seen.append((lam.copy(), np.array(eps)))
        return sticking_the_landing(family, target, lam, eps)

    start, num_steps = family.init(N) + 0.5, 400
    settings = {
        "estimator": watched,
        "family": family,
        "target": autodiff.target(model, theta, x),
        "lam": start,
        "rng": rng,
        "num_steps": num_steps,
        "rate": 0.05,
    }
    unused = copy.deepcopy(rng)
    with np.errstate(all="ignore"):
        lam = as_array(name_of(answer), call(answer, settings))

    def elbo(lam: Array) -> Array:
        return linear_gaussian_elbo(model, theta, x, family, lam).elbo

    best = elbo(family.from_moments(*model.posterior(theta, x)))
    _check_loop(name_of(answer), seen, lam, start, num_steps)
    if rng.random() == unused.random():
        fail(
            f"{name_of(answer)} did not use the rng that is passed in.",
            "a generator of its own: draw with family.noise(rng, ...)",
        )
    with np.errstate(all="ignore"):
        found = elbo(lam)
    if not (found > elbo(start) - 1e-3).all():
        fail(
            f"The ELBO fell from {elbo(start).mean():.3f} to {found.mean():.3f} nats.",
            "the sign: climb the ELBO, lam + rate * grad",
        )
    if not (found > best - 0.02).all():
        fail(
            f"The ELBO is {found.mean():.3f} nats; the best q reaches {best.mean():.3f}.",
            "the gradient is scaled down, e.g. divided by the number of datapoints, samples or "
            "steps, or only one row or block of lam moves",
        )


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


@without_frames
def check_theta_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``theta_gradient(gradients, num_data)``: d (sum over all N of ELBO) / d theta, (K,).

    gradients (S, B, K) are d log p_theta(x_i, z_s) / d theta for S samples of each of the B
    datapoints of a minibatch, drawn from N = num_data.

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Ermon/Grover notes, Step 2; Kingma and Welling (2014), equation 8.
    """
    gradients, num_data = rng.standard_normal((S, N, DX)), 60
    batch = gradients.mean(axis=0).sum(axis=0)
    suspects = [
        Suspect("N / B is missing: the minibatch stands for all N datapoints", batch),
        Suspect("that is the mean per datapoint: times N", batch / N),
        Suspect(
            "divided by B twice: the sum over the minibatch, not its mean", batch * num_data / N**2
        ),
        Suspect("the division by B is missing", num_data * batch),
        Suspect("B / N instead of N / B", batch * N / num_data),
        Suspect("summed over the samples instead of averaged", S * num_data / N * batch),
        Suspect("S and B are exchanged: samples are axis 0", num_data / S * batch),
    ]
    arguments = {"gradients": gradients, "num_data": num_data}
    check_answer(answer, arguments, num_data / N * batch, suspects)


@without_frames
def check_encoder_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``pullback(x, grad)`` of the encoder lam = x A + c: (dA (Dx, P), dc (P,)).

    grad (N, P) is d ELBO_n / d lam_n; the answer is the gradient of the sum of all ELBOs.

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Ermon/Grover notes, "Amortized variational inference".
    """
    x, grad = rng.standard_normal((N, DX)), rng.standard_normal((N, 2 * D))
    right = x.T @ grad, grad.sum(axis=0)
    means = x.mean(0)[:, None] * grad.mean(0), grad.mean(axis=0)
    sums = x.sum(axis=0)[:, None] * grad.sum(axis=0), grad.sum(axis=0)
    for part, own in enumerate(right):
        suspects = [
            Suspect(
                "the mean over the datapoints: the gradient of their sum is asked for", own / N
            ),
            Suspect("the sign: the ELBO is climbed", -own),
            Suspect("transposed: A is (Dx, P), because lam = x A", own.T),
            Suspect(
                "the chain rule is per datapoint: sum x_n grad_n, not a product of means",
                means[part],
            ),
            Suspect("sum x_n grad_n is not a product of sums", sums[part]),
            Suspect("the two parts are exchanged: dA first, then dc", right[1 - part]),
            Suspect("no sum over the datapoints: c is shared by all of them", grad),
        ]
        check_answer(answer, {"x": x, "grad": grad}, own, suspects, part=part)


@without_frames
def check_antithetic(answer: Estimator, rng: np.random.Generator) -> None:
    """Check an own estimator: unbiased, and on a linear-Gaussian model of less variance.

    ``check_estimator``, then the variance of grad over replicates against `reparameterized` at
    the same number of samples eps.

    Raises
    ------
    AssertionError
        With the property that failed and the likely mistake.
    """
    check_estimator(answer, rng)
    family = DiagonalGaussian(D)
    target, lam, _ = linear_gaussian_problem(family)
    R = 2000
    tiled, rows = tile_target(target, R), np.tile(lam, (R, 1))
    eps = family.noise(rng, 4, len(rows))
    own, known = (
        estimator(family, tiled, rows, eps).grad.reshape(R, -1).var(axis=0, ddof=1).sum()
        for estimator in (answer, reparameterized)
    )
    if own > 0.9 * known:
        fail(
            f"{name_of(answer)} is unbiased, but its variance is {own:.3g}; reparameterized has "
            f"{known:.3g} with the same eps.",
            "the pair is not antithetic: use eps and -eps, and average the two gradients",
        )
