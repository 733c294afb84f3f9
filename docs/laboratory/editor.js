// A text area for Python: Tab indents, Enter keeps the indent, Escape then Tab leaves.
export function editor(text, label) {
  const area = document.createElement("textarea");
  area.className = "code";
  area.spellcheck = false;
  area.autocapitalize = "off";
  area.setAttribute("aria-label", label);
  area.value = text;
  let leaving = false;
  const fit = () => { area.rows = Math.min(30, area.value.split("\n").length + 1); };
  area.addEventListener("input", fit);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { leaving = true; return; }
    if (event.key === "Tab" && !leaving && !event.shiftKey) {
      event.preventDefault();
      insert(area, "    ");
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.shiftKey && !area.dataset.prompt) {
      event.preventDefault();
      const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
      const indent = line.match(/^ */)[0] + (line.trimEnd().endsWith(":") ? "    " : "");
      insert(area, "\n" + indent);
    }
    leaving = false;
  });
  fit();
  return area;
}

function insert(area, text) {
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

// What a run has printed, its failure and its pictures.
export function showRun(host, { printed, message, pictures }) {
  host.replaceChildren();
  const add = (name, kind, text) => {
    const made = document.createElement(name);
    made.className = kind;
    made.textContent = text;
    host.append(made);
  };
  if (printed) add("pre", "printed", printed.trimEnd());
  for (const data of pictures ?? []) {
    const image = document.createElement("img");
    image.src = "data:image/png;base64," + data;
    image.alt = "A figure made by your code";
    host.append(image);
  }
  if (message) add("pre", "message", message);
}
