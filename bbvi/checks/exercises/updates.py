"""The checks of the exercises about updates: Step 1, Step 2 and the encoder."""

from collections.abc import Callable

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.sizes import DX, D, N, S
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_step_1(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``step_1(lam, rows, grad, rate)``: the table (N, P) after one step on a minibatch.

    lam_i <- lam_i + rate * d ELBO_i / d lam_i for the datapoints i in ``rows``; all other rows
    stay.  grad (B, P) belongs to ``rows`` (B,).

    Notes
    -----
    Ermon/Grover notes, "Black-box variational inference", Step 1.
    """
    lam, rows, rate = rng.standard_normal((6, 4)), np.array([4, 1, 2]), 0.1
    grad = rng.standard_normal((3, 4))
    arguments = {"lam": lam, "rows": rows, "grad": grad, "rate": rate}
    suspects = _mistakes_of_step_1(lam, rows, grad, rate)
    check_formula(answer, arguments, _step_1, suspects, sizes={"B, the minibatch": 3})


def _step_1(lam: Array, rows: Array, grad: Array, rate: float) -> Array:
    table = np.array(lam)
    table[rows % len(lam)] += rate * grad
    return table


def _wrong_steps(
    lam: Array, grad: Array, rate: float, moved: Callable[[Array], Array]
) -> list[tuple[str, Array]]:
    """The right rows move, by something else than rate * grad."""
    step, unit = rate * grad, grad / np.linalg.norm(grad, axis=1, keepdims=True)
    return [
        ("divided by the rate, where it multiplies", moved(grad / rate)),
        ("the sign of the gradient, where the gradient is meant", moved(rate * np.sign(grad))),
        *(
            ("the gradient is normalized to length 1", moved(rate * short))
            for short in (unit, grad / np.linalg.norm(grad))
        ),
        ("nothing moved: the new table is not returned, or grad is not used", lam),
        ("summed over the minibatch: each row has its own gradient", moved(step.sum(axis=0))),
        ("the first row's gradient for all rows: each row has its own", moved(step[0])),
        ("only the means moved: log sigma moves too", moved(step * [1, 1, 0, 0])),
        ("only log sigma moved: the means move too", moved(step * [0, 0, 1, 1])),
    ]


def _mistakes_of_step_1(lam: Array, rows: Array, grad: Array, rate: float) -> list[Suspect]:
    B, step = len(rows), rate * grad

    def moved(step: Array, rows: Array = rows) -> Array:
        return _step_1(lam, rows, np.broadcast_to(step, grad.shape), 1)

    def put(values: Array) -> Array:
        table = lam.copy()
        table[rows] = values
        return table

    inside = np.isin(np.arange(len(lam)), rows)[:, None]
    outside = "rows outside the minibatch moved"
    alone = "the step alone: add it to lam"
    shifted = "the index is off by one: rows count from 0"
    table = [
        ("the sign: that is a step down, and the ELBO is climbed", moved(-step)),
        ("the step size is missing", moved(grad)),
        ("the sign, and the step size is missing", moved(-grad)),
        (
            "averaged over the minibatch: each row has its own ELBO and its own gradient",
            moved(step.mean(axis=0)),
        ),
        ("divided by the size of the minibatch", moved(step / B)),
        ("the size of the minibatch multiplies the step", moved(step * B)),
        ("divided by the number of all datapoints", moved(step / len(lam))),
        (outside, lam + step.mean(axis=0)),
        (f"{outside}, all by one number", lam + step.mean()),
        (outside, lam + step.sum(axis=0)),
        (outside, lam - step.mean(axis=0)),
        (
            "grad belongs to rows in their order, which a mask or a sort has lost",
            moved(step, np.sort(rows)),
        ),
        ("grad is in reversed order: it belongs to rows in their order", moved(step[::-1])),
        ("the first rows moved instead of those named in rows", moved(step, np.arange(B))),
        ("the last rows moved instead of those named in rows", moved(step, np.arange(B) - B)),
        (shifted, moved(step, rows - 1)),
        (shifted, moved(step, rows + 1)),
        ("the other rows are reset", moved(step) * inside),
        ("only the moved rows: return the whole table", lam[rows] + step),
        ("the rows are overwritten: += adds the step", put(step)),
        ("a mixture of lam and grad: the step is added to lam", put((1 - rate) * lam[rows] + step)),
        ("lam is multiplied by the step, where it is added", put(step * lam[rows])),
        ("the step is multiplied by lam", put(lam[rows] + step * lam[rows])),
        ("the whole table is multiplied by the rate: grad alone is", rate * moved(grad)),
        (alone, moved(step) - lam),
        (alone, step),
        ("only the first of the rows moved", moved(step * [[1], [0], [0]])),
        ("only the last of the rows moved", moved(step * [[0], [0], [1]])),
        *_wrong_steps(lam, grad, rate, moved),
    ]
    return [Suspect(*row) for row in table]


@without_frames
def check_theta_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``theta_gradient(gradients, num_data)``: d (sum over all N of ELBO) / d theta, (K,).

    gradients (S, B, K) are d log p_theta(x_i, z_s) / d theta for S samples of each of the B
    datapoints of a minibatch, drawn from N = num_data.

    Notes
    -----
    Ermon/Grover notes, Step 2; Kingma and Welling (2014), equation 8.
    """
    B, num_data = N, 60
    gradients = rng.standard_normal((S, B, DX))
    arguments = {"gradients": gradients, "num_data": num_data}
    batch = gradients.mean(axis=0).sum(axis=0)
    scale = num_data / B
    summed = "summed over the samples instead of averaged"
    table = [
        ("N / B is missing: the minibatch stands for all N datapoints", batch),
        ("that is the mean per datapoint: times N", batch / B),
        ("divided by B twice: the sum over the minibatch, not its mean", scale * batch / B),
        ("the division by B is missing", num_data * batch),
        ("B / N instead of N / B", batch / scale),
        (summed, S * scale * batch),
        (f"{summed}, and without N / B", S * batch),
        (f"{summed}, and the division by B is missing", S * num_data * batch),
        ("S and B are exchanged: samples are axis 0", num_data / S * batch),
        ("B where S is meant: the mean is over the S samples", scale * S / B * batch),
        ("K, the number of parameters, where B is meant", num_data / DX * batch),
        ("N - B instead of N / B", (num_data - B) * batch),
        ("the rest of the datapoints alone: (N - B) / B", (scale - 1) * batch),
        ("N / (N - B), where N / B is meant", num_data / (num_data - B) * batch),
        ("the square root of N / B: the gradient is a sum", np.sqrt(scale) * batch),
        ("N / B was squared", scale**2 * batch),
        ("N is squared: multiplied by 60, its number, once too often", num_data * scale * batch),
        ("N / (B - 1), where N / B is meant", num_data / (B - 1) * batch),
        ("(N - 1) / B, where N / B is meant", (num_data - 1) / B * batch),
    ]
    sizes = {
        "N, all the datapoints": num_data,
        "B, the minibatch": B,
        "S, the number of samples": S,
        "K, the number of parameters": DX,
    }
    suspects = [Suspect(*row) for row in table]
    check_formula(answer, arguments, _theta_gradient, suspects, sizes=sizes)


def _theta_gradient(gradients: Array, num_data: int) -> Array:
    return num_data / gradients.shape[1] * np.sum(np.mean(gradients, axis=0), axis=0)


@without_frames
def check_encoder_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``pullback(x, grad)`` of the encoder lam = x A + c: (dA (Dx, P), dc (P,)).

    grad (N, P) is d ELBO_n / d lam_n; the answer is the gradient of the sum of all ELBOs.

    Notes
    -----
    Ermon/Grover notes, "Amortized variational inference".
    """
    x, grad = rng.standard_normal((N, DX)), rng.standard_normal((N, 2 * D))
    for part in (0, 1):
        suspects = _mistakes_of_the_pullback(x, grad, part)
        check_formula(answer, {"x": x, "grad": grad}, _pullback, suspects, part=part)


def _pullback(x: Array, grad: Array) -> tuple[Array, Array]:
    return x.T @ grad, np.sum(grad, axis=0)


def _mistakes_of_the_pullback(x: Array, grad: Array, part: int) -> list[Suspect]:
    both = _pullback(x, grad)
    right = both[part]
    mean_x, sum_x, sum_grad = x.mean(axis=0)[:, None], x.sum(axis=0), grad.sum(axis=0)
    table = [
        ("the mean over the datapoints: the gradient of their sum is asked for", right / N),
        ("the sign: the ELBO is climbed", -right),
        ("transposed: A is (Dx, P), because lam = x A", right.T),
        ("the two parts are exchanged: dA first, then dc", both[1 - part]),
    ]
    if part == 0:
        table += [
            (
                "the chain rule is per datapoint: sum x_n grad_n, not a product of means",
                mean_x * grad.mean(axis=0),
            ),
            ("sum x_n grad_n is not a product of sums", sum_x[:, None] * sum_grad),
            ("sum x_n grad_n is not a sum times a mean", mean_x * sum_grad),
            ("the sum over the datapoints is missing: (N, Dx, P)", x[:, :, None] * grad[:, None]),
            ("the first datapoint alone: sum over all", np.outer(x[0], grad[0])),
            ("the last datapoint alone: sum over all", np.outer(x[-1], grad[-1])),
            ("x is not used: the slope of x A in A is x", np.tile(sum_grad, (DX, 1))),
            (
                "grad is not used: the chain rule multiplies x and grad",
                np.tile(sum_x[:, None], 2 * D),
            ),
            ("x is centred: the encoder sees x itself", (x - x.mean(axis=0)).T @ grad),
        ]
    else:
        table += [
            ("no sum over the datapoints: c is shared by all of them", grad),
            ("the first datapoint alone: sum over all", grad[0]),
            ("the last datapoint alone: sum over all", grad[-1]),
            ("dc is grad alone: x belongs to dA", sum_x),
            ("dc is grad alone: x belongs to dA", x.sum() * sum_grad),
            (
                "dc sums over the parameters: it sums over the datapoints, axis 0",
                grad.sum(axis=1),
            ),
            ("dc keeps an axis too many: (P,)", sum_grad[None]),
            ("dc is summed over everything: each parameter has its own", grad.sum()),
            ("dc is 1: the slope of lam in c; times grad, summed", np.ones(2 * D)),
            ("dc is N: the slope of lam in c; times grad, summed", np.full(2 * D, N)),
        ]
    return [Suspect(*row) for row in table]
