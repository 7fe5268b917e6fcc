// Light, dark, or as the system has it. The choice is kept in this browser.

import { Emitter } from "./dom.js";

const KEY = "polis.theme";
const ORDER = ["system", "light", "dark"];
const VALUES = { system: null, light: false, dark: true };

class Theme extends Emitter {
  constructor() {
    super();
    const kept = localStorage.getItem(KEY);
    this.choice = ORDER.includes(kept) ? kept : "system";
  }

  begin() {
    this.#apply();
    // The class is set by the page's own framework, also when the system changes its mind.
    let dark = document.body.classList.contains("body--dark");
    new MutationObserver(() => {
      const now = document.body.classList.contains("body--dark");
      if (now !== dark) this.emit("change", (dark = now));
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  /** From what is seen now to its opposite, and back to the system's when that is the same. */
  next() {
    this.choice = ORDER[(ORDER.indexOf(this.choice) + 1) % ORDER.length];
    localStorage.setItem(KEY, this.choice);
    this.#apply();
    return this.choice;
  }

  #apply() {
    window.setDark?.(VALUES[this.choice]);
  }
}

export const theme = new Theme();
