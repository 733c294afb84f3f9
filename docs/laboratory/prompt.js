// A prompt with bbvi loaded.
import { current } from "./python.js";
import { editor, showRun } from "./editor.js";

const section = document.getElementById("prompt");
const history = [];
let at = 0;

export function begin() {
  const area = editor("import numpy as np, bbvi\nq = bbvi.DiagonalGaussian(2)\nq.entropy(q.init(1))", "Python code");
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      run();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown") && history.length) {
      event.preventDefault();
      at = Math.min(history.length - 1, Math.max(0, at + (event.key === "ArrowUp" ? -1 : 1)));
      area.value = history[at];
    }
  });
  const log = section.querySelector(".log");
  section.querySelector(".entry").prepend(area);
  section.querySelector("[data-do=run]").addEventListener("click", run);
  section.querySelector("[data-do=forget]").addEventListener("click", async () => {
    // Without a Python that answers there are no variables to forget.
    await current().ask("forget", { space: "prompt" }).catch(() => {});
    log.replaceChildren();
  });

  async function run() {
    const text = area.value;
    if (!text.trim()) return;
    history.push(text);
    at = history.length;
    const entry = document.createElement("div");
    const said = document.createElement("pre");
    const output = document.createElement("div");
    said.className = "said";
    said.textContent = text;
    output.className = "output";
    entry.append(said, output);
    log.append(entry);
    output.textContent = "Running …";
    const life = current();
    try {
      if (/matplotlib|sklearn|plotting|datasets|figures/.test(text)) {
        output.textContent = "Loading Matplotlib and scikit-learn …";
        await life.more();
      }
      showRun(output, await life.ask("run", { space: "prompt", cells: [text] }));
      area.value = "";
    } catch (error) {
      output.textContent = error.message;
    }
  }
}
