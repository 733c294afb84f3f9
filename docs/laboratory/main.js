// Builds each part of the page, starts Python, and draws the pictures in each of its lives.
import * as python from "./python.js";
import * as amortization from "./amortization.js";
import * as exercises from "./exercises.js";
import * as prompt from "./prompt.js";
import * as step_1 from "./step_1.js";
import * as variance from "./variance.js";

const status = document.getElementById("status");
const parts = { step_1, variance, amortization };

// What tests and the curious may look at.
window.laboratory = { python, begun: [] };

function mathjax() {
  const script = document.createElement("script");
  script.src = "../_static/mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full.js";
  script.onload = () => exercises.typeset(document.body);
  document.head.append(script);
}

async function live() {
  const failed = document.getElementById("no-python");
  failed.hidden = true;
  window.laboratory.begun = [];
  const life = python.start();
  try {
    await life.ready;
  } catch {
    // A restart during loading is no failure: the next life draws.
    if (life === python.current()) failed.hidden = false;
    return;
  }
  for (const [name, part] of Object.entries(parts)) {
    await part.draw();
    if (life.over) return;
    window.laboratory.begun.push(name);
  }
}

function begin() {
  if (typeof WebAssembly !== "object" || typeof Worker !== "function") {
    document.getElementById("no-wasm").hidden = false;
    status.textContent = "This browser cannot run Python.";
    return;
  }
  python.onStatus((text, state) => {
    status.textContent = text;
    status.dataset.state = state;
  });
  document.getElementById("stop").addEventListener("click", live);
  for (const part of [...Object.values(parts), exercises, prompt]) part.begin();
  mathjax();
  live();
}

window.MathJax = { messageStyle: "none", showMathMenu: false, skipStartupTypeset: true,
  tex2jax: { inlineMath: [["\\(", "\\)"]], displayMath: [["\\[", "\\]"]] },
  "HTML-CSS": { availableFonts: [], webFont: "STIX-Web", imageFont: null, linebreaks: { automatic: true },
    // MathJax's own font of blanks is at about:blank, which browsers report as an error.
    styles: { "@font-face": { "font-family": "MathJax_Blank", src: "local('none')" } } } };
begin();
