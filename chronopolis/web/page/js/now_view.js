// An agent now: what it is set on, how it fares, what it has, whom it knows, what it did last.

import { get, runPath } from "./api.js";
import { agentLink, bar, empty, eventLine, section, tickLink, whyButton } from "./bits.js";
import { el, fill } from "./dom.js";
import { amount, milli, words } from "./format.js";
import { latest } from "./latest.js";

const LAST = 12;
const BACK = 400; // ticks that are searched for them

export function nowView(session) {
  const state = el("div");
  const events = el("div");
  const node = el("div", state, section("Last events", events));
  const asked = latest(
    async ([agent, tick], signal) => {
      const found = await get(
        runPath(session.run, "events"),
        { agent, first: Math.max(0, tick - BACK), last: tick, limit: LAST, newest: true, told: true },
        { signal },
      );
      await session.people.named(found.events); // some are dead, or were when the page was opened
      return found;
    },
    (found, [agent]) => {
      const newest = found.events.sort((a, b) => b.tick - a.tick || b.ordinal - a.ordinal);
      fill(
        events,
        newest.length
          ? newest.map((event) =>
              eventLine(session, event, { own: agent, onclick: () => session.clock.seek(event.tick) }),
            )
          : empty("Nothing in the last 400 ticks"),
      );
    },
    { onError: (error) => fill(events, empty(error.message)) },
  );

  function show(agent) {
    if (!agent.alive) {
      const event = agent.last_event ?? agent.arrival;
      const line = eventLine(session, event, { own: agent.agent, onclick: () => session.clock.seek(event.tick) });
      fill(state, section(agent.last_event ? "Last event" : "Yet to come", line));
      return;
    }
    const needs = agent.needs_milli ?? {};
    fill(
      state,
      section("Set on", intention(agent)),
      section(
        "Needs",
        Object.entries(needs).map(([name, value]) => bar(words(name), value, 10_000, { colour: `var(--${name})` })),
      ),
      section(
        "Possessions",
        el(
          "div.goods",
          Object.entries(agent.goods ?? {}).map(([good, n]) =>
            el(`div.good${n ? "" : ".none"}`, el("b", amount(good, n)), el("span", good)),
          ),
        ),
      ),
      section(
        "Ties",
        agent.ties?.length
          ? agent.ties.map((tie) =>
              el(
                "div.meter.tie",
                el("span.meter-name", agentLink(session, tie.agent, called(tie))),
                el(
                  "span.meter-track",
                  el("i", {
                    style: { width: `${Math.min(100, tie.strength_milli / 10)}%`, background: "var(--bond)" },
                  }),
                ),
                el("span.meter-value", milli(tie.strength_milli)),
              ),
            )
          : empty("Knows nobody yet"),
      ),
      agent.parent && section("Child of", agentLink(session, agent.parent.agent, called(agent.parent))),
    );
  }

  /** A name, the dead marked. */
  const called = ({ agent, name, alive }) => `${name ?? session.people.name(agent)}${alive === false ? " †" : ""}`;

  function intention({ intention, place }) {
    const here = place && `row ${place.row}, column ${place.column}, ${place.biome}`;
    if (!intention) return el("p", "Nothing in particular", here && el("span.faint", ` · ${here}`));
    const { goal, formed } = intention;
    return [
      el(
        "p",
        el("b", words(intention.intention)),
        goal && ` at row ${goal.row}, column ${goal.column}`,
        formed && [
          el("span.faint", " since tick "),
          tickLink(session, formed.tick),
          " ",
          whyButton(session, `${formed.tick}:${formed.ordinal}`),
        ],
      ),
      here && el("p.faint", `Now at ${here}`),
    ];
  }

  return {
    node,
    show,
    rest: (agent, tick) => asked.want([agent, tick], { again: true }),
    forget() {
      asked.forget();
      fill(state);
      fill(events);
    },
  };
}
