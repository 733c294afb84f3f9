"""Sphinx's settings; pages that follow from the package or the repository are written first.

pip install -e ".[docs]"
python -m sphinx -W -b html docs docs/_build/html
"""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from book import assets, docstrings, laboratory, links, make

import bbvi

# numpydoc reads each docstring a second time, for a signature in its first line.
warnings.filterwarnings("ignore", message="Unknown section Requires")

project = "bbvi"
author = "The bbvi developers"
copyright = "The bbvi developers"
version = release = bbvi.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
]
exclude_patterns = ["_build", "jupyter_execute", "README.md", "templates"]
default_role = "py:obj"

autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
viewcode_follow_imported_members = True

nb_execution_mode = "off"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/png", 10)]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_update_mathjax = False

# MathJax comes from a package and is copied into the book: no page asks another server.
mathjax_path = "mathjax/MathJax.js"
mathjax2_config = {
    "config": ["TeX-AMS-MML_HTMLorMML-full.js"],
    "messageStyle": "none",
    "showMathMenu": False,
    "TeX": {"equationNumbers": {"autoNumber": "none"}},
    "tex2jax": {
        "inlineMath": [["\\(", "\\)"]],
        "displayMath": [["\\[", "\\]"]],
        "processClass": "math|output_area",
        "ignoreClass": "document",
    },
    "HTML-CSS": {
        "scale": 92,
        "availableFonts": [],
        "webFont": "STIX-Web",
        "imageFont": None,
        "EqnChunk": 1000,
        "EqnChunkDelay": 0,
        # MathJax's own font of blanks is at about:blank, which browsers report as an error.
        "styles": {"@font-face": {"font-family": "MathJax_Blank", "src": "local('none')"}},
    },
}

html_theme = "pydata_sphinx_theme"
html_title = "bbvi"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_css_files = ["book.css"]
# Pages that have none below them need no list of these.
ALONE = ("index", "which", "laboratory", "glossary", "cheatsheet", "students", "teachers", "slides")
html_sidebars = {page: [] for page in (*ALONE, "reproductions", "benchmarks", "api/**")}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "navbar_end": ["search-button", "theme-switcher"],
    "navbar_persistent": [],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def setup(app):
    """Write the pages, mend the docstrings, resolve their names, and add the assets."""
    app.connect("config-inited", lambda app, config: make.pages(Path(app.srcdir)))
    app.connect("autodoc-process-docstring", docstrings.mend, priority=400)
    app.connect("autodoc-process-signature", docstrings.shorten_signature)
    app.connect("autodoc-skip-member", docstrings.skip_fields)
    app.add_post_transform(links.Names)
    app.connect("html-page-context", links.mend_backlinks)
    app.connect("build-finished", assets.copy_mathjax)
    app.connect("build-finished", laboratory.after_build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
