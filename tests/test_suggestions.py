"""What a mistyped name was meant to be, wherever names come from people."""

import pytest

from bbvi.cli import COMMANDS, main
from bbvi.estimators.contracts import find
from bbvi.estimators.table import ESTIMATORS
from bbvi.experiments.catalogue import CATALOGUE, entry_of
from bbvi.experiments.methods import METHODS, Method, by_encoder, estimator_of
from bbvi.inference import fit_amortized
from bbvi.suggestions import did_you_mean


@pytest.mark.parametrize("names", [ESTIMATORS, CATALOGUE, METHODS, COMMANDS])
def test_one_wrong_letter_is_understood_for_every_name(names):
    for name in names:
        for i in range(len(name)):
            typo = f"{name[:i]}{name[i + 1 :]}"
            if typo not in names and len(name) > 4:
                said = did_you_mean(typo, names)
                assert said == f" Did you mean {name!r}?" or said.split("'")[1] in names
    exact = [did_you_mean(f"{name}x", names) == f" Did you mean {name!r}?" for name in names]
    assert all(exact)


def test_case_and_separators_do_not_count_and_nonsense_has_no_suggestion():
    assert "'semi-amortized'" in did_you_mean("Semi_Amortized", METHODS)
    for nonsense in ("", "qqqq", None, 3):
        assert did_you_mean(nonsense, METHODS) == ""


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("compar", "compare"),
        ("compare --methds wake-sleep", "--methods"),
        ("vae --network cnv", "conv"),
        ("compare --methods wake-slep --quick", "wake-sleep"),
        ("compare --model state-spaces --quick", "state-space"),
        ("variance --model digit --quick", "digits"),
        ("variance --estimators reparametrized --quick", "reparameterized"),
        ("variance --points strat --quick", "start"),
        ("reproduce relax-toy", "relax-toys"),
        ("figures elbo-gapp", "elbo-gap"),
    ],
)
def test_the_command_line_suggests(line, meant, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(line.split())
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    said = capsys.readouterr().err
    assert "Did you mean" in said
    assert f"Did you mean '{meant}" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("command", "option"), [("doctor", "--cross"), ("vae", "--chanels")])
def test_an_option_of_another_command_is_not_what_was_meant(capsys, command, option):
    with pytest.raises(SystemExit):
        main([command, option])
    said = capsys.readouterr().err
    assert f"bbvi {command}: error: unrecognized arguments: {option}" in said
    assert "Did you mean" not in said


def test_an_estimator_that_is_not_in_the_table_is_told_with_its_neighbour():
    with pytest.raises(ValueError, match="Did you mean 'leave-one-out'"):
        find("leave-on-out")
    with pytest.raises(ValueError, match="Did you mean 'digits'"):
        entry_of("digts")
    method = Method(fit_amortized, "reparameterised", by_encoder)
    with pytest.raises(ValueError, match="Did you mean 'reparameterized'"):
        estimator_of(method)
