// The variance laboratory: histograms of both estimators of one gradient.
import { latest } from "./python.js";
import { element, settings } from "./drawing.js";

const section = document.getElementById("variance");
const form = section.querySelector("form");
const numbers = section.querySelector(".numbers");
let seed = 0;

const request = latest("variance", show, (message) => { numbers.textContent = message; });

export function begin() {
  settings(form);  // shows the values while Python is being loaded
  form.addEventListener("input", () => update());
  form.addEventListener("submit", (event) => event.preventDefault());
  section.querySelector("[data-do=samples]").addEventListener("click", () => { seed += 1; update(); });
}

export function draw() {
  return update();
}

function update() {
  return request({ ...settings(form), seed });
}

function show(answer) {
  const words = [];
  for (const [name, told] of Object.entries(answer.estimators)) {
    histogram(section.querySelector(`[data-estimator="${name}"]`), answer, told, name);
    const outside = told.outside ? `, ${told.outside} of 2000 beyond the picture` : "";
    const off = told.off ? " It is biased: f has a jump, which its derivative does not see." : "";
    words.push(`${name[0].toUpperCase()}${name.slice(1)}: average ${told.average.toFixed(3)} ± ${told.standard_error.toFixed(3)}, ` +
      `standard deviation ${told.sd.toPrecision(3)}${outside}.${off}`);
  }
  const [one, other] = Object.values(answer.estimators).map((told) => told.sd ** 2);
  const ratio = one > 0 && other > 0 ? ` The variance of the score function is ${(one / other).toPrecision(2)} times the other's.` : "";
  numbers.textContent = `Exact gradient ${answer.exact.toFixed(3)}. ${words.join(" ")}${ratio}`;
}

function histogram(svg, { edges, exact }, { counts, average }, name) {
  svg.replaceChildren();
  const [width, height, bottom] = [420, 220, 24];
  const x = (value) => 10 + ((value - edges[0]) / (edges.at(-1) - edges[0])) * (width - 20);
  const tallest = Math.max(...counts);
  const kind = name === "score function" ? "score-function" : "reparameterized";
  for (const [i, count] of counts.entries()) {
    const tall = (count / tallest) * (height - bottom - 22);
    element("rect", { x: x(edges[i]), width: x(edges[i + 1]) - x(edges[i]), y: height - bottom - tall, height: tall, class: "bar " + kind }, svg);
  }
  element("line", { x1: 10, x2: width - 10, y1: height - bottom, y2: height - bottom, class: "level" }, svg);
  element("line", { x1: x(exact), x2: x(exact), y1: 16, y2: height - bottom, class: "exact" }, svg);
  element("line", { x1: x(average), x2: x(average), y1: 16, y2: height - bottom, class: "average" }, svg);
  element("text", { x: Math.min(Math.max(x(exact), 30), width - 30), y: 12, "text-anchor": "middle", class: "name" }, svg, "exact");
  for (const [value, anchor] of [[edges[0], "start"], [edges.at(-1), "end"]]) {
    element("text", { x: x(value), y: height - 6, "text-anchor": anchor }, svg, value.toPrecision(3));
  }
  if (x(exact) > 50 && x(exact) < width - 50) {
    element("text", { x: x(exact), y: height - 6, "text-anchor": "middle" }, svg, exact.toPrecision(3));
  }
}
