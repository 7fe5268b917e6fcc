// Forking, intervening and comparing, from the page.

import { get, post, runPath } from "./api.js";
import { field, formDialog, wholeNumber } from "./dialog.js";
import { el } from "./dom.js";
import { capital, whole, words } from "./format.js";
import { interventionFields } from "./intervention_fields.js";
import { runLink } from "./links.js";
import { forgetMarks } from "./marks.js";
import { keepNotices, notice } from "./notices.js";

const NAME = /^[a-z][a-z0-9_-]{0,62}$/;
const FIXED = new Set(["agents", "width", "height", "mind"]);

/** "hunger=60, meal=2000" → {hunger: 60, meal: 2000}; null where it can't be read. */
function settingsOf(text) {
  const parts = text
    .split(/[,\n]+/)
    .map((part) => part.trim())
    .filter(Boolean);
  const found = {};
  for (const part of parts) {
    const [, name, value] = /^([a-z_]+)\s*=\s*(-?\d+)$/.exec(part) ?? [];
    if (!name) return null;
    found[name] = Number(value);
  }
  return found;
}

export function changeDialogs(session) {
  function fork() {
    const { clock } = session;
    clock.pause();
    const at = el("input", { type: "text", inputmode: "numeric", value: clock.tick, "data-test": "fork-at" });
    const name = el("input", { type: "text", placeholder: "a memorable one", "data-test": "fork-name" });
    const set = el("input", {
      type: "text",
      placeholder: "hunger=60, regrowth_percent=50",
      "data-test": "fork-set",
      list: "settings",
    });
    const seed = el("input", { type: "text", inputmode: "numeric", placeholder: "as it is", "data-test": "fork-seed" });
    const ticks = el("input", { type: "number", min: 0, value: 200, "data-test": "fork-ticks" });
    const why = el("input", { type: "text", maxlength: 400, placeholder: "what if …" });
    const also = interventionFields(session, { none: true });
    const settable = Object.entries(session.about.configuration ?? {}).filter(
      ([key, v]) => typeof v === "number" && !FIXED.has(key),
    );
    formDialog(session, {
      title: "Fork",
      submit: "Fork",
      about: "A run of its own that shares this history up to the tick. The parent is not changed.",
      fields: [
        el(
          "div.two",
          field("After tick", at, "The last tick that both share"),
          field("Go on for", ticks, "Ticks; 0: only make it"),
        ),
        field("Name", name),
        field(
          "Change settings",
          set,
          `Such as ${settable
            .slice(0, 4)
            .map(([key, v]) => `${key}=${v}`)
            .join(", ")}`,
        ),
        el("div.two", field("Another seed", seed), field("Why", why)),
        also.node,
      ],
      check() {
        const tick = wholeNumber(at.value);
        if (tick === null || tick < 0 || tick > clock.head) return `The tick lies from 0 to ${whole(clock.head)}.`;
        if (name.value.trim() && !NAME.test(name.value.trim()))
          return "A name has small letters, digits, hyphens and underscores, and begins with a letter.";
        const settings = settingsOf(set.value);
        if (!settings) return "Settings are name=number, with commas between.";
        const unknown = Object.keys(settings).find(
          (key) => session.about.configuration && !(key in session.about.configuration),
        );
        if (unknown) return `There is no setting ${unknown}.`;
        const fixed = Object.keys(settings).find((key) => FIXED.has(key));
        if (fixed) return `${words(fixed)} can't change under way.`;
        if (seed.value.trim() && wholeNumber(seed.value) === null) return "A seed is a whole number.";
        if (!(wholeNumber(ticks.value) >= 0)) return "How many ticks to go on is a whole number, 0 or more.";
        return also.check();
      },
      async send() {
        const given = also.given();
        const goes = wholeNumber(ticks.value);
        const made = await post(runPath(session.run, "fork"), {
          at: wholeNumber(at.value),
          name: name.value.trim() || null,
          set: settingsOf(set.value),
          seed: seed.value.trim() ? wholeNumber(seed.value) : null,
          interventions: given ? [given] : [],
          why: why.value.trim(),
          ticks: goes || null,
          run_on: goes > 0,
        });
        keepNotices(made.warnings.map(capital)); // they are said there
        location.assign(runLink(made.name, { tick: made.forked_at, ...(goes > 0 ? { follow: 1 } : {}) }));
      },
    });
  }

  function intervene() {
    session.clock.pause();
    const fields = interventionFields(session);
    const at = el("input", { type: "text", inputmode: "numeric", placeholder: "soon" });
    const why = el("input", {
      type: "text",
      maxlength: 400,
      placeholder: "so that it is known later",
      "data-test": "intervention-why",
    });
    formDialog(session, {
      title: "Intervene",
      submit: "Intervene",
      about: `It takes effect at a tick that has not begun: ${whole(session.clock.head + 1)} at the earliest. To change the past, fork there.`,
      fields: [fields.node, el("div.two", field("At tick", at), field("Why", why))],
      check() {
        const tick = at.value.trim() ? wholeNumber(at.value) : undefined;
        if (tick === null || tick <= session.clock.head)
          return `The tick must lie after ${whole(session.clock.head)}, the newest.`;
        return fields.check();
      },
      async send() {
        const made = await post(runPath(session.run, "intervene"), {
          ...fields.given(),
          why: why.value.trim(),
          ...(at.value.trim() ? { at: wholeNumber(at.value) } : {}),
        });
        notice(`It takes effect at tick ${whole(made.effect_tick)}`);
        for (const warning of made.warnings) notice(capital(warning), { error: true });
        forgetMarks(session.run);
        session.showMarks();
      },
    });
  }

  async function compare() {
    session.clock.pause();
    let runs = [];
    try {
      runs = await get("/api/runs", { sort: "newest" });
    } catch (error) {
      return session.problem(error);
    }
    const others = runs.filter((run) => run.name !== session.run && !run.damage);
    if (!others.length) return notice("There is no other run to compare with: fork this one");
    const near = (run) => (run.parent === session.about.run || session.about.parent === run.run ? 0 : 1);
    others.sort((a, b) => near(a) - near(b));
    const other = el(
      "select",
      { "data-test": "compare-with" },
      others.map((run) =>
        el(
          "option",
          { value: run.name },
          `${run.name}${near(run) === 0 ? " (its kin)" : ""} · tick ${whole(Math.max(0, run.head_tick))}`,
        ),
      ),
    );
    formDialog(session, {
      title: "Compare",
      submit: "Compare",
      about: "Two runs side by side, with one clock.",
      fields: [field("With", other)],
      send: async () =>
        location.assign(
          `/compare?a=${encodeURIComponent(session.run)}&b=${encodeURIComponent(other.value)}&tick=${session.clock.tick}`,
        ),
    });
  }

  return { fork, intervene, compare };
}
