// Everybody who ever came to a run, with when they came and died: what a search finds must not depend on what was looked
// at before. Read from the events of coming and dying, at the first search.

import { get, runPath } from "./api.js";
import { whole } from "./format.js";

const KINDS = { came: ["AgentJoined", "AgentBorn"], died: "AgentDied" };
const PAGE = 1000;
const PAGES = 20; // beyond so many, who died long ago is not found by name
const MOST = 12;

const made = new WeakMap(); // people → everybody

export function everybodyOf(people) {
  if (!made.has(people)) made.set(people, new Everybody(people));
  return made.get(people);
}

class Everybody {
  #known = new Map(); // agent → {agent, name, came, died}
  #upTo = -1;
  #after = null;
  #under = null;
  #pages = 0;

  constructor(people) {
    this.people = people;
  }

  /** Take in who came and died up to a tick. */
  upTo(head) {
    if (head <= this.#upTo || this.#pages >= PAGES) return this.#under ?? Promise.resolve();
    this.#under ??= this.#read(head).finally(() => (this.#under = null));
    return this.#under;
  }

  /** Whether there is nobody who was not taken in. */
  get complete() {
    return this.#upTo >= 0 && this.#pages < PAGES;
  }

  async #read(head) {
    const first = this.#upTo + 1;
    for (; this.#pages < PAGES; this.#pages++) {
      const kinds = [...KINDS.came, KINDS.died].map((kind) => `kind=${kind}`).join("&");
      const asked = { first, last: head, limit: PAGE, after: this.#after };
      const { events, next } = await get(`${runPath(this.people.run, "events")}?${kinds}`, asked);
      for (const event of events) this.#take(event);
      this.#after = next;
      if (next === null) {
        this.#upTo = head;
        break;
      }
    }
    this.people.emit("change");
  }

  #take({ kind, agent, name, tick }) {
    if (kind === KINDS.died) {
      const who = this.#known.get(agent);
      if (who) who.died = tick;
    } else {
      this.#known.set(agent, { agent, name, came: tick, died: Infinity });
      this.people.learn(agent, name);
    }
  }

  /** Whose number a text is, or whose name begins with or holds it: {agent, name, note}, who live at `tick` first. */
  find(text, tick) {
    const wanted = text.trim().toLowerCase();
    const found = this.people.find(text, Infinity).map((each) => ({ ...each, ...this.#known.get(each.agent) }));
    const rank = ({ agent, name, came = 0, died = Infinity }) =>
      (String(agent) === wanted ? 0 : 4) +
      (came <= tick && tick < died ? 0 : 2) +
      (name.toLowerCase().startsWith(wanted) ? 0 : 1);
    return found
      .sort((a, b) => rank(a) - rank(b) || a.agent - b.agent)
      .slice(0, MOST)
      .map(({ agent, name, came = 0, died = Infinity }) => ({
        agent,
        name,
        note: came > tick ? `comes at tick ${whole(came)}` : died <= tick ? `died at tick ${whole(died)}` : "",
      }));
  }
}
