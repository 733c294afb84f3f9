// A picture of the plane: shades on a canvas, marks in SVG above it, points that can be dragged.
const NS = "http://www.w3.org/2000/svg";
export const SIZE = 400;

export function element(name, attributes = {}, parent = null, text = null) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent?.append(made);
  return made;
}

export class Plane {
  // host: a <div class="plane">; the picture shows [-width, width]^2.
  constructor(host, width, names) {
    this.width = width;
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.canvas.height = SIZE;
    this.canvas.setAttribute("aria-hidden", "true");
    this.svg = element("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "marks" });
    host.append(this.canvas, this.svg);
    this.frame = element("g", { class: "frame", "aria-hidden": "true" }, this.svg);
    this.marks = element("g", { "aria-hidden": "true" }, this.svg);
    this.#axes(names);
  }

  x(value) { return ((value + this.width) / (2 * this.width)) * SIZE; }
  y(value) { return ((this.width - value) / (2 * this.width)) * SIZE; }
  length(value) { return (value / (2 * this.width)) * SIZE; }

  #axes([across, up]) {
    for (let tick = Math.ceil(-this.width) + 1; tick < this.width; tick += 1) {
      if (Math.abs(tick) >= this.width - 0.3) continue;
      element("line", { x1: this.x(tick), x2: this.x(tick), y1: SIZE - 5, y2: SIZE }, this.frame);
      element("line", { y1: this.y(tick), y2: this.y(tick), x1: 0, x2: 5 }, this.frame);
      element("text", { x: this.x(tick), y: SIZE - 8, "text-anchor": "middle" }, this.frame, tick);
      element("text", { x: 8, y: this.y(tick) + 4 }, this.frame, tick);
    }
    element("text", { x: SIZE - 8, y: SIZE - 8, "text-anchor": "end", class: "name" }, this.frame, across);
    element("text", { x: 8, y: 16, class: "name" }, this.frame, up);
  }

  // log density on a grid of nodes x nodes, first coordinate along rows.
  shade(nodes, logDensity) {
    const highest = Math.max(...logDensity);
    const small = document.createElement("canvas");
    small.width = small.height = nodes;
    const context = small.getContext("2d");
    const image = context.createImageData(nodes, nodes);
    for (let i = 0; i < nodes; i++) {
      for (let j = 0; j < nodes; j++) {
        // The square root shows tails that a linear scale would lose.
        const shade = Math.exp(0.5 * (logDensity[i * nodes + j] - highest));
        const at = 4 * ((nodes - 1 - j) * nodes + i);
        image.data.set([255 - 196 * shade, 255 - 140 * shade, 255 - 71 * shade, 255], at);
      }
    }
    context.putImageData(image, 0, 0);
    const whole = this.canvas.getContext("2d");
    whole.imageSmoothingQuality = "high";
    // Nodes are at the corners of the picture: half a cell of the small one hangs over.
    const cell = SIZE / (nodes - 1);
    whole.drawImage(small, -cell / 2, -cell / 2, SIZE + cell, SIZE + cell);
  }

  clear() { this.marks.replaceChildren(); }

  ellipse(mean, sigma, scale, kind) {
    element("ellipse", { cx: this.x(mean[0]), cy: this.y(mean[1]), class: kind,
      rx: this.length(scale * sigma[0]), ry: this.length(scale * sigma[1]) }, this.marks);
  }

  dot([a, b], kind, radius = 2.5) {
    element("circle", { cx: this.x(a), cy: this.y(b), r: radius, class: kind }, this.marks);
  }

  arrow(from, to, kind) {
    const [x1, y1, x2, y2] = [this.x(from[0]), this.y(from[1]), this.x(to[0]), this.y(to[1])];
    const far = Math.hypot(x2 - x1, y2 - y1);
    element("line", { x1, y1, x2, y2, class: kind }, this.marks);
    if (far < 4) return;
    const [u, v] = [(x2 - x1) / far, (y2 - y1) / far];
    const head = kind.includes("thin") ? 5 : 9;
    const side = head * 0.5;
    const points = [[x2, y2], [x2 - head * u - side * v, y2 - head * v + side * u],
      [x2 - head * u + side * v, y2 - head * v - side * u]];
    element("polygon", { points: points.map((p) => p.join(",")).join(" "), class: kind + " head" }, this.marks);
  }

  // A point that a pointer drags and arrow keys move; move([a, b]) is called with its new place.
  handle(label, place, move) {
    const handle = element("circle", { r: 8, class: "handle", tabindex: 0, role: "slider",
      "aria-label": label, "aria-valuemin": -this.width, "aria-valuemax": this.width }, this.svg);
    const bound = (value) => Math.round(1e4 * Math.min(this.width, Math.max(-this.width, value))) / 1e4;
    const put = ([a, b]) => {
      place = [a, b];
      handle.setAttribute("cx", this.x(a));
      handle.setAttribute("cy", this.y(b));
      handle.setAttribute("aria-valuenow", a.toFixed(2));
      handle.setAttribute("aria-valuetext", `${a.toFixed(2)}, ${b.toFixed(2)}`);
    };
    const go = (a, b) => { put([bound(a), bound(b)]); move([...place]); };
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = this.svg.getBoundingClientRect();
      go(((event.clientX - box.left) / box.width * 2 - 1) * this.width,
        (1 - (event.clientY - box.top) / box.height * 2) * this.width);
    });
    handle.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.5 : 0.1;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
      const by = moves[event.key];
      if (!by) return;
      event.preventDefault();
      go(place[0] + by[0], place[1] + by[1]);
    });
    put(place);
    this.svg.append(this.marks);
    return put;
  }
}

export function nats(value) { return `${value.toFixed(3).replace("-", "−")} nats`; }
export function signed(value) { return (value < 0 ? "−" : "") + Math.abs(value).toFixed(2); }
export function pair([a, b]) { return `(${signed(a)}, ${signed(b)})`; }

// The inputs of a form: name -> value, numbers as numbers; their outputs show the values.
export function settings(form) {
  const values = {};
  for (const input of form.elements) {
    if (!input.name) continue;
    values[input.name] = input.type === "range" || input.type === "number" ? Number(input.value) : input.value;
    const shown = form.querySelector(`output[for="${input.id}"]`);
    if (shown) shown.textContent = input.dataset.log ? Number(input.value) && (10 ** input.value).toPrecision(2) : input.value;
  }
  return values;
}
