// The panel of the run itself: where it stands, going on with it, its forks and marks, what it is made of.

import { get, runPath } from "./api.js";
import { empty, facts, section, tickLink } from "./bits.js";
import { el, fill, throttled } from "./dom.js";
import { ago, counted, whole, words } from "./format.js";
import { goingOn, standing } from "./going_on.js";
import { status } from "./header.js";
import { runLink } from "./links.js";

const AGAIN_MS = 2000;
const UNITS = {
  width: "cells",
  height: "cells",
  hunger: "thousandths of satiety a tick",
  meal: "thousandths of satiety a unit of food",
  lifespan: "ticks, on average",
  adulthood: "ticks",
  birth_interval: "ticks",
  regrowth_percent: "%",
  sight: "cells",
  think_delay: "ticks",
  think_budget: "times in 1,000 ticks",
  hearing: "cells",
  reflect_at: "thousandths of importance",
};

export function runPanel(session) {
  const node = el("section", { "data-test": "run-panel" });
  const going = goingOn(session);
  let detail = null;

  async function look() {
    if (node.hidden) return;
    try {
      detail = await get(runPath(session.run));
      show();
    } catch (error) {
      session.problem(error);
    }
  }

  const lookAgain = throttled(AGAIN_MS, look);

  function show() {
    if (!detail) return;
    going.show();
    const { about } = session;
    const target = about.target ?? 0;
    const part = target > 0 ? Math.min(1, Math.max(0, about.head_tick) / target) : 0;
    const marks = session.timeline.marks;
    const of = (kind) => marks.filter((mark) => mark.kind === kind);
    fill(
      node,
      el("div.who-line", el("h2", about.name), status(standing(about))),
      about.problem && el("p.bad", about.problem),
      el(
        "div.progress",
        {
          role: "progressbar",
          "aria-valuenow": about.head_tick,
          "aria-valuemax": target,
          "aria-label": "How far the run has come",
        },
        el("i", { style: { width: `${100 * part}%` } }),
      ),
      el(
        "p.soft",
        { "data-test": "run-head" },
        `Tick ${whole(Math.max(0, about.head_tick))} of ${whole(target)}`,
        ` · ${counted(about.events, "event")}`,
      ),
      going.node,
      section(
        "Forks",
        detail.children?.length || detail.parent !== null
          ? [
              detail.parent !== null &&
                el(
                  "p",
                  "Forked from ",
                  el(
                    "a",
                    { href: runLink(detail.parent_name ?? detail.parent, { tick: detail.fork_tick }) },
                    detail.parent_name ?? `run ${detail.parent}`,
                  ),
                  " at tick ",
                  tickLink(session, detail.fork_tick),
                  ". ",
                  el(
                    "a",
                    {
                      href: `/compare?a=${encodeURIComponent(detail.parent_name ?? detail.parent)}&b=${encodeURIComponent(about.name)}`,
                    },
                    "Compare",
                  ),
                ),
              (detail.children ?? []).map((child) =>
                el(
                  "p",
                  el("a", { href: runLink(child.name, { tick: child.fork_tick }) }, child.name),
                  " from tick ",
                  tickLink(session, child.fork_tick),
                  ` · ${child.status} · `,
                  el(
                    "a",
                    { href: `/compare?a=${encodeURIComponent(about.name)}&b=${encodeURIComponent(child.name)}` },
                    "compare",
                  ),
                ),
              ),
            ]
          : empty("None. “Fork” above makes one from this tick."),
      ),
      section(
        "Interventions",
        of("intervention").length
          ? of("intervention").map((mark) => el("p", tickLink(session, mark.tick), ` ${mark.title}`))
          : empty("None"),
      ),
      section(
        "Bookmarks",
        of("bookmark").length
          ? el(
              "p",
              of("bookmark").map((mark) => [tickLink(session, mark.tick), "  "]),
            )
          : empty("None. Press b to set one."),
      ),
      section(
        "Made of",
        facts([
          ["Seed", detail.seed],
          ["Minds", detail.mind],
          ["Made", ago(detail.created_at)],
          ...Object.entries(detail.configuration ?? {})
            .filter(([name]) => name !== "mind")
            .map(([name, value]) => [words(name), constant(name, value)]),
          ...enginesOf(detail.engines ?? {}),
          [
            `Hash at tick ${whole(detail.head_tick)}`,
            detail.head_hash && el("code", `${detail.head_hash.slice(0, 24)}…`),
          ],
        ]),
      ),
    );
  }

  return {
    node,
    tick() {},
    show: look,
    head() {
      show();
      lookAgain(); // for the rest, such as its hash and its forks
    },
    recolour: show,
    marked: () => !node.hidden && show(),
    focus: going.focus,
  };
}

/** A constant of the scenario as it is set, with its unit. */
const constant = (name, value) =>
  [typeof value === "number" ? whole(value) : String(value), UNITS[name]].filter(Boolean).join(" ");

/** What answers were made with, a row for each thing that is recorded of it; the mind itself is said already. */
const enginesOf = (engines) =>
  Object.entries(engines)
    .filter(([name]) => name !== "mind" && name !== "key")
    .map(([name, value]) => [
      name === "name" ? "Engine" : `Engine’s ${words(name).toLowerCase()}`,
      value !== null && typeof value === "object"
        ? Object.entries(value)
            .map((pair) => pair.join(" "))
            .join(", ")
        : String(value ?? ""),
    ]);
