// The row of buttons that moves time: like those of a player, and a field to jump to a tick.

import { SPEEDS } from "./clock.js";
import { el, fill } from "./dom.js";
import { whole } from "./format.js";
import { icon } from "./icons.js";

export const button = (name, title, onclick, more = {}) =>
  el(
    "button.round",
    { type: "button", title, "aria-label": title.replace(/ \(.*\)$/, ""), onclick, ...more },
    icon(name),
  );

const speedName = (speed) => `×${speed}`;

export function transport(clock) {
  const play = button("play", "Play (space)", () => clock.toggle(), { "data-test": "play" });
  const reverse = button(
    "reverse",
    "Play backwards (shift+space)",
    () => (clock.direction < 0 ? clock.pause() : clock.play(-1)),
    { "data-test": "reverse" },
  );
  const speed = el(
    "select.quiet",
    {
      title: "Ticks a second (+ and −)",
      "aria-label": "Speed in ticks a second",
      onchange: () => clock.setSpeed(Number(speed.value)),
    },
    SPEEDS.map((each) => el("option", { value: each }, speedName(each))),
  );
  const tick = el("input.tick", {
    type: "text",
    inputmode: "numeric",
    "aria-label": "Tick to jump to",
    title: "Type a tick and press Enter",
    onfocus: () => tick.select(),
    onkeydown: (event) => {
      if (event.key === "Escape") tick.blur();
      if (event.key !== "Enter") return;
      const wanted = Number(tick.value.replaceAll(/[ ,.'’_]/g, ""));
      if (Number.isFinite(wanted)) clock.seek(wanted);
      tick.blur();
    },
    onblur: () => show(),
  });
  const head = el("span.head", { title: "The newest tick" });
  const follow = el(
    "button.toggle",
    {
      type: "button",
      title: "Stay at the newest tick as the run goes on",
      "aria-pressed": "false",
      "data-test": "follow-head",
      onclick: () => clock.setFollow(!clock.follow),
    },
    icon("live"),
    "Follow",
  );
  const loading = el("span.loading", { role: "status" });

  function show() {
    if (document.activeElement !== tick) tick.value = whole(clock.tick);
    fill(head, "/ ", whole(Math.max(0, clock.head)));
  }
  function mode() {
    fill(play, icon(clock.direction > 0 ? "pause" : "play"));
    play.setAttribute("aria-label", clock.direction > 0 ? "Pause" : "Play");
    play.classList.toggle("on", clock.direction > 0);
    fill(reverse, icon(clock.direction < 0 ? "pause" : "reverse"));
    reverse.setAttribute("aria-label", clock.direction < 0 ? "Pause" : "Play backwards");
    reverse.classList.toggle("on", clock.direction < 0);
    speed.value = String(SPEEDS.includes(clock.speed) ? clock.speed : SPEEDS.find((s) => s >= clock.speed));
    follow.setAttribute("aria-pressed", String(clock.follow));
    fill(loading, clock.buffering ? "loading…" : "");
  }
  clock.on("cursor", show);
  clock.on("head", show);
  clock.on("mode", mode);
  show();
  mode();
  const node = el(
    "div.transport",
    { role: "toolbar", "aria-label": "Time" },
    button("first", "To tick 0 (Home)", () => clock.seek(0)),
    button("previous", "One tick back (←)", () => clock.step(-1), { "data-test": "back" }),
    reverse,
    play,
    button("next", "One tick on (→)", () => clock.step(1), { "data-test": "forward" }),
    button("last", "To the newest tick (End)", () => clock.seek(clock.head)),
    speed,
    el("label.jump", tick, head),
    follow,
    loading,
  );
  return { node, tick, follow };
}
