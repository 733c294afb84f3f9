"""The models with closed-form updates are sound models, too."""

import numpy as np
import pytest

from bbvi import Categorical, GaussianMixture, LinearRegression, backends, check_model
from bbvi.evaluation import log_evidence_enumeration
from bbvi.nets import astype
from bbvi.types import Conjugate


@pytest.mark.parametrize("model", [GaussianMixture(3, 2), LinearRegression(2, 5)])
def test_model(model):
    assert check_model(model, np.random.default_rng(0)) is None
    assert isinstance(model, Conjugate)
    theta = astype(model.init(np.random.default_rng(0)), np.float32)
    for array in model.sample(np.random.default_rng(1), theta, 3):
        assert array.dtype == np.float32


def test_a_mixture_s_evidence_is_the_sum_over_its_labels():
    model, rng = GaussianMixture(4, 3), np.random.default_rng(0)
    theta = {**model.init(rng), "logits": rng.standard_normal(4)}
    x, _ = model.sample(rng, theta, 20)
    target = backends.autodiff.target(model, theta, x)
    summed = log_evidence_enumeration(Categorical(1, 4), target)
    assert model.log_evidence(theta, x) == pytest.approx(summed, rel=1e-12)


def test_a_component_cannot_collapse_onto_a_datapoint():
    model, rng = GaussianMixture(2, 1), np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((30, 1)), [[50.0]]])
    q, theta = Categorical(1, 2), model.init(rng) | {"mean": np.array([[0.0], [50.0]])}
    for _ in range(50):
        lam = model.coordinate_update(q, theta, x, q.init(len(x)))
        theta = model.maximize(q, theta, x, lam)
    assert np.isfinite(model.log_evidence(theta, x)).all()
    assert np.exp(theta["log_scale"]).min() == pytest.approx(1e-3 * x.std(), rel=1e-6)


def test_bad_input_is_named():
    model = LinearRegression(2, 5)
    with pytest.raises(ValueError, match=r"features has shape \(5, 3\); expected \(5, 2\)"):
        model.pack(np.ones((5, 3)), np.ones(5))
    with pytest.raises(ValueError, match="prior_scale is 0"):
        LinearRegression(2, 5, prior_scale=0)
    with pytest.raises(ValueError, match="num_components is 1"):
        GaussianMixture(1, 2)
