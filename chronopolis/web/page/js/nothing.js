// A page in place of one that is not there, or can't be shown: it says so, and leads back to the list of runs.

import { el, fill } from "./dom.js";
import { brand, themeButton } from "./header.js";
import { pageKeys } from "./keyboard.js";
import { banner, noticePlace } from "./notices.js";
import { theme } from "./theme.js";
import { button } from "./transport.js";

export function startNothing(root, { path }) {
  theme.begin();
  document.title = "Nothing here – Chronopolis";
  return dead(root, "There is no such page", `There is nothing at ${path}. A run has its page at /run/NAME.`);
}

/** Show only this; what is returned ends it. */
export function dead(root, title, text) {
  const keys = pageKeys([]);
  fill(
    root,
    banner(),
    noticePlace(),
    el(
      "header.bar",
      brand(),
      el("span.space"),
      themeButton(),
      button("help", "Keys (?)", () => keys.help.showModal()),
    ),
    el("main.dead", el("h1", title), el("p", text), el("p", el("a.button", { href: "/runs" }, "All runs"))),
    keys.help,
  );
  return { end: keys.end };
}
