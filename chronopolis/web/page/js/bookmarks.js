// Bookmarks: ticks that somebody wants to come back to, kept in this browser and in the link.

import { Emitter } from "./dom.js";
import { writeLink } from "./links.js";

const MOST = 200;

export class Bookmarks extends Emitter {
  constructor(run, linked = []) {
    super();
    this.key = `polis.bookmarks.${run}`;
    let kept = [];
    try {
      kept = JSON.parse(localStorage.getItem(this.key) ?? "[]");
    } catch {
      // Something else wrote there: begin anew.
    }
    this.ticks = [...new Set([...(Array.isArray(kept) ? kept : []), ...linked])]
      .filter(Number.isInteger)
      .sort((a, b) => a - b);
    if (linked.length) this.#keep();
  }

  toggle(tick) {
    const there = this.ticks.includes(tick);
    this.ticks = there
      ? this.ticks.filter((t) => t !== tick)
      : [...this.ticks, tick].sort((a, b) => a - b).slice(0, MOST);
    this.#keep();
    this.emit("change");
    return !there;
  }

  next(tick, direction) {
    return direction > 0 ? this.ticks.find((t) => t > tick) : this.ticks.findLast((t) => t < tick);
  }

  #keep() {
    localStorage.setItem(this.key, JSON.stringify(this.ticks));
    writeLink({ marks: this.ticks.join(",") });
  }
}
