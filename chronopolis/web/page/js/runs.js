// The first page: all runs, the newest first, forks under their parents.

import { get } from "./api.js";
import { el, fill } from "./dom.js";
import { ago, whole } from "./format.js";
import { brand, status, themeButton } from "./header.js";
import { runLink } from "./links.js";
import { banner, noticePlace, notice } from "./notices.js";
import { theme } from "./theme.js";
import { button } from "./transport.js";
import { pageKeys } from "./keyboard.js";

const AGAIN_MS = 2000;
const MOST = 500;

export async function startRuns(root) {
  theme.begin();
  document.title = "Runs – Chronopolis";
  const filter = el("input", {
    type: "search",
    placeholder: "Filter by name",
    "aria-label": "Filter by name",
    "data-test": "filter-runs",
    oninput: () => show(),
  });
  const table = el("tbody");
  const chosen = new Set();
  const compare = el("a.button", { "aria-disabled": "true", "data-test": "compare-chosen" }, "Compare two");
  const page = el(
    "main.home",
    el("div.home-head", el("h1", "Runs"), el("span.space"), filter, compare),
    el(
      "table.runs",
      el(
        "thead",
        el(
          "tr",
          ["", "Run", "State", "Tick", "Agents", "Minds", "Seed", "Made"].map((title) =>
            el("th", { scope: "col" }, title || el("span.unseen", "Compare")),
          ),
        ),
      ),
      table,
    ),
  );
  const sift = () => filter.focus();
  const keys = pageKeys([["Runs", [["/", "filter by name", { "/": sift, "shift /": sift }]]]]);
  fill(
    root,
    banner(),
    noticePlace(),
    el(
      "header.bar",
      brand(),
      el("span.space"),
      el("a.faint", { href: "/api/docs" }, "HTTP API"),
      themeButton(),
      button("help", "Keys (?)", () => keys.help.showModal()),
    ),
    page,
    keys.help,
  );
  let runs = [];
  let on = true;
  let next = null; // a look under way and one that was hidden meanwhile lead to one that follows

  async function look() {
    try {
      runs = await get("/api/runs", { sort: "newest", limit: MOST });
      show();
    } catch (error) {
      notice(error.message, { error: true });
    }
    clearTimeout(next);
    if (on) next = setTimeout(() => !document.hidden && look(), AGAIN_MS);
  }
  document.addEventListener("visibilitychange", () => !document.hidden && on && look());

  function show() {
    const wanted = filter.value.trim().toLowerCase();
    const kept = runs.filter((run) => run.name.toLowerCase().includes(wanted));
    const rows = wanted ? kept.map((run) => [run, 0]) : families(kept);
    fill(
      table,
      rows.length
        ? rows.map(([run, depth]) => row(run, depth))
        : el(
            "tr",
            el(
              "td.empty",
              { colspan: 8 },
              runs.length
                ? "No run is called so."
                : [
                    "No runs yet: ",
                    el("code", "polis demo"),
                    " or ",
                    el("code", "polis run"),
                    " makes one, and it appears here.",
                  ],
            ),
          ),
      runs.length === MOST &&
        el(
          "tr",
          el("td.empty", { colspan: 8 }, `These are the newest ${MOST}; `, el("code", "polis runs"), " lists all."),
        ),
    );
  }

  function row(run, depth) {
    const tick = el("input", {
      type: "checkbox",
      checked: chosen.has(run.name),
      disabled: Boolean(run.damage),
      "aria-label": `Choose ${run.name} to compare`,
      onchange: () => {
        if (tick.checked) chosen.add(run.name);
        else chosen.delete(run.name);
        while (chosen.size > 2) chosen.delete([...chosen][0]);
        choose();
        show();
      },
    });
    const part = run.target > 0 ? Math.min(1, Math.max(0, run.head_tick) / run.target) : 0;
    return el(
      "tr",
      {
        "data-run": run.name,
        class: run.damage && "damaged",
        onclick: (event) => !event.target.closest("input, a") && location.assign(runLink(run.name)),
      },
      el("td", tick),
      el(
        "td",
        { style: { "padding-left": `${10 + 22 * depth}px` } },
        depth > 0 && el("span.faint", "↳ "),
        el("a.run-link", { href: runLink(run.name) }, run.name),
        run.fork_tick !== null && run.fork_tick !== undefined && el("span.faint", ` from tick ${whole(run.fork_tick)}`),
      ),
      el("td", status(run.status)),
      run.damage
        ? el("td.bad", { colspan: 3, "data-test": "damage" }, run.damage)
        : [
            el(
              "td.far",
              whole(Math.max(0, run.head_tick)),
              el("span.faint", ` / ${whole(run.target)}`),
              el("i.track", el("i", { style: { width: `${100 * part}%` } })),
            ),
            el("td.num", whole(run.agents)),
            el("td", run.mind),
          ],
      el("td.num", String(run.seed)),
      el("td.faint", ago(run.created_at)),
    );
  }

  function choose() {
    const [a, b] = [...chosen];
    if (a && b) compare.setAttribute("href", `/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`);
    else compare.removeAttribute("href");
    compare.setAttribute("aria-disabled", String(!(a && b)));
  }

  await look();
  return { end: () => ((on = false), keys.end()) };
}

/** Each run, its forks after it, one level deeper; a fork stands by itself whose parent is gone, or came no earlier. */
function families(runs) {
  const there = new Set(runs.map((run) => run.run));
  const children = new Map();
  for (const run of runs) {
    const parent = there.has(run.parent) && run.parent < run.run ? run.parent : null;
    children.set(parent, [...(children.get(parent) ?? []), run]);
  }
  const out = [];
  const down = (parent, depth) => {
    for (const run of children.get(parent) ?? []) {
      out.push([run, depth]);
      down(run.run, Math.min(6, depth + 1));
    }
  };
  down(null, 0);
  return out;
}
