"""Tables of mistakes for the checks of `baselines`."""

from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.mistakes import Suspect


def leave_one_out_first(
    f: Any,
    N: Any,
    others: Any,
    S: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of leave one out, part 1."""
    return [
        Suspect("the samples' own f, which is what b may not contain", f),
        Suspect("the mean plus f / (S - 1): the sign of f is wrong", (f.sum(axis=0) + f) / (S - 1)),
        Suspect("the mean of all minus f: f counts once in the sum", f.mean(axis=0) - f),
        Suspect("f is subtracted after the mean: subtract it from the sum", f.sum(0) / (S - 1) - f),
        Suspect(
            "divisor S - 1, but f itself is not taken out", np.tile(f.sum(axis=0) / (S - 1), (S, 1))
        ),
        Suspect("the mean over everything: each datapoint has its own", np.full_like(f, f.mean())),
        Suspect("the others of all datapoints together", (f.sum() - f) / (f.size - 1)),
        Suspect("the previous sample alone", np.roll(f, 1, axis=0)),
        Suspect("the next sample alone", np.roll(f, -1, axis=0)),
        Suspect("the samples before it only, not all others", (np.cumsum(f, 0) - f) / (S - 1)),
        Suspect(
            "the samples before it only, not all others",
            (np.cumsum(f, 0) - f) / np.maximum(np.arange(S), 1)[:, None],
        ),
        Suspect("divided by N, S - 2 or S + 1: there are S - 1 others", others / (S - 2)),
        Suspect("divided by N, S - 2 or S + 1: there are S - 1 others", others / (S + 1)),
        Suspect("divided by N: there are S - 1 others", others / N),
        Suspect("divided by N - 1: samples are axis 0", others / (N - 1)),
        Suspect(
            "the median of the others, where their mean is meant",
            np.stack([np.median(np.delete(f, s, 0), axis=0) for s in range(S)]),
        ),
        Suspect(
            "the first sample was left out for all s: leave out s", np.tile(f[1:].mean(0), (S, 1))
        ),
        Suspect(
            "the last sample was left out for all s: leave out s", np.tile(f[:-1].mean(0), (S, 1))
        ),
        Suspect("one baseline alone: b is (S, N)", f[1:].mean(axis=0)),
        Suspect("that is f - b: return the baseline b alone", f - f.mean(axis=0)),
        *reductions(f, (), "sum"),
    ]


def moving_average_first(
    corrected: Any,
    running: Any,
    running_pooled: Any,
    started: Any,
    decay: Any,
    f: Any,
    N: Any,
    S: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of moving average, part 1."""
    return [
        Suspect("decay and 1 - decay are exchanged", running(f, 1 - decay)),
        Suspect("the running mean never changes: it must be updated in the loop", 0 * f),
        Suspect("one running mean for all datapoints: keep one for each", running_pooled(f, decay)),
        Suspect("the new value enters with weight 1 instead of 1 - decay", running(f, decay, 1.0)),
        Suspect("the new value enters with weight decay, as the old one", running(f, decay, decay)),
        Suspect("the old value is not multiplied by decay", running(f, 1.0, 1 - decay)),
        Suspect("the old value is not multiplied by decay", running(f, 1.0, decay)),
        Suspect("a plain running sum: decay is not used", running(f, 1.0, 1.0)),
        Suspect("the previous value alone: the running mean is forgotten", running(f, 0.0, 1.0)),
        Suspect(
            "the previous value alone: the running mean is forgotten", running(f, 0.0, 1 - decay)
        ),
        Suspect("1 - decay has the wrong sign", running(f, decay, decay - 1)),
        Suspect(
            "decay is squared, or two updates in each step", running(f, decay**2, 1 - decay**2)
        ),
        Suspect(
            "the plain mean of all before: decay is not used",
            (np.cumsum(f, axis=0) - f) / np.maximum(np.arange(S), 1)[:, None],
        ),
        Suspect("it starts at the first f: b_1 is 0", started(f, decay, f[0])),
        Suspect(
            "it starts at the mean of f: b_1 is 0, and f is not known yet",
            started(f, decay, f.mean(axis=0)),
        ),
        Suspect("it starts at 1: b_1 is 0", started(f, decay, np.ones(N))),
        Suspect("the samples run backwards", running(f[::-1], decay)[::-1]),
        Suspect("the samples run backwards", running(f[::-1], decay)),
        Suspect("the average runs over the datapoints: samples are axis 0", running(f.T, decay).T),
        Suspect("that is f - b: return the baseline b alone", f - running(f, decay)),
        Suspect("Adam's correction 1 / (1 - decay^s) is not asked for", corrected(f, decay)),
        Suspect("the last value alone: b is (S, N)", running(f, decay)[-1]),
    ]


def moving_average_further(
    running: Any,
    decay: Any,
    f: Any,
    N: Any,
    S: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of moving average, part 2."""
    return [
        Suspect(
            "the last value alone: b is (S, N)",
            decay * running(f, decay)[-1] + (1 - decay) * f[-1],
        ),
        Suspect("all running means but the first: b_1 = 0 is missing", running(f, decay)[1:]),
        Suspect(
            "one running mean too many: b_S is the last", running(np.vstack([f, f[:1]]), decay)
        ),
        Suspect("the same last value for all samples", np.tile(running(f, decay)[-1], (S, 1))),
        Suspect(
            "one running mean for all datapoints: keep one for each",
            running(f.mean(axis=1, keepdims=True), decay),
        ),
        Suspect(
            "one running mean for all datapoints: keep one for each",
            running(f.mean(axis=1, keepdims=True), decay)[:, 0],
        ),
        Suspect(
            "one running mean for all datapoints: keep one for each",
            running(np.tile(f.sum(1, keepdims=True), (1, N)), decay),
        ),
    ]


def optimal_baseline_first(
    f: Any,
    h: Any,
    weighted: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of optimal baseline, part 1."""
    return [
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


def optimal_baseline_further(
    f: Any,
    fh: Any,
    h: Any,
    weighted: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of optimal baseline, part 2."""
    return [
        Suspect(
            "the sum in the denominator is a mean, or the other way round",
            weighted.mean(0) / (h**2).sum(0),
        ),
        Suspect(
            "the sum in the denominator is a mean, or the other way round",
            weighted.sum(0) / (h**2).mean(0),
        ),
        Suspect("the numerator lacks h squared", f.mean(axis=0)[:, None] / (h**2).mean(axis=0)),
        Suspect(
            "the numerator has h, where h squared is meant", fh.mean(axis=0) / (h**2).mean(axis=0)
        ),
        Suspect("the denominator has h, where h squared is meant", weighted.mean(0) / h.mean(0)),
        Suspect(
            "the square of the mean, where the mean of the squares is meant",
            weighted.mean(0) / h.mean(0) ** 2,
        ),
        Suspect(
            "the square of the mean, where the mean of the squares is meant",
            fh.mean(0) ** 2 / (h**2).mean(0),
        ),
        Suspect("the quotient is upside down", (h**2).sum(axis=0) / weighted.sum(axis=0)),
        Suspect(
            "the mean of the quotients, where the quotient of the means is meant",
            (weighted / (h**2).mean(0)).sum(0),
        ),
        Suspect("f squared, where f is meant", (f[..., None] ** 2 * h**2).sum(0) / (h**2).sum(0)),
        Suspect("f^2 h: the square belongs to h", (f[..., None] ** 2 * h).sum(0) / (h**2).sum(0)),
        Suspect(
            "Var(h) where E[h^2] is meant: E[h] = 0 is known", weighted.mean(0) / h.var(axis=0)
        ),
        Suspect(
            "Var(h) where E[h^2] is meant: E[h] = 0 is known",
            weighted.mean(0) / h.var(axis=0, ddof=1),
        ),
    ]


def optimal_baseline_more(
    f: Any,
    fh: Any,
    h: Any,
    weighted: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of optimal baseline, part 3."""
    return [
        Suspect(
            "Cov(f h, h), where E[f h^2] is meant",
            (weighted.mean(0) - fh.mean(0) * h.mean(0)) / (h**2).mean(0),
        ),
        Suspect(
            "Cov(f, h): f h^2 is meant", (fh.mean(0) - f.mean(0)[:, None] * h.mean(0)) / h.var(0)
        ),
        Suspect(
            "the product of the means, where the mean of the product is meant",
            np.broadcast_to(f.mean(0)[:, None], h.shape[1:]),
        ),
        Suspect(
            "the fourth power: h squared is meant", (f[..., None] * h**4).sum(0) / (h**4).sum(0)
        ),
        Suspect(
            "one coefficient for all datapoints: each has its own",
            weighted.sum((0, 1)) / (h**2).sum((0, 1)),
        ),
        Suspect(
            "one coefficient for all datapoints: each has its own",
            np.broadcast_to(weighted.sum((0, 1)) / (h**2).sum((0, 1)), h.shape[1:]),
        ),
        Suspect("one coefficient for everything", weighted.sum() / (h**2).sum()),
        Suspect(
            "the mean over the wrong axis: samples are axis 0", weighted.sum(1) / (h**2).sum(1)
        ),
        Suspect(
            "no sum over the samples: f h^2 / h^2 is f", np.broadcast_to(f[..., None], h.shape)
        ),
        Suspect("the mean of f alone", f.mean(axis=0)),
        Suspect("the sum of f h^2 alone: the division is missing", weighted.sum(axis=0)),
        Suspect(
            "half of it: the factor 2 of the derivative cancels",
            weighted.sum(0) / (h**2).sum(0) / 2,
        ),
    ]


def optimal_baseline_rare(
    f: Any,
    h: Any,
    weighted: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of optimal baseline, part 4."""
    return [
        Suspect(
            "that is f - b: return the coefficient alone",
            f[..., None] - weighted.sum(0) / (h**2).sum(0),
        ),
        *reductions(weighted, 0, "mean"),
    ]
