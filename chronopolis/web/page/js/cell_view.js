// A cell: the land, what grows there now, and who is there. It is all in the frame, stocks only nearly: a frame has them
// in 255ths of what can grow, so once the cursor rests their exact amounts are asked for.

import { get, runPath } from "./api.js";
import { agentLink, bar, empty, facts, section } from "./bits.js";
import { el, fill, settled } from "./dom.js";
import { milli, whole, words } from "./format.js";
import { rowOf } from "./frames.js";
import { latest } from "./latest.js";

const REST_MS = 120;
const asking = new WeakMap(); // session → its exact stocks

export function cellView(session, top, body, cell) {
  const { terrain, codes, map } = session;
  const frame = map.frame;
  if (cell >= terrain.n) {
    fill(top, el("h2", `There is no cell ${whole(cell)}`));
    fill(body, empty(`The map has cells 0 to ${whole(terrain.n - 1)}.`));
    return;
  }
  fill(
    top,
    el("div.who-line", el("h2", words(codes.biome[terrain.biome[cell]])), el("span.faint", `cell ${cell}`)),
    el("p.soft", `Row ${Math.floor(cell / terrain.width)}, column ${cell % terrain.width}`),
  );
  if (!frame) return;
  const here = map.agentsIn(cell);
  if (!asking.has(session)) asking.set(session, exactStocks(session));
  const exact = asking.get(session).of(cell, frame.tick, () => cellView(session, top, body, cell));
  fill(
    body,
    section("Land", facts([["Elevation", `${terrain.elevation[cell]} m`]])),
    section(
      "Stocks, of what can grow",
      el(
        "div.stocks",
        codes.good.slice(0, 4).map((good, r) => {
          const capacity = terrain.capacity[r * terrain.n + cell];
          const now = exact?.[good] ?? Math.round((capacity * frame.stock[r * terrain.n + cell]) / 255);
          const told = exact || !capacity ? milli(now) : `about ${(now / 1000).toFixed(1)}`;
          return bar(words(good), now, Math.max(1, capacity), {
            colour: `rgb(${map.ground.theme.resources[r].join(" ")})`,
            text: `${told} of ${milli(capacity)}`,
          });
        }),
      ),
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

/** What is in stock in the cell that is looked at, in milli-units by good, as soon as it is known. */
function exactStocks(session) {
  let known = null; // {key, stocks}
  let wanted = null; // {key, show}
  const asked = latest(
    (key, signal) => {
      const [cell, tick] = key.split(" ");
      return get(runPath(session.run, "state"), { cell, tick }, { signal });
    },
    (found, key) => {
      known = { key, stocks: found.cell.stock_milli };
      if (wanted.key === key && session.map.cell === found.cell.cell) wanted.show();
    },
    { onError: (error) => session.problem(error) },
  );
  const ask = settled(REST_MS, () => !session.clock.playing && asked.want(wanted.key));
  return {
    of(cell, tick, show) {
      const key = `${cell} ${tick}`;
      if (known?.key === key) return known.stocks;
      wanted = { key, show };
      ask();
      return null;
    },
  };
}
