// What has to be said in passing, and the banner that stays while the server is away.

import { connection } from "./api.js";
import { el } from "./dom.js";

let place = null;

export function noticePlace() {
  place = el("div.notices", { role: "status", "aria-live": "polite" });
  return place;
}

export function notice(text, { error = false, ms = 4200 } = {}) {
  if ([...(place?.children ?? [])].some((each) => each.textContent === text)) return; // it is being said already
  const node = el(`div.notice${error ? ".bad" : ""}`, text);
  place?.append(node);
  while (place && place.childElementCount > 3) place.firstChild.remove();
  setTimeout(() => node.remove(), error ? 2 * ms : ms);
}

export function banner() {
  const node = el(
    "div.banner",
    { role: "alert", hidden: true },
    el("i.pulse"),
    "The server does not answer. Trying again; where you are is kept.",
  );
  connection.on("down", () => (node.hidden = false));
  connection.on("up", () => (node.hidden = true));
  if (connection.down) node.hidden = false;
  return node;
}

/** A page in place of the one that can't be shown, with a way back. */
export function dead(title, text, ...more) {
  return el("main.dead", el("h1", title), el("p", text), el("p", el("a.button", { href: "/" }, "All runs"), ...more));
}
