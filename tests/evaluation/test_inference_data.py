"""Draws in ArviZ, the real one."""

import warnings

import numpy as np
import pytest

from bbvi import DiagonalGaussian, draw, to_arviz
from bbvi.backends import autodiff
from bbvi.models.eight_schools import EIGHT_SCHOOLS, eight_schools

with warnings.catch_warnings():
    # ArviZ announces its next version at import.
    warnings.simplefilter("ignore")
    arviz = pytest.importorskip("arviz", exc_type=ImportError)


@pytest.fixture
def draws():
    q, model = DiagonalGaussian(10), eight_schools()
    target = autodiff.target(model, {}, np.zeros((2, 1)))
    lam = np.zeros((2, 20))
    rng = np.random.default_rng(0)
    return draw(q, target, lam, rng, 300, of=model.constrain, names=model.names)


def test_groups_names_and_shapes(draws):
    data = to_arviz(draws, observed={"y": EIGHT_SCHOOLS["y"]})
    posterior = data["posterior"]
    assert posterior["theta"].shape == (2, 300, 8)
    assert posterior["mu"].shape == posterior["tau"].shape == (2, 300)
    np.testing.assert_array_equal(posterior["theta"].values[1, :, 3], draws.values[:, 1, 3])
    np.testing.assert_array_equal(data["observed_data"]["y"].values, EIGHT_SCHOOLS["y"])
    stats = data["sample_stats"]
    np.testing.assert_allclose(stats["lp"].values, draws.log_p.T)
    np.testing.assert_allclose(
        stats["log_weight"].values, stats["lp"].values - stats["log_q"].values
    )


def test_arvizs_own_functions_take_it(draws):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        summary = arviz.summary(to_arviz(draws), round_to="none")
    assert len(summary) == 10
    both = draws.values.reshape(-1, 10)
    means = summary.loc[list(_zero_based(draws.names)), "mean"].astype(float)
    np.testing.assert_allclose(means, both.mean(axis=0), rtol=1e-6)


def _zero_based(names):
    for name in names:
        base, bracket, number = name.partition("[")
        yield f"{base}[{int(number[:-1]) - 1}]" if bracket else name


def test_what_is_no_draws():
    with pytest.raises(TypeError, match="expected Draws"):
        to_arviz(np.zeros((3, 2, 1)))


def test_without_arviz_it_says_what_to_install(draws, monkeypatch):
    def absent(name, *args, **kwargs):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("bbvi.evaluation.inference_data.importlib.import_module", absent)
    with pytest.raises(ImportError, match="pip install arviz"):
        to_arviz(draws)
