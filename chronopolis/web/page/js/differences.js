// What differs between two runs at the tick that is shown: counts from the frames at once, the list from the server at rest.

import { get } from "./api.js";
import { bar, empty, section } from "./bits.js";
import { el, fill, settled } from "./dom.js";
import { capital, figure, figures, milli, whole, words } from "./format.js";
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
    (key, signal) => {
      const [a, b] = comparison.sides.map((side) => side.about.name);
      const [tick, agent] = JSON.parse(key);
      return get("/api/diff", { a, b, tick_a: tick, tick_b: tick, limit: SHOWN, agent }, { signal });
    },
    (answer, key) => {
      found = { ...answer, of: JSON.parse(key)[1] };
      if (answer.first_divergence) {
        divergence = answer.first_divergence;
        mark(divergence);
      } else if (divergence === undefined) divergence = null;
      show();
    },
    { onError: (error) => fill(list, empty(error.message)) },
  );
  const ask = (tick) => asked.want(JSON.stringify([Math.min(tick, comparison.common), comparison.agent]));
  const atRest = settled(300, ask, 1500);

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
    const notes = (found?.notes ?? []).map((text) => el("p.faint", capital(text), "."));
    const entries = found?.differences ?? [];
    const areas = [...new Set(entries.map((each) => each.area))];
    headed = false;
    fill(
      list,
      found && [whenAndWhose(found), notes],
      Object.keys(found?.configuration ?? {}).length > 0 &&
        section("Made otherwise", table(Object.entries(found.configuration).map(([what, [a, b]]) => ({ what, a, b })))),
      areas.map((area) => {
        const some = entries.filter((each) => each.area === area);
        const all = found.counts?.[area] ?? some.length;
        const many = some.length < all ? `${whole(some.length)} of ${whole(all)}` : whole(all);
        return section(`${words(area)} · ${many}`, table(some));
      }),
      !entries.length && found && empty(found.of === null ? "The states are the same." : "Nothing else differs."),
    );
  }

  /** Of which tick and whose the list is, where that is not to be taken for granted. */
  function whenAndWhose({ a: { tick }, of, differences }) {
    dated = comparison.clock.tick > comparison.common;
    const mine = differences.find((each) => each.agent === of);
    const whose =
      of !== null &&
      el(
        "p.soft",
        { "data-test": "of-agent" },
        `Of agents, only what differs of ${mine?.name ?? comparison.people.name(of)}`,
        !mine && ": nothing",
        ". ",
        el("button.link", { type: "button", onclick: () => comparison.select(null) }, "Everybody"),
      );
    return section(dated && `At tick ${whole(tick)}, the last that both have`, whose);
  }

  let dated = false; // whether the list says its tick
  let headed = false; // the letters stand over the first table only

  function table(entries) {
    const first = !headed;
    headed = true;
    return el(
      "table.diff",
      first && el("thead", el("tr", el("th", el("span.unseen", "What")), ...["A", "B"].map((letter) => el("th.num", el("b.letter", letter))))),
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
            ...pair(each).map((told) => el("td.num", told)),
          ),
        ),
      ),
    );
  }

  /** Both values of a difference; fractions with as many digits as tell them apart. */
  function pair({ a, b, unit }) {
    const fractions = [a, b].every((v) => typeof v === "number") && unit !== "milli" && ![a, b].every(Number.isInteger);
    return fractions ? figures([a, b]) : [value(a, unit), value(b, unit)];
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
    select: () => ask(comparison.clock.tick),
    /** One run has ended before the tick that is shown: there is nothing to compare with. */
    ended(side) {
      if (found && !dated) show();
      const { common } = comparison;
      const back = () => (comparison.clock.pause(), comparison.clock.seek(common));
      fill(
        now,
        section(
          `At tick ${whole(comparison.clock.tick)}`,
          el(
            "p.soft",
            { "data-test": "ended" },
            `${side.about.name} ends at tick `,
            el("button.link", { type: "button", title: "Go there", onclick: back }, whole(common)),
            ": nothing can be compared after it.",
          ),
        ),
      );
    },
    frames({ moved, needs, onlyA, onlyB }, one, other, { placed }) {
      if (dated) show();
      const all = Math.max(1, one.n, other.n);
      fill(
        now,
        section(
          `At tick ${whole(one.tick)}`,
          placed && bar("Elsewhere", moved.length, all, { colour: "var(--life)", text: whole(moved.length) }),
          bar("Other needs", needs, all, { colour: "var(--company)", text: whole(needs) }),
          bar("Only in A", onlyA.length, all, { colour: "var(--mind)", text: whole(onlyA.length) }),
          bar("Only in B", onlyB.length, all, { colour: "var(--mind)", text: whole(onlyB.length) }),
        ),
      );
    },
  };
}
