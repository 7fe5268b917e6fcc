// One of two runs that are compared: its map, its frames, its people, and its place on the page.

import { el, fill } from "./dom.js";
import { FrameStore } from "./frames.js";
import { status } from "./header.js";
import { HexMap } from "./hexmap.js";
import { runLink } from "./links.js";
import { Live } from "./live.js";
import { People } from "./people.js";
import { Track } from "./track.js";

/** `drawn(side, frame)` is called for every frame that its map shows. */
export function makeSide({ about, terrain, codes, letter, drawn }) {
  const map = new HexMap(terrain, codes, { label: `Map of ${about.name}` });
  const store = new FrameStore(about.name);
  store.version = about.version;
  const tick = el("span.faint");
  const standing = el("span");
  const name = el("a.run-name", { href: runLink(about.name) }, about.name);
  const node = el(
    "section.side-of",
    { "data-side": letter },
    el("div.side-head", el("b.letter", letter), name, standing, tick),
    map.node,
  );
  const side = { about, map, store, tick, node, people: new People(about.name), live: new Live(about.name) };
  side.track = new Track(store, (frame, next, fraction) => {
    map.draw(frame, next, fraction);
    drawn(side, frame);
  });
  side.showStatus = () => fill(standing, status(about.status));
  side.showStatus();
  return side;
}

/** The tick up to which both read the same recording, as forks of forks do too; null if they are no kin. */
export function sharedUntil(a, b) {
  let until = null;
  for (let k = 0; a.lineage[k] && a.lineage[k].run === b.lineage[k]?.run; k++) {
    const [one, other] = [a, b].map(({ lineage }) => lineage[k].last ?? Infinity); // its own has no end
    if (Math.min(one, other) < Infinity) until = Math.min(one, other);
    if (one !== other) break;
  }
  return until;
}

/** Whether a cell's number means the same place in both. */
export const onOneGrid = ([one, other]) =>
  one.map.terrain.width === other.map.terrain.width && one.map.terrain.height === other.map.terrain.height;
