"""Small data sets that need no download, binarizing and splitting."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.datasets.tables import load_array
from bbvi.types import Array
from bbvi.validation import check_rng, check_unmasked


class Dataset(NamedTuple):
    """Data x (N, Dx), float, with whole-number labels (N,), or None where there are none."""

    x: Array
    labels: Array | None


class Split(NamedTuple):
    """A seeded division of a data set's rows."""

    train: Dataset
    test: Dataset


def digits(binarize: bool = True) -> Dataset:
    """The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn carries: x (1797, 64).

    Parameters
    ----------
    binarize : bool
        True returns 0/1 pixels (1 where the ink is at least half of the darkest possible);
        False the grey values in [0, 1].

    Raises
    ------
    TypeError
        If binarize is neither: random pixels are made by `bbvi.datasets.binarize`.

    Notes
    -----
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits.

    Examples
    --------
    >>> x, labels = digits()
    >>> x.shape, sorted(set(x.ravel().tolist())), labels[:5].tolist()
    ((1797, 64), [0.0, 1.0], [0, 1, 2, 3, 4])
    """
    if not isinstance(binarize, bool | np.bool_):
        raise TypeError(
            f"binarize is {binarize!r}; expected True (0/1 pixels) or False (grey values). For "
            "random 0/1 pixels: bbvi.datasets.binarize(digits(False).x, 'stochastic', rng)."
        )
    from sklearn.datasets import load_digits

    data, labels = load_digits(return_X_y=True)
    grey = data / 16
    return Dataset(_threshold(grey) if binarize else grey, labels.astype(np.int64))


def iris() -> Dataset:
    """Fisher's 150 irises: x (150, 4) in centimetres, labels the species 0, 1, 2.

    Notes
    -----
    Fisher (1936), "The use of multiple measurements in taxonomic problems".
    """
    from sklearn.datasets import load_iris

    x, labels = load_iris(return_X_y=True)
    return Dataset(x, labels.astype(np.int64))


def old_faithful(root: str | os.PathLike[str] | None = None) -> Dataset:
    """The 272 eruptions of the Old Faithful geyser: x (272, 2), minutes erupting and waiting.

    Parameters
    ----------
    root : path, optional
        The folder that holds ``old_faithful.csv``; by default ``$BBVI_DATA``.

    Raises
    ------
    ValueError
        If neither ``root`` nor ``$BBVI_DATA`` says where to look.
    FileNotFoundError
        If the file is not there.

    Notes
    -----
    Azzalini and Bowman (1990), "A look at some data on the Old Faithful geyser".
    """
    folder = root if root is not None else os.environ.get("BBVI_DATA")
    if folder is None:
        raise ValueError(
            "root is None and BBVI_DATA is not set; expected the folder that holds "
            "old_faithful.csv (two columns: eruptions, waiting)."
        )
    return Dataset(load_array(Path(folder) / "old_faithful.csv"), None)


def binarize(x: Any, rule: str = "threshold", rng: np.random.Generator | None = None) -> Array:
    """Turn grey values into 0.0 or 1.0, for a Bernoulli likelihood.

    Parameters
    ----------
    x : array
        uint8 in 0..255, or floats in [0, 1].  float32 stays float32; the rest becomes float64.
    rule : {"threshold", "stochastic"}
        1 where the grey value is at least half of the largest possible; or 1 with a probability
        equal to the grey value, drawn from ``rng``.
    rng : Generator
        For ``rule="stochastic"`` only.

    Raises
    ------
    TypeError
        If x is neither uint8 nor float, or masked, or rng is missing where it is needed.
    ValueError
        If a value is outside the range, or the rule is unknown.

    Notes
    -----
    Salakhutdinov and Murray (2008), section 5.1, for the stochastic rule.

    Examples
    --------
    >>> binarize(np.array([[0, 127, 128, 255]], dtype=np.uint8)).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    grey = _as_grey(x)
    if rule == "threshold":
        return _threshold(grey)
    if rule == "stochastic":
        if rng is None:
            raise TypeError(
                'rng is None but rule is "stochastic"; expected a generator such as '
                "np.random.default_rng(0)."
            )
        return (rng.random(grey.shape) < grey).astype(grey.dtype)
    raise ValueError(f'rule is {rule!r}; expected "threshold" or "stochastic".')


def train_test_split(
    rng: np.random.Generator, x: Array, labels: Array | None = None, test_fraction: float = 0.2
) -> Split:
    """Divide the rows by a random permutation; at least one row lands on either side.

    Always permuted, because many files (Larochelle's binarized MNIST test set among them) are
    sorted by class.

    Raises
    ------
    TypeError
        If rng is not a Generator, or x or labels are masked.
    ValueError
        If x and labels differ in length, the fraction is not inside (0, 1), or there are fewer
        than 2 rows.

    Examples
    --------
    >>> train, test = train_test_split(np.random.default_rng(0), np.arange(10.0)[:, None])
    >>> train.x.shape, test.x.shape
    ((8, 1), (2, 1))
    """
    check_rng(rng)
    check_unmasked(x=x, labels=labels)
    x, labels = np.asarray(x), None if labels is None else np.asarray(labels)
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction is {test_fraction}; expected a number inside (0, 1).")
    if len(x) < 2:
        raise ValueError(f"x has {len(x)} row(s); expected at least 2 to split.")
    if labels is not None and len(labels) != len(x):
        raise ValueError(
            f"labels has {len(labels)} entries but x has {len(x)} rows; expected as many."
        )
    num_test = min(max(round(test_fraction * len(x)), 1), len(x) - 1)
    order = rng.permutation(len(x))
    parts = (
        Dataset(x[rows], None if labels is None else labels[rows])
        for rows in (order[num_test:], order[:num_test])
    )
    return Split(*parts)


def _as_grey(x: Any) -> Array:
    check_unmasked(x=x)
    x = np.asarray(x)
    if x.dtype == np.uint8:
        return x / 255
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(f"x has dtype {x.dtype}; expected uint8 in 0..255 or floats in [0, 1].")
    # Written so that NaN fails too.
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(
            f"x has values from {x.min():g} to {x.max():g}; expected grey values in [0, 1]. "
            "Divide by the largest possible value first, e.g. x / 255."
        )
    return x


def _threshold(grey: Array) -> Array:
    return (grey >= 0.5).astype(grey.dtype)
