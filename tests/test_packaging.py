"""What is shipped: the wheel holds every file of the package, the sdist every source."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.egg-info", "build", "dist")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"

pytestmark = pytest.mark.skipif(
    int(version("setuptools").split(".")[0]) < 77, reason="setuptools >= 77.0.3 builds bbvi"
)


def package_files(root):
    """Every file of the package, modules or not, as the wheel should name it."""
    return {
        path.relative_to(root).as_posix()
        for path in (root / "bbvi").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def copy_of_the_tree(target):
    """A copy to build in, so that no build/ or egg-info is left in the checkout."""
    target.mkdir()
    for path in ROOT.iterdir():
        if path.name.startswith(".") or path.name in ("build", "dist", "bbvi-out"):
            continue
        if path.is_file():
            shutil.copy(path, target)
        elif not path.name.endswith(".egg-info"):
            shutil.copytree(path, target / path.name, ignore=IGNORED)
    return target


def built(kind, tree, out):
    """Build ``kind`` (wheel or sdist) of ``tree`` without network, and open it."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(kind), str(out)],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    [path] = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return path


def modules_of(wheel):
    return {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("bbvi/")}


def require_complete(wheel, root):
    missing, unknown = (
        package_files(root) - modules_of(wheel),
        modules_of(wheel) - package_files(root),
    )
    assert not missing, f"not in the wheel: {sorted(missing)}"
    assert not unknown, f"in the wheel but not in the tree: {sorted(unknown)}"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The sdist of the tree, unpacked, and the wheel that is built from nothing else."""
    place = tmp_path_factory.mktemp("shipped")
    sdist = built("sdist", copy_of_the_tree(place / "tree"), place)
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "unpacked", filter="data")
    [source] = (place / "unpacked").iterdir()
    return source, built("wheel", source, place)


def test_the_wheel_holds_the_package_and_nothing_else(shipped):
    _, wheel = shipped
    require_complete(wheel, ROOT)
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top.split("-")[0] for top in tops} == {"bbvi"}


def test_a_folder_that_is_no_package_is_noticed(tmp_path):
    tree = copy_of_the_tree(tmp_path / "tree")
    (tree / "bbvi" / "experiments" / "__init__.py").unlink()
    wheel = built("wheel", tree, tmp_path)
    with pytest.raises(AssertionError, match=r"not in the wheel: .*bbvi/experiments/compare\.py"):
        require_complete(wheel, tree)


def test_package_data_that_is_not_declared_is_noticed(tmp_path):
    tree = copy_of_the_tree(tmp_path / "tree")
    (tree / "bbvi" / "models" / "table.csv").write_text("1,2\n")
    wheel = built("wheel", tree, tmp_path)
    with pytest.raises(AssertionError, match=r"not in the wheel: \['bbvi/models/table\.csv'\]"):
        require_complete(wheel, tree)


def test_page_license_and_command_are_in_the_wheel(shipped):
    archive = zipfile.ZipFile(shipped[1])
    texts = {name.split("/", 1)[1]: archive.read(name).decode() for name in archive.namelist()}
    meta = Parser().parsestr(texts["METADATA"])
    assert meta.get_payload().strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert meta["Description-Content-Type"] == "text/markdown"
    assert meta["License-Expression"] == "BSD-3-Clause"
    assert texts["licenses/LICENSE"] == (ROOT / "LICENSE").read_text("utf-8")
    assert "bbvi = bbvi.__main__:command" in texts["entry_points.txt"]


def test_the_sdist_holds_pages_tests_and_lectures(shipped):
    source, _ = shipped
    names = [path.name for path in ROOT.iterdir() if path.suffix in (".md", ".cff", ".toml")]
    for name in [*names, "LICENSE"]:
        assert (source / name).read_bytes() == (ROOT / name).read_bytes()
    for folder in ("bbvi", "tests", "notebooks", "benchmarks", "figures"):
        kept = names_in(ROOT / folder)
        assert kept <= names_in(source / folder), sorted(kept - names_in(source / folder))


def names_in(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
        and path.relative_to(folder.parent).parts[:2] != ("figures", "notebooks")
        and not path.name.startswith(".")
    }
