"""Start sooner: a page waits for no import that it does not use.

``autograd.scipy`` imports integrate, stats, optimize and all below them, two thirds of what bbvi
takes to import; bbvi uses ``autograd.scipy.special`` alone.  In its place stands a package of the
same folder whose modules are imported when they are asked for.
"""

import sys
from importlib.util import find_spec
from types import ModuleType


def lighten() -> None:
    """Put the light ``autograd.scipy`` in place, before anything imports the other."""
    import autograd

    spec = find_spec("autograd")
    assert spec is not None
    light = ModuleType("autograd.scipy")
    light.__path__ = [f"{place}/scipy" for place in spec.submodule_search_locations or []]
    sys.modules["autograd.scipy"] = light
    autograd.scipy = light  # type: ignore[attr-defined]
