import warnings

import numpy as np
import pytest

from bbvi import backends
from bbvi.datasets import Dataset, iris
from bbvi.evaluation import elbo
from bbvi.experiments.budget import learn
from bbvi.experiments.catalogue import problem_of
from bbvi.experiments.compare import evaluate_fit
from bbvi.experiments.methods import METHODS, Settings
from bbvi.experiments.problem import Problem, problem_from
from bbvi.experiments.units import (
    TableWarning,
    cautions,
    refuse_without_information,
    standardize,
)
from bbvi.families import DiagonalGaussian
from bbvi.models import LinearGaussian
from bbvi.nets import MLP

LITTLE = Settings(evaluations=2_000, test_rows=5, new_steps=5, optimum_steps=20)


def raw_irises():
    rows = np.random.default_rng(3).permutation(150)
    x = iris().x[rows] * [1.0, 10.0, 0.5, 3.0] + [5.0, -2.0, 0.0, 100.0]
    return Dataset(x[:120], None), Dataset(x[120:], None)


def rescaled(theta, scale):
    """The same probabilistic PCA in units where its isotropic noise has the scale `scale`."""
    return {**theta, "log_sigma": theta["log_sigma"] + np.log(scale)}


def test_the_evidence_in_the_users_units_is_that_of_the_rescaled_model():
    # x = mean + sd y: one sd for all columns keeps the model a probabilistic PCA.
    rng = np.random.default_rng(0)
    y = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3))
    mean, sd = np.array([1.0, -2.0, 30.0]), 7.0
    model = LinearGaussian(2, 3)
    theta = model.init(rng)
    raw = {
        "W": sd * theta["W"],
        "b": mean + sd * theta["b"],
        "log_sigma": theta["log_sigma"] + np.log(sd),
    }
    in_units = model.log_evidence(theta, y) - 3 * np.log(sd)
    np.testing.assert_allclose(model.log_evidence(raw, mean + sd * y), in_units, rtol=1e-12)


@pytest.mark.parametrize("method", ["amortized-reparameterized", "bbvi-reparameterized"])
def test_all_told_numbers_of_a_table_are_moved_by_the_jacobian_and_gaps_are_not(method):
    train, test, scale = standardize(*raw_irises())
    family = DiagonalGaussian(2)
    parts = LinearGaussian(2, 4), family, MLP((4, 8, family.num_params)), train, test
    plain = Problem("irises", *parts)
    moved = plain._replace(log_scale=float(np.sum(np.log(scale))))
    assert abs(moved.log_scale) > 1

    def run(problem):
        rng = np.random.default_rng(1)
        theta = problem.model.init(rng)
        fit = learn(problem, METHODS[method], theta, rng, LITTLE)
        return evaluate_fit(problem, method, METHODS[method], fit, rng, LITTLE, 0, False)

    a, b = run(plain), run(moved)
    for key in ("train_elbo", "test_elbo", "test_log_evidence"):
        assert a.row[key] - b.row[key] == pytest.approx(moved.log_scale)
    for key in ("approximation_gap", "amortization_gap"):
        assert a.row[key] == b.row[key]
    np.testing.assert_allclose(a.test_elbo - b.test_elbo, moved.log_scale)
    assert a.curve[-1]["elbo"] - b.curve[-1]["elbo"] == pytest.approx(moved.log_scale)


def test_a_tables_results_agree_with_the_density_of_the_raw_rows(tmp_path):
    """log p of y = (x - mean) / sd by the model, as a density of x by a change of variables."""
    train, test = raw_irises()
    path = tmp_path / "flowers.csv"
    np.savetxt(path, np.concatenate([train.x, test.x]), delimiter=",")
    problem = problem_of(None, str(path), 0, 2, "float64", False)
    raw = problem_of(None, str(path), 0, 2, "float64", False, False)
    mean, sd = raw.train.x.mean(axis=0), raw.train.x.std(axis=0)
    np.testing.assert_allclose(problem.test.x, (raw.test.x - mean) / sd, atol=1e-12)
    assert problem.log_scale == pytest.approx(np.sum(np.log(sd)))
    assert raw.log_scale == 0
    assert "standardized" in problem.units
    assert "standardized" not in raw.units


def test_iris_is_told_in_standardized_units():
    problem = problem_from("iris", np.random.default_rng(0))
    assert problem.log_scale == 0
    assert problem.units == "standardized by the training rows"


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.arange(12.0).reshape(6, 2) ** 2, "6 training rows"),
        (np.c_[np.arange(20.0), np.full(20, 3.0)], "column 2 is constant"),
        (np.c_[np.arange(20.0), 1e9 + 1e-3 * np.arange(20.0) ** 2], "column 2 is constant, or al"),
        (np.c_[np.arange(20.0) ** 2, 5 - 3 * np.arange(20.0) ** 2], "column 2 repeats column 1"),
    ],
)
def test_doubtful_tables_are_told(x, said):
    assert said in "\n".join(cautions(x))


def test_good_tables_are_not():
    rng = np.random.default_rng(0)
    assert cautions(rng.normal(size=(30, 4))) == ()
    assert cautions(1e6 + rng.normal(size=(30, 4))) != ()  # sd is a millionth of the magnitude
    assert cautions(1e5 + rng.normal(size=(30, 4))) == ()
    binary = (rng.random((30, 4)) < 0.5).astype(float)
    binary[:, 1] = 0
    assert cautions(binary, binary=True) == ()


def written(folder, x):
    path = folder / "table.csv"
    np.savetxt(path, x, delimiter=",")
    return str(path)


def test_a_problem_warns_once_and_keeps_what_it_said(tmp_path):
    x = np.c_[np.random.default_rng(0).normal(size=(30, 2)), np.ones(30)]
    path = written(tmp_path, x)
    with pytest.warns(TableWarning, match="column 3 is constant"):
        problem = problem_from(path, np.random.default_rng(0), header=False)
    assert len(problem.cautions) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = problem_of(None, path, 0, 2, "float32", False)
    assert "column 3" in again.cautions[0]


@pytest.mark.parametrize(
    ("x", "said"), [(np.ones((1, 3)), "has 1 row"), (np.ones((9, 3)), "are the same")]
)
def test_tables_without_information_are_refused(x, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        problem_from(written(tmp_path, x), np.random.default_rng(0), header=False)


def test_the_elbo_of_the_same_model_is_lower_by_the_jacobian():
    """Negative control of the sign: ELBO(x) of a raw model against ELBO(y) less sum log sd."""
    rng = np.random.default_rng(0)
    y, sd = rng.normal(size=(5, 3)), 4.0
    model, family = LinearGaussian(1, 3), DiagonalGaussian(1)
    theta = model.init(rng)
    raw = rescaled({**theta, "W": sd * theta["W"], "b": sd * theta["b"]}, sd)
    lam = 0.3 * rng.normal(size=(5, 2))
    bound = [
        elbo(family, backends.target(model, t, x), lam, np.random.default_rng(1)).value
        for t, x in ((theta, y), (raw, sd * y))
    ]
    np.testing.assert_allclose(bound[1], bound[0] - 3 * np.log(sd), rtol=1e-10)


def test_columns_that_are_sums_of_others_and_fewer_rows_than_columns_are_cautioned():
    a = np.random.default_rng(0).normal(size=(40, 3)) * [1, 1e3, 1e-3]
    total = np.c_[a, a[:, 0] + 2 * a[:, 1] - a[:, 2]]
    assert "4 columns vary and only 3 of them independently" in "\n".join(cautions(total))
    assert "20 columns vary and only 11" in "\n".join(
        cautions(np.random.default_rng(1).normal(size=(12, 20)))
    )
    assert cautions(a) == ()


def test_rows_that_differ_far_from_0_are_not_called_the_same():
    far = 1e9 + np.random.default_rng(0).normal(size=(30, 2))
    refuse_without_information("far.csv", far)
    with pytest.raises(ValueError, match="all 30 rows are the same"):
        refuse_without_information("far.csv", 0 * far + 1e9)
