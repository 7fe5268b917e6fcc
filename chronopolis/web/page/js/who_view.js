// Who an agent is: persona in words, traits and skills. Traits never change; skills are as of the tick.

import { agentLink, bar, empty, facts, section } from "./bits.js";
import { el, fill } from "./dom.js";
import { milli, whole, words } from "./format.js";

export function whoView(session) {
  const node = el("div");
  return {
    node,
    show(agent) {
      const { persona = {}, traits_milli: traits, skills_milli: skills } = agent;
      fill(
        node,
        persona.backstory &&
          section(
            "Persona",
            el("p.persona", persona.backstory),
            facts([
              ["Values", persona.values?.join(", ")],
              ["Speech", persona.style],
            ]),
          ),
        section(
          "Life",
          facts([
            ["Occupation", words(agent.occupation ?? persona.occupation ?? "")],
            [
              "Born",
              agent.born === undefined ? null : agent.born < 0 ? "before the first tick" : `tick ${whole(agent.born)}`,
            ],
            ["Can live", agent.lifespan && `${whole(agent.lifespan)} ticks`],
            ["Parent", agent.parent && agentLink(session, agent.parent.agent, agent.parent.name ?? undefined)],
            [
              "Household",
              agent.household !== undefined && agent.household >= 0 && `of ${session.people.name(agent.household)}`,
            ],
          ]),
        ),
        traits
          ? section(
              "Traits",
              Object.entries(traits).map(([name, value]) =>
                bar(words(name), value, 1000, { colour: "var(--mind)", text: milli(value) }),
              ),
            )
          : empty("Traits are known while it lives."),
        skills &&
          section(
            "Skills",
            Object.entries(skills).map(([name, value]) =>
              bar(words(name), value, 1000, { colour: "var(--life)", text: milli(value) }),
            ),
          ),
      );
    },
    forget: () => fill(node),
  };
}
