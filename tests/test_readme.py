import re
import shlex
from pathlib import Path

from bbvi.cli import main

README = (Path(__file__).parent.parent / "README.md").read_text()
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
    assert test[2] == [".venv/bin/pytest", "-n", "2"]


def test_the_compare_command_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = commands(BLOCKS[0][1])[-1][1:]
    assert main([*command, "--quick", "--evaluations", "30000"]) == 0
    assert (tmp_path / "bbvi-out" / "compare" / "compare.png").exists()


def test_every_python_block_runs(capsys):
    blocks = [block for language, block in BLOCKS if language == "python"]
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    shown = capsys.readouterr().out
    assert re.search(r"log p\(x\) -\d+\.\d+ nats, lost by the family 0\.0\d+", shown)


def test_the_example_fits_on_a_page():
    code = next(block for language, block in BLOCKS if language == "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 32


def test_every_picture_and_link_exists():
    root = Path(__file__).parent.parent
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (root / target).exists(), target
