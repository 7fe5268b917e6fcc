// Keys, and the list of them that `?` shows.

import { el } from "./dom.js";

export const HELP = [
  [
    "Time",
    [
      ["space", "play and pause"],
      ["shift space", "play backwards"],
      ["← →", "one tick"],
      ["shift ← →", "ten ticks"],
      ["ctrl ← →", "a hundred ticks"],
      ["Home End", "tick 0, newest tick"],
      ["+ −", "faster, slower"],
      ["t", "type a tick"],
      ["[ ]", "previous, next bookmark"],
    ],
  ],
  [
    "Map",
    [
      ["f", "follow the selected agent"],
      ["l", "layers"],
      ["z", "show the whole map"],
      ["w a s d", "move the map"],
      ["q e", "zoom out, in"],
      ["Esc", "select nothing, close"],
    ],
  ],
  [
    "Look",
    [
      ["/", "search an agent"],
      ["1 … 5", "agent, events, causes, measures, run"],
      ["b", "bookmark this tick"],
      ["n · shift n", "on, back to a tick where …"],
      ["m", "zoom the timeline to everything"],
    ],
  ],
  [
    "Do",
    [
      ["k", "fork here"],
      ["i", "intervene"],
      ["c", "compare with another run"],
      ["g", "light, dark, system"],
      ["?", "this list"],
    ],
  ],
];

const typing = (target) =>
  target.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");

let byKeyboard = false; // whether the focus was put where it is by Tab
document.addEventListener("keydown", (event) => event.key === "Tab" && (byKeyboard = true), true);
document.addEventListener("pointerdown", () => (byKeyboard = false), true);

/** Somebody who goes from one thing to the next by Tab expects it to take the keys that are its own. */
function isForTheFocused(event) {
  if (!byKeyboard || !event.target.matches) return false;
  if (event.key === " ") return event.target.matches("button, summary, input, a, [role=button], [role=tab]");
  return event.key.startsWith("Arrow") && event.target.matches("input[type=radio], [role=tab], [role=separator]");
}

/** Call `actions[key]` for a key; modifiers are part of the name, in the order ctrl, shift. */
export function keys(actions) {
  const listener = (event) => {
    if (event.altKey || event.metaKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const name = event.key === " " ? "space" : event.key;
    const long = `${event.ctrlKey ? "ctrl " : ""}${event.shiftKey ? "shift " : ""}${name}`;
    const action = actions[long] ?? (event.ctrlKey ? null : actions[name]);
    if (!action) return;
    if (isForTheFocused(event)) return;
    event.preventDefault();
    action(event);
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}

export function helpDialog() {
  const dialog = el(
    "dialog.help",
    { "aria-label": "Keys" },
    el("h2", "Keys"),
    el(
      "div.columns",
      HELP.map(([title, rows]) =>
        el(
          "section",
          el("h3", title),
          el(
            "dl",
            rows.map(([key, what]) => [
              el(
                "dt",
                key.split(" ").map((k) => (k === "…" ? k : el("kbd", k))),
              ),
              el("dd", what),
            ]),
          ),
        ),
      ),
    ),
    el("form", { method: "dialog" }, el("button", { class: "button", autofocus: true }, "Close")),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}
