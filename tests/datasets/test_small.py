"""Digits: a rule's name is not a truth value."""

import numpy as np
import pytest

import bbvi
import bbvi.evaluation
from bbvi.datasets import binarize, digits, train_test_split


@pytest.mark.parametrize("rule", ["stochastic", "none", "threshold", None, 1, 0, 0.5])
def test_digits_takes_true_or_false(rule):
    with pytest.raises(TypeError, match=r"binarize is .*; expected True .*or False.*stochastic"):
        digits(rule)
    with pytest.raises(TypeError, match="binarize is"):
        digits(binarize=rule)


def test_digits_of_both_kinds():
    assert set(np.unique(digits(np.True_).x)) == {0.0, 1.0}
    assert len(np.unique(digits(False).x)) == 17


def test_one_name_for_smoothed_weights():
    assert bbvi.evaluation.psis is bbvi.psis


@pytest.mark.parametrize("inside_a_list", [False, True])
def test_masked_values_are_not_used_as_data(inside_a_list):
    x = np.ma.masked_equal(np.array([[0.5, 1.0], [0.25, -999.0], [0.0, 1.0]]), -999)
    x = list(x) if inside_a_list else x
    with pytest.raises(TypeError, match=r"x is a masked array"):
        train_test_split(np.random.default_rng(0), x)
    with pytest.raises(TypeError, match=r"x is a masked array"):
        binarize(x)
