import numpy as np

from bbvi.cli import main

FEW = ["--methods", "amortized-reparameterized", "--seeds", "1", "--workers", "1"]


def test_the_first_row_of_a_table_is_said_or_asked_about(tmp_path, capsys):
    path, out = tmp_path / "years.csv", str(tmp_path / "out")
    x = np.random.default_rng(0).normal(size=(30, 2))
    rows = "\n".join(f"{a:.3f},{b:.3f}" for a, b in x)
    path.write_text(f"2019,2020\n{rows}\n")
    command = ["compare", "--quick", "--dataset", str(path), "--out", out, *FEW]
    assert main([*command, "--evaluations", "2000"]) != 0
    assert "--header or --no-header" in capsys.readouterr().err
    assert main([*command, "--evaluations", "2000", "--header"]) == 0
    printed = capsys.readouterr()
    assert "years.csv: first row taken for column names (2019, 2020)" in printed.err
    assert "24 training and 6" in printed.out


def test_a_diverged_run_is_told_in_words_and_not_by_numpy(tmp_path, capsys):
    """Warnings are errors in this test run: one of NumPy's would end the cell otherwise."""
    command = ["compare", "--quick", "--methods", "bbvi-reparameterized"]
    sizes = ["--local-rate", "30", "--workers", "1"]
    assert main([*command, *sizes, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "the ELBO of bbvi-reparameterized is not finite" in " ".join(printed.out.split())
    assert "Warning" not in printed.err
