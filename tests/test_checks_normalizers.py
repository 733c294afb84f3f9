"""A dropped normalizer is seen in a model of counts, for every seed."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import gammaln

from bbvi.checks import check_model


class Counts:
    """x_j ~ Poisson(exp(a_j z + b_j)), z ~ N(0, 1), less a constant where asked."""

    latent_dim = 1

    def __init__(self, dropped=""):
        self.dropped = dropped

    def init(self, rng):
        return {"a": 0.5 * rng.standard_normal(5), "b": np.ones(5)}

    def log_joint(self, theta, x, z):
        log_rate = z * theta["a"] + theta["b"]
        factorial = 0 if self.dropped == "log x!" else gammaln(x + 1)
        constant = 0.0 if self.dropped == "log 2 pi" else float(np.log(2 * np.pi))
        log_likelihood = anp.sum(x * log_rate - anp.exp(log_rate) - factorial, axis=-1)
        return log_likelihood - 0.5 * anp.sum(z**2 + constant, axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        return rng.poisson(np.exp(z * theta["a"] + theta["b"])).astype(float), z


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(8))
def test_the_sound_model_passes_without_a_warning(seed):
    check_model(Counts(), np.random.default_rng(seed))


@pytest.mark.parametrize("dropped", ["log 2 pi", "log x!"])
@pytest.mark.parametrize("seed", range(8))
def test_a_dropped_normalizer_is_seen(dropped, seed):
    with pytest.raises(AssertionError, match="not normalized"):
        check_model(Counts(dropped), np.random.default_rng(seed))


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="num_draws is 16; expected at least"):
        check_model(Counts(), np.random.default_rng(0), num_draws=16)
