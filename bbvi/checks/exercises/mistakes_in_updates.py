"""Tables of mistakes for the checks of `updates`."""

from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.mistakes import Suspect


def step_1_first(
    grad: Any,
    in_order: Any,
    in_sorted_order: Any,
    lam: Any,
    moved: Any,
    rate: Any,
    rows: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of step 1, part 1."""
    return [
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


def step_1_further(
    moved_at: Any,
    B: Any,
    grad: Any,
    lam: Any,
    last_row: Any,
    later: Any,
    moved: Any,
    one_row: Any,
    overwritten: Any,
    rate: Any,
    replaced: Any,
    rows: Any,
    scattered: Any,
    unit: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of step 1, part 2."""
    return [
        Suspect("the last rows moved instead of those named in rows", later),
        Suspect("the rows are overwritten: += adds the step", overwritten),
        Suspect("a mixture of lam and grad: the step is added to lam", replaced),
        Suspect("the step alone: add it to lam", scattered),
        Suspect("the step alone: add it to lam", rate * grad),
        Suspect("only the first of the rows moved", one_row),
        Suspect("only the last of the rows moved", last_row),
        Suspect(
            "grad is in reversed order: it belongs to rows in their order", moved(rate * grad[::-1])
        ),
        Suspect("the size of the minibatch multiplies the step", moved(rate * grad * B)),
        Suspect("divided by the number of all datapoints", moved(rate * grad / len(lam))),
        Suspect("divided by the rate, where it multiplies", moved(grad / rate)),
        Suspect("the rate is squared", moved(rate**2 * grad)),
        Suspect("the rate is added, where it multiplies", moved(rate + grad)),
        Suspect(
            "lam is multiplied by the step, where it is added", moved((rate * grad - 1) * lam[rows])
        ),
        Suspect(
            "the sign of the gradient, where the gradient is meant", moved(rate * np.sign(grad))
        ),
        Suspect("the gradient is normalized to length 1", moved(rate * unit)),
        Suspect("two steps instead of one", moved(2 * rate * grad)),
        Suspect("half a step", moved(rate * grad / 2)),
        Suspect("nothing moved: the new table is not returned, or grad is not used", lam),
        Suspect("the index is off by one: rows count from 0", moved_at(lam, rows - 1, rate * grad)),
        Suspect("the index is off by one: rows count from 0", moved_at(lam, rows + 1, rate * grad)),
        Suspect(
            "summed over the minibatch: each row has its own gradient", moved(rate * grad.sum(0))
        ),
        Suspect(
            "the first row's gradient for all rows: each row has its own", moved(rate * grad[0])
        ),
    ]


def step_1_more(
    grad: Any,
    lam: Any,
    moved: Any,
    rate: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of step 1, part 3."""
    return [
        Suspect(
            "the mean over the parameters: each has its own slope",
            moved(rate * grad.mean(1, keepdims=True)),
        ),
        Suspect(
            "only the first half of the parameters moved: log sigma moves too",
            moved(rate * grad * [1, 1, 0, 0]),
        ),
        Suspect(
            "only the second half of the parameters moved: the mean moves too",
            moved(rate * grad * [0, 0, 1, 1]),
        ),
        Suspect("rows outside the minibatch moved", lam + rate * grad.sum(axis=0)),
        Suspect("rows outside the minibatch moved, and by -grad", lam - rate * grad.mean(axis=0)),
    ]


def steps_first(
    elbo: Any,
    estimates: Any,
    grad: Any,
    P: Any,
    rate: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of steps, part 1."""
    return [
        Suspect("the sign: climb the ELBO, lam + rate * grad", -rate * grad),
        Suspect("rate is missing: lam + rate * grad", grad),
        Suspect("divided by rate: lam + rate * grad", grad / rate),
        Suspect("rate was applied twice", rate**2 * grad),
        Suspect("the .elbo of the estimate, where its .grad is meant", rate * elbo + 0 * grad),
        Suspect(
            "the .elbo of the estimate, where its .grad is meant", rate * elbo.mean() + 0 * grad
        ),
        Suspect(
            "the .elbo of the estimate, where its .grad is meant", rate * elbo.sum() + 0 * grad
        ),
        Suspect("the .elbo times the .grad: the .grad alone is the slope", rate * elbo * grad),
        Suspect(
            "the gradient is scaled down, divided by 8, the number of samples: it is their mean",
            rate * grad / 8,
        ),
        Suspect(
            "the gradient is multiplied by 8, the number of samples: it is a mean over them",
            rate * grad * 8,
        ),
        Suspect(
            "the gradient is scaled down, divided by N: each row has its own ELBO",
            rate * grad / len(grad),
        ),
        Suspect(
            "the gradient is multiplied by N: each row has its own ELBO",
            rate * grad * len(grad),
        ),
        Suspect("the gradient is scaled down, divided by num_steps", rate * grad / len(estimates)),
        Suspect(
            "the gradient is scaled down, divided by the number of parameters", rate * grad / P
        ),
        Suspect("two steps for each gradient: lam moves twice", 2 * rate * grad),
    ]


def steps_further(
    before: Any,
    estimates: Any,
    flat: Any,
    grad: Any,
    P: Any,
    rate: Any,
    t: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of steps, part 2."""
    return [
        Suspect("the step size shrinks with the steps: rate is constant", rate * grad / (t + 1)),
        Suspect(
            "the step size shrinks with the steps: rate is constant",
            rate * grad / np.sqrt(t + 1),
        ),
        Suspect(
            "the step size shrinks with the steps: rate is constant",
            rate * grad * (1 - t / len(estimates)),
        ),
        Suspect("the gradient is halved", rate * grad / 2),
        Suspect("lam is replaced by the step: add the step to lam", rate * grad - before),
        Suspect("lam is replaced by the gradient: add the step to lam", grad - before),
        Suspect("the step is the sign of the gradient", rate * np.sign(grad)),
        Suspect("the gradient is normalized to length 1", rate * grad / np.linalg.norm(grad)),
        Suspect(
            "the gradient is normalized to length 1",
            rate * grad / np.linalg.norm(grad, axis=1, keepdims=True),
        ),
        Suspect(
            "only the mean moves: log sigma, the second half of lam, has a gradient too",
            rate * grad * (np.arange(P) < P // 2),
        ),
        Suspect(
            "only log sigma moves: the mean, the first half of lam, has a gradient too",
            rate * grad * (np.arange(P) >= P // 2),
        ),
        Suspect(
            "only one row or block of lam moves",
            rate * grad * (np.arange(len(grad)) == 0)[:, None],
        ),
        Suspect(
            "only one row or block of lam moves",
            rate * grad * (np.arange(len(grad)) == len(grad) - 1)[:, None],
        ),
        Suspect(flat, rate * grad.mean(axis=0) + 0 * grad),
        Suspect(flat, rate * grad.sum(axis=0) + 0 * grad),
        Suspect(flat, rate * grad.mean() + 0 * grad),
    ]


def steps_more(
    grad: Any,
    old: Any,
    rate: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of steps, part 3."""
    return [
        Suspect("the gradient of the step before is used", rate * old),
        Suspect("this lam is not the last: one step is missing or not returned", 0 * grad),
    ]


def theta_gradient_first(
    batch: Any,
    DX: Any,
    gradients: Any,
    N: Any,
    num_data: Any,
    S: Any,
    scale: Any,
    total: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of theta gradient, part 1."""
    return [
        Suspect(
            "S where B is meant: the datapoints of the minibatch are axis 1", num_data / S * batch
        ),
        Suspect("B where S is meant: the mean is over the S samples", num_data / N * total / N),
        Suspect("B where S is meant: the mean is over the S samples", num_data / S * total / N),
        Suspect("K, the number of parameters, where B is meant", num_data / DX * batch),
        Suspect("a mean over both axes, without N", batch / N),
        Suspect("the mean over B and S, times N / B: divided by B twice", scale * batch / N),
        Suspect("summed over samples and minibatch: the samples are averaged", total),
        Suspect("summed over samples and minibatch: the samples are averaged", num_data * total),
        Suspect("the sign: the ELBO is climbed", -scale * batch),
        Suspect("N - B instead of N / B", (num_data - N) * batch),
        Suspect("N - B instead of N / B", (num_data - N) + batch),
        Suspect("the rest of the datapoints alone: (N - B) / B", (num_data - N) / N * batch),
        Suspect("the square root of N / B: the gradient is a sum", np.sqrt(scale) * batch),
        Suspect("N / B was squared", scale**2 * batch),
        Suspect("N / B is added, where it multiplies", scale + batch),
        Suspect("N // B of other integers, or N / (B - 1)", num_data / (N - 1) * batch),
        Suspect("N / (B - 1) or (N - 1) / B, where N / B is meant", (num_data - 1) / N * batch),
        Suspect("the first sample alone: average all S", scale * gradients[0].sum(axis=0)),
        Suspect("the last sample alone: average all S", scale * gradients[-1].sum(axis=0)),
        Suspect(
            "the first datapoint alone: the minibatch has B",
            num_data * gradients[:, 0].mean(axis=0),
        ),
        Suspect(
            "the first datapoint alone: the minibatch has B", scale * gradients[:, 0].mean(axis=0)
        ),
        Suspect("divisor S - 1, where S is meant", scale * total / (S - 1)),
        Suspect("no mean over the samples (axis 0)", scale * gradients.sum(axis=1)),
        Suspect("no sum over the minibatch (axis 1)", scale * gradients.mean(axis=0)),
        Suspect("no sum over the minibatch (axis 1)", num_data * gradients.mean(axis=0)),
        Suspect("summed over the parameters too: each has its own slope", scale * batch.sum()),
        Suspect(
            "the median, where the mean is meant", scale * np.median(gradients, axis=0).sum(axis=0)
        ),
        *reductions(gradients, (0, 1), "mean"),
        *(Suspect(s.mistake, scale * s.consequence) for s in reductions(gradients, (0, 1), "mean")),
    ]
