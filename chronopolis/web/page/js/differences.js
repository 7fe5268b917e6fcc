// What differs between two runs at the tick that is shown: counts from the frames at once, the list from the server at rest.

import { get } from "./api.js";
import { bar, empty, section } from "./bits.js";
import { el, fill, settled } from "./dom.js";
import { capital, figure, milli, whole, words } from "./format.js";
import { latest } from "./latest.js";

const SHOWN = 150;

export function differencePanel(comparison) {
  const head = el("div");
  const now = el("div");
  const list = el("div", { "data-test": "differences" });
  const node = el("section.panel", { "data-test": "difference-panel" }, head, now, list);
  let divergence; // undefined: not yet known
  let found = null;

  const asked = latest(
    (tick, signal) => {
      const [a, b] = comparison.sides.map((side) => side.about.name);
      return get("/api/diff", { a, b, tick_a: tick, tick_b: tick, limit: SHOWN }, { signal });
    },
    (answer) => {
      found = answer;
      if (answer.first_divergence) {
        divergence = answer.first_divergence;
        mark(divergence);
      } else if (divergence === undefined) divergence = null;
      show();
    },
    { onError: (error) => fill(list, empty(error.message)) },
  );
  const atRest = settled(
    300,
    (tick) => {
      const last = Math.min(...comparison.sides.map((side) => side.store.head));
      asked.want(Math.min(tick, last));
    },
    1500,
  );

  function mark({ tick }) {
    comparison.timeline.setMarks([{ kind: "found", tick, title: "Here they part" }]);
  }

  function jump() {
    if (!divergence) return;
    comparison.clock.pause();
    comparison.clock.seek(divergence.tick);
  }

  function show() {
    const { clock } = comparison;
    const event = divergence?.event;
    fill(
      head,
      divergence
        ? [
            el(
              "h2",
              "They part at tick ",
              el(
                "button.link",
                { type: "button", "data-test": "first-divergence", title: "Go there (n)", onclick: jump },
                whole(divergence.tick),
              ),
            ),
            el(
              "p.soft",
              `First in ${words(divergence.area).toLowerCase()}`,
              event?.ordinal !== undefined && `, with event ${whole(event.ordinal)} of that tick`,
              event?.columns?.length > 0 &&
                !event.columns.includes("kind") &&
                `, of which ${event.columns.map(words).join(", ").toLowerCase()} differ`,
            ),
            event &&
              el(
                "div.parted",
                ["a", "b"].map(
                  (side) =>
                    event[side] &&
                    el(
                      "p",
                      { title: words(event[side].kind) },
                      el("b.letter", side.toUpperCase()),
                      ` ${capital(event.told[side])}`,
                    ),
                ),
              ),
          ]
        : [
            el("h2", found?.identical ? "Identical up to here" : "No difference found"),
            el(
              "p.soft",
              `Histories are compared up to tick ${whole(Math.min(clock.tick, found?.a?.tick ?? clock.tick))}.`,
            ),
          ],
    );
    const notes = (found?.notes ?? []).map((text) => el("p.faint", words(text), "."));
    const entries = found?.differences ?? [];
    const mine =
      comparison.agent === null
        ? entries
        : entries.filter((each) => each.agent === undefined || each.agent === comparison.agent);
    const areas = [...new Set(mine.map((each) => each.area))];
    headed = false;
    fill(
      list,
      notes,
      Object.keys(found?.configuration ?? {}).length > 0 &&
        section("Made otherwise", table(Object.entries(found.configuration).map(([what, [a, b]]) => ({ what, a, b })))),
      areas.map((area) => {
        const some = mine.filter((each) => each.area === area);
        return section(`${words(area)} · ${whole(found.counts?.[area] ?? some.length)}`, table(some.slice(0, SHOWN)));
      }),
      !entries.length && found && empty("The states at this tick are the same."),
    );
  }

  let headed = false; // the letters stand over the first table only

  function table(entries) {
    const first = !headed;
    headed = true;
    return el(
      "table.diff",
      first && el("thead", el("tr", el("th"), ...["A", "B"].map((letter) => el("th.num", el("b.letter", letter))))),
      el(
        "tbody",
        entries.map((each) =>
          el(
            "tr",
            {
              class: each.agent !== undefined ? "pick" : "",
              onclick: () => each.agent !== undefined && comparison.select(each.agent, { go: true }),
            },
            el(
              "td",
              each.name && el("span.diff-name", each.name),
              el("span.soft", `${each.name ? " " : ""}${words(each.what ?? "").toLowerCase()}`),
              each.cell !== undefined && each.agent === undefined && el("span.faint", ` cell ${each.cell}`),
            ),
            el("td.num", value(each.a, each.unit)),
            el("td.num", value(each.b, each.unit)),
          ),
        ),
      ),
    );
  }

  function value(v, unit) {
    if (v === null || v === undefined) return "–";
    if (typeof v === "number") return unit === "milli" ? milli(v) : Number.isInteger(v) ? whole(v) : figure(v);
    return typeof v === "object" ? JSON.stringify(v).slice(0, 60) : String(v);
  }

  return {
    node,
    jump,
    tick: atRest,
    select: () => show(),
    frames({ moved, needs, onlyA, onlyB }, one, other) {
      const all = Math.max(1, one.n, other.n);
      fill(
        now,
        section(
          `At tick ${whole(one.tick)}`,
          bar("Elsewhere", moved.length, all, { colour: "var(--life)", text: whole(moved.length) }),
          bar("Other needs", needs, all, { colour: "var(--company)", text: whole(needs) }),
          bar("Only in A", onlyA.length, all, { colour: "var(--mind)", text: whole(onlyA.length) }),
          bar("Only in B", onlyB.length, all, { colour: "var(--mind)", text: whole(onlyB.length) }),
        ),
      );
    },
  };
}
