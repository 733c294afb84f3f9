"""The finished book: no warning, a page for every name, no broken link, and it can be read."""

import base64
import functools
import http.server
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import chromium
import pytest
from chromium import Chromium

import bbvi
from bbvi.estimators import ESTIMATORS

ROOT = Path(__file__).parents[2]
NEEDED = (
    "sphinx",
    "myst_nb",
    "pydata_sphinx_theme",
    "numpydoc",
    "sphinx_design",
    "jupyter_server_mathjax",
)
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
IGNORED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "_build", "bbvi-out", "build")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"the extra docs is missing: {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book, built from a copy of what it reads, by the documented command."""
    place = tmp_path_factory.mktemp("book")
    for folder in ("docs", "notebooks", "figures", "benchmarks"):
        shutil.copytree(ROOT / folder, place / folder, ignore=IGNORED)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "docs", "docs/_build/html"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return place / "docs" / "_build" / "html"


@functools.cache
def text_of(page):
    return page.read_text("utf-8")


def broken_links(book, text, page):
    """Relative links of a page that lead to no file, or to no place in it."""
    broken = []
    for link in map(unescape, re.findall(r'(?:href|src)="([^"]*)"', text)):
        parts = urlsplit(link)
        if parts.scheme or link.startswith("//") or link in ("", "#"):
            continue
        goal = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not goal.exists():
            broken.append(f"{page.relative_to(book)} -> {link}")
        elif parts.fragment and goal.suffix == ".html":
            anchor = re.escape(unquote(parts.fragment))
            if not re.search(rf'(?:id|name)="{anchor}"', text_of(goal)):
                broken.append(f"{page.relative_to(book)} -> {link}")
    return broken


def test_no_internal_link_is_broken(book):
    pages = [page for page in book.rglob("*.html") if not {"_modules", "_static"} & set(page.parts)]
    assert len(pages) > 300
    assert [link for page in pages for link in broken_links(book, text_of(page), page)] == []


def test_a_broken_link_is_seen(book):
    page = book / "index.html"
    text = '<a href="nowhere.html">x</a> <a href="which.html#nowhere">x</a>'
    assert len(broken_links(book, text, page)) == 2


def test_every_public_name_has_a_page(book):
    for name in bbvi.__all__:
        page = book / "api" / f"bbvi.{name}.html"
        module = book / "api" / "modules" / f"bbvi.{name}.html"
        assert page.exists() or module.exists() or name == "transforms", name
        if page.exists():
            assert f'id="bbvi.{name}"' in text_of(page), name


def test_every_estimator_has_a_page_with_all_its_parts(book):
    for name in ESTIMATORS:
        text = text_of(book / "estimators" / f"{name}.html")
        for part in ("when-to-use-it", "derivation", "contract", "code-as-it-stands", "source"):
            assert f'id="{part}"' in text, (name, part)
        assert re.search(rf'src="[^"]*{re.escape(name)}\d*\.png"', text), name
        assert f'href="{name}.html"' in text_of(book / "estimators" / "index.html")


def test_nothing_is_fetched_from_elsewhere(book):
    for page in book.rglob("*.html"):
        outside = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?://', text_of(page))
        assert outside == [], page
    assert (book / "_static" / "mathjax" / "MathJax.js").exists()


def test_the_search_knows_what_people_ask_for(book):
    index = (book / "searchindex.js").read_text("utf-8")
    for term in ("elbo", "rebar", "famili", "laplac", "glossari", "cluster", "pathwis"):
        assert re.search(rf'["{{,]{term}["\w]*:', index), term


LOOK_UPS = {
    "REBAR": ("estimators/rebar.html", "Derivation"),
    "add a family": ("howto/family.html", "def pullback"),
    "k-hat": ("glossary.html", "q misses a part"),
    "new data": ("which.html", "theta is known, new data"),
    "run on a cluster": ("howto/cluster.html", "dask scheduler"),
    "sticking the landing": ("estimators/sticking-the-landing.html", "Derivation"),
    "my own data": ("howto/data.html", "compare --dataset my.csv"),
    "discrete latents": ("estimators/index.html", "DisARM"),
    "open a notebook": ("students.html", "jupyter lab notebooks"),
    "cost of procedures": ("which.html", "B S (K + 1)"),
}
"""What a newcomer types: the page that answers, and words of the answer."""


def pages_linked(book, page):
    """Pages of the book that one click on a page leads to."""
    links = re.findall(r'href="([^"#?:]+\.html)[#"]', text_of(book / page))
    goals = ((book / page).parent.joinpath(link).resolve() for link in links)
    return {str(goal.relative_to(book.resolve())) for goal in goals}


@pytest.mark.parametrize("words", LOOK_UPS)
def test_an_answer_is_two_clicks_away(book, words):
    page, answer = LOOK_UPS[words]
    said = unescape(re.sub(r"<[^>]*>", "", text_of(book / page)))
    assert answer in said
    first = pages_linked(book, "index.html")
    assert page in first.union(*(pages_linked(book, near) for near in first))


def test_it_is_small_enough_to_copy(book):
    size = sum(path.stat().st_size for path in book.rglob("*") if path.is_file())
    assert size < 100e6


@pytest.fixture(scope="module")
def server(book):
    """The book on the loopback, with a frame that measures a page."""
    (book / "measure.html").write_text(FRAME, "utf-8")
    handler = functools.partial(Quiet, directory=str(book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.mark.skipif(chromium.BROWSER is None, reason="no chromium on this machine")
def test_an_answer_is_one_search_away(server, tmp_path):
    """The page is among the first five that the book's search finds."""
    page, found = chromium.Chromium(tmp_path), {}
    done = "/finished|did not match/.test(document.querySelector('#search-results')?.innerText)"
    hits = "document.querySelectorAll('#search-results ul.search > li > a')"
    for words in LOOK_UPS:
        page.open(f"{server}/search.html?q={quote(words)}")
        page.wait(f"location.search === '?q={quote(words)}' && {done}")
        found[words] = page.run(f"[...{hits}].slice(0, 5).map(a => a.pathname.slice(1))")
    page.close()
    missed = {words: found[words] for words in LOOK_UPS if LOOK_UPS[words][0] not in found[words]}
    assert missed == {}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that does not log."""

    def log_message(self, *args):
        """Say nothing."""


FRAME = """<iframe id="f" style="border:0"></iframe><pre id="found"></pre><script>
const at = new URLSearchParams(location.search), frame = document.getElementById("f");
frame.width = at.get("width"); frame.height = 800;
frame.onload = () => {
  const w = frame.contentWindow, d = frame.contentDocument, errors = [];
  w.addEventListener("error", event => errors.push(event.message));
  const end = () => {
    const page = d.documentElement, shown = d.querySelectorAll(".MathJax").length;
    document.getElementById("found").textContent = "FOUND " + JSON.stringify({
      over: page.scrollWidth - page.clientWidth,
      math: d.querySelectorAll(".math.notranslate").length,
      shown: shown, failed: d.querySelectorAll(".MathJax_Error, .merror").length,
      words: d.body.innerText.split(/\\s+/).length, errors: errors});
  };
  if (w.MathJax && w.MathJax.Hub) w.MathJax.Hub.Queue(end); else setTimeout(end, 1000);
};
frame.src = at.get("page");
</script>"""
PAGES = (
    "index.html",
    "which.html",
    "glossary.html",
    "cheatsheet.html",
    "students.html",
    "howto/family.html",
    "lectures/02_elbo_three_ways.html",
    "exercises/03_gradients.html",
    "estimators/index.html",
    "estimators/rebar.html",
    "families/DiagonalGaussian.html",
    "procedures/fit_bbvi.html",
    "api/index.html",
    "api/bbvi.fit_amortized.html",
    "reproductions.html",
)


@pytest.mark.skipif(chromium.BROWSER is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [1366, 1920])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_drawn_whole(server, page, width, tmp_path):
    """Words, equations that MathJax has set, no page wider than the screen, no script error."""
    url = f"{server}/measure.html?page={page}&width={width}"
    command = [
        chromium.BROWSER,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=30000",
        "--dump-dom",
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r"FOUND ({.*})<", done.stdout)
    assert found, done.stdout[-500:]
    seen = json.loads(unescape(found[1]))
    assert seen["words"] > 60
    assert seen["over"] <= 0
    assert seen["failed"] == 0
    assert seen["errors"] == []
    assert seen["shown"] >= seen["math"] > 0 or seen["math"] == seen["shown"] == 0


PAPER = {"A4": (8.27, 11.69), "Letter": (8.5, 11)}


def pages_on_paper(page, width, height):
    """The number of sheets that a page takes, printed in landscape."""
    printed = page.send(
        "Page.printToPDF", landscape=True, paperWidth=width, paperHeight=height, marginTop=0.28
    )
    return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"])))


@pytest.mark.skipif(chromium.BROWSER is None, reason="no chromium on this machine")
def test_the_cheat_sheet_is_two_sheets_of_paper(server, tmp_path):
    page = Chromium(tmp_path)
    try:
        page.open(f"{server}/cheatsheet.html")
        set_ones, known = "document.querySelectorAll('.MathJax').length", len(ESTIMATORS) + 15
        page.wait(f"{set_ones} >= {known}", 120)
        assert {name: pages_on_paper(page, *size) for name, size in PAPER.items()} == {
            "A4": 2,
            "Letter": 2,
        }
        # Twice as many entries need more paper: the count is one of sheets.
        page.run("const s = document.querySelector('.sheet'); s.innerHTML += s.innerHTML; 1")
        assert pages_on_paper(page, *PAPER["A4"]) > 2
    finally:
        page.close()
