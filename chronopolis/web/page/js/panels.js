// The panels beside the map. Only the one that is open asks the server, and only for the tick that is shown.

import { el } from "./dom.js";
import { leaveOut, writeLink } from "./links.js";
import { causesPanel } from "./causes.js";
import { eventsPanel } from "./events.js";
import { inspector } from "./inspector.js";
import { measuresPanel } from "./measures.js";
import { runPanel } from "./run_panel.js";

const TITLES = { agent: "Agent", events: "Events", causes: "Causes", measures: "Measures", run: "Run" };

export function panels(session) {
  const made = {
    agent: inspector(session),
    events: eventsPanel(session),
    causes: causesPanel(session),
    measures: measuresPanel(session),
    run: runPanel(session),
  };
  let opened = "agent";
  const tabs = Object.entries(TITLES).map(([name, title], k) =>
    el(
      "button.tab",
      {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": `panel-${name}`,
        title: `${title} (${k + 1})`,
        onclick: () => open(name),
        onkeydown: (event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (!by) return;
          event.preventDefault();
          event.stopPropagation();
          const names = Object.keys(TITLES);
          const next = names[(k + by + names.length) % names.length];
          open(next);
          node.querySelector(`#tab-${next}`).focus();
        },
      },
      title,
    ),
  );
  for (const [name, panel] of Object.entries(made)) {
    panel.node.id = `panel-${name}`;
    panel.node.classList.add("panel");
    panel.node.setAttribute("role", "tabpanel");
    panel.node.setAttribute("aria-labelledby", `tab-${name}`);
  }
  const node = el(
    "aside.side",
    { "aria-label": "Panels" },
    el("div.tabs", { role: "tablist" }, tabs),
    Object.values(made).map((panel) => panel.node),
  );

  function show() {
    Object.keys(TITLES).forEach((name, k) => {
      const on = name === opened;
      tabs[k].setAttribute("aria-selected", String(on));
      tabs[k].tabIndex = on ? 0 : -1;
      made[name].node.hidden = !on;
    });
  }

  function open(name) {
    if (!made[name]) return leaveOut("tab", name, `one of ${Object.keys(TITLES).join(", ")}`);
    opened = name;
    show();
    writeLink({ tab: name === "agent" ? null : name });
    made[name].show?.(session.clock.tick);
  }
  show();
  return {
    node,
    open,
    get opened() {
      return opened;
    },
    made,
    tick: (tick) => made[opened].tick?.(tick),
    head: (about) => made[opened].head?.(about),
    recolour: () => made[opened].recolour?.(),
    select: (what, quiet) => {
      made.agent.select(what);
      if (quiet) return;
      made.events.select(what);
      if (what.agent !== null && opened !== "events" && opened !== "agent") open("agent");
      else if (what.cell !== null && opened !== "agent") open("agent");
    },
    showEvent: (address) => {
      made.causes.of(address);
      open("causes");
    },
  };
}
