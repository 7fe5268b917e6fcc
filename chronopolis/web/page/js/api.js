// Asking the server: errors with its own words, and patience while it is away.

import { Emitter } from "./dom.js";

export class ApiError extends Error {
  constructor(status, type, message) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

/** Whether the server answers. Emits "down" and "up". */
class Connection extends Emitter {
  #waiting = null;

  get down() {
    return this.#waiting !== null;
  }

  /** Return when the server answers again; every caller waits for the same knocking. */
  back() {
    this.#waiting ??= this.#knock();
    return this.#waiting;
  }

  async #knock() {
    this.emit("down");
    for (let pause = 500; ; pause = Math.min(3000, pause * 1.3)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      try {
        const answer = await fetch("/healthz", { cache: "no-store" });
        if (answer.ok) break;
      } catch {
        // Still away: knock again.
      }
    }
    this.#waiting = null;
    this.emit("up");
  }
}

export const connection = new Connection();

export function url(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, v]) => v !== undefined && v !== null && v !== "");
  return given.length ? `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams(given)}` : path;
}

async function ask(where, options, { patient }) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(where, options);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      const gone = connection.back();
      if (!patient) throw new ApiError(0, "ServerGone", "The server does not answer.");
      await gone;
      continue;
    }
    if (answer.status === 429 && patient) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * (Number(answer.headers.get("Retry-After")) || 0.5)));
      continue;
    }
    if (!answer.ok) throw await errorOf(answer);
    return answer;
  }
}

async function errorOf(answer) {
  try {
    const { error } = await answer.json();
    return new ApiError(answer.status, error.type, error.message);
  } catch {
    return new ApiError(answer.status, "HTTPError", `The server answered ${answer.status}.`);
  }
}

/** GET waits for a server that is away; what changes something is never sent twice. */
export const get = async (path, parameters, options = {}) =>
  (await ask(url(path, parameters), options, { patient: true })).json();

export const getBuffer = async (path, parameters, options = {}) =>
  (await ask(url(path, parameters), options, { patient: true })).arrayBuffer();

export const post = async (path, body) =>
  (
    await ask(
      path,
      { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
      { patient: false },
    )
  ).json();

export const runPath = (run, rest = "") => `/api/runs/${encodeURIComponent(run)}${rest ? `/${rest}` : ""}`;

/** Whether an error says that there is no such run, or none any more. */
export const isWithoutRun = (error) => error.status === 404 && ["UnknownRun", "RunDropped"].includes(error.type);
