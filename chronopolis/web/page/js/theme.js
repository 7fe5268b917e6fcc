// Light, dark, or as the system has it. The choice is kept in this browser.

import { Emitter } from "./dom.js";

const KEY = "polis.theme";
const VALUES = { system: null, light: false, dark: true };

class Theme extends Emitter {
  #begun = false;

  constructor() {
    super();
    const kept = localStorage.getItem(KEY);
    this.choice = kept in VALUES ? kept : "system";
  }

  begin() {
    this.#apply();
    if (this.#begun) return; // a page that waits for its run begins again and again
    this.#begun = true;
    // The class is set by the page's own framework, also when the system changes its mind.
    let dark = document.body.classList.contains("body--dark");
    new MutationObserver(() => {
      const now = document.body.classList.contains("body--dark");
      if (now !== dark) this.emit("change", (dark = now));
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  /** From the system's to its opposite, so that a change is seen, then to the same by choice, and back. Says which. */
  next() {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const order = ["system", system === "dark" ? "light" : "dark", system];
    this.choice = order[(order.indexOf(this.choice) + 1) % order.length];
    localStorage.setItem(KEY, this.choice);
    this.#apply();
    return this.choice === "system" ? `Theme: as the system has it, now ${system}` : `Theme: ${this.choice}`;
  }

  #apply() {
    window.setDark?.(VALUES[this.choice]);
  }
}

export const theme = new Theme();
