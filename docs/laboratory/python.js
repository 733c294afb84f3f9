// The page's side of the worker: questions, answers, and a restart where code does not end.
const listeners = [];

export const times = {};  // question -> milliseconds of its answers, for measuring
export const last = {};  // question -> its last arguments and answer
export let ready = null;  // the life of the worker, once its Python answers

export function onStatus(listener) {
  listeners.push(listener);
}

function say(text, state) {
  for (const listener of listeners) listener(text, state);
}

// One life of the worker, from a start to the next. Whatever is true of one worker only is kept
// here, so that a restart leaves nothing of it behind.
class Life {
  over = null;  // the error that its questions get once it has ended
  waiting = new Map();
  #asked = 0;
  #more = null;
  #reject = null;

  constructor() {
    say("Loading Python …", "loading");
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.ready = new Promise((resolve, reject) => {
      this.#reject = reject;
      this.worker.onerror = (event) => this.#fail(event.message || "the worker failed");
      this.worker.onmessage = ({ data }) => {
        if (data.status) say(data.status + " …", "loading");
        else if (data.failed) this.#fail(data.failed);
        else if (data.ready) {
          say(`Python is ready (${data.seconds.toFixed(1)} s)`, "ready");
          resolve(this);
        } else this.#settle(data);
      };
    });
    this.ready.catch(() => {});  // who waits for it hears of it
  }

  #fail(reason) {
    this.end(new Error("Python could not be loaded: " + reason));
    say(this.over.message, "failed");
  }

  #settle({ id, value, error, milliseconds }) {
    const { question, args, resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    (times[question] ??= []).push(milliseconds);
    if (error === undefined) {
      last[question] = { args, value };
      resolve(value);
    } else reject(new Error(error));
  }

  ask(question, args = {}) {
    if (this.over) return Promise.reject(this.over);
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.waiting.set(id, { question, args, resolve, reject });
      this.worker.postMessage({ id, question, args });
    });
  }

  // Large packages that only code of the reader may want, once.
  more() {
    this.#more ??= this.ask("more").catch((error) => {
      this.#more = null;
      throw error;
    });
    return this.#more;
  }

  end(error) {
    this.over = error;
    this.worker.terminate();
    this.worker.onmessage = this.worker.onerror = null;
    this.#reject(error);
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

let life = null;

export function start() {
  life?.end(new Error("Python was stopped."));
  life = new Life();
  ready = life.ready;
  return life;
}

export const current = () => life;
export const open = () => life.waiting.size;  // questions without an answer yet
export const ask = (question, args) => life.ask(question, args);

// One question at a time, and of those that come meanwhile only the last: a slider never lags.
export function latest(question, show, fail) {
  let busy = false;
  let next = null;
  return async function request(args) {
    next = args;
    if (busy) return;
    busy = true;
    while (next) {
      const now = next;
      next = null;
      try {
        show(await ask(question, now), now);
      } catch (error) {
        fail(error.message);
      }
    }
    busy = false;
  };
}
