// Breakpoints: run on, or back, to the tick at which an expression over measures and state holds.

import { get, runPath } from "./api.js";
import { el } from "./dom.js";
import { counted, whole } from "./format.js";
import { notice } from "./notices.js";
import { tell } from "./telling.js";
import { button } from "./transport.js";

const TOLD_EVERY_MS = 2000;

export function whereBox(session) {
  const { clock } = session;
  const key = `polis.where.${session.run}`; // what was looked for in another run is no part of this one
  const box = el("input.mono", {
    type: "text",
    placeholder: "tick where … gini_coins > 0.3",
    "aria-label": "Expression to look for",
    "data-test": "where",
    spellcheck: "false",
    value: localStorage.getItem(key) ?? "",
    title: "Measures and state, such as population < 480 or deaths > 0",
    onkeydown: (event) => {
      if (event.key === "Enter") find(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") box.blur();
    },
  });
  const back = button("previous", "Back to the last tick where it held (shift+Enter)", () => find(-1), {
    "data-test": "where-back",
  });
  const on = button("next", "On to the next tick where it holds (n)", () => find(1), { "data-test": "where-next" });
  const node = el("div.where", { role: "search", "aria-label": "Run to a tick where" }, box, back, on);

  const say = (text, more) => notice(text, { about: "where", ...more });

  async function find(direction) {
    const expression = box.value.trim();
    if (on.disabled) return; // one search at a time
    if (!expression) return box.focus();
    localStorage.setItem(key, expression);
    clock.pause();
    const from = clock.tick + direction;
    if (from < 0 || from > clock.head) return say("There are no more ticks that way");
    node.classList.add("busy");
    back.disabled = on.disabled = true;
    const told = lookedFor(direction > 0 ? clock.head - from + 1 : from + 1);
    try {
      const found =
        direction > 0
          ? await get(runPath(session.run, "bisect"), { expression, first: from, last: clock.head, told: true })
          : await get(runPath(session.run, "where"), { expression, first: 0, last: from, direction: "last" });
      if (found.tick === null || found.tick === undefined)
        say(`It holds at no ${direction > 0 ? "later" : "earlier"} tick`);
      else {
        session.found = [{ tick: found.tick, title: expression }];
        session.showMarks();
        clock.seek(found.tick);
        say(`It holds at tick ${whole(found.tick)}${because(found)}`, { ms: 8000 });
      }
    } catch (error) {
      say(error.message, { error: true });
    } finally {
      clearInterval(told);
      node.classList.remove("busy");
      back.disabled = on.disabled = false;
    }
  }
  /** Say again and again that a search goes on, and over how many ticks: the first over a long run takes its time. */
  function lookedFor(ticks) {
    const began = Date.now();
    return setInterval(() => {
      const seconds = Math.round((Date.now() - began) / 1000);
      say(`Looking through ${counted(ticks, "tick")}, for ${seconds} s`, { ms: 2 * TOLD_EVERY_MS });
    }, TOLD_EVERY_MS);
  }

  /** The event that moved it most, where the answer names one. */
  function because({ causes = [] }) {
    const [first] = causes;
    return first ? `: ${tell(first, session.people.name)}` : "";
  }

  return { node, find, box };
}
