// Bookmarks: ticks that somebody wants to come back to, kept in this browser and in the link.

import { Emitter } from "./dom.js";
import { writeLink } from "./links.js";

export const MOST = 200; // beyond which the address would be too long to be sent

export class Bookmarks extends Emitter {
  constructor(run, linked = []) {
    super();
    this.key = `polis.bookmarks.${run}`;
    this.ticks = this.#kept(linked);
    if (linked.length) this.#keep();
    // Another tab on the same run adds to what this one has, and takes away.
    window.addEventListener("storage", ({ key }) => {
      if (key !== this.key) return;
      this.ticks = this.#kept();
      this.#link();
      this.emit("change");
    });
  }

  /** What this browser has kept, with others besides. */
  #kept(others = []) {
    let kept = [];
    try {
      kept = JSON.parse(localStorage.getItem(this.key) ?? "[]");
    } catch {
      // Something else wrote there: begin anew.
    }
    return [...new Set([...(Array.isArray(kept) ? kept : []), ...others])]
      .filter(Number.isInteger)
      .sort((a, b) => a - b);
  }

  /** Set a bookmark, or take it away: true or false; null, and nothing is done, if there are too many for another. */
  toggle(tick) {
    const there = this.ticks.includes(tick);
    if (!there && this.ticks.length >= MOST) return null;
    this.ticks = there ? this.ticks.filter((t) => t !== tick) : [...this.ticks, tick].sort((a, b) => a - b);
    this.#keep();
    this.emit("change");
    return !there;
  }

  next(tick, direction) {
    return direction > 0 ? this.ticks.find((t) => t > tick) : this.ticks.findLast((t) => t < tick);
  }

  #keep() {
    localStorage.setItem(this.key, JSON.stringify(this.ticks));
    this.#link();
  }

  #link() {
    writeLink({ marks: this.ticks.join(",") });
  }
}
