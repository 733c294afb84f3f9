"""The names of `bbvi`, which are imported when they are asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bbvi

HEAVY = ("numpy", "scipy", "autograd", "matplotlib", "sklearn")


def names_for_type_checkers():
    tree = ast.parse(Path(bbvi.__file__).read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)][:1]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {(node.module, alias.name) for node in imports for alias in node.names}


def test_type_checkers_see_the_names_that_there_are():
    seen = names_for_type_checkers()
    lazy = {(module, name) for module, names in bbvi._HOMES.items() for name in names.split()}
    assert {pair for pair in seen if pair[0] != "bbvi"} == lazy
    assert {name for _, name in seen} == set(bbvi.__all__)


@pytest.mark.parametrize("name", bbvi.__all__)
def test_every_name_can_be_had(name):
    assert getattr(bbvi, name) is not None
    assert name in dir(bbvi)


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = bbvi.nonsense
    with pytest.raises(ImportError):
        exec("from bbvi import nonsense")


def loaded_by(code):
    script = f"{code}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return done.stdout.splitlines()[-1].split()


def test_the_package_and_the_help_import_nothing_heavy():
    assert loaded_by("import bbvi") == []
    script = "from bbvi.cli import main\ntry: main(['--help'])\nexcept SystemExit: print()"
    assert loaded_by(script) == []
    # Negative control: what is asked for is imported.
    assert "numpy" in loaded_by("import bbvi; bbvi.adam")


def test_a_name_does_not_import_the_drawing_libraries():
    heavy = loaded_by("from bbvi import fit_bbvi, check_model, inference_gap")
    assert not {"matplotlib", "sklearn"} & {*heavy}
