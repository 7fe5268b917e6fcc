// A run that goes on: server-sent events say where its head is; the browser itself connects again when it must.
// A browser has six connections to a server, for all its tabs together. So a tab that nobody sees does not listen: with
// six that did, the seventh would wait for its page for ever.

import { connection, runPath } from "./api.js";
import { Emitter } from "./dom.js";

export class Live extends Emitter {
  #source = null;
  #seen = () => (document.hidden ? this.#close() : this.#source || this.#open());

  constructor(run) {
    super();
    this.run = run;
  }

  begin() {
    document.addEventListener("visibilitychange", this.#seen);
    this.#seen();
  }

  #open() {
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
      if (lost?.readyState === EventSource.CLOSED) setTimeout(() => lost === this.#source && this.#open(), 2000);
    };
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  end() {
    document.removeEventListener("visibilitychange", this.#seen);
    this.#close();
  }
}
