"""Bias, variance and signal-to-noise ratio of gradient estimators.

Replicates are rows: lam and x are tiled R times along N, and every row is one independent
S-sample estimate.  The variance is that of the whole estimate, over rows; never that of the S
samples inside one, which baselines, leave-one-out and multi-sample bounds couple.  Rows pass
through in chunks, so that memory does not grow with R.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from bbvi.backends.kernel.second_moments import SQUARES
from bbvi.evaluation.moments import BlockStatistics, Moments
from bbvi.evaluation.tail_index import InfiniteVarianceWarning
from bbvi.inference.counting import Counter
from bbvi.protocols import HasBlocks
from bbvi.types import Array, Estimate, Estimator, Family, Relaxable, Target, Theta
from bbvi.validation import as_count, as_float_array

Prepare = Callable[[Target, Array, np.random.Generator], Estimator]
CONFIRMING = 10_000
"""Replicates by which a variance must be judged before it is said not to exist."""
CHUNK_NUMBERS = 2**20
CHUNK_EVALUATIONS = 2**15


class GradientStatistics(NamedTuple):
    """What an estimator's gradient is worth, and what it costs.

    Attributes
    ----------
    blocks : list of BlockStatistics
        The family's blocks; then theta, if its squares were supplied.
    replicates : int
        R.
    evaluations : float
        Log-joint evaluations of one replicate, counted.
    seconds : float
        Processor seconds of one replicate, in chunks of many; unlike the wall's clock they hardly
        depend on what else the machine does.
    evaluations_beforehand : int
        Log-joint evaluations that ``prepare`` used, once for all replicates, counted.
    """

    blocks: list[BlockStatistics]
    replicates: int
    evaluations: float
    seconds: float
    evaluations_beforehand: int = 0


def parameter_blocks(family: Any) -> dict[str, Array]:
    """Name -> columns of lam: the family's ``parameter_blocks``, or one block for a family without.

    Examples
    --------
    >>> from bbvi import DiagonalGaussian
    >>> {name: columns.tolist() for name, columns in parameter_blocks(DiagonalGaussian(2)).items()}
    {'mean': [0, 1], 'log-scale': [2, 3]}
    """
    named = family.parameter_blocks if isinstance(family, HasBlocks) else {}
    return named or {"lam": np.arange(family.num_params)}


def gradient_statistics(
    estimator: Estimator,
    family: Family,
    target_of: Callable[[int], Target],
    lam: Array,
    noise: Callable[[np.random.Generator, int], Array],
    rng: np.random.Generator,
    *,
    replicates: int,
    prepare: Prepare | None = None,
    learning_rows: int = 1,
    exact: Array | None = None,
    exact_theta: Theta | None = None,
    level: float = 0.95,
) -> GradientStatistics:
    """Bias, variance and SNR of an estimator at one lam, over R independent replicates.

    Var(grad) = E[(grad - E grad)^2], with grad the average over S samples.

    Parameters
    ----------
    estimator : callable
        (family, target, lam, eps) -> Estimate.
    family : Family
    target_of : callable
        R -> a target with R equal datapoints, e.g. ``lambda R: backends.target(model, theta,
        numpy.tile(x, (R, 1)))``.  Bound by `bbvi.backends.kernel.second_moments`, it gives the
        statistics of the theta gradient too.  Where only lam is of interest, save theta's
        gradients: ``bbvi.targets.hold_theta(target)``.
    lam : ndarray (1, P)
        The point.
    noise : callable
        (rng, R) -> eps (S, R, ...), e.g. ``lambda rng, R: family.noise(rng, S, R)``.
    rng : numpy Generator
        For the noise and the bootstrap.
    replicates : int
        R >= 2.  Where their tail says that there is no variance, `CONFIRMING` replicates decide.
    prepare : callable, optional
        (target, lam, rng) -> the estimator to use, for one that first learns something, such as a
        baseline, from samples of its own (`bbvi.estimators.prepared`).  It learns once, and what
        it has learned serves all replicates; ``estimator`` is its untaught form.
    learning_rows : int
        Equal rows of lam at which it learns.
    exact : ndarray (P,), optional
        The exact gradient, for the bias.
    exact_theta : dict, optional
        The exact theta gradient.
    level : float
        Of the variance's interval.

    Returns
    -------
    GradientStatistics

    Warns
    -----
    InfiniteVarianceWarning
        If the tail of a block's gradient says that its variance does not exist.

    Raises
    ------
    TypeError, ValueError
        If R < 2, or lam is not one row.

    Notes
    -----
    Mohamed, Rosca, Figurnov and Mnih (2020), "Monte Carlo gradient estimation in machine
    learning", section 3.

    Examples
    --------
    The pathwise gradient of E[(z + 3)^2] at q = N(1, 1) has variances 4 and 72:

    >>> from bbvi import DiagonalGaussian
    >>> from bbvi.estimators.expectations import pathwise
    >>> from bbvi.models.integrands import quadratic
    >>> q, rng, lam = DiagonalGaussian(1), np.random.default_rng(0), np.array([[1.0, 0.0]])
    >>> statistics = gradient_statistics(
    ...     pathwise,
    ...     q,
    ...     lambda R: quadratic(-3.0, R),
    ...     lam,
    ...     lambda rng, R: q.noise(rng, 1, R),
    ...     rng,
    ...     replicates=20000,
    ... )
    >>> [(b.block, round(b.variance / v, 1)) for b, v in zip(statistics.blocks, (4, 72))]
    [('mean', 1.0), ('log-scale', 1.0)]
    >>> [b.interval.method for b in statistics.blocks]
    ['chi-square', 'bootstrap']
    """
    R = as_count("replicates", replicates, minimum=2)
    lam = as_float_array("lam", lam, ndim=2)
    if len(lam) != 1:
        raise ValueError(
            f"lam has shape {lam.shape}; expected one row (1, P): replicates of one point are "
            "made here. Measure several points one by one."
        )
    draws, bootstrap, learning_rng = rng.spawn(3)
    counter, learning = Counter(), Counter()
    size = _chunk_rows(_Setting(estimator, family, target_of, lam, noise), noise(draws, 1), R)
    if prepare is not None:
        rows = as_count("learning_rows", learning_rows)
        tiled = np.repeat(lam, rows, axis=0)
        estimator = prepare(learning.watch(target_of(rows)), tiled, learning_rng)
    setting = _Setting(estimator, family, target_of, lam, noise)
    blocks = parameter_blocks(family)
    sums = {name: Moments() for name in blocks}
    theta = Moments()
    seconds = 0.0
    for estimate, elapsed in _chunks(setting, draws, size, R, counter):
        seconds += elapsed
        for name, columns in blocks.items():
            sums[name].add(estimate.grad[:, columns])
        if estimate.grad_theta is not None and _has_squares(estimate):
            theta.add_moments(len(estimate.grad), *_split_squares(estimate.grad_theta))
    statistics = [
        sums[name].statistics(name, None if exact is None else exact[columns], level, bootstrap)
        for name, columns in blocks.items()
    ]
    if any(block.variance_exists is False for block in statistics) and R < CONFIRMING:
        more = _chunks(setting, rng.spawn(1)[0], size, CONFIRMING - R, Counter())
        statistics = _confirmed(statistics, sums, more, blocks)
    if isinstance(family, Relaxable):
        # Finitely many z, hence finitely many gradients: there are all moments.
        statistics = [
            b if b.not_finite else b._replace(tail_index=np.nan, variance_exists=True)
            for b in statistics
        ]
    if theta.count:
        known = None if exact_theta is None else _flat(exact_theta)
        statistics.append(theta.statistics("theta", known, level, bootstrap))
    warn_of_infinite_variances(statistics)
    return GradientStatistics(
        statistics, R, counter.evaluations / R, seconds / R, learning.evaluations
    )


def _confirmed(
    statistics: list[BlockStatistics],
    sums: Mapping[str, Moments],
    more: Iterator[tuple[Estimate, float]],
    blocks: Mapping[str, Array],
) -> list[BlockStatistics]:
    """The same statistics, their tails judged by more replicates."""
    for estimate, _ in more:
        for name, columns in blocks.items():
            sums[name].see(estimate.grad[:, columns])
    judged = []
    for block in statistics:
        k, exists = sums[block.block].tail(block.variance)
        judged.append(block._replace(tail_index=k, variance_exists=exists))
    return judged


def warn_of_infinite_variances(statistics: list[BlockStatistics]) -> None:
    """Warn of the blocks whose gradient has no variance."""
    infinite = [
        f"{block.block} (tail index {block.tail_index:.2f})"
        for block in statistics
        if block.variance_exists is False
    ]
    if infinite:
        warnings.warn(
            f"the variance of the gradient in {', '.join(infinite)} does not seem to exist: from a "
            "tail index of 0.5 on it is infinite, and the sample variance grows with the number of "
            "replicates. Do not compare it; use a family with lighter tails or another estimator.",
            InfiniteVarianceWarning,
            stacklevel=3,
        )


class _Setting(NamedTuple):
    """The arguments of `gradient_statistics` that say what is measured."""

    estimator: Estimator
    family: Family
    target_of: Callable[[int], Target]
    lam: Array
    noise: Callable[[np.random.Generator, int], Array]


def _chunks(
    setting: _Setting, rng: np.random.Generator, size: int, replicates: int, counter: Counter
) -> Iterator[tuple[Estimate, float]]:
    """Estimates of at most ``size`` replicates each, and their seconds."""
    ready: dict[int, tuple[Target, Array]] = {}
    for start in range(0, replicates, size):
        rows = min(size, replicates - start)
        if rows not in ready:
            ready[rows] = setting.target_of(rows), np.repeat(setting.lam, rows, axis=0)
        target, lam = ready[rows]
        begin = time.process_time()
        eps = setting.noise(rng, rows)
        estimate = setting.estimator(setting.family, counter.watch(target), lam, eps)
        yield estimate, time.process_time() - begin


def _chunk_rows(setting: _Setting, eps: Array, replicates: int) -> int:
    """Replicates that may be held in memory together, judged by one of them."""
    counter, family = Counter(), setting.family
    estimate = setting.estimator(family, counter.watch(setting.target_of(1)), setting.lam, eps)
    numbers = max(counter.evaluations * family.latent_dim, len(eps) * family.num_params)
    rows = min(CHUNK_NUMBERS // numbers, CHUNK_EVALUATIONS // max(1, counter.evaluations))
    if _has_squares(estimate):
        # Theta's replicates come in sums over a chunk, and the bootstrap needs many sums.
        rows = min(rows, -(-replicates // 64))
    return max(1, rows)


def _has_squares(estimate: Estimate) -> bool:
    return any(key.startswith(SQUARES) for key in estimate.grad_theta or ())


def _flat(theta: Mapping[str, Array]) -> Array:
    return np.concatenate([np.ravel(theta[key]) for key in sorted(theta)]).astype(np.float64)


def _split_squares(dtheta: Theta) -> tuple[Array, Array]:
    """Sums and sums of squares of a theta gradient from `second_moments`, flat."""
    squares = {
        key.removeprefix(SQUARES): value for key, value in dtheta.items() if key.startswith(SQUARES)
    }
    return _flat({key: dtheta[key] for key in squares}), _flat(squares)
