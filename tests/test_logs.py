import numpy as np
import pytest
from scipy.special import logsumexp

from bbvi.logs import LOG_2PI, log_mean_exp, log_sum_exp

LOGS = np.random.default_rng(0).normal(0, 300, (5, 4, 3)) - 2000


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sum_and_mean_are_scipys_far_below_underflow(axis):
    expected = logsumexp(LOGS, axis=axis)
    np.testing.assert_allclose(log_sum_exp(LOGS, axis), expected, rtol=1e-14)
    count = np.log(LOGS.shape[axis])
    np.testing.assert_allclose(log_mean_exp(LOGS, axis), expected - count, rtol=1e-14)


def test_zeros_and_dtype():
    logs = np.array([[-np.inf, -np.inf], [-np.inf, 0.0]], np.float32)
    assert log_sum_exp(logs).tolist() == [-np.inf, 0.0]
    assert log_mean_exp(logs).dtype == np.float32
    assert np.isnan(log_sum_exp(np.array([np.nan, 0.0])))


def test_constant():
    assert float(np.log(2 * np.pi)) == LOG_2PI
