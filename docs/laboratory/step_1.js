// Step 1: drag q, see the gradients of both estimators by single samples, and take steps.
import { latest, ask } from "./python.js";
import { Plane, element, nats, pair, settings } from "./drawing.js";

const SHOWN = ["score-function", "reparameterized"];
const section = document.getElementById("step-1");
const form = section.querySelector("form");
const numbers = section.querySelector(".numbers");
const note = section.querySelector(".note");
const q = { mean: [-1.5, 1.5], log_sigma: [Math.log(0.7), Math.log(0.7)] };
const course = [];
let planes = null;
let shaded = null;
let seed = 0;
let next = null;
let running = false;

const request = latest("step_1", show, fail);

export function begin() {
  settings(form);  // shows the values while Python is being loaded
  planes = SHOWN.map((name) => {
    const plane = new Plane(section.querySelector(`[data-estimator="${name}"]`), 4, ["z₁", "z₂"]);
    plane.put = plane.handle(`Mean of q, in the picture of the ${name} gradients`, q.mean, (mean) => {
      q.mean = mean;
      update();
    });
    return plane;
  });
  form.addEventListener("input", (event) => {
    if (event.target.name.startsWith("sigma")) {
      q.log_sigma = [Math.log(form.elements.sigma_1.value), Math.log(form.elements.sigma_2.value)];
    }
    if (event.target.name === "posterior") course.length = 0;
    update();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  section.querySelector("[data-do=step]").addEventListener("click", step);
  section.querySelector("[data-do=run]").addEventListener("click", run);
  section.querySelector("[data-do=again]").addEventListener("click", again);
  section.querySelector("[data-do=samples]").addEventListener("click", () => { seed += 1; update(); });
}

export function draw() {
  return update();
}

function fail(message) {
  note.textContent = message;
  running = false;
}

function args() {
  const { posterior, estimator, num_samples, log_rate } = settings(form);
  return { posterior, estimator, num_samples, rate: 10 ** log_rate, seed, mean: q.mean, log_sigma: q.log_sigma };
}

async function shade(posterior) {
  if (shaded === posterior) return;
  shaded = posterior;
  try {
    const { nodes, log_posterior } = await ask("plane", { posterior });
    for (const plane of planes) plane.shade(nodes, log_posterior);
  } catch (error) {
    if (shaded === posterior) shaded = null;
    throw error;
  }
}

async function update() {
  try {
    await shade(form.elements.posterior.value);
  } catch (error) {
    fail(error.message);
    return;
  }
  await request(args());
}

async function step() {
  if (!next) return;
  if (next.why) { note.textContent = next.why; return; }
  q.mean = next.mean;
  q.log_sigma = next.log_sigma;
  seed += 1;
  for (const [i, name] of ["sigma_1", "sigma_2"].entries()) {
    form.elements[name].value = Math.exp(q.log_sigma[i]);
  }
  await update();
}

async function run() {
  if (running) { running = false; return; }
  if (!next) return;
  const button = section.querySelector("[data-do=run]");
  running = true;
  button.textContent = "Stop";
  for (let i = 0; running && i < 100 && !next.why; i++) {
    await step();
    await new Promise(requestAnimationFrame);
  }
  running = false;
  button.textContent = "Run 100 steps";
}

function again() {
  q.mean = [-1.5, 1.5];
  q.log_sigma = [Math.log(0.7), Math.log(0.7)];
  form.elements.sigma_1.value = form.elements.sigma_2.value = 0.7;
  seed = 0;
  course.length = 0;
  update();
}

function show(answer, asked) {
  next = answer;
  course.push([answer.elbo, answer.kl]);
  const sigma = asked.log_sigma.map(Math.exp);
  for (const [i, plane] of planes.entries()) {
    const name = SHOWN[i];
    plane.clear();
    plane.ellipse(asked.mean, sigma, 1, "q");
    plane.ellipse(asked.mean, sigma, 2, "q outer");
    const to = (gradient) => asked.mean.map((m, d) => m + asked.rate * gradient[d]);
    for (const z of answer.samples) plane.dot(z, "sample");
    for (const gradient of answer.single[name]) plane.arrow(asked.mean, to(gradient), "thin " + name);
    plane.arrow(asked.mean, to(answer.together[name]), "mean " + name);
    plane.arrow(asked.mean, to(answer.exact), "exact");
    plane.put(asked.mean);
    section.querySelector(`[data-caption="${name}"]`).textContent =
      `mean gradient ${pair(answer.together[name])}, exact ${pair(answer.exact)}`;
  }
  numbers.textContent = `ELBO ${nats(answer.elbo)} + KL(q ‖ posterior) ${nats(answer.kl)} = log p(x) ` +
    `${nats(answer.log_evidence)}. q has mean ${pair(asked.mean)} and sigma ${pair(sigma)}.`;
  note.textContent = answer.why;
  chart(answer.log_evidence);
}

// ELBO (rising to log p(x)) and KL (falling to 0), in the order in which q was moved.
function chart(logEvidence) {
  const svg = section.querySelector(".course");
  svg.replaceChildren();
  const rows = course.slice(-150);
  const [width, height, left, bottom] = [860, 170, 52, 20];
  const lowest = Math.max(Math.min(...rows.map((r) => r[0]), logEvidence - 1), logEvidence - 30);
  const highest = Math.max(logEvidence, ...rows.map((r) => Math.min(r[1], 30)), 0.5) + 0.2;
  const x = (i) => left + (i * (width - left - 60)) / Math.max(rows.length - 1, 20);
  const y = (v) => 8 + ((highest - Math.min(highest, Math.max(lowest, v))) * (height - bottom - 8)) / (highest - lowest);
  const line = (kind, values) => {
    element("polyline", { class: kind, points: values.map((v, i) => `${x(i)},${y(v)}`).join(" ") }, svg);
    element("circle", { class: kind + " dot", cx: x(values.length - 1), cy: y(values.at(-1)), r: 3.5 }, svg);
  };
  for (const [value, words] of [[0, "0"], [logEvidence, "log p(x)"]]) {
    element("line", { x1: left, x2: width - 60, y1: y(value), y2: y(value), class: "level" }, svg);
    element("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, svg, words);
  }
  line("elbo", rows.map((r) => r[0]));
  line("kl", rows.map((r) => r[1]));
  const [elbo, kl] = rows.at(-1);
  const apart = Math.abs(y(elbo) - y(kl)) < 16 ? (y(elbo) < y(kl) ? -8 : 8) : 0;
  element("text", { x: x(rows.length - 1) + 8, y: y(elbo) + 4 + apart, class: "elbo word" }, svg, "ELBO");
  element("text", { x: x(rows.length - 1) + 8, y: y(kl) + 4 - apart, class: "kl word" }, svg, "KL");
  element("text", { x: width / 2, y: height - 4, "text-anchor": "middle" }, svg, "moves of q");
}
