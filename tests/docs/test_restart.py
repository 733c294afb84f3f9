"""Restart of the laboratory's Python in headless Chromium: nothing of the old life stays behind."""

import json
import os
import threading

import pytest
import serve
from laboratory import step_1

pytestmark = pytest.mark.slow

RESTART = "document.getElementById('stop').click()"
STATE = "document.getElementById('status').dataset.state"
DRAWN = "laboratory.begun.length === 3"
STOPPED = "Python was stopped."


@pytest.fixture
def page(site, browser):
    browser.errors.clear()
    browser.open("about:blank")
    browser.wait("location.href === 'about:blank'")
    browser.open(f"{site}/laboratory/")
    browser.wait(
        "window.laboratory?.python.ready && document.getElementById('chapter-choice').value"
    )
    yield browser
    assert browser.errors == []


@pytest.fixture
def drawn(page):
    page.wait(DRAWN, 240)
    return page


def restart(page):
    """Press Restart and wait for the pictures of the next life."""
    page.run(RESTART)
    assert page.run(STATE) == "loading"
    page.wait(DRAWN, 240)
    assert page.run(STATE) == "ready"


def begin(page, text):
    """Give the prompt a text to run; where its output will be."""
    page.run(
        f"""(s => {{ s.querySelector('textarea').value = {json.dumps(text)};
        s.querySelector('[data-do=run]').click(); }})(document.getElementById('prompt'))"""
    )
    return "[...document.querySelectorAll('#prompt .output')].at(-1)"


def say(page, text):
    """What the prompt answers."""
    output = begin(page, text)
    page.wait(f"!/^(Running|Loading)/.test({output}.textContent)")
    return page.run(f"{output}.textContent") or page.run(f"{output}.innerHTML")


def check(page):
    """Press Check below the first exercise; what comes."""
    output = "document.querySelector('#exercises .code .output')"
    page.run("document.querySelector('#exercises .cell.code button').click()")
    page.wait(f"{output}.textContent !== 'Running …'")
    return page.run(f"{output}.textContent")


def shown(page):
    """What the pictures say."""
    texts = "[...document.querySelectorAll('.numbers, .note')].map(e => e.textContent)"
    return page.run(texts)


def test_a_restart_during_loading_still_draws_the_pictures(page):
    assert page.run(STATE) == "loading"
    page.run(f"window.before = laboratory.python.ready; {RESTART}")
    late = "new Promise(done => setTimeout(done, 5000, 'no answer'))"
    said = page.run(f"Promise.race([{late}, before.then(() => 0, error => error.message)])")
    assert said == STOPPED
    page.wait(DRAWN, 240)
    assert page.run("document.getElementById('no-python').hidden")
    assert say(page, "1 + 1") == "2"


def test_the_settings_are_shown_before_python_is_there(page):
    assert page.run(STATE) == "loading"
    assert page.run("[...document.querySelectorAll('output')].filter(o => !o.value).length") == 0


def test_an_exercise_does_not_wait_for_a_life_that_has_ended(page):
    output = "document.querySelector('#exercises .code .output').textContent"
    page.run("document.querySelector('#exercises .cell.code button').click()")
    page.run(RESTART)
    page.wait(f"{output} === '{STOPPED}'", 5)
    assert "Nothing is written yet" in check(page)


def test_a_restart_while_the_pictures_are_drawn_draws_each_once(page):
    page.wait("laboratory.begun.length > 0", 240)
    assert not page.run(DRAWN)
    restart(page)
    rows = page.run("laboratory.python.last.learn.value.x.length")
    assert page.run("document.querySelectorAll('#amortization .datum').length") == rows
    assert page.run("document.querySelectorAll('.handle').length") == 3


def test_a_picture_whose_question_was_stopped_is_drawn_again(drawn):
    before = shown(drawn)
    begin(drawn, "while True: 1")
    drawn.run(
        "(s => { s.value = 'two modes'; s.dispatchEvent(new Event('input', {bubbles: true})); })"
        "(document.getElementById('s-posterior'))"
    )
    restart(drawn)
    after = shown(drawn)
    assert STOPPED not in after
    # The other pictures are as they were: their seeds and sliders belong to the page.
    assert after[2:] == before[2:]
    seen = json.loads(drawn.run("JSON.stringify(laboratory.python.last)"))
    assert seen["plane"]["args"] == {"posterior": "two modes"}
    args = seen["step_1"]["args"]
    assert args["posterior"] == "two modes"
    assert seen["step_1"]["value"]["elbo"] == pytest.approx(step_1.step_1(**args)["elbo"])


def test_steps_end_with_the_life_that_computes_them(drawn):
    button = "document.querySelector('#step-1 [data-do=run]').textContent"
    begin(drawn, "while True: 1")
    drawn.run("document.querySelector('#step-1 [data-do=run]').click()")
    assert drawn.run(button) == "Stop"
    restart(drawn)
    drawn.wait(f"{button} === 'Run 100 steps'", 5)


def test_an_exercise_after_a_restart_has_what_stands_before_it(drawn):
    assert "Nothing is written yet" in check(drawn)
    restart(drawn)
    assert "Nothing is written yet" in check(drawn)


def test_the_prompt_draws_after_a_restart_as_before(drawn):
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    assert "data:image/png" in say(drawn, plot)
    assert say(drawn, "a = 1\na") == "1"
    restart(drawn)
    assert "data:image/png" in say(drawn, plot)
    assert "NameError" in say(drawn, "a")


@pytest.fixture
def without(tmp_path, site):
    """The laboratory without a runtime, and where the runtime has to be."""
    serve.prepare(tmp_path)
    runtime = tmp_path / "runtime"
    with serve.server(tmp_path, str(runtime)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}", runtime
        serving.shutdown()


def test_what_could_not_be_loaded_is_said_and_a_restart_tries_again(without, browser):
    site, runtime = without
    browser.open(f"{site}/laboratory/")
    browser.wait(f"window.laboratory && location.href.startsWith('{site}') && {STATE} === 'failed'")
    told = "document.getElementById('no-python').hidden"
    assert browser.run(told) is False
    assert "could not be loaded" in say(browser, "1 + 1")
    runtime.symlink_to(os.environ["BBVI_PYODIDE"])
    restart(browser)
    assert browser.run(told) is True
    assert say(browser, "1 + 1") == "2"
    browser.errors.clear()
