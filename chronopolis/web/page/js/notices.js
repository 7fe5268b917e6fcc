// What has to be said in passing, and the banner that stays while the server is away.

import { connection } from "./api.js";
import { el } from "./dom.js";
import { whole } from "./format.js";

let place = null;

export function noticePlace() {
  const said = [...(place?.children ?? [])]; // while the page was being made, which is not yet to be forgotten
  place = el("div.notices", { role: "status", "aria-live": "polite" }, said);
  return place;
}

/** A text whose lines are to stand below each other, as a mark does below what it points at. */
export const lines = (text) => (text.includes("\n") ? el("span.lines", text) : text);

/** Say something in passing; `about`: in place of what was said of the same before, which is not true any more. */
export function notice(text, { error = false, ms = 4200, about = null } = {}) {
  if (about) place?.querySelectorAll(`[data-about=${about}]`).forEach((each) => each.remove());
  if ([...(place?.children ?? [])].some((each) => each.textContent === text)) return; // it is being said already
  const node = el(`div.notice${error ? ".bad" : ""}`, { "data-about": about }, lines(text));
  place?.append(node);
  while (place && place.childElementCount > 3) place.firstChild.remove();
  setTimeout(() => node.remove(), error ? 2 * ms : ms);
}

const KEPT = "polis.notices";

/** Have something said by the page that comes next. */
export const keepNotices = (texts) => sessionStorage.setItem(KEPT, JSON.stringify(texts));

/** Say what the page before this one kept. */
export function sayKept() {
  for (const text of JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")) notice(text, { error: true });
  sessionStorage.removeItem(KEPT);
}

export const notYet = (tick, head) => `Tick ${whole(tick)} has not happened yet: the newest is ${whole(head)}`;

export function banner() {
  const node = el(
    "div.banner",
    { role: "alert", hidden: true },
    el("i.pulse"),
    "The server does not answer. Trying again; where you are is kept.",
  );
  connection.on("down", () => (node.hidden = false));
  connection.on("up", () => (node.hidden = true));
  connection.on("away", (message) => notice(message, { error: true }));
  if (connection.down) node.hidden = false;
  return node;
}
