import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bbvi.validation import (
    as_count,
    as_float_array,
    check_members,
    check_rng,
    check_theta,
    check_width,
    same_dtype,
)

FINITE = st.floats(-1e6, 1e6, width=32)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=4),
        elements=FINITE,
    )
)
def test_finite_float_arrays_pass_unchanged(x):
    assert as_float_array("x", x, ndim=2) is x


@given(
    hnp.arrays(np.float64, (3, 2), elements=FINITE),
    st.integers(0, 2),
    st.integers(0, 1),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_one_value_that_is_not_finite_is_found(x, row, column, value):
    x[row, column] = value
    with pytest.raises(ValueError, match=f"x has 1 NaN or infinite value.*row {row}"):
        as_float_array("x", x, ndim=2)


def test_lists_of_floats_become_float64():
    assert as_float_array("x", [[0.5, 1.0]], ndim=2).dtype == np.float64


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.zeros((2, 2), dtype=int), TypeError, r"x has dtype int64; expected float32 or float64"),
        (np.zeros((2, 2), np.uint8), TypeError, r"x has dtype uint8.*bbvi\.datasets\.binarize"),
        (np.zeros((2, 2), bool), TypeError, r"x has dtype bool.*astype"),
        (np.zeros((2, 2), np.float16), TypeError, "x has dtype float16"),
        (np.zeros((2, 2), complex), TypeError, "x has dtype complex128"),
        ([["a"]], TypeError, "x has dtype <U1"),
        ([[1.0, 2.0], [3.0]], ValueError, "x has rows of different lengths; expected a rectangul"),
        (np.zeros(3), ValueError, r"x has shape \(3,\); expected \(N, Dx\).*x\[None\]"),
        (np.zeros((2, 2, 2)), ValueError, r"x has shape \(2, 2, 2\); expected \(N, Dx\)\.$"),
        (np.zeros((0, 3)), ValueError, r"x is empty \(shape \(0, 3\)\)"),
        (np.zeros((3, 0)), ValueError, r"x is empty \(shape \(3, 0\)\)"),
    ],
    ids=str,
)
def test_what_is_not_a_float_matrix_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        as_float_array("x", value, ndim=2)


def test_same_dtype_names_both_sides_and_the_fix():
    x, theta = np.zeros(2, np.float32), {"W": np.zeros(2)}
    assert same_dtype(x=x, y=x) is None
    assert same_dtype(theta={}) is None
    with pytest.raises(TypeError, match=r"x is float32 but theta\['W'\] is float64.*astype"):
        same_dtype(x=x, theta=theta)


@pytest.mark.parametrize(
    ("theta", "error", "message"),
    [
        ([np.zeros(2)], TypeError, "theta is a list; expected a dict.*model.init"),
        (None, TypeError, "theta is a NoneType"),
        ({"W": np.zeros(2, int)}, TypeError, r"theta\['W'\] has dtype int64"),
        ({"W": None}, TypeError, r"theta\['W'\] has dtype object"),
        (
            {"b": np.zeros(2), "W": np.array([0, np.nan, np.inf])},
            ValueError,
            r"theta\['W'\] has 2 NaN or infinite value.*smaller step size",
        ),
    ],
    ids=str,
)
def test_check_theta_refuses(theta, error, message):
    with pytest.raises(error, match=message):
        check_theta(theta)


def test_a_seed_is_not_a_generator():
    assert check_rng(np.random.default_rng(0)) is None
    with pytest.raises(TypeError, match=r"rng is int; expected a numpy Generator.*default_rng"):
        check_rng(0)


def test_a_class_is_not_its_object_and_what_lacks_a_member_is_named():
    assert check_members("family", np.zeros(2), ("shape", "dtype"), "zeros(2)") is None
    with pytest.raises(TypeError, match=r"family is the class Generator; expected an object.*f\(2"):
        check_members("family", np.random.Generator, ("random",), "f(2)")
    with pytest.raises(TypeError, match=r"family is None, which has no init; expected e\.g\. f\(2"):
        check_members("family", None, ("init",), "f(2)")


def test_check_theta_accepts_floats_and_nothing():
    assert check_theta({}) is None
    assert check_theta({"a": np.float32(1.0), "b": np.zeros((2, 2))}) is None


@given(st.integers(1, 10**6))
def test_counts_pass(value):
    assert as_count("S", value) == value
    assert as_count("S", np.int32(value)) == value


@pytest.mark.parametrize("value", [1.0, "3", None, True, np.float64(2)])
def test_a_count_must_be_whole(value):
    with pytest.raises(TypeError, match=r"S is .*expected a whole number"):
        as_count("S", value)


@pytest.mark.parametrize("value", [0, -1])
def test_a_count_must_reach_its_minimum(value):
    with pytest.raises(ValueError, match=f"S is {value}; expected at least 1"):
        as_count("S", value)


def test_check_width():
    assert check_width("x", np.zeros((2, 3)), 3, "observed_dim") is None
    with pytest.raises(
        ValueError, match=r"\(2, 3\).*axis is 3; expected 4 \(observed_dim\).*trans"
    ):
        check_width("x", np.zeros((2, 3)), 4, "observed_dim")
