// Asking the server: errors with its own words, and patience while it is away.

import { Emitter } from "./dom.js";

export class ApiError extends Error {
  constructor(status, type, message) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

const STORE_AWAY = ["StoreUnavailable", "DatabaseUnreachable"];
const STORE_MS = 1500;

/** Whether the server answers. Emits "down" and "up", and "away" with its words where its database does not answer. */
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

async function ask(where, options, { patient, untilStored = false }) {
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
    if (answer.ok) return answer;
    const error = await errorOf(answer);
    if (!untilStored || !STORE_AWAY.includes(error.type)) throw error;
    // Nobody would ask again for what a panel shows: it would stay that of another tick.
    connection.emit("away", error.message);
    await new Promise((resolve) => setTimeout(resolve, STORE_MS));
    if (options.signal?.aborted) throw new DOMException("Not wanted any more", "AbortError");
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

/** GET waits for a server or a database that is away; what changes something is never sent twice. */
export const get = async (path, parameters, options = {}) =>
  (await ask(url(path, parameters), options, { patient: true, untilStored: true })).json();

/** As `get`, for bytes; frames are asked for again by those who keep them. */
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
