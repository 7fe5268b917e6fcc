// A run that goes on: server-sent events say where its head is; the browser itself connects again when it must.

import { runPath } from "./api.js";
import { Emitter } from "./dom.js";

export class Live extends Emitter {
  #source = null;

  constructor(run) {
    super();
    this.run = run;
  }

  begin() {
    this.#source?.close();
    this.#source = new EventSource(runPath(this.run, "live"));
    const heard = (event) => {
      try {
        this.emit("news", JSON.parse(event.data));
      } catch {
        // Not for us.
      }
    };
    for (const name of ["message", "tick", "head", "status", "live"]) this.#source.addEventListener(name, heard);
    // A browser gives up for good when the answer was an error, as while the server is starting.
    this.#source.onerror = () => {
      if (this.#source?.readyState === EventSource.CLOSED) setTimeout(() => this.#source && this.begin(), 2000);
    };
  }

  end() {
    this.#source?.close();
    this.#source = null;
  }
}
