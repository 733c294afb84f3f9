"""Checks of exercises about baselines of the score function."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, as_array, call, check_answer, name_of
from bbvi.checks.exercises.densities import SIZES, D, N, S
from bbvi.checks.exercises.mistakes_in_baselines import (
    leave_one_out_first,
    moving_average_first,
    moving_average_further,
    optimal_baseline_first,
    optimal_baseline_further,
    optimal_baseline_more,
    optimal_baseline_rare,
)
from bbvi.checks.mistakes import Suspect, fail, without_frames
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
    suspects += [
        *leave_one_out_first(f, N, others, S),
    ]
    check_answer(
        answer,
        {"f": f},
        others / (S - 1),
        suspects,
        formula=lambda f: (f.sum(axis=0) - f) / (len(f) - 1),
        sizes=SIZES,
    )
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
    found = as_array(name_of(answer), call(answer, {"f": f, "decay": decay}))
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
        *moving_average_first(_corrected, _running, _running_pooled, _started, decay, f, N, S),
        *moving_average_further(_running, decay, f, N, S),
    ]
    check_answer(
        answer,
        {"f": f, "decay": decay},
        _running(f, decay),
        suspects,
        formula=_running,
        sizes=SIZES,
    )


def _running(f: Array, decay: float, weight: float | None = None) -> Array:
    weight = 1 - decay if weight is None else weight
    baseline, running = np.empty_like(f), np.zeros(f.shape[1])
    for s, f_s in enumerate(f):
        baseline[s] = running
        running = decay * running + weight * f_s
    return baseline


def _started(f: Array, decay: float, start: Array) -> Array:
    return _running(f, decay) + start * decay ** np.arange(len(f))[:, None]


def _corrected(f: Array, decay: float) -> Array:
    share = 1 - decay ** np.arange(len(f))[:, None]
    return _running(f, decay) / np.where(share == 0, 1, share)


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
        *optimal_baseline_first(f, h, weighted),
    ]
    fh = f[..., None] * h
    suspects += [
        *optimal_baseline_further(f, fh, h, weighted),
        *optimal_baseline_more(f, fh, h, weighted),
        *optimal_baseline_rare(f, h, weighted),
    ]
    check_answer(
        answer,
        {"f": f, "score": h},
        weighted.sum(axis=0) / (h**2).sum(axis=0),
        suspects,
        formula=lambda f, h: (f[..., None] * h**2).sum(0) / (h**2).sum(0),
        sizes=SIZES,
    )
