"""Tables of mistakes for the checks of `updates`, continued."""

from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.mistakes import Suspect


def theta_gradient_further(
    gradients: Any,
    num_data: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of theta gradient, part 2."""
    return [
        *(
            Suspect(s.mistake, num_data * s.consequence)
            for s in reductions(gradients, (0, 1), "mean")
            if "mean over everything" not in s.mistake and "mean over axis 0, 1," not in s.mistake
        ),
    ]


def encoder_gradient_first(
    D: Any,
    DX: Any,
    grad: Any,
    N: Any,
    own: Any,
    part: Any,
    x: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of encoder gradient, part 1."""
    return [
        Suspect(
            "the sum over the datapoints is missing: (N, Dx, P)", x[:, :, None] * grad[:, None]
        ),
        Suspect("the first datapoint alone: sum over all", np.outer(x[0], grad[0])),
        Suspect("the first datapoint alone: sum over all", grad[0]),
        Suspect("the last datapoint alone: sum over all", np.outer(x[-1], grad[-1])),
        Suspect("the last datapoint alone: sum over all", grad[-1]),
        Suspect("x is not used: the slope of x A in A is x", np.tile(grad.sum(axis=0), (DX, 1))),
        Suspect(
            "grad is not used: the chain rule multiplies x and grad",
            np.tile(x.sum(0)[:, None], 2 * D),
        ),
        Suspect("x is centred: the encoder sees x itself", (x - x.mean(axis=0)).T @ grad),
        Suspect("grad is centred", x.T @ (grad - grad.mean(axis=0))),
        Suspect("x squared, where x is meant", (x**2).T @ grad),
        Suspect("grad squared, where grad is meant", x.T @ grad**2),
        Suspect("|x| or the sign of x, where x is meant", np.sign(x).T @ grad),
        Suspect("divided by N - 1: the gradient of the sum is asked for", own / (N - 1)),
        Suspect("dc is grad alone: x belongs to dA", x.sum(axis=0)),
        Suspect("dc is grad alone: x belongs to dA", x.sum() * grad.sum(axis=0)),
        Suspect(
            "dc sums over the parameters: it sums over the datapoints, axis 0", grad.sum(axis=1)
        ),
        Suspect("dc keeps an axis too many: (P,)", grad.sum(axis=0)[None]),
        Suspect("dc is summed over everything: each parameter has its own", grad.sum()),
        Suspect("dc is 1: the slope of lam in c; times grad, summed", np.ones(2 * D)),
        Suspect("dc is N: the slope of lam in c; times grad, summed", np.full(2 * D, N)),
        Suspect("dA is summed over its rows too", np.broadcast_to(own.sum(axis=0), own.shape)),
        Suspect(
            "a product of a sum and a mean: sum x_n grad_n is not a product",
            own * 0 + (x.sum(0)[:, None] * grad.mean(0) if part == 0 else 0),
        ),
        Suspect("the outer product is transposed", np.einsum("np,nx->px", grad, x)),
        *reductions(grad, 0, "sum"),
    ]


def pairs_first(
    N: Any,
    name: Any,
    one: Any,
    other: Any,
    right: Any,
    S: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of pairs, part 1."""
    return [
        Suspect(f"{name} is halved: add both halves, then take 1/2 once", 0.5 * right),
        Suspect(
            f"the pair is not antithetic: {name} is of eps alone, average it with that of -eps",
            one,
        ),
        Suspect(f"{name} is of -eps alone: average it with that of eps", other),
        Suspect(f"half of {name} at eps alone: that of -eps is not added", 0.5 * one),
        Suspect(f"half of {name} at -eps alone: that of eps is not added", 0.5 * other),
        Suspect(f"{name} was counted twice: a sum of the two halves, not their mean", 2 * right),
        Suspect(f"{name} has the wrong sign", -right),
        Suspect(f"{name} is the difference of the halves, a lost term: add them", one - other),
        Suspect(
            f"{name} is the difference of the halves, a lost term: add them",
            0.5 * (one - other),
        ),
        Suspect(
            f"{name} is the difference of the halves, a lost term: add them",
            0.5 * (other - one),
        ),
        Suspect(f"{name} is missing its parentheses: 0.5 * (one + other)", 0.5 * one + other),
        Suspect(f"{name} is missing its parentheses: 0.5 * (one + other)", one + 0.5 * other),
        Suspect(f"{name} is 0", 0 * right),
        Suspect(f"{name} is divided by S: it is a mean over the samples already", right / S),
        Suspect(f"{name} is divided by N", right / N),
        Suspect(f"{name} is the product of the halves, where their mean is meant", one * other),
        Suspect(f"{name} is the larger half, where their mean is meant", np.maximum(one, other)),
    ]
