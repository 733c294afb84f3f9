// The page's side of the worker: questions, answers, and a restart where code does not end.
const listeners = [];
let worker = null;
let waiting = new Map();
let count = 0;

export const times = {};  // question -> milliseconds of its answers, for measuring
export const last = {};  // question -> its last arguments and answer
export let ready = null;

export function onStatus(listener) {
  listeners.push(listener);
}

function say(text, state) {
  for (const listener of listeners) listener(text, state);
}

export function start() {
  for (const { reject } of waiting.values()) reject(new Error("Python was stopped."));
  waiting = new Map();
  worker?.terminate();
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  ready = new Promise((resolve, reject) => {
    worker.onerror = (event) => {
      say("Python could not be loaded: " + (event.message || "the worker failed"), "failed");
      reject(new Error(event.message));
    };
    worker.onmessage = ({ data }) => {
      if (data.status) say(data.status + " …", "loading");
      else if (data.failed) {
        say("Python could not be loaded: " + data.failed, "failed");
        reject(new Error(data.failed));
      } else if (data.ready) {
        say(`Python is ready (${data.seconds.toFixed(1)} s)`, "ready");
        resolve(data.seconds);
      } else settle(data);
    };
  });
  ready.catch(() => {});
  return ready;
}

function settle({ id, value, error, milliseconds }) {
  const { question, args, resolve, reject } = waiting.get(id);
  waiting.delete(id);
  (times[question] ??= []).push(milliseconds);
  if (error === undefined) {
    last[question] = { args, value };
    resolve(value);
  } else reject(new Error(error));
}

export const open = () => waiting.size;  // questions without an answer yet

export function ask(question, args = {}) {
  return new Promise((resolve, reject) => {
    const id = ++count;
    waiting.set(id, { question, args, resolve, reject });
    worker.postMessage({ id, question, args });
  });
}

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
