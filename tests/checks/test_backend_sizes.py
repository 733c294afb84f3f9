"""`check_backends` compares something, or says that it does not."""

import numpy as np
import pytest

from bbvi import LinearGaussian
from bbvi.checks import check_backends


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ((), ValueError, r"sizes is \(\); expected pairs .*Nothing would be compared"),
        (3, ValueError, "sizes is 3; expected pairs"),
        ((3, 4), ValueError, "sizes holds 3; expected pairs"),
        (((3, 4, 5),), ValueError, r"sizes holds \(3, 4, 5\)"),
        (((0, 4),), ValueError, "S of sizes is 0; expected at least 1"),
        (((2, 1.5),), TypeError, "N of sizes is 1.5"),
    ],
)
def test_sizes(sizes, error, message):
    with pytest.raises(error, match=message):
        check_backends(LinearGaussian(1, 2), np.random.default_rng(0), sizes=sizes)
    assert check_backends(LinearGaussian(1, 2), np.random.default_rng(0), sizes=[[2, 3]]) is None
