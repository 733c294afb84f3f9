// The exercises: an editor each, the check at once; answers and progress stay in this browser.
import { ready } from "./python.js";
import { editor, showRun } from "./editor.js";

const KEY = "bbvi laboratory";
const section = document.getElementById("exercises");
const choice = section.querySelector("select");
const host = section.querySelector(".chapter");
let chapters = [];
let kept = { texts: {}, done: {} };

function remember() {
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch { /* private windows may refuse: answers then last as long as the page */ }
}

export async function begin() {
  try {
    kept = { ...kept, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch { /* nothing kept, or nothing legible */ }
  chapters = await (await fetch("exercises.json")).json();
  for (const [i, chapter] of chapters.entries()) choice.append(new Option(chapter.title, i));
  choice.addEventListener("change", () => open(chapters[choice.value]));
  section.querySelector("[data-do=forget]").addEventListener("click", () => {
    if (!confirm("Delete all your answers from this browser?")) return;
    kept = { texts: {}, done: {} };
    remember();
    open(chapters[choice.value]);
  });
  open(chapters[0]);
}

function count() {
  const all = chapters.flatMap((chapter) => chapter.cells.filter((cell) => cell.check));
  const done = all.filter((cell) => kept.done[cell.name]).length;
  section.querySelector(".progress").textContent = `${done} of ${all.length} exercises solved`;
}

function open(chapter) {
  host.replaceChildren();
  chapter.life = null;
  for (const cell of chapter.cells) {
    const box = document.createElement("div");
    box.className = "cell " + cell.kind;
    box.id = "exercise-" + cell.name;
    if (cell.kind === "text") box.innerHTML = cell.html;
    else if (cell.kind === "answer") box.append(written(cell));
    else box.append(...coded(chapter, cell));
    host.append(box);
  }
  count();
  typeset(host);
}

function keep(area, cell) {
  if (kept.texts[cell.name] !== undefined) area.value = kept.texts[cell.name];
  area.addEventListener("input", () => { kept.texts[cell.name] = area.value; remember(); });
}

function written(cell) {
  const area = document.createElement("textarea");
  area.className = "prose";
  area.rows = 5;
  area.setAttribute("aria-label", "Your answer in words");
  area.placeholder = "Your answer in words; nobody checks it but you.";
  keep(area, cell);
  return area;
}

function coded(chapter, cell) {
  const area = editor(cell.text, cell.check ? `Your code for ${cell.name}` : `Given code ${cell.name}`);
  const bar = document.createElement("div");
  const output = document.createElement("div");
  bar.className = "bar";
  output.className = "output";
  output.setAttribute("aria-live", "polite");
  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    bar.append(made);
    return made;
  };
  if (cell.kind === "given") area.readOnly = true;
  else keep(area, cell);
  const mark = document.createElement("span");
  mark.className = "mark";
  const shown = () => { mark.textContent = kept.done[cell.name] ? "✓ solved" : ""; };
  const act = async () => {
    await go(chapter, cell, area, output);
    shown();
    count();
  };
  button(cell.check ? "Check" : "Run", act);
  if (cell.kind !== "given") {
    button("Begin anew", () => {
      area.value = cell.text;
      area.dispatchEvent(new Event("input"));
      output.replaceChildren();
    });
  }
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      act();
    }
  });
  shown();
  bar.append(mark);
  return [area, bar, output];
}

async function go(chapter, cell, area, output) {
  output.textContent = "Running …";
  try {
    const life = await ready;
    // The cells before the first exercise have run in one life of Python only.
    const fresh = chapter.life !== life;
    if (fresh) await life.ask("forget", { space: chapter.name });
    const cells = [...(fresh ? chapter.before : []), area.value];
    if (/matplotlib/.test(cells.join())) await life.more();
    const ran = await life.ask("run", { space: chapter.name, cells });
    chapter.life = life;
    if (!ran.ok || !cell.check) return showRun(output, ran);
    const checked = await life.ask("run", { space: chapter.name, cells: [cell.check] });
    if (checked.ok) kept.done[cell.name] = true;
    else delete kept.done[cell.name];
    remember();
    showRun(output, { ...checked, printed: ran.printed + checked.printed });
    output.classList.toggle("right", checked.ok);
  } catch (error) {
    chapter.life = null;
    output.textContent = error.message;
  }
}

export function typeset(host) {
  const hub = window.MathJax?.Hub;
  if (hub) hub.Queue(["Typeset", hub, host]);
}
