import re
import shlex
from pathlib import Path

from bbvi.cli import main
from bbvi.experiments.csv_and_json import read_csv

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)[1]


def commands(block):
    return [shlex.split(part) for part in block.replace("\n", " ").split("&&")]


def test_there_are_exactly_two_commands_and_every_block_is_known():
    shell = [block for language, block in BLOCKS if language == "bash"]
    assert len(shell) == 2
    assert {language for language, _ in BLOCKS} == {"bash", "python"}


def test_both_commands_make_the_environment_alike():
    compare, test = (commands(block) for language, block in BLOCKS if language == "bash")
    assert compare[0] == test[0] == ["python3", "-m", "venv", ".venv"]
    assert compare[1] == [".venv/bin/pip", "install", "-e", "."]
    assert test[1] == [".venv/bin/pip", "install", "-e", ".[test]"]
    assert compare[2] == [".venv/bin/bbvi", "compare"]
    assert test[2] == [".venv/bin/pytest", "-n", "2", "--dist", "worksteal"]


def test_the_compare_command_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first = next(block for language, block in BLOCKS if language == "bash")
    command = commands(first)[-1][1:]
    assert main([*command, "--quick", "--evaluations", "30000"]) == 0
    assert (tmp_path / "bbvi-out" / "compare" / "compare.png").exists()


def test_every_python_block_runs(capsys):
    blocks = [block for language, block in BLOCKS if language == "python"]
    assert len(blocks) >= 3
    namespace = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    shown = capsys.readouterr().out
    assert re.search(r"log p\(x\) -\d+\.\d+ nats, lost by the family 0\.0\d+", shown)


def test_each_example_fits_on_a_page():
    for language, code in BLOCKS:
        if language == "python":
            assert len([line for line in code.splitlines() if line.strip()]) <= 32


def test_every_picture_and_link_exists():
    root = Path(__file__).parent.parent
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (root / target).exists(), target


def test_the_conclusions_are_those_of_the_stored_comparison():
    """Every sentence that compares has an interval behind it, and its numbers."""
    text = README.partition("<!-- conclusions: begin -->")[2].partition("<!-- conclusions")[0]
    lines = [line.removeprefix("* ") for line in text.strip().splitlines()]
    rows = read_csv(ROOT / "figures" / "compare_differences.csv")
    assert len(lines) >= 4
    for line in lines:
        pair = re.findall(r"(?:bbvi|amortized|semi)-[\w-]+", line)[:2]
        [row] = [row for row in rows if {row["a"], row["b"]} == set(pair)]
        if "not told apart" in line:
            assert row["decided"] == "False"
            continue
        assert row["decided"] == "True"
        assert pair == [row["a"], row["b"]]
        numbers = [float(number) for number in re.findall(r"\d+\.\d+", line)]
        assert numbers == [round(float(row[key]), 2) for key in ("mean", "low", "high")]


def test_what_the_readme_says_of_the_vae_is_in_the_stored_table():
    rows = {row["method"]: row for row in read_csv(ROOT / "figures" / "compare.csv")}
    vae = rows["amortized-reparameterized"]
    assert float(vae["train_elbo"]) == max(float(row["train_elbo"]) for row in rows.values())
    assert round(float(vae["amortization_gap"]), 1) == 1.5
    assert float(rows["semi-amortized"]["amortization_gap"]) < 0.3


def test_nobody_is_ahead_of_the_vae_with_one_step_size():
    rows = read_csv(ROOT / "figures" / "compare_one_rate_differences.csv")
    beside = [row for row in rows if "amortized-reparameterized" in (row["a"], row["b"])]
    assert len(beside) == 2
    assert [row["decided"] for row in beside] == ["False", "False"]
