// A cell: the land, what grows there now, and who is there. All of it is in the frame.

import { agentLink, bar, empty, facts, section } from "./bits.js";
import { el, fill } from "./dom.js";
import { milli, words } from "./format.js";
import { rowOf } from "./frames.js";

export function cellView(session, top, body, cell) {
  const { terrain, codes, map } = session;
  const frame = map.frame;
  fill(
    top,
    el("div.who-line", el("h2", words(codes.biome[terrain.biome[cell]])), el("span.faint", `cell ${cell}`)),
    el("p.soft", `Row ${Math.floor(cell / terrain.width)}, column ${cell % terrain.width}`),
  );
  if (!frame) return;
  const here = map.agentsIn(cell);
  fill(
    body,
    section("Land", facts([["Elevation", `${terrain.elevation[cell]} m`]])),
    section(
      "Stocks, of what can grow",
      codes.good.slice(0, 4).map((good, r) => {
        const capacity = terrain.capacity[r * terrain.n + cell];
        const now = Math.round((capacity * frame.stock[r * terrain.n + cell]) / 255);
        return bar(words(good), now, Math.max(1, capacity), {
          colour: `rgb(${map.ground.theme.resources[r].join(" ")})`,
          text: `${milli(now)} of ${milli(capacity)}`,
        });
      }),
    ),
    section(
      "Here",
      here.length
        ? here.map((agent) =>
            el(
              "p",
              agentLink(session, agent),
              el("span.faint", ` ${codes.occupation[frame.occupation[rowOf(frame, agent)]]}`),
            ),
          )
        : empty("Nobody is here at this tick"),
    ),
  );
}
