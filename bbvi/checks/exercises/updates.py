"""Checks of exercises about updates: Step 1, Step 2, the encoder, an own estimator."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import DX, SIZES, D, N, S
from bbvi.checks.exercises.mistakes_in_updates import (
    step_1_first,
    step_1_further,
    step_1_more,
    theta_gradient_first,
)
from bbvi.checks.exercises.mistakes_in_updates_2 import (
    encoder_gradient_first,
    theta_gradient_further,
)
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


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
        *step_1_first(grad, in_order, in_sorted_order, lam, moved, rate, rows),
    ]
    B = len(rows)
    later = lam.copy()
    later[-B:] += rate * grad
    overwritten, replaced = lam.copy(), lam.copy()
    overwritten[rows], replaced[rows] = rate * grad, lam[rows] * (1 - rate) + rate * grad
    scattered = np.zeros_like(lam)
    scattered[rows] = rate * grad
    one_row = lam.copy()
    one_row[rows[0]] += rate * grad[0]
    last_row = lam.copy()
    last_row[rows[-1]] += rate * grad[-1]
    unit = grad / np.linalg.norm(grad, axis=1, keepdims=True)
    suspects += [
        *step_1_further(
            _moved_at,
            B,
            grad,
            lam,
            last_row,
            later,
            moved,
            one_row,
            overwritten,
            rate,
            replaced,
            rows,
            scattered,
            unit,
        ),
        *step_1_more(grad, lam, moved, rate),
    ]
    arguments = {"lam": lam, "rows": rows, "grad": grad, "rate": rate}
    check_answer(
        answer,
        arguments,
        moved(rate * grad),
        suspects,
        formula=lambda lam, rows, grad, rate: _moved_at(lam, rows, rate * grad),
        sizes=SIZES,
    )


def _moved_at(lam: Array, rows: Array, step: Array) -> Array:
    table = lam.copy()
    table[rows % len(lam)] += step
    return table


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
    total, scale = gradients.sum(axis=(0, 1)), num_data / N
    suspects += [
        *theta_gradient_first(batch, DX, gradients, N, num_data, S, scale, total),
        *theta_gradient_further(gradients, num_data),
    ]
    sizes = {"N, all the datapoints": num_data, "B, the minibatch": N} | {
        "S, the number of samples": S,
        "K, the number of parameters": DX,
    }
    check_answer(
        answer,
        arguments,
        scale * batch,
        suspects,
        formula=lambda gradients, num: num / N * gradients.mean(axis=0).sum(axis=0),
        sizes=sizes,
    )


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
        suspects += [
            *encoder_gradient_first(D, DX, grad, N, own, part, x),
        ]
        formula = (lambda x, grad: x.T @ grad, lambda x, grad: grad.sum(axis=0))[part]
        arguments = {"x": x, "grad": grad}
        check_answer(answer, arguments, own, suspects, part=part, formula=formula, sizes=SIZES)
