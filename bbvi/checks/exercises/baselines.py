"""Checks of exercises about baselines of the score function (floor 5)."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, call, check_answer, name_of
from bbvi.checks.exercises.densities import D, N, S
from bbvi.checks.verdicts import Suspect, fail, without_frames
from bbvi.types import Array


@without_frames
def check_leave_one_out(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``leave_one_out(f)``: b_s = the mean of the other samples' f, (S, N) -> (S, N).

    With one sample there is no other: a ValueError is asked for.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    f = rng.standard_normal((S, N)) - 3
    others = f.sum(axis=0) - f
    suspects = [
        Suspect(
            "the mean of all samples contains the one that it corrects: that is biased",
            np.broadcast_to(f.mean(axis=0), f.shape),
        ),
        Suspect("divisor S instead of S - 1: there are S - 1 others", others / S),
        Suspect("the sum of the others instead of their mean", others),
        Suspect(
            "the others are samples (axis 0), not datapoints", (f.sum(1, keepdims=True) - f) / 2
        ),
        Suspect("that is f - b: return the baseline b alone", f - others / (S - 1)),
        Suspect("one baseline for all samples contains each of them: that is biased", f.mean(0)),
        Suspect(
            "one baseline for all samples contains each of them: that is biased", f.mean(0)[None]
        ),
    ]
    check_answer(answer, {"f": f}, others / (S - 1), suspects)
    try:
        with np.errstate(all="ignore"):
            answer(f[:1])
    except ValueError:
        return
    except Exception as error:
        fail(
            f"{name_of(answer)} raises {type(error).__name__} for S = 1 sample.",
            "a ValueError that says what was expected: raise ValueError(...) when len(f) < 2",
        )
    fail(
        f"{name_of(answer)} accepts S = 1 sample.",
        "0 / 0 or a baseline of 0 goes unnoticed: raise ValueError when len(f) < 2",
    )


@without_frames
def check_moving_average(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``moving_average(f, decay)``: b_1 = 0, b_{s+1} = decay b_s + (1 - decay) f_s, (S, N).

    Raises
    ------
    AssertionError
        With the likely mistake; first of all, whether a baseline has seen its own sample.
    """
    f, decay = rng.standard_normal((S, N)) - 3, 0.8
    found = np.asarray(call(answer, {"f": f, "decay": decay}), dtype=float)
    if found.shape == f.shape:
        for s in range(S):
            other = f.copy()
            other[s] += 1.0
            moved = np.asarray(call(answer, {"f": other, "decay": decay}), dtype=float)
            if not np.allclose(moved[s], found[s]):
                fail(
                    f"{name_of(answer)}: b_s moves when f_s moves (s = {s}).",
                    "the baseline is used after the update: it has seen the sample that it "
                    "corrects, which shrinks the gradient; store b_s first, then update",
                )
    suspects = [
        Suspect("decay and 1 - decay are exchanged", _running(f, 1 - decay)),
        Suspect("the running mean never changes: it must be updated in the loop", 0 * f),
        Suspect(
            "one running mean for all datapoints: keep one for each", _running_pooled(f, decay)
        ),
        Suspect("the new value enters with weight 1 instead of 1 - decay", _running(f, decay, 1.0)),
    ]
    check_answer(answer, {"f": f, "decay": decay}, _running(f, decay), suspects)


def _running(f: Array, decay: float, weight: float | None = None) -> Array:
    weight = 1 - decay if weight is None else weight
    baseline, running = np.empty_like(f), np.zeros(f.shape[1])
    for s, f_s in enumerate(f):
        baseline[s] = running
        running = decay * running + weight * f_s
    return baseline


def _running_pooled(f: Array, decay: float) -> Array:
    return _running(np.broadcast_to(f.mean(axis=1, keepdims=True), f.shape), decay)


@without_frames
def check_optimal_baseline(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``optimal_baseline(f, score)``: E[f h_p^2] / E[h_p^2] by sample means, (N, P).

    f is (S, N), the score h (S, N, P).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Ranganath et al. (2014), equation 8, with the known E[h] = 0.
    """
    f, h = rng.standard_normal((S, N)) - 3, rng.standard_normal((S, N, 2 * D))
    weighted = f[..., None] * h**2
    suspects = [
        Suspect(
            "the mean of f ignores that samples with a large score count more",
            np.broadcast_to(f.mean(axis=0)[:, None], h.shape[1:]),
        ),
        Suspect("h instead of h squared", (f[..., None] * h).mean(0) / h.mean(0)),
        Suspect("|h| instead of h squared", (f[..., None] * np.abs(h)).mean(0) / np.abs(h).mean(0)),
        Suspect(
            "Cov(f h, h) / Var(h): that E[h] = 0 is known, and need not be estimated",
            (weighted.mean(0) - (f[..., None] * h).mean(0) * h.mean(0)) / h.var(axis=0),
        ),
        Suspect("the division by E[h^2] is missing", weighted.mean(axis=0)),
        Suspect(
            "the square of f h: only h is squared", ((f[..., None] * h) ** 2).sum(0) / (h**2).sum(0)
        ),
        Suspect("the sign: b is subtracted later", -weighted.sum(axis=0) / (h**2).sum(axis=0)),
        Suspect(
            "one coefficient for all parameters: each p has its own",
            weighted.sum(axis=(0, 2)) / (h**2).sum(axis=(0, 2)),
        ),
        Suspect(
            "one coefficient for all parameters: each p has its own",
            np.broadcast_to(
                (weighted.sum(axis=(0, 2)) / (h**2).sum(axis=(0, 2)))[:, None], h.shape[1:]
            ),
        ),
    ]
    check_answer(answer, {"f": f, "score": h}, weighted.sum(axis=0) / (h**2).sum(axis=0), suspects)
