// A run that goes on: server-sent events say where its head is; the browser itself connects again when it must.
// A browser has six connections to a server, for all its pages together, and a stream takes one for as long as it lasts:
// with six of them the next page would wait for ever, and none could be left any more. So a tab that nobody sees does
// not listen, and of those that are seen only so many have a stream; the others ask once a second.

import { connection, get, runPath } from "./api.js";
import { Emitter } from "./dom.js";

const STREAMS = 3;
const ASK_MS = 1000;

export class Live extends Emitter {
  #source = null;
  #turn = null; // of the listening that is under way; another object once it is over
  #leave = null; // gives the place of the stream to others
  #seen = () => (document.hidden ? this.#close() : this.#turn || this.#open());

  constructor(run) {
    super();
    this.run = run;
  }

  begin() {
    document.addEventListener("visibilitychange", this.#seen);
    this.#seen();
  }

  async #open() {
    const turn = (this.#turn = {});
    for (;;) {
      const leave = await placeOfAStream();
      if (turn !== this.#turn) return leave?.();
      if (leave) {
        this.#leave = leave;
        return this.#listen();
      }
      await this.#ask(turn);
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      if (turn !== this.#turn) return;
    }
  }

  async #ask(turn) {
    try {
      const about = await get(runPath(this.run));
      if (turn === this.#turn) this.emit("news", about);
    } catch {
      if (turn === this.#turn) this.emit("lost");
    }
  }

  #listen() {
    this.#source = new EventSource(runPath(this.run, "live"));
    const heard = (event) => {
      try {
        this.emit("news", JSON.parse(event.data));
      } catch {
        // Not for us.
      }
    };
    for (const name of ["message", "tick", "head", "status", "live"]) this.#source.addEventListener(name, heard);
    // The server says why it ends a stream; a browser gives up for good when the answer was an error, as it is when the
    // run is gone, and tries again by itself when there was none. Either way somebody should look.
    this.#source.addEventListener("end", () => this.emit("lost"));
    this.#source.onerror = () => {
      const lost = this.#source;
      if (!connection.down) this.emit("lost");
      if (lost?.readyState === EventSource.CLOSED) setTimeout(() => lost === this.#source && this.#listen(), 2000);
    };
  }

  #close() {
    this.#turn = null;
    this.#source?.close();
    this.#source = null;
    this.#leave?.();
    this.#leave = null;
  }

  end() {
    document.removeEventListener("visibilitychange", this.#seen);
    this.#close();
  }
}

/**
 * Take one of the places that all pages of this server share: how to leave it again, or null if none is free. A page that
 * is closed leaves its own. Pages that came by plain HTTP from another machine can't know of each other: each has one.
 */
async function placeOfAStream() {
  if (!navigator.locks) return () => {};
  for (let k = 0; k < STREAMS; k++) {
    const leave = await new Promise((resolve) =>
      navigator.locks
        .request(`polis.stream.${k}`, { ifAvailable: true }, (lock) =>
          lock ? new Promise((left) => resolve(left)) : resolve(null),
        )
        .catch(() => resolve(null)),
    );
    if (leave) return leave;
  }
  return null;
}
