// The amortization gap: drag a datapoint; f_phi(x), the best q and the true posterior follow.
import { ask, latest } from "./python.js";
import { Plane, nats, pair } from "./drawing.js";

const section = document.getElementById("amortization");
const numbers = section.querySelector(".numbers");
const form = section.querySelector("form");
let data = null;
let latents = null;
let x = [0, 1.5];

const request = latest("amortization", show, (message) => { numbers.textContent = message; });

export function begin() {
  showPlace();
  data = new Plane(section.querySelector("[data-plane=x]"), 3, ["x₁", "x₂"]);
  latents = new Plane(section.querySelector("[data-plane=z]"), 3.5, ["z₁", "z₂"]);
  data.put = data.handle("Datapoint x", x, (place) => move(place));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => move([Number(form.elements.x_1.value), Number(form.elements.x_2.value)]));
}

export async function draw() {
  let learned;
  try {
    learned = await ask("learn");
  } catch (error) {
    numbers.textContent = error.message;
    return;
  }
  section.querySelector(".learned").textContent = `Learned just now, in your browser: ${learned.steps} steps ` +
    `on ${learned.x.length} points in ${learned.seconds.toFixed(1)} s.`;
  data.clear();
  for (const row of learned.x) data.dot(row, "datum", 1.8);
  await move(x);
}

async function move(place) {
  x = place;
  data.put(x);
  showPlace();
  await request({ x });
}

function showPlace() {
  for (const [i, name] of ["x_1", "x_2"].entries()) {
    form.elements[name].value = x[i];
    form.querySelector(`output[for=${form.elements[name].id}]`).textContent = x[i].toFixed(2);
  }
}

function show(answer) {
  latents.shade(answer.nodes, answer.log_posterior);
  latents.clear();
  for (const [name, kind] of [["optimum", "optimum"], ["encoded", "encoded"]]) {
    const { mean, sigma } = answer[name];
    latents.ellipse(mean, sigma, 1, kind);
    latents.ellipse(mean, sigma, 2, kind + " outer");
    latents.dot(mean, kind, 4);
  }
  const { encoded, optimum } = answer;
  numbers.textContent = `ELBO of f_phi(x) ${nats(encoded.elbo)}, of the best q ${nats(optimum.elbo)}; log p(x) ` +
    `${nats(answer.log_evidence)}. Amortization gap ${nats(answer.amortization_gap)}, approximation gap ` +
    `${nats(answer.approximation_gap)}. f_phi(x) has mean ${pair(encoded.mean)}, the best q ${pair(optimum.mean)}.` +
    (answer.converged ? "" : " Step 1 has not converged at this x.");
}
