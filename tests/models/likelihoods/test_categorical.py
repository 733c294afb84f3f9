"""Categorical, autoregressive and full-covariance likelihoods; names as real text."""

from itertools import product

import numpy as np
import pytest

from bbvi import (
    MLP,
    AutoregressiveCategorical,
    CategoricalLikelihood,
    CholeskyGaussian,
    DeepLatentModel,
    StandardNormal,
)
from bbvi.backends import autodiff
from bbvi.datasets import names
from bbvi.models.normal import log_normal


def every_sequence(T, K):
    return np.array(list(product(range(K), repeat=T)), dtype=float)


class TestCategorical:
    def test_probabilities_of_all_sequences_sum_to_one(self):
        x = every_sequence(3, 2)
        outputs = np.random.default_rng(0).standard_normal((1, 1, 6))
        log_p = CategoricalLikelihood(2).log_prob({}, x, np.tile(outputs, (1, 8, 1)))
        assert abs(np.exp(log_p).sum() - 1) < 1e-12

    def test_draws_have_their_probabilities(self):
        likelihood = CategoricalLikelihood(3)
        outputs = np.tile(np.random.default_rng(0).standard_normal(6), (20_000, 1))
        x = likelihood.sample(np.random.default_rng(1), {}, outputs)
        p = likelihood.probabilities(outputs[0])
        for t in range(2):
            share = (x[:, t, None] == np.arange(3)).mean(axis=0)
            assert (np.abs(share - p[t]) < 5 * np.sqrt(p[t] / 20_000)).all()
        np.testing.assert_allclose(likelihood.mean({}, outputs[0]), p @ np.arange(3))

    def test_bad_input(self):
        model = DeepLatentModel(StandardNormal(1), MLP((1, 6)), CategoricalLikelihood(3))
        theta = model.init(np.random.default_rng(0))
        for bad in (-1.0, 0.5, 3.0):
            x = np.array([[0.0, 1.0], [2.0, bad]])
            with pytest.raises(ValueError, match=rf"x\[1, 1\] is {bad:g}; expected category codes"):
                autodiff.target(model, theta, x)
        with pytest.raises(ValueError, match="a multiple of num_categories = 4"):
            DeepLatentModel(StandardNormal(1), MLP((1, 6)), CategoricalLikelihood(4))
        with pytest.raises(ValueError, match="num_categories is 1"):
            CategoricalLikelihood(1)


class TestAutoregressive:
    def parts(self, T=3, K=2, H=4):
        likelihood = AutoregressiveCategorical(T, K, H)
        rng = np.random.default_rng(0)
        params = {k: v + rng.standard_normal(v.shape) for k, v in likelihood.init(rng).items()}
        return likelihood, params, rng.standard_normal((1, 1, H))

    def test_probabilities_of_all_sequences_sum_to_one(self):
        likelihood, params, state = self.parts()
        log_p = likelihood.log_prob(params, every_sequence(3, 2), np.tile(state, (1, 8, 1)))
        assert abs(np.exp(log_p).sum() - 1) < 1e-12

    def test_it_is_not_a_product_of_independent_positions(self):
        likelihood, params, state = self.parts()
        p = np.exp(likelihood.log_prob(params, every_sequence(3, 2), np.tile(state, (1, 8, 1))))
        p = p.reshape(2, 2, 2)
        first, second = p.sum(axis=(1, 2)), p.sum(axis=(0, 2))
        assert np.abs(p.sum(axis=2) - np.outer(first, second)).max() > 0.01

    def test_draws_have_their_probabilities(self):
        likelihood, params, state = self.parts()
        p = np.exp(likelihood.log_prob(params, every_sequence(3, 2), np.tile(state, (1, 8, 1))))[0]
        x = likelihood.sample(np.random.default_rng(1), params, np.tile(state[0], (20_000, 1)))
        share = np.bincount((x @ [4, 2, 1]).astype(int), minlength=8) / 20_000
        assert (np.abs(share - p) < 5 * np.sqrt(p / 20_000)).all()

    def test_bad_input(self):
        with pytest.raises(ValueError, match="expects num_hidden = 5"):
            DeepLatentModel(StandardNormal(1), MLP((1, 6)), AutoregressiveCategorical(3, 2, 5))
        with pytest.raises(ValueError, match="num_steps is 1; expected at least 2"):
            AutoregressiveCategorical(1, 2, 5)
        model = DeepLatentModel(StandardNormal(1), MLP((1, 5)), AutoregressiveCategorical(3, 2, 5))
        theta = model.init(np.random.default_rng(0))
        with pytest.raises(ValueError, match=r"x\[0, 2\] is 2; expected category codes"):
            autodiff.target(model, theta, np.array([[0.0, 1.0, 2.0]]))
        with pytest.raises(ValueError, match="expected 3"):
            autodiff.target(model, theta, np.array([[0.0, 1.0]]))
        with pytest.raises(TypeError, match="AutoregressiveCategorical, which has no mean"):
            model.mean(theta, np.zeros((1, 1)))


class TestCholesky:
    def test_density(self):
        rng = np.random.default_rng(0)
        outputs, x = rng.standard_normal((2, 4, 9)), rng.standard_normal((4, 3))
        log_p = CholeskyGaussian().log_prob({}, x, outputs)
        for s, n in np.ndindex(2, 4):
            L = np.zeros((3, 3))
            L[np.tril_indices(3)] = outputs[s, n, 3:]
            L[np.diag_indices(3)] = np.exp(np.diag(L))
            expected = log_normal(x[n : n + 1], outputs[s, n, :3], L @ L.T)[0]
            assert abs(log_p[s, n] - expected) < 1e-10

    def test_draws_have_their_covariance(self):
        outputs = np.tile(0.5 * np.random.default_rng(0).standard_normal(5), (40_000, 1))
        x = CholeskyGaussian().sample(np.random.default_rng(1), {}, outputs)
        L = np.array([[np.exp(outputs[0, 2]), 0], [outputs[0, 3], np.exp(outputs[0, 4])]])
        centered = x - outputs[0, :2]
        products = centered[:, :, None] * centered[:, None]
        error = products.std(axis=0) / 200
        assert (np.abs(products.mean(axis=0) - L @ L.T) < 5 * error).all()

    def test_bad_input(self):
        for count in (1, 3, 4, 6, 8, 10):
            with pytest.raises(ValueError, match=f"the decoder has {count} output"):
                DeepLatentModel(StandardNormal(1), MLP((1, count)), CholeskyGaussian())
        assert [CholeskyGaussian().observed_dim(n) for n in (2, 5, 9, 14)] == [1, 2, 3, 4]


class TestNames:
    def test_round_trip(self):
        text = names.unicode_names(max_length=8)
        assert len(text.x) > 300
        assert tuple(names.decode(text.x)) == text.names
        assert {"VOLCANO", "TAXI"} <= set(text.names)

    def test_bad_input(self):
        with pytest.raises(ValueError, match="character 'e' is not in the alphabet"):
            names.encode(["HeLLO"], 8)
        with pytest.raises(ValueError, match=r"names\[1\] is 'ABCDE' of length 5"):
            names.encode(["A", "ABCDE"], 4)
        with pytest.raises(ValueError, match=r"names\[0\] is ''"):
            names.encode([""], 4)
        with pytest.raises(TypeError, match=r"names is the string 'TAXI'; .*\['TAXI'\]"):
            names.encode("TAXI", 8)
        with pytest.raises(TypeError, match="names holds 7; expected strings only"):
            names.encode(["TAXI", 7], 8)
        with pytest.raises(ValueError, match="first and last are 0x110000 and 0x110001"):
            names.unicode_names(8, 0x110000, 0x110001)
        with pytest.raises(ValueError, match="num_steps is 0"):
            names.encode(["TAXI"], 0)
        with pytest.raises(ValueError, match="names is empty"):
            names.encode([], 4)
        with pytest.raises(ValueError, match="values from 0 to 99"):
            names.decode(np.array([[0.0, 99.0]]))
        with pytest.raises(ValueError, match="max_length is 1, but no name"):
            names.unicode_names(max_length=1)
