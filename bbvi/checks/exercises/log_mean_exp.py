"""Slips of log (1/S) sum_s exp(log w_s), which several exercises ask for."""

from functools import reduce
from itertools import permutations

import numpy as np

from bbvi.checks.exercises.answers import Answer, as_array, call, name_of, require_answer
from bbvi.checks.mistakes import Suspect, fail
from bbvi.logs import log_mean_exp, log_sum_exp
from bbvi.types import Array

ONE_MAXIMUM = (
    "one maximum for everything (or over the wrong axis): each log-sum-exp subtracts its largest "
    "term, as in log_w.max(axis=0), else exp underflows for the others"
)
UNDERFLOW = "exp underflowed to 0: subtract the largest term before exp and add it after the log"
NOT_ADDED = "the largest term was subtracted before exp but not added after the log"
NOT_THE_LARGEST = (
    "exp overflowed: subtract the largest term before exp, not the smallest, the first or the mean"
)


def log_mean_exp_mistakes(log_w: Array) -> list[Suspect]:
    """What becomes of log (1/S) sum_s exp(log_w), samples on axis 0, by one slip."""
    total, (S, N) = log_sum_exp(log_w), log_w.shape
    highest = log_w.max(axis=0)
    rest = total - highest
    centres = [highest, log_w.max(), log_w.mean(axis=0), log_w.mean(), log_w.min(axis=0)]
    unlike = "what was subtracted before exp is not what was added after the log"
    return [
        Suspect(NOT_ADDED, rest - np.log(S)),
        Suspect("the mean over the wrong axis: samples are axis 0", log_mean_exp(log_w.T)),
        Suspect("log S is missing: the mean is the sum divided by S", total),
        Suspect("log S has the wrong sign", total + np.log(S)),
        Suspect(f"log S, which is log({S}), was subtracted twice", total - 2 * np.log(S)),
        Suspect(
            "log N where log S is meant: divided by the number of datapoints, not of samples",
            total - np.log(N),
        ),
        Suspect("the log was divided by S: the sum is, inside the log", total / S),
        Suspect("the log was divided by S: the sum is, inside the log", highest + rest / S),
        Suspect("divided by log S, where log S is subtracted", total / np.log(S)),
        Suspect("S was subtracted, where its log is meant", total - S),
        Suspect("the largest term alone: the sum is missing", highest),
        Suspect("the largest term was added with the wrong sign", rest - np.log(S) - highest),
        Suspect("the largest term was added twice", total - np.log(S) + highest),
        *(
            Suspect(unlike, total - np.log(S) + added - subtracted)
            for subtracted, added in permutations(centres, 2)
        ),
        Suspect(
            "the largest term was added before the log", np.log(np.abs(np.exp(rest) / S + highest))
        ),
        Suspect("the log is missing", highest + np.exp(rest) / S),
        Suspect("the exp is missing", highest + np.log(np.abs((log_w - highest).mean(axis=0)))),
        Suspect("exp(-log p) where exp(log p) is meant", log_mean_exp(-log_w)),
        Suspect("the sign of the result is wrong, and of the exponent", -log_mean_exp(-log_w)),
        Suspect("the samples are multiplied: p(x) is a mean over them", log_w.sum(axis=0)),
        Suspect("the median is no mean", np.median(log_w, axis=0)),
        Suspect(
            "the mean of two again and again: later samples weigh more than earlier ones",
            reduce(lambda a, b: np.logaddexp(a, b) - np.log(2), log_w),
        ),
        Suspect("no mean over the samples (axis 0)", log_w),
        Suspect("np.log1p where np.log is meant", highest + np.log1p(np.exp(rest) / S)),
        *(
            Suspect(f"np.log{base} where the natural logarithm is meant", wrong)
            for base in (10, 2)
            for wrong in (
                (total - np.log(S)) / np.log(base),
                highest + (rest - np.log(S)) / np.log(base),
            )
        ),
        *(
            Suspect("the log of the mean over everything: each datapoint has its own", wrong)
            for wrong in (log_mean_exp(log_w.ravel()), np.full(N, log_mean_exp(log_w.ravel())))
        ),
    ]


def stable_log_mean_exp(log_w: Array) -> Array:
    """The log of the mean weight, as an answer has it: the largest term is taken out."""
    highest = np.max(log_w, axis=0)
    return highest + np.log(np.mean(np.exp(log_w - highest), axis=0))


def far_apart(num: int) -> Array:
    """Shifts of the datapoints' log-densities, 800 nats from each to the next."""
    return 2000 + 800.0 * np.arange(num)


def far_apart_samples(num: int) -> Array:
    """Shifts of a datapoint's samples; the largest term is neither the first nor the last."""
    return 2000 + 800.0 * np.abs(np.arange(num) - num // 2)


def check_far_away(
    answer: Answer, arguments: dict[str, Array], expected: Array, mistake: str = UNDERFLOW
) -> None:
    """The same formula where the densities are as small as those of a real image."""
    with np.errstate(all="ignore"):
        returned = call(answer, arguments)
    array = as_array(name_of(answer), returned)
    if not np.isfinite(array).all():
        fail(f"{name_of(answer)} is not finite where log p is near -2000.", mistake)
    what = f"{name_of(answer)} where log p is near -2000"
    if array.shape == np.shape(expected) and not np.allclose(array, expected, rtol=1e-3, atol=1e-3):
        fail(f"{what}: is {array.ravel()[0]:.6g}, should be {np.ravel(expected)[0]:.6g}.", mistake)
    require_answer(what, returned, expected, [], mistake)
