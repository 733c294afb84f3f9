"""Digits: a rule's name is not a truth value."""

import numpy as np
import pytest

import bbvi
import bbvi.evaluation
from bbvi.datasets import digits


@pytest.mark.parametrize("binarize", ["stochastic", "none", "threshold", None, 1, 0, 0.5])
def test_digits_takes_true_or_false(binarize):
    with pytest.raises(TypeError, match=r"binarize is .*; expected True .*or False.*stochastic"):
        digits(binarize)
    with pytest.raises(TypeError, match="binarize is"):
        digits(binarize=binarize)


def test_digits_of_both_kinds():
    assert set(np.unique(digits(np.True_).x)) == {0.0, 1.0}
    assert len(np.unique(digits(False).x)) == 17


def test_one_name_for_smoothed_weights():
    assert bbvi.evaluation.psis is bbvi.psis
