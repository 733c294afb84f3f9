"""A small classification data set for Bayesian logistic regression."""

import numpy as np

from bbvi.datasets.small import Dataset


def breast_cancer() -> Dataset:
    """The 569 tumours that scikit-learn carries: x (569, 30) standardized, labels 1 = benign.

    Every column has mean 0 and standard deviation 1, so that one prior scale suits all weights.

    Notes
    -----
    Street, Wolberg and Mangasarian (1993), the Wisconsin diagnostic breast-cancer data.

    Examples
    --------
    >>> x, labels = breast_cancer()
    >>> x.shape, int(labels.sum())
    ((569, 30), 357)
    """
    from sklearn.datasets import load_breast_cancer

    x, labels = load_breast_cancer(return_X_y=True)
    return Dataset((x - x.mean(axis=0)) / x.std(axis=0), labels.astype(np.int64))
