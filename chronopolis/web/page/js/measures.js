// Measures of the society over the whole run, one small chart each, with the clock's cursor on all of them.

import { get, runPath } from "./api.js";
import { empty } from "./bits.js";
import { el, fill } from "./dom.js";
import { exactMeasures, inUnit } from "./exact_measures.js";
import { figure, whole, words } from "./format.js";
import { latest } from "./latest.js";
import { lineChart } from "./lines.js";

const POINTS = 300;
const COLOUR = "var(--accent)";

export function measuresPanel(session) {
  const filter = el("input", {
    type: "search",
    placeholder: "Filter measures",
    "aria-label": "Filter measures",
    oninput: () => sift(),
  });
  const behind = el("p.faint", { hidden: true, "data-test": "measures-behind" });
  const list = el("div.measures");
  const node = el("section", { "data-test": "measures" }, filter, behind, list);
  const charts = new Map(); // name → {chart, value, node}
  const exact = exactMeasures(session, () => !node.hidden && at(session.clock.tick));
  let asked = -1;

  const question = latest(
    (head, signal) => get(runPath(session.run, "measures"), { first: 0, last: head, points: POINTS }, { signal }),
    (found, head) => {
      asked = head;
      const colour = getComputedStyle(node).getPropertyValue("--accent").trim() || COLOUR;
      const names = Object.keys(found.series);
      if (!charts.size) list.replaceChildren();
      for (const name of names) {
        const about = found.about?.[name] ?? {};
        const values = found.series[name].map((v) => inUnit(v, about));
        if (!charts.has(name)) make(name, about);
        const each = charts.get(name);
        // What never changes needs no picture.
        each.chart.node.hidden = values.every((v) => v === values[0]);
        each.chart.set(found.ticks, [{ name: words(name), colour, values }], [0, Math.max(1, head)], {
          sumsOf: about.summed ? found.width : 1,
        });
      }
      at(session.clock.tick);
      sift();
    },
    { onError: (error) => fill(list, empty(error.message)) },
  );

  function make(name, about) {
    const value = el("b.measure-value");
    const chart = lineChart({
      label: words(name),
      high: 78,
      onSeek: (tick) => {
        session.clock.pause();
        session.clock.seek(tick);
      },
    });
    const each = el(
      "div.measure",
      { "data-measure": name },
      el(
        "div.measure-head",
        { title: about.meaning ?? "" },
        el("span", words(name)),
        about.unit && el("span.faint", about.unit),
        el("span.space"),
        value,
      ),
      chart.node,
    );
    charts.set(name, { chart, value, node: each });
    list.append(each);
  }

  function sift() {
    const wanted = filter.value.trim().toLowerCase();
    for (const [name, each] of charts) each.node.hidden = !words(name).toLowerCase().includes(wanted);
  }

  function at(tick) {
    let valueOf = exact.at(tick);
    // A run that goes on may be faster than its measures are counted: then the newest are shown, with their tick.
    const known = valueOf || !session.clock.follow ? null : exact.newest(tick);
    if (known !== null) valueOf = exact.at(known);
    behind.hidden = known === null;
    fill(behind, known === null ? "" : `Values are those of tick ${whole(known)}, the newest that are counted`);
    for (const [name, { chart, value }] of charts) {
      chart.at(tick);
      value.textContent = valueOf ? figure(valueOf(name)) : "…";
    }
  }
  // Cursors are elements of their own, so they can follow every frame.
  session.clock.on("cursor", (tick) => !node.hidden && at(tick));

  function look() {
    if (node.hidden || session.clock.head === asked) return at(session.clock.tick);
    if (!charts.size) fill(list, empty("Counting… the first time takes a while in a long run."));
    question.want(session.clock.head); // of a run that goes on, the next count begins when this one is done
  }
  return {
    node,
    tick: at,
    show: look,
    head: look,
    recolour() {
      asked = -1;
      question.forget();
      look();
    },
  };
}
