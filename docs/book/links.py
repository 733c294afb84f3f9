"""Names in docstrings, and the code of an object, lead to its page from wherever it is imported."""

import importlib
import inspect
import re
from functools import partial
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from book import names


class Names(SphinxPostTransform):
    """Resolve names before Sphinx does: it would guess among objects of one last name."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Replace each reference to a Python object; what is no name of bbvi becomes text."""
        for node in list(self.document.findall(addnodes.pending_xref)):
            if node.get("refdomain") == "py":
                found = self.resolved(node)
                if found is not None:
                    node.replace_self(found)
                elif node["reftype"] == "obj":
                    node.replace_self(node.children)

    def resolved(self, node: Any) -> Any:
        """A reference to the page of the object; None where it is no name of bbvi."""
        full_name = full_name_of(node["reftarget"].lstrip("~."), node, self.env.docname)
        if full_name is None:
            return None
        if full_name in names.modules():
            return self.reference(f"api/modules/{full_name}", "", node)
        entry = self.env.domaindata["py"]["objects"].get(full_name)
        return None if entry is None else self.reference(entry.docname, entry.node_id, node)

    def reference(self, docname: str, anchor: str, node: Any) -> Any:
        """The link itself."""
        uri = self.app.builder.get_relative_uri(self.env.docname, docname)
        uri += anchor and f"#{anchor}"
        return nodes.reference("", "", *node.children, internal=True, refuri=uri)


BACK = re.compile(r'(?<=id=")([^"]+)(">\n<a class="viewcode-back" href="[^"#]*#)[^"]*')


def mend_backlinks(app: Any, page: str, template: str, context: Any, doctree: Any) -> None:
    """Let [docs] beside each piece of code lead to the object's home.

    Sphinx remembers one importing module for all objects of a source page, but here some of them
    are at home in the package and others in the module.
    """
    if page.startswith("_modules/bbvi"):
        name = page.removeprefix("_modules/").replace("/", ".")
        home = partial(_anchor, importlib.import_module(name))
        context["body"] = BACK.sub(lambda m: f"{m[1]}{m[2]}{home(m[1])}", context["body"])


def _anchor(module: Any, name: str) -> str:
    """Where an object of a module, or a member of one, is documented on its page."""
    owner, dot, member = name.partition(".")
    return names.home(module, owner) + dot + member


def full_name_of(target: str, context: Any, docname: str) -> str | None:
    """The full name, at its home, of what a docstring calls ``target``."""
    for scope in _scopes(context, docname):
        value, owner, rest = scope, None, target
        if getattr(scope, "__name__", "") == "bbvi":
            rest = target.removeprefix("bbvi.")
        try:
            for part in rest.split("."):
                owner, value = value, getattr(value, part)
        except (AttributeError, ImportError):
            continue
        found = _name_of(value, owner, rest)
        if found:
            return found
    return None


def _scopes(context: Any, docname: str) -> list[Any]:
    """Where a docstring's names are looked up: its class, its object's module, the package."""
    module, owner = context.get("py:module"), context.get("py:class")
    found = []
    page = docname.rpartition("/")[2]
    if docname.startswith("api/") and page in names.with_page():
        defining = getattr(names.value_of(page), "__module__", None)
        found += [defining] if defining else []
    found += [page] if page in names.modules() else []
    found += [module] if module else []
    packages = [name for name in names.modules() if name.count(".") == 1]
    every = [*found, "bbvi", *packages]
    scopes = [importlib.import_module(name) for name in dict.fromkeys(every)]
    # Of a constant Sphinx takes the module for its class.
    inside = owner and owner.partition(".")[0] != "bbvi" and hasattr(scopes[0], owner)
    return [getattr(scopes[0], owner), *scopes] if inside else scopes


def _name_of(value: Any, owner: Any, target: str) -> str | None:
    if inspect.ismodule(value):
        return value.__name__ if value.__name__ in names.modules() else None
    if id(value) in names.homes():
        return names.homes()[id(value)]
    last = target.rpartition(".")[2]
    if inspect.isclass(owner) and id(owner) in names.homes():
        return f"{names.homes()[id(owner)]}.{last}"
    if inspect.ismodule(owner) and owner.__name__ in names.modules():
        for module in names.modules().values():
            if vars(module).get(last) is value and last in names.defined(module):
                return f"{module.__name__}.{last}"
    return None
