"""The posterior mean as a representation: is it worth more than principal components?."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bbvi.datasets import Dataset
from bbvi.types import Array


def linear_classifier_accuracy(
    train: Array, train_labels: Array, test: Array, test_labels: Array
) -> tuple[float, float]:
    """Share of test labels that multinomial logistic regression gets right, and its error.

    Features (N, D) are standardized with the training data's moments.

    Returns
    -------
    accuracy, standard_error : float
        The standard error is binomial.
    """
    mean, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    classifier = LogisticRegression(max_iter=1000)
    classifier.fit((train - mean) / scale, train_labels)
    accuracy = float(np.mean(classifier.predict((test - mean) / scale) == test_labels))
    return accuracy, float(np.sqrt(accuracy * (1 - accuracy) / len(test)))


def principal_components(train: Array, images: Sequence[Array], num: int) -> list[Array]:
    """Coordinates of images (N, Dx) along the training data's first principal directions."""
    mean = train.mean(axis=0)
    _, directions = np.linalg.eigh((train - mean).T @ (train - mean))
    first = directions[:, ::-1][:, :num]
    return [(x - mean) @ first for x in images]


def compare_representations(
    train: Dataset, test: Dataset, means: tuple[Array, Array]
) -> list[dict[str, Any]]:
    """Rows: the same linear classifier on posterior means and on as many principal components.

    Parameters
    ----------
    train, test : Dataset
        Labelled images.
    means : tuple of ndarray (N, D)
        Posterior means of the training and the test images.

    Notes
    -----
    Ermon/Grover notes, "Representation": inferring z for a given x; the AEVB review, section 2.1,
    "coding or data representation tasks".
    """
    if train.labels is None or test.labels is None:
        raise ValueError("labels is None; expected labelled images to train a classifier on.")
    dims = means[0].shape[1]
    components = principal_components(train.x, (train.x, test.x), dims)
    rows = []
    for name, (fitted, held_out) in (
        ("posterior means", means),
        ("principal components", components),
    ):
        accuracy, error = linear_classifier_accuracy(fitted, train.labels, held_out, test.labels)
        rows.append(
            {"representation": name, "dims": dims, "accuracy": accuracy, "accuracy_se": error}
        )
    return rows
