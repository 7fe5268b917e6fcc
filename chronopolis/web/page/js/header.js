// The bar on top: which run this is and how it stands, search, and what can be done.

import { el, fill } from "./dom.js";
import { everybodyOf } from "./everybody.js";
import { icon } from "./icons.js";
import { theme } from "./theme.js";
import { notice } from "./notices.js";

export const brand = () =>
  el("a.brand", { href: "/", title: "All runs" }, el("span.mark", { "aria-hidden": "true" }), "Chronopolis");

export const status = (name) => el(`span.status.is-${name}`, { "data-test": "status" }, el("i"), name);

export function themeButton() {
  const button = el(
    "button.round",
    {
      type: "button",
      title: "Light, dark, system (g)",
      "aria-label": "Theme",
      "data-test": "theme",
      onclick: changeTheme,
    },
    icon("theme"),
  );
  return button;
}

/** Change to the next theme, and say which it is, since it may look the same. */
export function changeTheme() {
  notice(theme.next(), { about: "theme" });
}

/**
 * A search field with a list under it. `choose` is called with an agent; `head()` is the newest tick, `now()` the one at
 * which agents are looked for.
 */
export function searchBox(people, { now, head }, choose) {
  const everybody = everybodyOf(people);
  const list = el("ul.found", { role: "listbox", id: "found", hidden: true });
  const field = el("input", {
    type: "search",
    placeholder: "Search an agent",
    "aria-label": "Search an agent by name or number",
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": "found",
    autocomplete: "off",
    "data-test": "search",
    oninput: () => show(),
    onblur: () => setTimeout(close, 150),
    onkeydown: (event) => {
      if (event.key === "Escape") {
        field.value = "";
        close();
        field.blur();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        move(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter") take(found[at] ?? found[0]);
    },
  });
  let found = [];
  let at = 0;
  let looking = false;
  async function show() {
    found = everybody.find(field.value, now());
    at = 0;
    looking = true;
    paint();
    try {
      await everybody.upTo(head());
    } catch (error) {
      notice(error.message, { error: true });
    }
    looking = false;
    if (document.activeElement !== field) return;
    const [chosen] = found.splice(at, 1);
    found = everybody.find(field.value, now());
    at = Math.max(0, found.findIndex((each) => each.agent === chosen?.agent));
    paint();
  }
  function paint() {
    fill(
      list,
      found.map((each, k) =>
        el(
          `li${k === at ? ".on" : ""}`,
          { role: "option", "aria-selected": String(k === at), onpointerdown: () => take(each) },
          each.name,
          el("span.faint", ` ${each.agent}${each.note ? ` · ${each.note}` : ""}`),
        ),
      ),
    );
    if (field.value.trim() && !found.length) fill(list, el("li.none", nobody()));
    list.hidden = !field.value.trim();
    field.setAttribute("aria-expanded", String(!list.hidden));
  }
  const nobody = () =>
    looking
      ? "Looking…"
      : everybody.complete
        ? "Nobody in this run is called so"
        : "Nobody is called so of those that were looked through";
  function move(by) {
    if (!found.length) return;
    at = (at + by + found.length) % found.length;
    paint();
  }
  function close() {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
  }
  function take(each) {
    if (!each) return;
    field.value = "";
    close();
    field.blur();
    choose(each.agent);
  }
  const node = el("div.search", { role: "search" }, icon("search", 14), field, list);
  return { node, field };
}
