// Python in a worker: loads Pyodide and our wheels, then answers one question after the other.
import { RUNTIME } from "./runtime.js";

const tell = (message) => postMessage(message);
let answer = null;
let pyodide = null;

async function start() {
  const begun = performance.now();
  tell({ status: "Loading Python" });
  const { loadPyodide } = await import(RUNTIME + "pyodide.mjs");
  pyodide = await loadPyodide({ indexURL: RUNTIME });
  tell({ status: "Loading NumPy and SciPy" });
  await pyodide.loadPackage(["numpy", "scipy", "threadpoolctl"], { messageCallback: () => {} });
  tell({ status: "Installing bbvi" });
  const folder = new URL("wheels/", import.meta.url);
  const names = await (await fetch(new URL("index.json", folder))).json();
  const wheels = names.map((name) => new URL(name, folder).href);
  await pyodide.loadPackage(wheels, { checkIntegrity: false, messageCallback: () => {} });
  tell({ status: "Importing bbvi" });
  pyodide.runPython("from laboratory.quick import lighten; lighten()");
  answer = pyodide.runPython("import laboratory.step_1; laboratory.answer");
  tell({ ready: true, seconds: (performance.now() - begun) / 1000 });
}

// Large packages that only code of the reader may want.
async function more() {
  await pyodide.loadPackage(["matplotlib", "scikit-learn"], { messageCallback: () => {} });
}

const started = start();
started.catch((error) => tell({ failed: String(error) }));
let queue = started;

onmessage = ({ data: { id, question, args } }) => {
  queue = queue.then(async () => {
    const begun = performance.now();
    try {
      if (question === "more") await more();
      const text = question === "more" ? '{"value": null}' : answer(question, JSON.stringify(args));
      tell({ id, ...JSON.parse(text), milliseconds: performance.now() - begun });
    } catch (error) {
      tell({ id, error: String(error), milliseconds: performance.now() - begun });
    }
  });
};
