"""Every page of the book in headless Chromium, on a laptop's screen and on a projector's."""

import base64
import io
import json

import chromium
import numpy as np
import pytest
from matplotlib.image import imread

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.BROWSER is None, reason="no chromium on this machine"),
]

SCREENS = {"laptop": (1366, 768), "projector": (1920, 1080)}
FOLDERS = (
    ".",
    "lectures",
    "exercises",
    "howto",
    "estimators",
    "families",
    "likelihoods",
    "procedures",
    "api",
    "api/modules",
    "_modules",
    "_downloads",
)
CODE = ("api", "api/modules", "_modules")
"""Pages of one form, hundreds of them: drawn for a laptop, and only made wider for a projector."""
BARE = ("search.html", "genindex.html")

DRAWN = """new Promise(done => {
  const end = () => requestAnimationFrame(() => requestAnimationFrame(done));
  const go = () => {
    if (window.MathJax?.Hub) MathJax.Hub.Queue(end);
    else if (document.querySelector("script[src*=MathJax]")) setTimeout(go, 10);
    else end();
  };
  document.readyState === "complete" ? go() : addEventListener("load", go);
})"""
"""Done when the page is loaded, its equations are set and a frame is drawn."""
FALLBACK = "-Regular.otf"
"""A busy machine draws MathJax's fonts so late that it asks for others, which its package lacks."""
SEEN = """JSON.stringify((() => {
  const page = document.documentElement, main = document.querySelector("main") ?? document.body;
  const scrolls = e => e
    && (getComputedStyle(e).overflowX !== "visible" || scrolls(e.parentElement));
  const beyond = [...main.querySelectorAll("p, li, pre, img, table, svg, h1, h2, h3, .math")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement));
  return {
    wider: Math.max(0, page.scrollWidth - page.clientWidth),
    beyond: beyond.map(e => e.outerHTML.slice(0, 80)),
    words: main.innerText.split(/\\s+/).length,
    unset: [...document.querySelectorAll(".math.notranslate")]
      .filter(e => !e.querySelector(".MathJax")).length,
    refused: document.querySelectorAll(".MathJax_Error, .merror").length,
    torn: [...document.querySelectorAll("nav a.reference")]
      .filter(e => /^[\\w.]+$/.test(e.innerText) && e.scrollHeight > 40).map(e => e.innerText),
    broken: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
  };
})())"""
BOX = """(({x, y, width, height}) => ({
  x: x + scrollX, y: y + scrollY, scale: 0.25,
  width: Math.max(1, Math.min(width, innerWidth - x)),
  height: Math.max(1, Math.min(height, innerHeight - y))
}))((document.querySelector("main") ?? document.body).getBoundingClientRect())"""


def faults(page, form=""):
    """What is wrong with the page that is open, by name; nothing if it can be read.

    Its words are not counted if its form is bare, its ink is not if it is code.
    """
    page.run(DRAWN)
    errors = [error for error in page.errors if not error.endswith(FALLBACK)]
    seen = json.loads(page.run(SEEN)) | {"errors": errors}
    words = seen.pop("words")
    wrong = {name: value for name, value in seen.items() if value}
    if words < 8 and form != "bare":
        wrong["words"] = words
    if form != "code" and (drawn := ink(page)) < 0.002:
        wrong["ink"] = drawn
    return wrong


def ink(page):
    """The share of what the window shows of `main` that has not the colour of most of it."""
    box = page.run(BOX)
    shot = page.send("Page.captureScreenshot", clip=box)
    pixels = imread(io.BytesIO(base64.b64decode(shot["data"])))[..., :3]
    return float((np.abs(pixels - np.median(pixels, axis=(0, 1))).max(axis=-1) > 0.1).mean())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    page = chromium.Chromium(tmp_path_factory.mktemp("profile"))
    yield page
    page.close()


def go(page, address):
    """Open an address, and forget what was wrong before."""
    page.open("about:blank")
    page.errors.clear()
    page.open(address)
    page.wait(f"location.href === '{address}'")


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_page_can_be_read(book, server, page, folder, screen):
    if folder in CODE and screen == "projector":
        pytest.skip("drawn at both sizes by the test of the laptop's")
    wrong = {}
    paths = sorted((book / folder).glob("*.html"))
    if folder in ("_modules", "_downloads"):
        paths = sorted((book / folder).rglob("*.html"))
    assert paths
    for path in paths:
        place = path.relative_to(book).as_posix()
        page.resize(*SCREENS[screen])
        go(page, f"{server}/{place}")
        form = "bare" if place in BARE else "code" if folder in CODE else ""
        if found := faults(page, form):
            wrong[place] = found
        if folder in CODE:
            page.resize(*SCREENS["projector"])
            if page.run("document.documentElement.scrollWidth > innerWidth"):
                wrong[place, "projector"] = "wider"
    assert wrong == {}


TEXT = "many words that can be read on this page "
BAD = {
    "wider": f'<main>{TEXT}<p style="width: 3000px">x</p></main>',
    "broken": f'<main>{TEXT}<img src="none.png"></main>',
    "errors": f"<main>{TEXT}<script>none()</script></main>",
    "refused": f'<main>{TEXT}<span class="merror">x</span></main>',
    "unset": f'<main>{TEXT}<span class="math notranslate">x</span></main>',
    "torn": f'<nav style="width: 3em; overflow-wrap: anywhere"><a class="reference" '
    f'style="display: block">AutoregressiveCategorical</a></nav><main>{TEXT}</main>',
    "words": "<main><h1>Title</h1></main>",
    "ink": f'<main style="color: white; height: 600px">{TEXT}</main>',
}


@pytest.mark.parametrize("fault", BAD)
def test_a_fault_is_seen(book, server, page, fault):
    # A name for each: the browser keeps what it has read.
    bad = book / f"bad-{fault}.html"
    bad.write_text(f'<link rel="icon" href="data:,">{BAD[fault]}', "utf-8")
    try:
        page.resize(*SCREENS["laptop"])
        go(page, f"{server}/{bad.name}")
        assert fault in faults(page)
    finally:
        bad.unlink()
