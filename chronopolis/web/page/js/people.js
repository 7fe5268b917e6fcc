// Names of agents. They never change, so what was learnt at one tick holds at every other.

import { get, runPath } from "./api.js";
import { Emitter } from "./dom.js";

const AGAIN_MS = 1000;
const TOGETHER_MS = 30; // names that are wanted within it are asked for at once, …
const AT_ONCE = 300; // … so many at most

export class People extends Emitter {
  #names = new Map();
  #looked = new Set(); // ticks whose living were taken in
  #asked = new Map(); // agents by themselves → when they are known
  #wanted = []; // those among them that are yet to be asked for
  #asking = null; // what those wait for
  #under = 0; // questions under way
  #waiting = null; // the frame that was shown meanwhile

  constructor(run) {
    super();
    this.run = run;
  }

  get size() {
    return this.#names.size;
  }

  name = (agent) => this.#names.get(agent) ?? `Agent ${agent}`;

  knows(agent) {
    return this.#names.has(agent);
  }

  learn(agent, name) {
    if (name && !this.#names.has(agent)) this.#names.set(agent, name);
  }

  /** Take in who lives at a tick. */
  async at(tick) {
    if (this.#looked.has(tick)) return;
    this.#looked.add(tick);
    this.#under++;
    try {
      const state = await get(runPath(this.run, "state"), { tick, format: "json" });
      for (const each of state.agents) this.learn(each.agent, each.name);
    } catch {
      this.#looked.delete(tick);
      this.#waiting = null;
    }
    this.emit("change");
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // all who live may be many
    this.#under--;
    if (this.#waiting) this.seen(this.#waiting);
  }

  /** See that the living of a frame have names; asks only if one is missing, and one question at a time. */
  seen(frame) {
    this.#waiting = this.#under ? frame : null;
    if (this.#under) return;
    for (let k = frame.n - 1; k >= 0; k--) {
      if (!this.#names.has(frame.id[k])) return this.at(frame.tick);
    }
  }

  /** Learn one who may be dead, or not born yet. */
  one(agent) {
    if (!(agent >= 0) || this.knows(agent)) return undefined;
    if (!this.#asked.has(agent)) {
      this.#wanted.push(agent);
      this.#asking ??= new Promise((resolve) => setTimeout(resolve, TOGETHER_MS)).then(() => this.#askForAll());
      this.#asked.set(agent, this.#asking);
    }
    return this.#asked.get(agent);
  }

  /** Return once all who are named by events that were asked for with `told` are known. */
  async named(events) {
    const who = events.flatMap((event) => event?.told ?? []).filter(Number.isInteger);
    await Promise.all(who.map((agent) => this.one(agent)));
  }

  async #askForAll() {
    this.#asking = null;
    while (this.#wanted.length) {
      const agents = this.#wanted.splice(0, AT_ONCE);
      try {
        const found = await get(runPath(this.run, "names"), { agents: agents.join(",") });
        for (const [agent, name] of Object.entries(found)) this.learn(Number(agent), name);
        this.emit("change");
      } catch {
        for (const agent of agents) this.#asked.delete(agent); // they go by their numbers until somebody asks again
      }
    }
  }

  /** Whose name begins with, or else holds, a text; or whose number it is. */
  find(text, most = 12) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const first = [];
    const later = [];
    for (const [agent, name] of this.#names) {
      const at = name.toLowerCase().indexOf(wanted);
      if (String(agent) === wanted) first.unshift({ agent, name });
      else if (at === 0) first.push({ agent, name });
      else if (at > 0) later.push({ agent, name });
    }
    return [...first, ...later].slice(0, most);
  }
}
