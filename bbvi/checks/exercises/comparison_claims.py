"""The checks of the exercises about what a comparison may claim: tuned, and among many."""

import numpy as np
from scipy import stats

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.comparison_errors import ONE_SEED, SIZES, K, M, N
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_chosen_score(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``chosen_score(validation, test)``: what may be reported of a tuned method, (K,).

    Both are (R, K, N): ELBOs of R step sizes at K seeds, on N validation rows, and on N test rows.
    The step size is the one with the highest mean on validation rows, over seeds and rows; what is
    reported is its mean over the test rows, for each seed.

    Raises
    ------
    AssertionError
        With the likely mistake: tuned on the test data, tuned by one seed, the validation score
        reported.
    """
    validation, test = _grid_of_rates(rng)
    means, at_test = validation.mean(axis=2), test.mean(axis=2)
    best = int(means.mean(axis=1).argmax())
    on_test = "the step size was tuned on the test set: its score there is too good to be true"
    each = "each seed has its own step size: a method has one, chosen by the mean over seeds"
    reported = (
        "the validation score is reported: it chose the step size, and is too good to be true"
    )
    seeds, together = np.arange(K), (means + at_test) / 2
    table = [
        (on_test, at_test[at_test.mean(axis=1).argmax()]),
        (on_test, at_test.max(axis=0)),
        (on_test, at_test[at_test[:, 0].argmax()]),
        (f"the step size was tuned by {ONE_SEED}", at_test[means[:, 0].argmax()]),
        ("the step size with the best single run", at_test[means.max(axis=1).argmax()]),
        ("the step size with the best single datapoint", at_test[validation.max((1, 2)).argmax()]),
        ("the lowest mean: the ELBO is to be high", at_test[means.mean(axis=1).argmin()]),
        (each, at_test[means.argmax(axis=0), seeds]),
        (reported, means[best]),
        (f"{reported}; and {each}", means.max(axis=0)),
        ("validation and test rows together: only test rows report", together[best]),
        ("the average over all step sizes: the chosen one is meant", at_test.mean(axis=0)),
        ("the best seed's score alone: all seeds are reported", at_test[best].max()),
        ("averaged over the seeds: each seed has its own score", at_test[best].mean()),
        ("the first step size, whatever the validation rows say", at_test[0]),
        ("the last step size, whatever the validation rows say", at_test[-1]),
        ("the number of the step size, where its score is meant", np.array(float(best))),
    ]
    arguments, suspects = {"validation": validation, "test": test}, [Suspect(*r) for r in table]
    sizes = {"R, the number of step sizes": len(test), **SIZES}
    del sizes["M, the number of methods or pairs"]
    check_formula(answer, arguments, _chosen_score, suspects, sizes=sizes)


def _grid_of_rates(rng: np.random.Generator) -> tuple[Array, Array]:
    """Scores at which every wrong way of choosing chooses another step size than the right one."""
    validation, test = np.full((8, K, N), -22.0), np.full((8, K, N), -22.0)
    validation[0] = -20  # the right one
    validation[1], test[1] = -22.9, -19  # best on the test rows
    validation[1, :, :4] = -19.6  # ... and best in the median, and at the first row
    validation[2, 0], test[2, 0] = -17, -17  # best at the first seed
    validation[3, 2] = -15  # best single run
    validation[4, :, 3] = -9.5  # best single datapoint
    validation[5] = -25  # worst
    test[6, 0] = -16  # best at the first seed, on test rows
    validation[7, :, 1:3] = -19.5  # the second and third row alone
    # The right one is at another place each time, and never the first, nor the last.
    order = np.insert([1, 5, 4, 2, 3, 6, 7], int(rng.integers(1, 6)), 0)
    validation += 0.05 * rng.standard_normal(validation.shape)
    test += rng.uniform(-0.5, 0.5, (8, 1, 1)) + 0.3 * rng.standard_normal(test.shape)
    return validation[order], test[order]


def _chosen_score(validation: Array, test: Array) -> Array:
    best = np.argmax(np.mean(validation, axis=(1, 2)))
    return np.mean(test[best], axis=1)


@without_frames
def check_simultaneous_intervals(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``simultaneous(mean, error, num_seeds)`` -> (low, high), both (M,), nats.

    mean and error (M,) are M differences and their standard errors.  All intervals hold together
    at 95 %: each at 1 - 0.05 / M, by the t quantile of num_seeds - 1 degrees of freedom.

    Raises
    ------
    AssertionError
        With the likely mistake: each at 95 %, the normal quantile, one-sided.
    """
    mean, error = 0.5 * rng.standard_normal(M), rng.uniform(0.1, 0.6, M)
    arguments = {"mean": mean, "error": error, "num_seeds": K}
    alone = "each interval is at 95 %: that all M hold together, each needs 1 - 0.05 / M"
    normal = (
        f"the normal quantile: the error comes from {K} seeds, so take t with {K - 1} degrees of "
        "freedom"
    )
    tail = "one-sided: 0.05 / M is for both ends, 0.05 / (2 M) for each"
    freedom = "K degrees of freedom instead of K - 1"
    quantiles = [
        (alone, stats.t.ppf(0.975, K - 1)),
        (f"{alone}; and one-sided", stats.t.ppf(0.95, K - 1)),
        (f"{normal}; and {alone}", 1.96),
        (f"{normal}; and {alone}", stats.norm.ppf(0.975)),
        (f"{normal}; and {alone}", 2.0),
        (normal, stats.norm.ppf(1 - 0.05 / (2 * M))),
        (f"{normal}; and {tail}", stats.norm.ppf(1 - 0.05 / M)),
        (tail, stats.t.ppf(1 - 0.05 / M, K - 1)),
        (freedom, stats.t.ppf(1 - 0.05 / (2 * M), K)),
        (f"{freedom}; and {alone}", stats.t.ppf(0.975, K)),
        (
            "M - 1 degrees of freedom: they come from the seeds",
            stats.t.ppf(1 - 0.05 / 2 / M, M - 1),
        ),
        ("the standard error alone: it is 60 to 70 %, not 95 %", 1.0),
        (
            "multiplied by M: the level is divided by M, not the interval",
            M * stats.t.ppf(0.975, K - 1),
        ),
    ]
    right = float(stats.t.ppf(1 - 0.05 / (2 * M), K - 1))
    again = "divided by sqrt(K) once more: error is the error of the mean already"
    quantiles += [
        (again, right / np.sqrt(K)),
        (f"{again}; and {alone}", stats.t.ppf(0.975, K - 1) / np.sqrt(K)),
    ]
    for part, sign in ((0, -1), (1, 1)):
        suspects = [Suspect(words, mean + sign * q * error) for words, q in quantiles]
        suspects += [
            Suspect("low and high are exchanged", mean - sign * right * error),
            Suspect("the reach alone: the interval is around the mean", right * error),
            Suspect("the reach alone: the interval is around the mean", sign * right * error),
            Suspect("the mean, where an end of its interval is meant", mean),
            Suspect(
                "the reach is the variance: error is the standard error",
                mean + sign * right * error**2,
            ),
        ]
        check_formula(answer, arguments, _simultaneous, suspects, part=part, sizes=SIZES)


def _simultaneous(mean: Array, error: Array, num_seeds: int) -> tuple[Array, Array]:
    level = 1 - 0.05 / (2 * len(mean))
    reach = stats.t.ppf(level, num_seeds - 1) * error
    return mean - reach, mean + reach
