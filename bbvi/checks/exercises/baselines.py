"""The checks of the exercises about baselines of the score function."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, as_array, call, check_formula, name_of
from bbvi.checks.exercises.sizes import D, N, S
from bbvi.checks.mistakes import Suspect, fail, without_frames
from bbvi.types import Array

RETURN_B = "that is f - b: return the baseline b alone"


@without_frames
def check_leave_one_out(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``leave_one_out(f)``: b_s = the mean of the other samples' f, (S, N) -> (S, N).

    With one sample there is no other: a ValueError is asked for.
    """
    f = rng.standard_normal((S, N)) - 3
    check_formula(answer, {"f": f}, _leave_one_out, _mistakes_of_leaving_out(f), also=[_by_parts])
    name = name_of(answer)
    check_formula(answer, {"f": f[:2]}, _leave_one_out, sizes={})
    try:
        with np.errstate(all="ignore"):
            answer(f[:1])
    except ValueError:
        return
    except Exception as error:
        fail(
            f"{name} raises {type(error).__name__} for S = 1 sample.",
            "a ValueError that says what was expected: raise ValueError(...) when len(f) < 2",
        )
    fail(
        f"{name} accepts S = 1 sample.",
        "0 / 0 or a baseline of 0 goes unnoticed: raise ValueError when len(f) < 2",
    )


def _leave_one_out(f: Array) -> Array:
    return (np.sum(f, axis=0) - f) / (len(f) - 1)


def _by_parts(f: Array) -> Array:
    return np.sum(f, axis=0) / (len(f) - 1) - f / (len(f) - 1)


def _mistakes_of_leaving_out(f: Array) -> list[Suspect]:
    others, before = f.sum(axis=0) - f, np.cumsum(f, axis=0) - f
    all_of_them = "the mean of all samples contains the one that it corrects: that is biased"
    for_all = "one baseline for all samples contains each of them: that is biased"
    earlier = "the samples before it only, not all others"
    fixed = "the {} sample was left out for all s: leave out s"
    table = [
        (all_of_them, np.broadcast_to(f.mean(axis=0), f.shape)),
        (for_all, f.mean(axis=0)),
        (for_all, f.mean(axis=0)[None]),
        ("divisor S instead of S - 1: there are S - 1 others", others / S),
        ("the sum of the others instead of their mean", others),
        (
            "the others are samples (axis 0), not datapoints",
            (f.sum(axis=1, keepdims=True) - f) / (N - 1),
        ),
        (RETURN_B, f - others / (S - 1)),
        (RETURN_B, f - f.mean(axis=0)),
        ("the samples' own f, which is what b may not contain", f),
        ("the mean plus f / (S - 1): the sign of f is wrong", (f.sum(axis=0) + f) / (S - 1)),
        ("the mean of all minus f: f counts once in the sum", f.mean(axis=0) - f),
        ("f is subtracted after the mean: subtract it from the sum", f.sum(axis=0) / (S - 1) - f),
        (
            "divisor S - 1, but f itself is not taken out",
            np.tile(f.sum(axis=0) / (S - 1), (S, 1)),
        ),
        ("the mean over everything: each datapoint has its own", np.full_like(f, f.mean())),
        ("the others of all datapoints together", (f.sum() - f) / (f.size - 1)),
        ("the previous sample alone", np.roll(f, 1, axis=0)),
        ("the next sample alone", np.roll(f, -1, axis=0)),
        (earlier, before / (S - 1)),
        (earlier, before / np.maximum(np.arange(S), 1)[:, None]),
        ("divided by N: there are S - 1 others", others / N),
        ("divided by N - 1: samples are axis 0", others / (N - 1)),
        (
            "the median of the others, where their mean is meant",
            np.stack([np.median(np.delete(f, s, 0), axis=0) for s in range(S)]),
        ),
        (
            "np.delete without an axis takes one number out of all: the others of all datapoints",
            np.stack([np.full(N, np.delete(f, s).mean()) for s in range(S)]),
        ),
        (
            "the mean up to s: it contains f_s, and not the later ones",
            np.cumsum(f, axis=0) / np.arange(1, S + 1)[:, None],
        ),
        (fixed.format("first"), np.tile(f[1:].mean(axis=0), (S, 1))),
        (fixed.format("last"), np.tile(f[:-1].mean(axis=0), (S, 1))),
    ]
    return [Suspect(*row) for row in table]


@without_frames
def check_moving_average(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``moving_average(f, decay)``: b_1 = 0, b_{s+1} = decay b_s + (1 - decay) f_s, (S, N).

    Raises
    ------
    AssertionError
        With the likely mistake; first of all, whether a baseline has seen its own sample.
    """
    f, decay = rng.standard_normal((S, N)) - 3, 0.8
    returned = as_array(name_of(answer), call(answer, {"f": f, "decay": decay}))
    for s in range(S if returned.shape == f.shape else 0):
        other = f.copy()
        other[s] += 1.0
        moved = np.asarray(call(answer, {"f": other, "decay": decay}), dtype=float)
        if not np.allclose(moved[s], returned[s]):
            fail(
                f"{name_of(answer)}: b_s moves when f_s moves (s = {s}).",
                "the baseline is used after the update: it has seen the sample that it "
                "corrects, which shrinks the gradient; store b_s first, then update",
            )
    suspects = _mistakes_of_running(f, decay)
    check_formula(answer, {"f": f, "decay": decay}, _moving_average, suspects)


def _moving_average(f: Array, decay: float) -> Array:
    baseline, running = np.zeros_like(f), np.zeros(f.shape[1])
    for s, f_s in enumerate(f):
        baseline[s] = running
        running = decay * running + (1 - decay) * f_s
    return baseline


def _running(f: Array, old: float, new: float) -> Array:
    """b_{s+1} = old b_s + new f_s."""
    baseline = np.zeros_like(f)
    for s in range(1, len(f)):
        baseline[s] = old * baseline[s - 1] + new * f[s - 1]
    return baseline


def _mistakes_of_running(f: Array, decay: float) -> list[Suspect]:
    b, new, powers = _moving_average(f, decay), 1 - decay, decay ** np.arange(S)[:, None]
    mean = np.broadcast_to(f.mean(axis=1, keepdims=True), f.shape)
    unweighted = "the old value is not multiplied by decay"
    forgotten = "the previous value alone: the running mean is forgotten"
    for_all = "one running mean for all datapoints: keep one for each"
    last = "the last value alone: b is (S, N)"
    share = np.where(powers == 1, 1, 1 - powers)
    backwards = _moving_average(f[::-1], decay)
    table = [
        ("decay and 1 - decay are exchanged", _moving_average(f, new)),
        ("the running mean never changes: it must be updated in the loop", 0 * f),
        (for_all, _moving_average(mean, decay)),
        (for_all, _moving_average(N * mean, decay)),
        (for_all, _moving_average(mean, decay)[:, :1]),
        (for_all, _moving_average(mean, decay)[:, 0]),
        ("the new value enters with weight 1 instead of 1 - decay", _running(f, decay, 1)),
        ("the new value enters with weight decay, as the old one", _running(f, decay, decay)),
        (unweighted, _running(f, 1, new)),
        (unweighted, _running(f, 1, decay)),
        ("a plain running sum: decay is not used", _running(f, 1, 1)),
        (forgotten, _running(f, 0, 1)),
        (forgotten, _running(f, 0, new)),
        ("1 - decay has the wrong sign", _running(f, decay, -new)),
        (
            "decay is squared, or two updates in each step",
            _running(f, decay**2, 1 - decay**2),
        ),
        (
            "the plain mean of all before: decay is not used",
            _running(f, 1, 1) / np.maximum(np.arange(S), 1)[:, None],
        ),
        ("it starts at the first f: b_1 is 0", b + f[0] * powers),
        ("it starts at the mean of f: b_1 is 0, and f is not known yet", b + f.mean(0) * powers),
        ("it starts at 1: b_1 is 0", b + powers),
        ("the samples run backwards", backwards[::-1]),
        ("the samples run backwards", backwards),
        (
            "the average runs over the datapoints: samples are axis 0",
            _moving_average(f.T, decay).T,
        ),
        (RETURN_B, f - b),
        ("Adam's correction 1 / (1 - decay^s) is not asked for", b / share),
        (last, b[-1]),
        (last, decay * b[-1] + new * f[-1]),
        ("all running means but the first: b_1 = 0 is missing", b[1:]),
        (
            "one running mean too many: b_S is the last",
            _moving_average(np.vstack([f, f]), decay)[: S + 1],
        ),
        ("the same last value for all samples", np.tile(b[-1], (S, 1))),
    ]
    return [Suspect(*row) for row in table]


@without_frames
def check_optimal_baseline(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``optimal_baseline(f, score)``: E[f h_p^2] / E[h_p^2] by sample means, (N, P).

    f is (S, N), the score h (S, N, P).

    Notes
    -----
    Ranganath et al. (2014), equation 8, with the known E[h] = 0.
    """
    f, h = rng.standard_normal((S, N)) - 3, rng.standard_normal((S, N, 2 * D))
    suspects = _mistakes_of_the_best(f, h)
    check_formula(answer, {"f": f, "score": h}, _optimal_baseline, suspects)


def _optimal_baseline(f: Array, score: Array) -> Array:
    return np.mean(f[..., None] * score**2, axis=0) / np.mean(score**2, axis=0)


def _mistakes_of_the_best(f: Array, h: Array) -> list[Suspect]:
    f_, best = f[..., None], _optimal_baseline(f, h)
    above, below, product = (f_ * h**2).mean(axis=0), (h**2).mean(axis=0), (f_ * h).mean(axis=0)
    for_parameters = "one coefficient for all parameters: each p has its own"
    for_datapoints = "one coefficient for all datapoints: each has its own"
    mixed = "the sum in the denominator is a mean, or the other way round"
    square_of_mean = "the square of the mean, where the mean of the squares is meant"
    known = "Var(h) where E[h^2] is meant: E[h] = 0 is known"
    shared = above.sum(axis=1) / below.sum(axis=1)
    table = [
        (
            "the mean of f ignores that samples with a large score count more",
            np.broadcast_to(f.mean(axis=0)[:, None], best.shape),
        ),
        ("h instead of h squared", product / h.mean(axis=0)),
        ("|h| instead of h squared", (f_ * np.abs(h)).mean(axis=0) / np.abs(h).mean(axis=0)),
        (
            "Cov(f h, h) / Var(h): that E[h] = 0 is known, and need not be estimated",
            (above - product * h.mean(axis=0)) / h.var(axis=0),
        ),
        ("the division by E[h^2] is missing", above),
        ("the sum of f h^2 alone: the division is missing", S * above),
        ("the square of f h: only h is squared", ((f_ * h) ** 2).mean(axis=0) / below),
        ("the sign: b is subtracted later", -best),
        (for_parameters, shared),
        (for_parameters, np.broadcast_to(shared[:, None], best.shape)),
        (mixed, best / S),
        (mixed, best * S),
        ("the numerator lacks h squared", f.mean(axis=0)[:, None] / below),
        ("the numerator has h, where h squared is meant", product / below),
        ("the denominator has h, where h squared is meant", above / h.mean(axis=0)),
        (square_of_mean, above / h.mean(axis=0) ** 2),
        (square_of_mean, product**2 / below),
        ("the quotient is upside down", below / above),
        ("f^2 h: the square belongs to h", (f_**2 * h).mean(axis=0) / below),
        (known, above / h.var(axis=0)),
        (known, above / h.var(axis=0, ddof=1)),
        ("Cov(f h, h), where E[f h^2] is meant", (above - product * h.mean(axis=0)) / below),
        (
            "Cov(f, h): f h^2 is meant",
            (product - f.mean(axis=0)[:, None] * h.mean(axis=0)) / h.var(axis=0),
        ),
        ("the fourth power: h squared is meant", (f_ * h**4).mean(axis=0) / (h**4).mean(axis=0)),
        (for_datapoints, above.sum(axis=0) / below.sum(axis=0)),
        (
            for_datapoints,
            np.broadcast_to(above.sum(axis=0) / below.sum(axis=0), best.shape),
        ),
        ("one coefficient for everything", above.sum() / below.sum()),
        (
            "the mean over the wrong axis: samples are axis 0",
            (f_ * h**2).sum(axis=1) / (h**2).sum(axis=1),
        ),
        ("no sum over the samples: f h^2 / h^2 is f", np.broadcast_to(f_, h.shape)),
        ("the mean of f alone", f.mean(axis=0)),
        ("half of it: the factor 2 of the derivative cancels", best / 2),
        ("that is f - b: return the coefficient alone", f_ - best),
    ]
    return [Suspect(*row) for row in table]
