// The panel of what is selected: an agent, a cell, or, with nothing selected, the society at this tick.

import { get, isWithoutRun, runPath } from "./api.js";
import { segments } from "./bits.js";
import { cellView } from "./cell_view.js";
import { el, fill, settled } from "./dom.js";
import { whole, words } from "./format.js";
import { icon } from "./icons.js";
import { latest } from "./latest.js";
import { lifeView } from "./life_view.js";
import { mindView } from "./mind_view.js";
import { nowView } from "./now_view.js";
import { overview, overviewHead } from "./overview.js";
import { whoView } from "./who_view.js";

export function inspector(session) {
  const top = el("div.who");
  const body = el("div");
  const views = { now: nowView(session), life: lifeView(session), mind: mindView(session), who: whoView(session) };
  let view = "now";
  let selected = { agent: null, cell: null };
  let answer = null;
  const choice = segments(Object.keys(views), view, (name) => {
    view = name;
    show();
    slowly();
  });
  const node = el("section", { "data-test": "inspector" }, top, body);
  const asked = latest(
    async ([agent, tick], signal) => {
      const found = await get(runPath(session.run, `agents/${agent}`), { tick, told: true }, { signal });
      await session.people.named([found.last_event, found.arrival]);
      return found;
    },
    (found, [agent]) => {
      answer = found;
      if (answer.name) session.people.learn(agent, answer.name);
      showTop();
      show();
    },
    {
      onError: (error) => {
        if (error.status === 404 && !isWithoutRun(error)) return unknown();
        if (error.type === "CorruptHistory") damaged(error);
        session.problem(error);
      },
    },
  );
  // Lists of the past are looked up once the cursor rests.
  const slowly = settled(
    250,
    () => selected.agent !== null && !node.hidden && views[view].rest?.(selected.agent, session.clock.tick, answer),
    1000,
  );

  function unknown() {
    fill(top, el("h2", `Agent ${selected.agent}`), el("p.faint", "There is no such agent in this run by now."));
    fill(body);
  }

  /** What is known of another tick must not stand beside this one. */
  function damaged({ message }) {
    fill(
      top,
      el("h2", session.people.name(selected.agent)),
      el("p.bad", `Tick ${whole(session.clock.tick)} can't be shown, this run is damaged: ${message}`),
    );
    fill(body);
    answer = null;
  }

  function showTop() {
    const { name, agent, occupation, age, lifespan, alive } = answer;
    fill(
      top,
      el(
        "div.who-line",
        el("h2", name ?? `Agent ${agent}`),
        el("span.faint", `agent ${agent}`),
        el("span.space"),
        el(
          "button.round",
          {
            type: "button",
            title: "Follow on the map (f)",
            "aria-label": "Follow on the map",
            onclick: () => session.setFollowAgent(!session.map.follow),
          },
          icon("follow"),
        ),
      ),
      el(
        "p.soft",
        alive
          ? [
              words(occupation),
              age !== undefined && `, ${whole(age)} ticks old`,
              lifespan && el("span.faint", ` of about ${whole(lifespan)}`),
            ]
          : answer.unborn
            ? "Not yet born at this tick"
            : "Dead at this tick",
      ),
      choice.node,
    );
  }

  function show() {
    if (!answer) return;
    fill(body, views[view].node);
    views[view].show(answer, session.clock.tick);
  }

  function tick(now) {
    if (node.hidden) return;
    if (selected.agent !== null) {
      asked.want([selected.agent, now], { again: true });
      views[view].at?.(now);
      slowly();
    } else if (selected.cell !== null) cellView(session, top, body, selected.cell);
    else overview(session, top, body);
  }

  // Whatever a frame says is shown as soon as it is drawn, without asking; its tick at once, the rest a moment later.
  let told = null;
  session.map.on("drawn", (frame) => {
    if (node.hidden || selected.agent !== null || selected.cell !== null || frame.tick === told) return;
    told = frame.tick;
    overviewHead(session, top);
  });
  session.map.on(
    "drawn",
    settled(
      60,
      () => {
        if (node.hidden || selected.agent !== null) return;
        tick(session.clock.tick);
      },
      120,
    ),
  );

  return {
    node,
    tick,
    show: tick,
    recolour: () => show(),
    select(what) {
      selected = what;
      answer = null;
      asked.forget();
      for (const each of Object.values(views)) each.forget?.();
      fill(top);
      fill(body);
      tick(session.clock.tick);
    },
    open: (name) => choice.choose(name),
  };
}
