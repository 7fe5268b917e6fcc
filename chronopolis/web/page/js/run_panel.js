// The panel of the run itself: where it stands, going on with it, its forks and marks, what it is made of.

import { get, post, runPath } from "./api.js";
import { empty, facts, section, tickLink } from "./bits.js";
import { el, fill } from "./dom.js";
import { ago, whole, words } from "./format.js";
import { status } from "./header.js";
import { runLink } from "./links.js";
import { notice } from "./notices.js";

export function runPanel(session) {
  const node = el("section", { "data-test": "run-panel" });
  const ticks = el("input.number", {
    type: "number",
    min: 1,
    value: 100,
    "aria-label": "How many ticks to go on",
    "data-test": "continue-ticks",
  });
  const problem = el("p.bad", { role: "alert" });
  let detail = null;

  async function goOn() {
    fill(problem);
    const wanted = Number(ticks.value);
    if (!Number.isInteger(wanted) || wanted < 1) return fill(problem, "Give a whole number of ticks, 1 or more.");
    try {
      await post(runPath(session.run, "continue"), { ticks: wanted });
      session.clock.setFollow(true);
      notice(`Going on for ${whole(wanted)} ticks`);
    } catch (error) {
      fill(problem, error.message);
    }
  }

  async function stop() {
    try {
      await post(runPath(session.run, "pause"), {});
    } catch (error) {
      fill(problem, error.message);
    }
  }

  async function look() {
    if (node.hidden) return;
    try {
      detail = await get(runPath(session.run));
      show();
    } catch (error) {
      session.problem(error);
    }
  }

  function show() {
    if (!detail) return;
    const { about } = session;
    const running = about.status === "running";
    const target = about.target ?? 0;
    const part = target > 0 ? Math.min(1, Math.max(0, about.head_tick) / target) : 0;
    const marks = session.timeline.marks;
    const of = (kind) => marks.filter((mark) => mark.kind === kind);
    fill(
      node,
      el("div.who-line", el("h2", about.name), status(about.status)),
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
        `Tick ${whole(Math.max(0, about.head_tick))} of ${whole(target)}`,
        detail.events !== undefined && ` · ${whole(detail.events)} events`,
      ),
      el(
        "div.go-on",
        running
          ? el("button.button", { type: "button", onclick: stop }, "Stop after this tick")
          : [
              el("button.button.main", { type: "button", onclick: goOn, "data-test": "continue" }, "Go on"),
              ticks,
              el("span.soft", "ticks"),
            ],
      ),
      problem,
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
            .map(([name, value]) => [words(name), typeof value === "number" ? whole(value) : String(value)]),
          ["Engines", Object.keys(detail.engines ?? {}).length ? JSON.stringify(detail.engines) : null],
          ["Head hash", detail.head_hash && el("code", `${detail.head_hash.slice(0, 24)}…`)],
        ]),
      ),
    );
  }

  return {
    node,
    tick() {},
    show: look,
    head: () => (detail ? show() : look()),
    recolour: show,
    refresh: look,
    focus: () => ticks.focus(),
  };
}
