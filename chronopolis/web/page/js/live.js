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
    // The server says why it ends a stream; a browser gives up for good when the answer was an error, as it is when the
    // run is gone. Either way somebody should look.
    this.#source.addEventListener("end", () => this.emit("lost"));
    this.#source.onerror = () => {
      if (this.#source?.readyState !== EventSource.CLOSED) return;
      this.emit("lost");
      setTimeout(() => this.#source && this.begin(), 2000);
    };
  }

  end() {
    this.#source?.close();
    this.#source = null;
  }
}
