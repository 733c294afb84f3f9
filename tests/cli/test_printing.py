import os
import subprocess
import sys

import pytest

START = "import sys; from bbvi.cli import main; sys.exit(main(sys.argv[1:]))"
VAE = ["vae", "--hidden", "4", "--batch-size", "700", "--epochs", "3"]
COMPARE = ["compare", "--dataset", "iris", "--seeds", "2", "--evaluations", "2000"]
COMPARE += ["--methods", "amortized-reparameterized", "--workers", "1"]
CASES = {"vae": (VAE, "traversals.png"), "compare": (COMPARE, "compare.png")}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="shell redirections")


def shell(redirection, arguments, out, **variables):
    """Return code and what came on standard error of a command in a shell."""
    command = f'"$0" -c "$1" "${{@:2}}" {redirection}'
    line = ["bash", "-o", "pipefail", "-c", command, sys.executable, START, *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run([*line, "--out", str(out)], env=environment, capture_output=True)
    return done.returncode, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("command", CASES)
@pytest.mark.parametrize(
    "redirection",
    ["| head -1", "| head -c 0", "> /dev/full", "> /dev/full 2>&1", ">&- 2>&-", "2>&- | cat"],
)
def test_output_that_goes_nowhere_ends_nothing(tmp_path, command, redirection):
    arguments, last = CASES[command]
    code, told = shell(redirection, arguments, tmp_path)
    assert code == 0
    assert told == ""
    assert (tmp_path / last).exists()


@pytest.mark.parametrize(
    ("redirection", "code"), [("> /dev/full", 2), ("| head -c 1", 0), ("> /dev/null", 0)]
)
def test_tables_that_a_full_disk_cuts_off_are_told(tmp_path, redirection, code):
    # Printing is all that this command does.
    results = tmp_path / "results"
    results.mkdir()
    (results / "manifest.json").write_text("{}")
    (results / "rows.csv").write_text("a,b\n" + 3000 * "1,2\n")
    command = f'"$0" -c "$1" results "$2" --format csv {redirection}'
    line = ["bash", "-o", "pipefail", "-c", command, sys.executable, START, str(results)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr == (
        "bbvi results: the tables could not be written whole: No space left on device.\n"
        if code
        else ""
    )


def test_an_ascii_terminal_gets_what_it_can_show(tmp_path):
    code, told = shell("", COMPARE, tmp_path, PYTHONIOENCODING="ascii")
    assert (code, told) == (0, "")
    assert (tmp_path / "compare.csv").exists()


def test_a_wrong_matplotlib_back_end_is_one_line(tmp_path):
    code, told = shell("", COMPARE, tmp_path / "out", MPLBACKEND="nope")
    assert code == 2
    assert "nope" in told
    assert told.count("\n") == 1


def test_the_shell_sees_a_reader_that_went_away(tmp_path):
    """Negative control: without the guard the same pipe ends the program."""
    script = "import sys\nfor i in range(100000): print(i, flush=True)"
    line = ["bash", "-o", "pipefail", "-c", f'"{sys.executable}" -c "$0" | head -1', script]
    done = subprocess.run(line, capture_output=True)
    assert b"BrokenPipeError" in done.stderr
    assert done.returncode != 0
