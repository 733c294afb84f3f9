"""MNIST from local files, grey or binarized, with every file's sha256 checked."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.datasets.download import fetch
from bbvi.datasets.files import (
    DataFile,
    gunzip,
    parse_idx,
    read_checked,
    read_npz,
    search_folders,
)
from bbvi.datasets.small import Dataset
from bbvi.datasets.small import binarize as to_binary
from bbvi.types import Array

TRAIN_X = DataFile(
    "train-images-idx3-ubyte",
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    47040016,
    47040016,
)
TRAIN_Y = DataFile(
    "train-labels-idx1-ubyte",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    60008,
    60008,
)
TEST_X = DataFile(
    "t10k-images-idx3-ubyte",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    7840016,
    7840016,
)
TEST_Y = DataFile(
    "t10k-labels-idx1-ubyte",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    10008,
    10008,
)
GZIPPED = {
    file.name: DataFile(f"{file.name}.gz", sha256, size, file.unpacked)
    for file, sha256, size in (
        (TRAIN_X, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422),
        (TRAIN_Y, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881),
        (TEST_X, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877),
        (TEST_Y, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
    )
}
NPZ = DataFile(
    "mnist.npz",
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    11490434,
    56_000_000,
)
PACKED = DataFile(
    "binarized_mnist_packed.npz",
    "50de2c8299a5a297789293ab2c30f6fc3cb8c359a15e5e88d5501aa18ebb8fa5",
    2295919,
    7_000_000,
)
AMAT = tuple(
    DataFile(f"binarized_mnist_{split}.amat", sha256, size, size)
    for split, sha256, size in (
        ("train", "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d", 78400000),
        ("valid", "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2", 15680000),
        ("test", "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c", 15680000),
    )
)
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
AMAT_MIRRORS = ("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",)
RULES = ("threshold", "stochastic", "larochelle")


class Mnist(NamedTuple):
    """The standard division; ``validation`` only for Larochelle's fixed binarization."""

    train: Dataset
    test: Dataset
    validation: Dataset | None = None


def mnist(
    root: str | os.PathLike[str] | None = None,
    binarize: str | None = None,
    *,
    rng: np.random.Generator | None = None,
    dtype: Any = np.float32,
    download: bool = False,
    mirrors: Sequence[str] | None = None,
) -> Mnist:
    """MNIST's 28 x 28 digits as x (60000, 784) and (10000, 784) in [0, 1], with labels.

    Parameters
    ----------
    root : path, optional
        Folder of the files; by default ``$BBVI_DATA`` if set, then the user's cache folder.
    binarize : {None, "threshold", "stochastic", "larochelle"}
        None keeps the grey values.  "larochelle" reads the fixed binarization in its division
        into 50,000, 10,000 (validation) and 10,000, which has no labels and whose test set is
        sorted by class: take subsets with `train_test_split`.
    rng : Generator
        For "stochastic" only.
    dtype : numpy dtype
        float32 or float64.
    download : bool
        Fetch absent files into ``root``, else the user's cache folder.  Without it the network
        is never touched.
    mirrors : sequence of str, optional
        Addresses to download from, instead of the known ones.

    Raises
    ------
    FileNotFoundError
        If the files are absent: names them, their sha256 and where to put them.
    ValueError
        If the rule is unknown, or a file is truncated, oversized, a web page or another file.
    ConnectionError, ImportError
        If a download fails, or pooch is not installed.

    Notes
    -----
    LeCun, Bottou, Bengio and Haffner (1998); Larochelle and Murray (2011) for the fixed
    binarization.
    """
    if binarize is not None and binarize not in RULES:
        raise ValueError(f"binarize is {binarize!r}; expected None or one of {', '.join(RULES)}.")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype is {np.dtype(dtype)}; expected float32 or float64.")
    if binarize == "larochelle":
        return _larochelle(root, dtype, AMAT_MIRRORS if mirrors is None else mirrors, download)
    if binarize == "stochastic" and rng is None:
        raise TypeError('rng is None but binarize is "stochastic"; expected a generator.')
    arrays = _grey(root, MIRRORS if mirrors is None else mirrors, download)
    train_x, train_y, test_x, test_y = arrays

    def dataset(images: Array, labels: Array) -> Dataset:
        # In place: a second array of the training set would be another 190 MB.
        x = images.reshape(len(images), -1).astype(dtype)
        x /= 255
        x = x if binarize is None else to_binary(x, binarize, rng)
        return Dataset(x, labels.astype(np.int64))

    return Mnist(dataset(train_x, train_y), dataset(test_x, test_y))


def _grey(
    root: str | os.PathLike[str] | None, mirrors: Sequence[str], download: bool
) -> list[Array]:
    plain = (TRAIN_X, TRAIN_Y, TEST_X, TEST_Y)
    gzipped = tuple(GZIPPED[file.name] for file in plain)
    folder, files = _locate(root, (gzipped, plain, (NPZ,)), mirrors, download)
    if files == (NPZ,):
        keys = ("x_train", "y_train", "x_test", "y_test")
        return read_npz(read_checked(folder / NPZ.name, NPZ), NPZ, keys)
    contents = [read_checked(folder / file.name, file) for file in files]
    if files == gzipped:
        contents = [gunzip(content, file) for content, file in zip(contents, files)]
    return [parse_idx(content, file.name) for content, file in zip(contents, files)]


def _larochelle(
    root: str | os.PathLike[str] | None, dtype: Any, mirrors: Sequence[str], download: bool
) -> Mnist:
    folder, files = _locate(root, (AMAT, (PACKED,)), mirrors, download)
    contents = [read_checked(folder / file.name, file) for file in files]
    if files == (PACKED,):
        packed = read_npz(contents[0], PACKED, ("train", "valid", "test"))
        bits = [np.unpackbits(rows, axis=1)[:, :784] for rows in packed]
    else:
        # Every pixel is one character, "0" or "1", with one separator after it.
        bits = [np.frombuffer(text, np.uint8)[::2].reshape(-1, 784) - ord("0") for text in contents]
    train, validation, test = (Dataset(rows.astype(dtype), None) for rows in bits)
    return Mnist(train, test, validation)


def _locate(
    root: str | os.PathLike[str] | None,
    forms: Sequence[tuple[DataFile, ...]],
    mirrors: Sequence[str],
    download: bool,
) -> tuple[Path, tuple[DataFile, ...]]:
    """The first folder that holds all files of one form; the first form is the one on the net."""
    folders = search_folders(root)
    for folder in folders:
        for files in forms:
            if all((folder / file.name).is_file() for file in files):
                return folder, files
    if download:
        folder = folders[-1]
        for file in forms[0]:
            if not (folder / file.name).is_file():
                fetch(file, folder, mirrors)
        return folder, forms[0]
    partial = [
        f"{folder} lacks {', '.join(file.name for file in absent)}"
        for folder in folders
        for files in forms
        if len(absent := [file for file in files if not (folder / file.name).is_file()])
        < len(files)
    ]
    listed = " or ".join(
        "{" + ", ".join(f"{file.name} (sha256 {file.sha256})" for file in files) + "}"
        for files in forms
    )
    raise FileNotFoundError(
        f"MNIST is not in {' or '.join(map(str, folders))}; expected {listed}. Put the files of "
        "one form there, point root or the environment variable BBVI_DATA to their folder, or "
        "pass download=True (--download)." + "".join(f" ({where}.)" for where in partial)
    )
