// The table of events: filtered, paged; a click goes to the event's tick and opens its causes beneath it.

import { get, runPath } from "./api.js";
import { empty, eventLine, facts } from "./bits.js";
import { causeGraph } from "./cause_graph.js";
import { wholeNumber } from "./dialog.js";
import { el, fill, keepAsItIs, settled } from "./dom.js";
import { address, counted, whole, words } from "./format.js";
import { latest } from "./latest.js";

const PAGE = 100;
const HIDDEN = new Set(["tick", "ordinal", "kind", "cause_tick", "cause_ordinal", "tie_slot"]);

export function eventsPanel(session) {
  const { clock, kinds } = session;
  const kind = el(
    "select",
    { "aria-label": "Kind of event", "data-test": "filter-kind", onchange: () => again() },
    el("option", { value: "" }, "Every kind"),
    kinds.map((each) => el("option", { value: each.name, title: each.summary }, words(each.name))),
  );
  const agent = el("input", {
    type: "search",
    placeholder: "Anybody",
    "aria-label": "Name or number of the agent",
    "data-test": "filter-agent",
    onchange: () => again(),
  });
  const from = el("input.number", {
    type: "text",
    inputmode: "numeric",
    placeholder: "0",
    "aria-label": "First tick",
    "data-test": "filter-first",
    onchange: () => again(),
  });
  const to = el("input.number", {
    type: "text",
    inputmode: "numeric",
    placeholder: "cursor",
    "aria-label": "Last tick",
    "data-test": "filter-last",
    onchange: () => again(),
  });
  const list = el("div.event-list", { "data-test": "events" });
  const count = el("span.faint");
  const older = el("button.button", { type: "button", "data-test": "older", onclick: () => page(next) }, "Older");
  const newest = el("button.button", { type: "button", "data-test": "newest", onclick: () => page(null) }, "Newest");
  const node = el(
    "section",
    el(
      "form.filters",
      { onsubmit: (event) => (event.preventDefault(), again()) },
      kind,
      agent,
      el("span.range", "ticks ", from, " – ", to),
    ),
    el("div.pager", count, el("span.space"), newest, older),
    list,
  );
  let next = null;
  let after = null;
  let stale = true;
  let shown = null;
  let keptAt = null; // where a click in the list has led the cursor: while it is there the list stays as it is

  /** The tick in a field, undefined if it is empty; anything else throws. */
  const number = (input) => {
    const tick = wholeNumber(input.value);
    if (!input.value.trim()) return undefined;
    if (tick === null || tick < 0) throw new Error(`“${input.value}” is no tick: give a whole number, 0 or more.`);
    return tick;
  };
  const who = () => {
    const text = agent.value.trim();
    if (!text || /^\d+$/.test(text)) return text;
    const found = session.people.find(text);
    return found.length === 1 ? String(found[0].agent) : text; // of several the server says who they are
  };
  const asked = latest(
    (key, signal) => get(runPath(session.run, "events"), { ...JSON.parse(key), limit: PAGE, newest: true, told: true }, { signal }),
    (found) => {
      next = found.next;
      show(found.events.sort((a, b) => b.tick - a.tick || b.ordinal - a.ordinal));
    },
    { onError: refused },
  );

  /** Nothing is listed, so nothing is said of what was listed before. */
  function refused(error) {
    shown = next = null;
    older.disabled = true;
    newest.disabled = after === null;
    fill(count);
    fill(list, empty(error.message));
  }

  function page(place, { now = true } = {}) {
    after = place;
    stale = false;
    keptAt = null;
    let first, last;
    try {
      [first, last] = [number(from), Math.min(number(to) ?? clock.tick, clock.head)];
      if (first > last) throw new Error(`The first tick, ${whole(first)}, lies after the last, ${whole(last)}.`);
    } catch (error) {
      asked.forget();
      return refused(error);
    }
    const wanted = { kind: kind.value || undefined, agent: who() || undefined, first, last, after: place ?? undefined };
    asked.want(JSON.stringify(wanted), { again: true, now });
  }
  const again = () => page(null);
  // The list ends at the cursor, unless a last tick was asked for: it is looked up anew once the cursor rests.
  const followed = settled(
    220,
    () => !node.hidden && after === null && keptAt === null && !to.value.trim() && page(null, { now: false }),
    1000,
  );

  function show(events) {
    shown = events.length ? events : null;
    older.disabled = next === null;
    newest.disabled = after === null;
    const span = events.length ? `ticks ${whole(events.at(-1).tick)} – ${whole(events[0].tick)}` : "";
    const many = counted(events.length, next ? "newest event" : "event");
    fill(count, `${many} ${after ? "before " + after : ""} `, span);
    fill(
      list,
      events.length
        ? events.map(row)
        : empty(next ? "None here; look further back with “Older”." : "No such event up to this tick."),
    );
    for (const part of events.flatMap(({ told }) => told ?? [])) if (Number.isInteger(part)) session.people.one(part);
  }

  function row(event) {
    const line = eventLine(session, event, { onclick: () => openRow(line, event) });
    return line;
  }

  function openRow(line, event) {
    const was = line.nextElementSibling?.classList.contains("more");
    list.querySelectorAll(".more").forEach((each) => each.remove());
    list.querySelectorAll(".event.on").forEach((each) => each.classList.remove("on"));
    if (was) return;
    line.classList.add("on");
    clock.pause();
    keptAt = event.tick;
    asked.forget();
    keepAsItIs(list);
    clock.seek(event.tick);
    if (event.agent >= 0) session.select({ agent: event.agent }, { quiet: true });
    const values = Object.entries(event).filter(
      ([name, value]) => !HIDDEN.has(name) && value !== null && typeof value !== "object",
    );
    line.after(
      el(
        "div.more",
        { "data-test": "event-more" },
        causeGraph(session, address(event), { small: true }),
        el(
          "details",
          el("summary", "All its fields"),
          facts(values.map(([name, value]) => [words(name), String(value)])),
        ),
      ),
    );
  }
  session.people.on(
    "change",
    settled(60, () => shown && !list.querySelector(".more") && fill(list, shown.map(row))),
  );

  return {
    node,
    tick(tick) {
      if (tick === keptAt) return;
      keptAt = null;
      followed();
    },
    show: () => (stale || after === null) && again(),
    select({ agent: chosen }) {
      if (chosen === null || node.hidden) return;
      agent.value = String(chosen);
      again();
    },
    recolour() {},
  };
}
