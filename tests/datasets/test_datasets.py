import numpy as np
import pytest

from bbvi.datasets import (
    binarize,
    digits,
    iris,
    load_array,
    old_faithful,
    train_test_split,
)


def test_digits_are_binary_or_grey():
    x, labels = digits()
    grey, same = digits(binarize=False)
    assert x.shape == grey.shape == (1797, 64)
    assert x.dtype == grey.dtype == np.float64
    assert set(np.unique(x)) == {0.0, 1.0}
    assert grey.min() == 0
    assert grey.max() == 1
    assert ((grey >= 0.5) == x).all()
    assert (labels == same).all()
    assert np.bincount(labels).min() > 170


def test_iris():
    x, labels = iris()
    assert x.shape == (150, 4)
    assert np.bincount(labels).tolist() == [50, 50, 50]


def test_old_faithful_from_root_and_from_the_environment(tmp_path, monkeypatch):
    (tmp_path / "old_faithful.csv").write_text("eruptions,waiting\n3.6,79\n1.8,54\n")
    assert old_faithful(tmp_path).x.tolist() == [[3.6, 79], [1.8, 54]]
    monkeypatch.setenv("BBVI_DATA", str(tmp_path))
    assert old_faithful().x.shape == (2, 2)
    monkeypatch.delenv("BBVI_DATA")
    with pytest.raises(ValueError, match="BBVI_DATA is not set"):
        old_faithful()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binarize_keeps_float_dtype(dtype):
    x = np.array([[0, 0.49, 0.5, 1]], dtype=dtype)
    out = binarize(x)
    assert out.dtype == dtype
    assert out.tolist() == [[0, 0, 1, 1]]


def test_binarize_takes_uint8():
    assert binarize(np.array([[0, 127, 128, 255]], np.uint8)).tolist() == [[0, 0, 1, 1]]


def test_stochastic_binarizing_has_the_grey_value_as_its_mean():
    x = np.full((200, 200), 0.3)
    out = binarize(x, "stochastic", np.random.default_rng(0))
    standard_error = np.sqrt(0.3 * 0.7 / x.size)
    assert set(np.unique(out)) == {0.0, 1.0}
    assert abs(out.mean() - 0.3) < 5 * standard_error
    assert abs(out.mean() - 0.33) > 5 * standard_error


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (np.array([[0.0, 255.0]]), ValueError, "from 0 to 255"),
        (np.array([[-0.5, 1.0]]), ValueError, "from -0.5"),
        (np.array([[np.nan, 1.0]]), ValueError, "nan"),
        (np.array([[0, 1]]), TypeError, "int64"),
    ],
)
def test_binarize_refuses_what_is_not_grey(x, error, match):
    with pytest.raises(error, match=match):
        binarize(x)


def test_binarize_refuses_unknown_rules_and_missing_rng():
    with pytest.raises(ValueError, match="rule is 'round'"):
        binarize(np.zeros((1, 1)), "round")
    with pytest.raises(TypeError, match="rng is None"):
        binarize(np.zeros((1, 1)), "stochastic")


def test_split_is_a_seeded_permutation():
    x, labels = np.arange(20.0)[:, None], np.arange(20)
    train, test = train_test_split(np.random.default_rng(3), x, labels, 0.25)
    again = train_test_split(np.random.default_rng(3), x, labels, 0.25)
    assert (len(train.x), len(test.x)) == (15, 5)
    assert sorted([*train.labels, *test.labels]) == list(range(20))
    assert (train.x[:, 0] == train.labels).all()
    assert (test.x == again.test.x).all()
    assert test.labels.tolist() != list(range(15, 20))


def test_split_leaves_a_row_on_either_side():
    train, test = train_test_split(np.random.default_rng(0), np.zeros((2, 1)), None, 0.01)
    assert len(train.x) == len(test.x) == 1
    assert train.labels is None


@pytest.mark.parametrize(
    ("rows", "labels", "fraction", "match"),
    [
        (5, None, 0.0, "inside"),
        (5, None, 1.0, "inside"),
        (1, None, 0.5, "at least 2"),
        (5, np.zeros(4), 0.5, "labels has 4"),
    ],
)
def test_split_refuses(rows, labels, fraction, match):
    with pytest.raises(ValueError, match=match):
        train_test_split(np.random.default_rng(0), np.zeros((rows, 1)), labels, fraction)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_load_npy_keeps_float_dtype(tmp_path, dtype):
    np.save(tmp_path / "x.npy", np.eye(3, dtype=dtype))
    x = load_array(tmp_path / "x.npy")
    assert x.dtype == dtype
    assert (x == np.eye(3)).all()


def test_load_integers_as_float64(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.uint8))
    assert load_array(tmp_path / "x.npy").dtype == np.float64


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,4\n", "1,2\n3,4", "1, 2\n\n3, 4\n"])
def test_load_csv(tmp_path, text):
    (tmp_path / "x.csv").write_text(text)
    assert load_array(tmp_path / "x.csv").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1,2\n3\n", "row 2 has 1 fields"),
        ("1,2\n3,oops\n", "'oops'"),
        ("1,2\n3,nan\n", "NaN or infinite"),
        ("a,b\n", "no rows"),
        ("", "no rows"),
    ],
)
def test_load_refuses_bad_csv(tmp_path, text, match):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=match):
        load_array(tmp_path / "x.csv")


def test_load_never_unpickles(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="without Python objects"):
        load_array(tmp_path / "x.npy")


def test_load_refuses_other_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_array(tmp_path / "absent.npy")
    (tmp_path / "x.txt").write_text("1")
    with pytest.raises(ValueError, match=r"expected \.npy or \.csv"):
        load_array(tmp_path / "x.txt")
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01")
    with pytest.raises(ValueError, match=r"not a readable \.npy"):
        load_array(tmp_path / "cut.npy")
    np.save(tmp_path / "flat.npy", np.zeros(3))
    with pytest.raises(ValueError, match="shape"):
        load_array(tmp_path / "flat.npy")
    np.save(tmp_path / "text.npy", np.array([["a"]]))
    with pytest.raises(ValueError, match="expected numbers"):
        load_array(tmp_path / "text.npy")


def test_a_split_takes_a_generator_and_lists_of_rows():
    with pytest.raises(TypeError, match="rng is int; expected a numpy Generator"):
        train_test_split(0, np.zeros((4, 1)))
    train, test = train_test_split(np.random.default_rng(0), [[1.0], [2.0], [3.0]], [7, 8, 9])
    rows = [(float(x[0]), int(label)) for part in (train, test) for x, label in zip(*part)]
    assert sorted(rows) == [(1.0, 7), (2.0, 8), (3.0, 9)]
