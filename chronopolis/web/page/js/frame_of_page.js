// How the page of a run is laid out: bar, map with its buttons, panels beside it, time below.

import { el, fill, settled } from "./dom.js";
import { whole } from "./format.js";
import { standing } from "./going_on.js";
import { brand, searchBox, status, themeButton } from "./header.js";
import { icon } from "./icons.js";
import { layerButton, layerPanel } from "./layers.js";
import { runLink } from "./links.js";
import { splitter } from "./splitter.js";
import { button, transport } from "./transport.js";

export function frameOfPage(session) {
  const { about, clock, map, people, timeline } = session;
  const layers = layerPanel(map, session.codes, (options) => session.setLayers(options));
  const search = searchBox(people, { now: () => clock.tick, head: () => clock.head }, (agent) => session.goToAgent(agent));
  const time = transport(clock);
  const { help } = session.keys;
  const pill = el("span");
  const follow = el(
    "button.round",
    {
      type: "button",
      title: "Follow the selected agent (f)",
      "aria-label": "Follow the selected agent",
      "aria-pressed": "false",
      "data-test": "follow-agent",
      onclick: () => session.setFollowAgent(!map.follow),
    },
    icon("follow"),
  );
  const act = (name, title, does, text) =>
    el(
      "button.button",
      { type: "button", title, onclick: does, "data-test": `do-${name}` },
      icon(name, 15),
      el("span", text),
    );

  const bar = el(
    "header.bar",
    brand(),
    el("span.slash", { "aria-hidden": "true" }, "/"),
    el("span.run-name", { title: `run ${about.run}` }, about.name),
    pill,
    about.parent !== null &&
      about.parent !== undefined &&
      el(
        "a.faint.from",
        {
          href: runLink(about.parent_name ?? about.parent, { tick: about.fork_tick }),
          title: "The run that it was forked from",
        },
        icon("fork", 13),
        ` at ${about.fork_tick}`,
      ),
    el(
      "span.faint.engine",
      { title: "Who forms intentions" },
      `${about.mind} minds`.replace("reflex minds", "reflex rules"),
    ),
    el("span.space"),
    search.node,
    act("fork", "Fork here (k)", () => session.dialogs.fork(), "Fork"),
    act("hand", "Intervene (i)", () => session.dialogs.intervene(), "Intervene"),
    act("compare", "Compare with another run (c)", () => session.dialogs.compare(), "Compare"),
    button("bookmark", "Bookmark this tick (b)", () => session.bookmark()),
    themeButton(),
    button("help", "Keys (?)", () => help.showModal()),
  );
  const zoom = (factor) => {
    map.view.zoom(factor);
    map.emit("change");
  };
  map.node.append(
    el(
      "div.map-buttons",
      layerButton(layers),
      follow,
      button("plus", "Zoom in (e)", () => zoom(1.5)),
      button("minus", "Zoom out (q)", () => zoom(1 / 1.5)),
      button("fit", "Show everything (z)", () => {
        map.view.fit();
        map.emit("change");
      }),
    ),
    layers.box,
    layers.legend,
  );
  layers.box.hidden = true;
  map.node.append(lagChip(session));
  const side = session.panels.node;
  const body = el(
    "main.body",
    el("div.stage", map.node),
    splitter(side, () => clock.redraw()),
    side,
  );
  time.node.append(session.where.node);
  const dock = el("footer.dock", time.node, timeline.node);

  function showStatus() {
    fill(pill, status(standing(about)));
    time.follow.hidden = about.status !== "running" && !clock.follow && about.head_tick >= about.target;
  }
  showStatus();
  return {
    nodes: [bar, body, dock, help],
    layers,
    search,
    time,
    zoom,
    showStatus,
    showFollow: () => {
      follow.setAttribute("aria-pressed", String(map.follow));
      follow.classList.toggle("on", map.follow);
    },
  };
}

/** Says which tick the map shows while that is not yet the cursor's, or why it never will be. */
function lagChip({ clock, map, store }) {
  const chip = el("div.lag", { role: "status", hidden: true });
  const look = settled(160, () => {
    const damage = store.damage(clock.tick);
    chip.classList.toggle("bad", Boolean(damage));
    chip.hidden = !damage && (!map.frame || map.frame.tick === clock.tick);
    if (damage) fill(chip, `tick ${whole(clock.tick)} can't be shown, this run is damaged: ${damage}`);
    else if (!chip.hidden) fill(chip, `tick ${whole(map.frame.tick)}, on the way to ${whole(clock.tick)}…`);
  });
  clock.on("cursor", look);
  clock.on("error", look);
  map.on("drawn", (frame) => {
    if (frame.tick === clock.tick) chip.hidden = true;
  });
  return chip;
}
