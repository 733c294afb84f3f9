"""``bbvi compare --model``: the three procedures on each model, with the exact answer beside."""

import numpy as np
import pytest

from bbvi.cli import main
from bbvi.experiments.catalogue import CATALOGUE, entry_of
from bbvi.experiments.compare_seeds import compare_seeds
from bbvi.experiments.trajectory import trajectory
from bbvi.inference import fit_amortized, fit_bbvi, fit_mean_field_em, fit_semi_amortized
from bbvi.types import Conjugate

EXACT = {
    "linear-gaussian": "exact",
    "mixture-prior": "exact",
    "hierarchical": "exact",
    "state-space": "exact",
    "hidden-markov": "exact",
    "digits-discrete": "enumeration",
}
CONTAINED = {"hierarchical", "state-space"}


def rows_of(problem, methods, settings, table):
    """One seed of a comparison of these methods."""
    result = compare_seeds(
        lambda: problem,
        num_seeds=1,
        methods=methods,
        settings=settings,
        table=table,
        workers=1,
        progress=False,
    )
    assert result.failures == []
    return result.rows


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_entry_has_the_three_procedures_and_data_of_its_model(name):
    entry = CATALOGUE[name]
    procedures = {method.procedure for method in entry.methods.values()}
    assert procedures >= {fit_bbvi, fit_amortized, fit_semi_amortized}
    problem = entry.problem(np.random.default_rng(0), np.float32)
    assert problem.train.x.dtype == problem.test.x.dtype == np.float32
    problem.model.check_data(problem.train.x)
    assert problem.family.latent_dim == problem.model.latent_dim
    assert problem.encoder.sizes[-1] == problem.family.num_params


@pytest.mark.parametrize("name", sorted(EXACT))
def test_exact_evidence_bounds_every_method(name):
    entry = entry_of(name)
    problem = entry.problem(np.random.default_rng(0), np.float64)
    others = [fit_semi_amortized]
    if not isinstance(problem.model, Conjugate):
        others.append(fit_mean_field_em)
    methods = [n for n, m in entry.methods.items() if m.procedure not in others][-2:]
    settings = entry.quick._replace(
        evaluations=40_000, new_steps=100, optimum_steps=300, test_rows=10
    )
    for row in rows_of(problem, methods, settings, entry.methods):
        assert row["evidence_by"] == EXACT[name]
        assert row["test_elbo"] < row["test_log_evidence"] + 0.01
        if name in CONTAINED:
            assert abs(row["approximation_gap"]) < 1e-3
        else:
            assert row["approximation_gap"] > -0.01


def test_a_whole_data_set_as_one_datapoint():
    """Logistic regression has no error over datapoints, and its encoder reads a summary."""
    entry = entry_of("logistic-regression")
    problem = entry.problem(np.random.default_rng(0), np.float64)
    settings = entry.quick._replace(evaluations=400, new_steps=20, optimum_steps=20)
    (row,) = rows_of(problem, ["amortized-reparameterized"], settings, entry.methods)
    assert np.isnan(row["test_elbo_se"])
    shuffled = problem.model.pack(*_shuffled(problem))
    phi = problem.encoder.init(np.random.default_rng(2))
    np.testing.assert_allclose(
        problem.encoder(phi, problem.train.x), problem.encoder(phi, shuffled), rtol=1e-9
    )


def _shuffled(problem):
    design, labels = problem.model.unpack(problem.train.x)
    order = np.random.default_rng(3).permutation(len(labels[0]))
    return design[0, order, 1:], labels[0, order]


@pytest.mark.slow
def test_the_command_on_a_discrete_model(tmp_path, capsys):
    arguments = [
        "compare",
        "--model",
        "hidden-markov",
        "--quick",
        "--evaluations",
        "4000",
        "--workers",
        "1",
        "--methods",
        "amortized-leave-one-out",
        "semi-amortized-leave-one-out",
    ]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "semi-amortized-leave-one-out" in shown
    assert "exact" in shown
    assert (tmp_path / "compare.png").stat().st_size > 30_000


def test_the_command_says_what_is_wrong_in_one_line(tmp_path, capsys):
    for arguments, message in (
        (["--model", "boltzmann"], "model is 'boltzmann'; expected one of: linear-gaussian"),
        (["--model", "hidden-markov", "--methods", "bbvi-reparameterized"], "expected some of"),
    ):
        assert main(["compare", *arguments, "--out", str(tmp_path / "x")]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compare", "--model", "names", "--dataset", "iris"])


def test_one_name_is_one_problem_in_both_commands():
    """The trajectory of ``bbvi variance`` looks at the model and data of ``bbvi compare``."""
    for name in ("linear-gaussian", "linear-gaussian-digits"):
        problem = CATALOGUE[name].problem(np.random.default_rng(0), np.float64, 2)
        course = trajectory(name, 2, np.random.default_rng(0))
        assert course.x.shape[1] == problem.train.x.shape[1]
        assert type(course.family) is type(problem.family)
    np.testing.assert_array_equal(
        trajectory("linear-gaussian", 2, np.random.default_rng(0)).x,
        CATALOGUE["linear-gaussian"].problem(np.random.default_rng(0), np.float64).train.x[:1],
    )


def test_a_dimension_that_a_problem_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"latent_dim is 5, but names has D = 2 of its own"):
        CATALOGUE["names"].problem(np.random.default_rng(0), np.float32, 5)
    assert entry_of("bernoulli") is CATALOGUE["digits"]
