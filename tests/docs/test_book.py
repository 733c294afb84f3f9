"""The finished book: no warning, a page for every name, no broken link, and it can be read."""

import base64
import functools
import re
from html import unescape
from urllib.parse import quote, unquote, urlsplit

import chromium
import pytest
from chromium import Chromium

import bbvi
from bbvi.estimators import ESTIMATORS

pytest.importorskip("sphinx")

from book import members

pytestmark = pytest.mark.slow


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
    pages = [page for page in book.rglob("*.html") if "_static" not in page.parts]
    assert len(pages) > 1000
    assert sum(text_of(page).count('class="viewcode-back"') for page in pages) > 1000
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


@pytest.mark.parametrize("kind", members.KINDS)
def test_every_family_likelihood_and_procedure_has_a_page_with_all_its_parts(book, kind):
    for name in members.words(kind):
        text = text_of(book / kind / f"{name}.html")
        for part in ("when-to-use-it", "derivation", "contract", "code-as-it-stands", "source"):
            assert f'id="{part}"' in text, (name, part)
        derivation = re.search(r'(?s)id="derivation".*?</section>', text)[0]
        assert derivation.count("<li>") == 5, name
        assert re.search(rf'src="[^"]*{name}\d*\.png"', text), name


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
    "convolutions": ("howto/convolutions.html", "stands wherever a"),
    "my own data": ("howto/data.html", "compare --dataset my.csv"),
    "discrete latents": ("estimators/index.html", "DisARM"),
    "open a notebook": ("students.html", "jupyter lab notebooks"),
    "cost of procedures": ("which.html", "B S (K + 1)"),
    "Gumbel softmax": ("estimators/concrete.html", "temperature"),
    "amortization gap": ("glossary.html", "measures both"),
    "save a fit": ("api/bbvi.Fit.html", "save"),
    "posterior collapse": ("lectures/05_amortized_vae.html", "posterior collapse"),
    "which estimator": ("which.html", "Is z discrete and the model gives values only?"),
    "check my estimator": ("howto/estimator.html", "in standard errors, and names"),
    "minibatches": ("howto/big-data.html", "batch_size="),
    "standard deviations too small": ("lectures/09_did_it_work.html", "linear response"),
    "log p(x)": ("glossary.html", "also called marginal likelihood"),
    "cheat sheet": ("cheatsheet.html", "Estimators"),
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
