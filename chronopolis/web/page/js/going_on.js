// Going on with a run: for how many ticks, and at what it is to pause; or stopping it. And why it paused last.

import { post, runPath } from "./api.js";
import { tickLink } from "./bits.js";
import { el, fill } from "./dom.js";
import { counted, whole } from "./format.js";
import { lines, notice } from "./notices.js";

export function goingOn(session) {
  const ticks = el("input.number", {
    type: "number",
    min: 1,
    value: 100,
    "aria-label": "How many ticks to go on",
    "data-test": "continue-ticks",
    onkeydown: (event) => event.key === "Enter" && goOn(),
  });
  const pauseAt = el("input.mono", {
    type: "text",
    maxlength: 1000,
    placeholder: "hungry > 0.3",
    spellcheck: "false",
    title: "A breakpoint: measures and state, such as population < 480 or deaths > 0. Empty: none",
    "data-test": "continue-break",
    onkeydown: (event) => event.key === "Enter" && goOn(),
  });
  const problem = el("p.bad", { role: "alert" });
  const node = el("div");

  async function goOn() {
    fill(problem);
    const wanted = Number(ticks.value);
    if (!Number.isInteger(wanted) || wanted < 1) return fill(problem, "Give a whole number of ticks, 1 or more.");
    const expression = pauseAt.value.trim();
    try {
      // The server reads the expression before it starts anything.
      const how = { ticks: wanted, ...(expression ? { break: expression } : {}) };
      session.live.emit("news", { continuing: await post(runPath(session.run, "continue"), how) });
      session.clock.setFollow(true);
      notice(`Going on for ${counted(wanted, "tick")}${expression ? `, or until ${expression}` : ""}`);
    } catch (error) {
      fill(problem, lines(error.message));
    }
  }

  async function stop() {
    fill(problem);
    try {
      await post(runPath(session.run, "pause"), {});
    } catch (error) {
      fill(problem, lines(error.message));
    }
  }

  function show() {
    const { about } = session;
    const [paused, stands] = [pausedNow(about), standing(about)];
    fill(
      node,
      about.continuing?.state === "failed" && about.status !== "running" && el("p.bad", about.continuing.problem),
      paused &&
        el(
          "p.paused",
          { "data-test": "paused" },
          "Paused at tick ",
          tickLink(session, paused.at),
          `: ${paused.because}`,
        ),
      stands === "starting" && el("p.soft", "A process is starting, and goes on with it in a moment."),
      ["running", "starting"].includes(stands)
        ? el("div.go-on", el("button.button", { type: "button", onclick: stop }, "Stop after this tick"))
        : [
            el(
              "div.go-on",
              el("button.button.main", { type: "button", onclick: goOn, "data-test": "continue" }, "Go on"),
              ticks,
              el("span.soft", "ticks"),
            ),
            el("label.go-on", el("span.soft", "or until"), pauseAt),
          ],
      problem,
    );
  }

  return { node, show, focus: () => ticks.focus() };
}

/** How a run stands: `starting` if a process of this server is to go on with it and has not begun; it may take a while. */
export function standing({ status, continuing, begun }) {
  const awaited = continuing?.state === "running" && begun !== continuing.pid;
  return awaited && status !== "running" ? "starting" : status;
}

/** Why a run stands where it does, if this server went on with it last and it paused for a reason; else null. */
export function pausedNow({ status, head_tick: head, continuing }) {
  return status !== "running" && continuing?.paused?.at === head ? continuing.paused : null;
}
