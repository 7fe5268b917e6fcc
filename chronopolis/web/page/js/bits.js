// Small pieces that several panels show: bars, chips, rows of events, headings, what is empty.

import { el } from "./dom.js";
import { address, milli, whole, words } from "./format.js";
import { sortOf, tell } from "./telling.js";

export const empty = (text) => el("p.empty", text);

export const section = (title, ...children) => el("section.part", title && el("h3", title), ...children);

/** A bar of so many thousandths out of `most`, with its number. */
export function bar(name, value, most, { colour = "var(--accent)", text = milli(value) } = {}) {
  const part = Math.max(0, Math.min(1, value / most));
  return el(
    "div.meter",
    el("span.meter-name", name),
    el(
      "span.meter-track",
      { role: "meter", "aria-label": name, "aria-valuenow": value, "aria-valuemin": 0, "aria-valuemax": most },
      el("i", { style: { width: `${100 * part}%`, background: colour } }),
    ),
    el("span.meter-value", text),
  );
}

export const facts = (pairs) =>
  el(
    "dl.facts",
    pairs
      .filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false)
      .map(([name, value]) => [el("dt", name), el("dd", value)]),
  );

/** A tick that can be gone to. */
export const tickLink = (session, tick, text = whole(tick)) =>
  el(
    "button.link",
    {
      type: "button",
      title: `Go to tick ${whole(tick)}`,
      onclick: (event) => {
        event.stopPropagation();
        session.clock.pause();
        session.clock.seek(tick);
      },
    },
    text,
  );

/** A name that can be selected. */
export const agentLink = (session, agent, name = session.people.name(agent)) =>
  el(
    "button.link",
    {
      type: "button",
      title: `Select ${name}`,
      onclick: (event) => {
        event.stopPropagation();
        session.goToAgent(agent);
      },
    },
    name,
  );

export const whyButton = (session, where) =>
  el(
    "button.why",
    {
      type: "button",
      title: "What led to it, and what came of it",
      "data-test": "why",
      onclick: (event) => {
        event.stopPropagation();
        session.panels.showEvent(where);
      },
    },
    "why?",
  );

/** One event as a line: where, what sort, what happened. Tab leads to it, arrows to its neighbours, Enter is a click. */
export function eventLine(session, event, { onclick, own = null } = {}) {
  const onkeydown = (pressed) => {
    const { key, target, currentTarget: line } = pressed;
    if (target !== line) return; // but for its button
    const other = { ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling }[key];
    if (key !== "Enter" && !other) return;
    pressed.preventDefault();
    pressed.stopPropagation();
    if (other) other.focus();
    else onclick();
  };
  return el(
    `div.event.sort-${sortOf(event.kind)}`,
    { title: words(event.kind), "data-event": address(event), onclick, ...(onclick && { tabindex: 0, onkeydown }) },
    el("span.event-at", `${whole(event.tick)}`, el("span.faint", `:${event.ordinal}`)),
    el("i.sort"),
    el("span.event-told", tell(event, session.people.name, own)),
    whyButton(session, address(event)),
  );
}

/** Buttons of which one is pressed. */
export function segments(names, chosen, onChoose, titles = words) {
  const node = el("div.segments", { role: "tablist" });
  const buttons = names.map((name) =>
    el(
      "button",
      { type: "button", role: "tab", "data-test": `segment-${name}`, onclick: () => choose(name) },
      titles(name),
    ),
  );
  node.append(...buttons);
  function choose(name, quietly = false) {
    buttons.forEach((button, k) => button.setAttribute("aria-selected", String(names[k] === name)));
    if (!quietly) onChoose(name);
  }
  choose(chosen, true);
  return { node, choose };
}
