// Causes and effects of an event as a graph in layers: time runs down, what led to it above, what came of it below.

import { get, runPath } from "./api.js";
import { empty } from "./bits.js";
import { el, fill } from "./dom.js";
import { whole } from "./format.js";
import { layered } from "./layering.js";
import { pannable } from "./pannable.js";
import { sortOf, tell } from "./telling.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, GAP_X, GAP_Y] = [148, 54, 12, 28];
const LEAST = 0.7; // its letters have 11 px: smaller they can hardly be read

const svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/** Ask for the causes of "tick:ordinal" and draw them; `small` leaves out what is far. */
export function causeGraph(session, where, { small = false, onAnswer = () => {} } = {}) {
  const node = el("div.causes", { "data-test": "causes" }, empty("Following the record…"));
  const [tick, ordinal] = where.split(":");
  const far = small ? { depth: 3, breadth: 4 } : { depth: 6, breadth: 6 };
  get(runPath(session.run, `why/${tick}/${ordinal}`), { ...far, told: true })
    .then(async (found) => {
      const agents = new Set();
      walk(found, (event) => agents.add(event.agent).add(event.target));
      await Promise.all([...agents].map((agent) => session.people.one(agent)));
      fill(node, draw(session, found, small));
      onAnswer(found);
    })
    .catch((error) => fill(node, empty(error.message)));
  return node;
}

function walk(found, visit) {
  const down = (event, side) => {
    visit(event);
    for (const each of event[side] ?? []) down(each, side);
  };
  visit(found.event);
  for (const side of ["causes", "effects"]) for (const each of found[side] ?? []) down(each, side);
}

function draw(session, found, small) {
  const { nodes, edges, columns, rows } = layered(found, { most: small ? 24 : 90 });
  const pitchX = WIDE + GAP_X;
  const pitchY = HIGH + GAP_Y;
  const width = Math.max(1, columns) * pitchX + GAP_X;
  const height = rows * pitchY + 8;
  const at = (place) => ({ x: GAP_X + place.column * pitchX, y: 6 + place.row * pitchY });
  const picture = svg("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "group",
    "aria-label": "Causes and effects",
  });
  for (const { from, to, link } of edges) {
    const a = at(from);
    const b = at(to);
    const [x1, y1, x2, y2] = [a.x + WIDE / 2, a.y + HIGH, b.x + WIDE / 2, b.y];
    const bend = (y2 - y1) / 2;
    picture.append(
      svg(
        "path",
        { class: "cause-edge", d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` },
        svg("title", {}, link ?? ""),
      ),
    );
    if (link && !small)
      picture.append(
        svg(
          "text",
          { class: "cause-link", x: (x1 + x2) / 2, y: (y1 + y2) / 2 + 3, "text-anchor": "middle" },
          link.replaceAll("_", " "),
        ),
      );
  }
  for (const place of nodes) picture.append(box(session, place, at(place)));
  // The event asked about in the middle of what is seen.
  const { x, y } = at(nodes.find((place) => place.asked));
  return pannable(picture, {
    width,
    height,
    least: LEAST,
    pitch: [pitchX, pitchY],
    edge: [GAP_X, GAP_Y],
    middle: { x: x + WIDE / 2, y: y + HIGH / 2 },
    label: "Graph of causes",
    wheel: !small,
  });
}

function box(session, place, { x, y }) {
  const { event } = place;
  const told = tell(event, session.people.name);
  const go = () => {
    session.clock.pause();
    session.clock.seek(event.tick);
    if (event.agent >= 0) session.select({ agent: event.agent }, { quiet: true });
    session.panels.made.causes.of(`${event.tick}:${event.ordinal}`);
  };
  const node = svg("g", {
    class: `cause sort-${sortOf(event.kind)}${place.asked ? " asked" : ""}`,
    transform: `translate(${x} ${y})`,
    tabindex: 0,
    role: "button",
    "aria-label": `${told}, tick ${event.tick}`,
    "data-event": `${event.tick}:${event.ordinal}`,
  });
  const text = el("div.cause-text", el("span.cause-told", told), el("span.faint", `tick ${whole(event.tick)}`));
  const inside = svg("foreignObject", { width: WIDE, height: HIGH });
  inside.append(text);
  node.append(
    svg("rect", { width: WIDE, height: HIGH, rx: 7 }),
    svg("rect", { class: "stripe", width: 3, height: HIGH - 12, x: 0, y: 6, rx: 1.5 }),
    inside,
    svg("title", {}, told),
  );
  node.addEventListener("click", (event) => {
    event.stopPropagation();
    go();
  });
  node.addEventListener("keydown", (event) => event.key === "Enter" && go());
  return node;
}
