"""Arrays come back as they were, in memory too: a run goes on to the bit."""

import io

import numpy as np
import pytest

from bbvi.experiments.archives import read_archive


def archive(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_keeps_its_order_in_memory(order):
    x = np.array(np.arange(6.0).reshape(2, 3), order=order)
    found = read_archive(archive(x=x), {"x": np.zeros((2, 3))})["x"]
    np.testing.assert_array_equal(found, x)
    assert found.flags.f_contiguous == x.flags.f_contiguous
    assert found.flags.writeable


def test_only_the_axis_that_may_grow_has_any_length():
    content = archive(trace=np.zeros((7, 4)))
    like = {"trace": np.zeros((0, 4))}
    assert read_archive(content, like, growing="trace")["trace"].shape == (7, 4)
    with pytest.raises(ValueError, match=r"trace is float64 \(7, 4\); expected float64 \(0, 4\)"):
        read_archive(content, like)
    for wrong in (np.zeros((0, 5)), np.zeros((0, 4, 1)), np.zeros((0, 4), np.float32)):
        with pytest.raises(ValueError, match="trace is float64"):
            read_archive(content, {"trace": wrong}, growing="trace")
