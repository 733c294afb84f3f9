"""Data sets as plain float arrays, and the few things done to them before a fit."""

from bbvi.datasets.breast_cancer import breast_cancer
from bbvi.datasets.mnist import Mnist, mnist
from bbvi.datasets.names import Text, decode, encode, unicode_names
from bbvi.datasets.small import (
    Dataset,
    binarize,
    digits,
    iris,
    old_faithful,
    train_test_split,
)
from bbvi.datasets.tables import Table, load_array, load_table

__all__ = [
    "Dataset",
    "Mnist",
    "Table",
    "Text",
    "binarize",
    "breast_cancer",
    "decode",
    "digits",
    "encode",
    "iris",
    "load_array",
    "load_table",
    "mnist",
    "old_faithful",
    "train_test_split",
    "unicode_names",
]
