// node in_node.mjs PYODIDE WHEELS CODE: run the file CODE in Pyodide with the laboratory's wheels.
import { readFileSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [runtime, wheels, code] = process.argv.slice(2);
try {
  const { loadPyodide } = await import(pathToFileURL(runtime + "/pyodide.mjs"));
  const pyodide = await loadPyodide({ indexURL: runtime });
  await pyodide.loadPackage(["numpy", "scipy", "threadpoolctl", "scikit-learn"], { messageCallback: () => {} });
  for (const name of readdirSync(wheels).filter((name) => name.endsWith(".whl"))) {
    pyodide.unpackArchive(new Uint8Array(readFileSync(`${wheels}/${name}`)), "wheel");
  }
  pyodide.runPython(readFileSync(code, "utf-8"));
} catch (error) {
  console.error(error.message);  // Node itself would show a source line of a megabyte
  process.exit(1);
}
