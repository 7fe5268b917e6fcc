// An agent over time: needs and goods as lines along the whole run, with the clock's cursor on them.

import { get, runPath } from "./api.js";
import { section } from "./bits.js";
import { el } from "./dom.js";
import { latest } from "./latest.js";
import { lineChart } from "./lines.js";
import { NEEDS, SERIES } from "./palette.js";

const NEED_NAMES = Object.keys(NEEDS);
const GOODS = ["food", "wood", "stone", "ore"];
const PIECES = ["coin", "tool"];
const POINTS = 240;

export function lifeView(session) {
  const seek = (tick) => {
    session.clock.pause();
    session.clock.seek(tick);
  };
  const charts = {
    needs: lineChart({ label: "Needs over time", high: 120, onSeek: seek, low: 0 }),
    goods: lineChart({ label: "Goods over time", high: 110, onSeek: seek, low: 0 }),
    pieces: lineChart({ label: "Coins and tool uses over time", high: 90, onSeek: seek, low: 0 }),
  };
  const keys = (names, colours) =>
    el(
      "div.keys",
      names.map((name, k) => el("span.key", el("i.dot", { style: { background: colours[k] } }), name)),
    );
  const node = el(
    "div",
    section("Needs", keys(NEED_NAMES, Object.values(NEEDS)), charts.needs.node),
    section("Goods", keys(GOODS, SERIES), charts.goods.node),
    section("Coins and tool uses", keys(PIECES, SERIES), charts.pieces.node),
  );

  const asked = latest(
    ([agent, head], signal) =>
      get(
        runPath(session.run, `agents/${agent}/history`),
        { columns: [...NEED_NAMES, ...GOODS, ...PIECES].join(","), first: 0, last: head, points: POINTS },
        { signal },
      ),
    (found, [, head]) => {
      const { ticks, series } = found;
      const lines = (names, colours, by) =>
        names.map((name, k) => ({
          name,
          colour: colours[k],
          values: (series[name] ?? []).map((v) => (v === null ? null : v / by)),
        }));
      const range = [0, head];
      charts.needs.set(ticks, lines(NEED_NAMES, Object.values(NEEDS), 1000), range);
      charts.goods.set(ticks, lines(GOODS, SERIES, 1000), range);
      charts.pieces.set(ticks, lines(PIECES, SERIES, 1), range);
      session.timeline.life = [found.came, found.died ?? head]; // exact, where points may stand for many ticks
      session.timeline.draw();
    },
    {
      onError: (error) => {
        last = null; // asked for again with the next tick
        session.problem(error);
      },
    },
  );
  const at = (tick) => Object.values(charts).forEach((chart) => chart.at(tick));
  // The lines move with every frame; only the numbers in panels may lag behind.
  session.clock.on("cursor", (tick) => node.isConnected && at(tick));
  let last = null;
  return {
    node,
    at,
    show(answer, tick) {
      const key = `${answer.agent} ${session.clock.head}`;
      if (key !== last) asked.want([answer.agent, session.clock.head], { again: true });
      else Object.values(charts).forEach((chart) => chart.draw());
      last = key;
      at(tick);
    },
    forget() {
      last = null;
      asked.forget();
    },
  };
}
