"""Results folders read back and run again."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from bbvi.cli import main
from bbvi.experiments.results import (
    as_csv,
    as_latex,
    as_markdown,
    as_text,
    read_results,
    read_table,
    typed,
)
from bbvi.experiments.same_numbers import compare_results, compare_tables, difference

COMPARE = [
    *("compare", "--dataset", "iris", "--quick", "--evaluations", "3000", "--workers", "1"),
    *("--methods", "amortized-reparameterized", "bbvi-reparameterized"),
]
VARIANCE = [
    *("variance", "--model", "quadratic", "--samples", "2", "--dimensions", "1", "--workers", "1"),
    *("--replicates", "40", "--estimators", "score-function", "reparameterized"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "compare"
    assert main([*COMPARE, "--out", str(out)]) == 0
    return out


def files(folder):
    return {p: p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def test_tables_come_back_as_they_were_written(folder, capsys):
    before = files(folder)
    assert main(["results", str(folder), "--tables", "seeds", "--format", "csv"]) == 0
    said = capsys.readouterr().out
    assert said.partition("\n\n")[2].strip() == (folder / "seeds.csv").read_text().strip()
    assert main(["results", str(folder)]) == 0
    text = capsys.readouterr().out
    titles = [f"{folder / name}.csv" for name in ("compare", "curves", "differences", "seeds")]
    assert max(len(line) for line in text.splitlines() if line not in titles) <= 100
    for name in ("compare", "curves", "differences", "seeds"):
        assert f"{folder / name}.csv" in text
    assert files(folder) == before


def test_markdown_and_latex_have_every_row_and_escape_what_must_be(folder, capsys):
    columns = ["--tables", "compare", "--columns", "method", "test_elbo"]
    assert main(["results", str(folder), *columns, "--format", "latex"]) == 0
    said = capsys.readouterr().out
    assert r"method & test\_elbo \\" in said
    assert said.count(r"\\") == 3
    assert main(["results", str(folder), *columns, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.count("\n| ") == 4
    rows = [{"name": "50 % & $a_b$ {x}~^\\#", "n": 1.5}, {"name": "a|b\nc", "n": float("inf")}]
    assert r"50 \% \& \$a\_b\$ \{x\}\textasciitilde{}\textasciicircum{}\textbackslash{}\#" in (
        as_latex(rows)
    )
    assert r"$\infty$" in as_latex(rows)
    assert r"| a\|b c | inf |" in as_markdown(rows)


def test_a_wide_table_comes_in_parts_with_the_first_column():
    rows = [{"key": f"row {i}", **{f"column {k}": k / 7 for k in range(30)}} for i in range(3)]
    text = as_text(rows)
    assert max(map(len, text.splitlines())) <= 100
    parts = text.split("\n\n")
    assert len(parts) > 1
    assert all(part.startswith("key") for part in parts)
    assert all(f"column {k} " in f"{text} " or f"column {k}\n" in text for k in range(30))
    assert list(csv.DictReader(io.StringIO(as_csv(rows))))[2]["column 29"] == str(29 / 7)


def test_figures_are_drawn_again_to_the_byte_and_in_other_kinds(folder, tmp_path):
    again = ["results", str(folder), "--figures", str(tmp_path), "--pictures", "png", "pdf", "svg"]
    assert main(again) == 0
    for name in ("compare.png", "compare_new_data.png", "compare_posteriors.png"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert (tmp_path / "compare.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in (tmp_path / "compare.svg").read_bytes()
    small = (tmp_path / "compare.png").stat().st_size
    assert main([*again[:4], "--dpi", "200"]) == 0
    assert (tmp_path / "compare.png").stat().st_size > 1.5 * small


def test_a_table_without_a_column_is_one_line(folder, tmp_path, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    table = (damaged / "curves.csv").read_text()
    (damaged / "curves.csv").write_text(table.replace("elbo", "zzz", 1))
    assert main(["results", str(damaged), "--figures", str(tmp_path / "drawn")]) == 2
    assert "cannot be drawn: its tables lack KeyError('elbo')" in capsys.readouterr().err


def test_a_users_picture_is_not_drawn_over(folder, tmp_path, capsys):
    (tmp_path / "compare.png").write_text("mine")
    assert main(["results", str(folder), "--figures", str(tmp_path)]) == 2
    assert "holds files but no manifest.json" in capsys.readouterr().err
    assert (tmp_path / "compare.png").read_text() == "mine"


def test_figures_of_variance_are_drawn_again_to_the_byte(tmp_path, capsys):
    out, drawn = tmp_path / "variance", tmp_path / "drawn"
    assert main([*VARIANCE, "--out", str(out)]) == 0
    assert main(["results", str(out), "--figures", str(drawn)]) == 0
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert pictures == sorted(path.name for path in drawn.glob("*.png"))
    for name in pictures:
        assert (out / name).read_bytes() == (drawn / name).read_bytes()


@pytest.mark.slow
def test_rerun_says_that_the_numbers_are_the_same(folder, tmp_path, capsys):
    assert main(["rerun", str(folder), "--out", str(tmp_path / "again")]) == 0
    said = capsys.readouterr().out
    assert "compare.csv: the same numbers in 2 rows" in said
    assert "all numbers are the same" in said
    out = tmp_path / "variance"
    assert main([*VARIANCE, "--out", str(out)]) == 0
    assert main(["rerun", str(out)]) == 0
    assert (tmp_path / "variance-again" / "variance.csv").exists()


@pytest.mark.slow
def test_rerun_takes_step_sizes_from_the_manifest_and_says_where_numbers_differ(
    folder, tmp_path, capsys
):
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    manifest = json.loads((changed / "manifest.json").read_text())
    manifest["methods"]["bbvi-reparameterized"]["rate"] *= 2
    (changed / "manifest.json").write_text(json.dumps(manifest))
    assert main(["rerun", str(changed)]) == 1
    said = capsys.readouterr().out
    assert "seeds.csv: 2 of 4 rows differ" in said
    assert "the numbers are NOT the same" in said


def test_rerun_refuses_other_data(tmp_path, capsys):
    table = tmp_path / "mine.csv"
    table.write_text("a,b\n" + "".join(f"{i / 3},{(i * 7 % 11) / 3}\n" for i in range(40)))
    out = tmp_path / "out"
    options = ["--dataset", str(table), "--latent-dim", "1", "--out", str(out)]
    assert main([*COMPARE[:1], *COMPARE[3:], *options]) == 0
    assert set(json.loads((out / "manifest.json").read_text())["data"]) == {"train", "test"}
    table.write_text(table.read_text() + "1,2\n")
    assert main(["rerun", str(out)]) == 2
    assert "was made from another" in capsys.readouterr().err
    table.unlink()
    assert main(["rerun", str(out)]) == 2
    assert "which is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["results", "{}/none"], "is no folder; expected a results folder of bbvi"),
        (["results", "{}"], "has no manifest.json; expected a results folder of bbvi"),
        (["rerun", "{}/half"], "does not tell the arguments that it was made with"),
        (["results", "{}/damaged"], "is damaged: its rows differ in length"),
        (["results", "{}/half", "--tables", "x"], "has no table 'x'"),
    ],
)
def test_what_is_no_results_folder_is_one_line(arguments, message, tmp_path, capsys):
    for name in ("half", "damaged"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    (tmp_path / "damaged" / "t.csv").write_text("a,b\n1\n")
    (tmp_path / "half" / "t.csv").write_text("a,b\n1,2\n")
    assert main([word.format(tmp_path) for word in arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_the_first_run_s_folder_is_never_written_to(folder, capsys):
    before = files(folder)
    assert main(["rerun", str(folder), "--out", str(folder)]) == 2
    assert "the first run's folder; expected another one" in capsys.readouterr().err
    assert files(folder) == before


def test_what_a_difference_is(folder):
    assert difference(float("nan"), float("nan")) == 0
    assert difference(1.0, 1.0 + 1e-12) == pytest.approx(1e-12, rel=1e-3)
    assert (
        difference("a", "b")
        == difference(1.0, None)
        == difference(1.0, float("nan"))
        == (float("inf"))
    )
    results = read_results(folder)
    assert all(one.same for one in compare_results(results, results))
    rows = [{"a": 1.0, "seconds": 2.0}, {"a": 2.0, "seconds": 2.0}]
    timed = [{**row, "seconds": 5.0} for row in rows]
    assert compare_tables("t", rows, timed).same
    moved = [rows[0], {**rows[1], "a": 2.2}]
    found = compare_tables("t", rows, moved)
    assert found.sentence().startswith("t.csv: 1 of 2 rows differ, most in a")
    assert "there is none again" in compare_tables("t", rows, None).sentence()
    assert "2 rows before, 1 again" in compare_tables("t", rows, rows[:1]).sentence()


def test_fields_are_read_as_what_they_were(tmp_path):
    assert [typed(t) for t in ("1", "1.5", "", "False", "1e-3", "a")] == [
        1, 1.5, None, False, 1e-3, "a"
    ]  # fmt: skip
    (tmp_path / "t.csv").write_bytes(b"a\n\xff\n")
    with pytest.raises(ValueError, match="cannot be read"):
        read_table(tmp_path / "t.csv")
