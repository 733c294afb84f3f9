"""Units of a table: standardization, its Jacobian, and tables whose log p(x) means nothing.

A table is learned in standardized units y_j = (x_j - mean_j) / sd_j, with the training rows' mean
and sd.  A density changes its value with its units: with dy_j / dx_j = 1 / sd_j

    log p(x) = log p(y) - sum_j log sd_j,

and so does every ELBO; gaps and differences stay as they are.
"""

import numpy as np

from bbvi.datasets import Dataset
from bbvi.types import Array

FEW_ROWS = 10
"""Training rows below which a learned density has seen next to nothing."""
ALMOST_CONSTANT = 1e-6
"""Share of a column's greatest magnitude that its standard deviation has at least."""


class TableWarning(UserWarning):
    """A table's log p(x) can be computed and means little: the message says why."""


def standardize(train: Dataset, test: Dataset) -> tuple[Dataset, Dataset, Array]:
    """y_j = (x_j - mean_j) / sd_j by the training rows, and sd (Dx,); 1 for a constant column."""
    mean, scale = train.x.mean(axis=0), train.x.std(axis=0)
    scale = np.where(_is_constant(train.x), 1, scale)

    def apply(x: Array) -> Array:
        return (x - mean) / scale

    return train._replace(x=apply(train.x)), test._replace(x=apply(test.x)), scale


def units_and_log_scale(scale: Array) -> tuple[str, float]:
    """How results of a standardized table are told, and sum_j log sd_j."""
    return "of the table (standardized while it is learned)", float(np.sum(np.log(scale)))


def cautions(x: Array, binary: bool = False) -> tuple[str, ...]:
    """What makes log p(x) of training rows x (N, Dx) doubtful, a sentence each.

    The density of a column without spread, or of one that another determines, has no bound: a
    learned scale goes to 0, and a held-out row that differs by little is infinitely unlikely.
    Probabilities of binary columns have a bound; only their rows are counted.
    """
    doubts = []
    if len(x) < FEW_ROWS:
        rows = "row" if len(x) == 1 else "rows"
        doubts.append(
            f"{len(x)} training {rows} in {x.shape[1]} columns; a density learned from fewer than "
            f"{FEW_ROWS} says little about others. Give more rows."
        )
    if binary:
        return tuple(doubts)
    constant = np.flatnonzero(_is_constant(x))
    if len(constant):
        doubts.append(
            f"{_columns(constant)} in the training rows; log p(x) has no upper bound there "
            "and no meaning. Leave such columns out."
        )
    repeated = _repeated(x)
    for first, second in repeated:
        doubts.append(
            f"column {second} repeats column {first} up to its units; log p(x) has no upper bound "
            "and no meaning. Leave one of them out."
        )
    rank, varying = _rank(x)
    if rank < varying and not repeated and len(x) >= FEW_ROWS:
        doubts.append(
            f"{varying} columns vary and only {rank} of them independently in {len(x)} training "
            "rows: some are weighted sums of others, or there are too few rows; log p(x) has no "
            f"upper bound from D = {rank} on. Leave such columns out, or give more rows."
        )
    return tuple(doubts)


def refuse_without_information(name: str, x: Array) -> None:
    """Raise ValueError for one row, or if no column of x (N, Dx) varies."""
    if len(x) < 2:
        raise ValueError(
            f"{name} has 1 row; expected at least 2, one to learn from and one to test on."
        )
    if (x == x[0]).all():
        raise ValueError(
            f"{name}: all {len(x)} rows are the same; expected at least one column that varies."
        )


def _is_constant(x: Array) -> Array:
    """Whether each column's standard deviation is nothing beside its magnitude: (Dx,)."""
    return np.asarray(x.std(axis=0) <= ALMOST_CONSTANT * np.abs(x).max(axis=0))


def _rank(x: Array) -> tuple[int, int]:
    """How many columns vary independently, and how many vary at all."""
    y = x[:, ~_is_constant(x)] - x[:, ~_is_constant(x)].mean(axis=0)
    size = np.maximum(y.std(axis=0), np.finfo(y.dtype).tiny)
    return (int(np.linalg.matrix_rank(y / size, tol=1e-6)) if y.size else 0), y.shape[1]


def _columns(numbers: Array) -> str:
    shown = ", ".join(str(number + 1) for number in numbers[:8])
    more = ", ..." if len(numbers) > 8 else ""
    kind = "column" if len(numbers) == 1 else "columns"
    verb = "is" if len(numbers) == 1 else "are"
    return f"{kind} {shown}{more} {verb} constant, or almost,"


def _repeated(x: Array, limit: int = 3) -> list[tuple[int, int]]:
    """Pairs of columns, counted from 1, with |correlation| of 1 to rounding: the first few.

    Two rows make every pair so; then there is nothing to tell.
    """
    varies = np.flatnonzero(~_is_constant(x))
    if len(x) < 3 or len(varies) < 2:
        return []
    y = x[:, varies] - x[:, varies].mean(axis=0)
    y /= np.sqrt(np.sum(y**2, axis=0))
    pairs = []
    for k in range(1, len(varies)):
        alike = np.flatnonzero(1 - np.abs(y[:, :k].T @ y[:, k]) < 1e-12)
        if len(alike):
            pairs.append((int(varies[alike[0]]) + 1, int(varies[k]) + 1))
        if len(pairs) == limit:
            break
    return pairs
