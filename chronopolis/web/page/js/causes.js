// The panel of causes: the graph of one event, and the same as a list that can be read in order.

import { empty, eventLine, section } from "./bits.js";
import { causeGraph } from "./cause_graph.js";
import { el, fill } from "./dom.js";
import { counted, words } from "./format.js";
import { writeLink } from "./links.js";

export function causesPanel(session) {
  const head = el("div");
  const graph = el("div");
  const list = el("div");
  const node = el("section", { "data-test": "causes-panel" }, head, graph, list);
  const back = []; // events that were looked at before
  let current = null;
  fill(head, empty("Choose “why?” beside an event to see what led to it and what came of it."));

  function of(where, { again = false } = {}) {
    if (current && !again && current !== where) back.push(current);
    current = where;
    writeLink({ event: where });
    fill(head);
    fill(list);
    fill(graph, causeGraph(session, where, { onAnswer: (found) => where === current && answered(found) }));
  }

  function answered(found) {
    const lines = (events) =>
      events.map((event) =>
        el(
          "div.linked",
          el("span.link-name", words(event.link ?? "")),
          eventLine(session, event, { onclick: () => go(event) }),
        ),
      );
    fill(
      head,
      el(
        "div.who-line",
        back.length > 0 &&
          el("button.button", { type: "button", onclick: () => of(back.pop(), { again: true }) }, "Back"),
        el("span.faint", "Time runs down. Click an event to go there."),
      ),
      eventLine(session, found.event, { onclick: () => go(found.event) }),
    );
    fill(
      list,
      section(
        "Because",
        found.causes?.length
          ? lines(found.causes)
          : empty("Nothing is recorded as its cause: it follows from the rules and the state."),
      ),
      section("So", found.effects?.length ? lines(found.effects) : empty("Nothing that names it has happened by now.")),
      found.cut?.length > 0 && el("p.faint", `Left out, as too many or too far: ${counted(found.cut.length, "link")}.`),
    );
  }

  function go(event) {
    session.clock.pause();
    session.clock.seek(event.tick);
    if (event.agent >= 0) session.select({ agent: event.agent }, { quiet: true });
  }

  return { node, of, tick() {}, recolour() {}, show: () => {} };
}
