"""The reference: a page for each exported name and one for each module."""

import inspect

from book import names
from book.docstrings import escape
from book.writing import Pages

KINDS = {
    "bbvi.families": "Families q",
    "bbvi.models": "Models, priors, likelihoods",
    "bbvi.estimators": "Gradient estimators",
    "bbvi.inference": "Procedures",
    "bbvi.evaluation": "Evidence, gaps, draws",
    "bbvi.checks": "Checks",
}
"""Headings of the package's names; what is defined elsewhere stands under `The rest`."""


def write(pages: Pages) -> None:
    """All pages of the reference."""
    for full_name in names.with_page():
        pages.put(f"api/{full_name}.rst", name_page(full_name))
    for name in names.modules():
        pages.put(f"api/modules/{name}.rst", module_page(name))
    pages.put("api/index.rst", index())


def title(text: str, mark: str = "=") -> str:
    """A reStructuredText title."""
    return f"{text}\n{mark * len(text)}\n"


def entry(module: str, name: str) -> str:
    """The directive that documents one object in full; a constant without its value."""
    value = names.value_of(f"{module}.{name}")
    if inspect.isclass(value):
        kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
        return f".. {kind}:: {module}.{name}\n   :members:\n"
    if inspect.isfunction(value):
        return f".. autofunction:: {module}.{name}\n"
    text = "\n".join(f"   {escape(line)}" for line in names.constant_doc(module, name))
    return f".. py:data:: {module}.{name}\n\n{text}\n"


def name_page(full_name: str) -> str:
    """The page of one exported name."""
    module, _, name = full_name.rpartition(".")
    return f"{title(full_name)}\n{entry(module, name)}"


def module_page(name: str) -> str:
    """The page of one module: its docstring, its names, and what has no page of its own."""
    module = names.modules()[name]
    # Found by its names; its text would crowd what a reader searches for.
    told = f".. automodule:: {name}\n   :no-members:\n   :no-index:\n"
    parts = [":nosearch:\n", title(name), told]
    listed = list(dict.fromkeys([*names.exported(module), *names.defined(module)]))
    rows = [(names.home(module, each), getattr(module, each), each) for each in listed]
    if rows and name != "bbvi":
        table = [(_link(full), names.summary(value, module, each)) for full, value, each in rows]
        parts += [title("Names", "-"), list_table(table)]
    inside = [
        each for full, _, each in rows if full == f"{name}.{each}" and full not in names.with_page()
    ]
    if inside:
        parts.append(title("In full", "-"))
        parts += [entry(name, each) for each in inside]
    below = [other for other in names.modules() if other.rpartition(".")[0] == name]
    if below:
        table = [
            (f":doc:`{other} </api/modules/{other}>`", names.summary(names.modules()[other]))
            for other in below
        ]
        parts += [title("Modules", "-"), list_table(table)]
    return "\n".join(parts)


def _link(full_name: str) -> str:
    return f":py:obj:`{full_name.rpartition('.')[2]} <{full_name}>`"


def list_table(rows: list[tuple[str, str]]) -> str:
    """Two columns: a link and what it is."""
    lines = [".. list-table::", "   :widths: 30 70", "   :class: names", ""]
    for link, text in rows:
        lines += [f"   * - {link}", f"     - {escape(text)}"]
    return "\n".join(lines) + "\n"


def index() -> str:
    """All names of the package by kind, then all modules."""
    module = names.modules()["bbvi"]
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in names.exported(module):
        value = getattr(module, name)
        package = ".".join(getattr(value, "__module__", "").split(".")[:2])
        row = (_link(f"bbvi.{name}"), names.summary(value, module, name))
        groups.setdefault(KINDS.get(package, "The rest"), []).append(row)
    parts = [
        title("Reference"),
        "Each public name has one page, with its equation, arguments, errors, source and examples; "
        "``[source]`` shows the code. The examples are run by the tests.\n",
    ]
    for heading in [*KINDS.values(), "The rest"]:
        if heading in groups:
            parts += [title(heading, "-"), list_table(groups[heading])]
    packages = [name for name in names.modules() if name.count(".") == 1]
    rows = [
        (f":doc:`{name} </api/modules/{name}>`", names.summary(names.modules()[name]))
        for name in packages
    ]
    parts += [title("All modules", "-"), "Imports go down the floors only.\n", list_table(rows)]
    hidden = ["bbvi.*", "modules/*"]
    tree = "\n".join(f"   {pattern}" for pattern in hidden)
    parts.append(f".. toctree::\n   :hidden:\n   :glob:\n   :maxdepth: 1\n\n{tree}\n")
    return "\n".join(parts)
