import numpy as np
import pytest

from bbvi.experiments.problem import problem_from
from bbvi.validation import as_float_array


def test_whole_numbers_are_no_dtype_of_data():
    with pytest.raises(TypeError, match="dtype is int64; expected float32 or float64"):
        problem_from("iris", np.random.default_rng(0), 2, np.int64)


def test_a_masked_array_is_refused_by_name():
    x = np.ma.masked_equal(np.array([[1.0, -999.0]]), -999.0)
    with pytest.raises(TypeError, match="x is a masked array"):
        as_float_array("x", x, ndim=2)
    assert as_float_array("x", x.filled(0.0), ndim=2).tolist() == [[1.0, 0.0]]


def test_a_mistyped_data_set_is_answered_with_the_name_that_is_meant():
    with pytest.raises(ValueError, match=r"Did you mean .digits."):
        problem_from("digit", np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"\.csv file\.$"):
        problem_from("qqq", np.random.default_rng(0))
