// Keys, and the list of them that `?` shows: made of the same rows, so that it lists what works on a page.

import { el } from "./dom.js";
import { changeTheme } from "./header.js";

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

/**
 * Listen to keys. `groups` is [[title, rows]], each row [keys as they are shown, what they do, {key: action}]; modifiers
 * are part of a key's name, in the order ctrl, shift. Every page has `g` and `?` besides.
 *
 * @returns {{help, end}} the dialog that lists them, to be put on the page, and what ends listening
 */
export function pageKeys(groups) {
  const open = () => help.showModal();
  const page = [
    ["g", "light, dark, system", { g: changeTheme }],
    ["?", "this list", { "?": open, "shift ?": open }],
  ];
  const all = [...groups, ["Page", page]];
  const help = helpDialog(all);
  const actions = Object.assign({}, ...all.flatMap(([, rows]) => rows.map(([, , does]) => does)));
  return { help, end: listen(actions) };
}

function listen(actions) {
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

function helpDialog(groups) {
  const dialog = el(
    "dialog.help",
    { "aria-label": "Keys" },
    el("h2", "Keys"),
    el(
      "div.columns",
      groups.map(([title, rows]) =>
        el(
          "section",
          el("h3", title),
          el(
            "dl",
            rows.map(([key, what]) => [
              el(
                "dt",
                key.split(" ").map((k) => (k === "…" || k === "·" ? k : el("kbd", k))),
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
