"""Imports go down the floors, and in no circle; each outside library stays in its place."""

import ast
from pathlib import Path

import pytest

import bbvi

ROOT = Path(bbvi.__file__).parent

FLOORS = {
    "bbvi.types": 0,
    "bbvi.targets": 0,
    "bbvi.validation": 0,
    "bbvi.limits": 0,
    "bbvi.logs": 0,
    "bbvi.suggestions": 0,
    "bbvi.protocols": 0,
    "bbvi.importance_weights": 0,
    "bbvi.threads": 0,
    "bbvi.files": 0,
    "bbvi.environment": 0,
    "bbvi.families": 1,
    "bbvi.nets": 1,
    "bbvi.optimizers": 1,
    "bbvi.plain_optimizers": 1,
    "bbvi.datasets": 1,
    "bbvi.doctor": 1,
    "bbvi.blas_choice": 1,
    "bbvi.models": 2,
    "bbvi.backends": 3,
    "bbvi.estimators": 3,
    "bbvi.inference": 4,
    "bbvi.evaluation": 5,
    "bbvi.checks": 5,
    "bbvi.experiments": 6,
    "bbvi.lectures": 6,
    "bbvi.plotting": 6,
    "bbvi.cli": 7,
    "bbvi.__main__": 7,
}

PLACES = {
    "autograd": ("bbvi.nets", "bbvi.families", "bbvi.models", "bbvi.backends.autodiff"),
    "matplotlib": ("bbvi.plotting",),
    "mpl_toolkits": ("bbvi.plotting",),
    "argparse": ("bbvi.cli",),
    "torch": (),
    "jax": (),
    "tensorflow": (),
}


def module_name(path):
    parts = ("bbvi", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path.read_text("utf-8") for path in sorted(ROOT.rglob("*.py"))}
PACKAGES = {module_name(path) for path in ROOT.rglob("__init__.py")}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}


def floor(module):
    """The floor of a module; bbvi/__init__.py lists the names of all floors below the shell."""
    if module == "bbvi":
        return 6.5
    return next(
        (level for name, level in FLOORS.items() if f"{module}.".startswith(f"{name}.")), None
    )


def imported(tree, module):
    """Every absolute module name that a module imports, wherever in its file."""
    package = module if module in PACKAGES else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *([node.module or ""])]).strip(".")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in SOURCES else base


def arrows(trees):
    """module -> the modules of bbvi that it imports."""
    return {
        name: {other for other in imported(tree, name) if other.split(".")[0] == "bbvi"} - {name}
        for name, tree in trees.items()
    }


GRAPH = arrows(TREES)


def with_wrong(**sources):
    """The graph with some modules replaced by others that are not in the tree."""
    return GRAPH | arrows({f"bbvi.{name}": ast.parse(source) for name, source in sources.items()})


def upward(graph):
    return [
        f"{a} (floor {floor(a)}) imports {b} (floor {floor(b)})"
        for a, targets in graph.items()
        for b in sorted(targets)
        if floor(b) > floor(a)
    ]


def circle(graph):
    """The modules of a circle, or None."""
    done, path = set(), []

    def visit(module):
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return None
        path.append(module)
        for other in sorted(graph.get(module, ())):
            found = visit(other)
            if found:
                return found
        path.pop()
        done.add(module)
        return None

    return next((found for found in map(visit, sorted(graph)) if found), None)


def test_every_module_has_a_floor():
    assert len(SOURCES) > 20
    assert [name for name in SOURCES if floor(name) is None] == []


def test_no_arrow_points_up():
    assert upward(GRAPH) == []


def test_no_circle():
    assert circle(GRAPH) is None


def test_the_walk_sees_upward_arrows_and_circles():
    wrong = {
        "from bbvi.models import LinearGaussian": "bbvi.models (floor 2)",
        "def f():\n    import bbvi.cli\n": "bbvi.cli (floor 7)",
        "from . import cli": "bbvi.cli (floor 7)",
        "import bbvi": "bbvi (floor 6.5)",
    }
    for source, place in wrong.items():
        wrong_graph = with_wrong(threads=source)
        assert upward(wrong_graph) == [f"bbvi.threads (floor 0) imports {place}"]
    round_trip = with_wrong(logs="import bbvi.threads", threads="import bbvi.logs")
    assert set(circle(round_trip)) == {"bbvi.logs", "bbvi.threads"}


def test_estimators_know_families_and_targets_only():
    """The seam: an estimator serves any model and any back end.

    NVIL's baseline is a network of its own, which autodiff differentiates for it.
    """
    own_network = {("bbvi.estimators.nvil", "bbvi.backends.autodiff")}
    found = {
        (a, b)
        for a, targets in GRAPH.items()
        for b in targets
        if a.startswith("bbvi.estimators") and b.startswith(("bbvi.backends", "bbvi.models"))
    }
    assert found <= own_network


@pytest.mark.parametrize("library", PLACES)
def test_a_library_stays_in_its_place(library):
    users = {
        name
        for name, tree in TREES.items()
        if any(used.split(".")[0] == library for used in imported(tree, name))
    }
    assert {name for name in users if not name.startswith(PLACES[library])} == set()


def test_randomness_comes_from_the_caller():
    """A Generator is made from a seed in the command line only, elsewhere from a given state."""
    derived = ("np.random.Generator", "np.random.PCG64", "np.random.SeedSequence")
    found = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            call = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            random = call.startswith(("np.random.", "numpy.random.", "random."))
            shell = call.startswith("np.random.default_rng") and name.startswith("bbvi.cli")
            if random and call not in derived and not shell:
                found.append(f"{name}: {call}")
    assert found == []


def code_lines(function, lines):
    """Lines of a function without its docstring, comments and empty lines."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    own = lines[body[0].lineno - 1 : body[-1].end_lineno] if body else []
    return sum(1 for line in own if line.strip() and not line.strip().startswith("#"))


def test_modules_and_functions_are_small():
    """A module holds one idea; a function fits on a slide."""
    long = []
    for name, source in SOURCES.items():
        lines = source.splitlines()
        long += [f"{name}: {len(lines)} lines"] if len(lines) > 300 else []
        for node in ast.walk(TREES[name]):
            size = code_lines(node, lines) if isinstance(node, ast.FunctionDef) else 0
            long += [f"{name}.{node.name}: {size} lines"] if size > 60 else []
    assert long == []


def test_nothing_is_left_undone():
    marks = ("raise NotImplementedError", "TODO", "FIXME", "XXX")
    assert [name for name, source in SOURCES.items() if any(m in source for m in marks)] == []
    empty = [n for n, tree in TREES.items() if any(isinstance(a, ast.Pass) for a in ast.walk(tree))]
    assert empty == []


def test_structure_instead_of_inheritance():
    """A class of the package has no heirs in the package, but for Protocols.

    SmoothMeanField is MeanField with the two methods of a reparameterizable family, which
    `Reparameterizable` recognizes by their presence, so that MeanField cannot have them.
    """
    bases = {
        node.name: [ast.unparse(base) for base in node.bases]
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    concrete = {name for name, above in bases.items() if "Protocol" not in above}
    heirs = {name: sorted(concrete & set(above)) for name, above in bases.items()}
    assert {name for name, above in heirs.items() if above} <= {"SmoothMeanField"}
