// What an agent has in mind at the tick, and what it thought, said and remembered up to then.

import { get, runPath } from "./api.js";
import { agentLink, empty, section, tickLink, whyButton } from "./bits.js";
import { conversationView } from "./conversations.js";
import { el, fill } from "./dom.js";
import { milli, words } from "./format.js";
import { latest } from "./latest.js";
import { thoughtLine } from "./thoughts.js";

const MOST = 40; // of each that are shown
const BACK = 3000; // ticks

export function mindView(session) {
  const now = el("div");
  const lists = { thoughts: el("div"), memories: el("div"), conversations: el("div") };
  const node = el(
    "div",
    now,
    section("Thoughts", lists.thoughts),
    section("Memories", lists.memories),
    section("Conversations", lists.conversations),
  );
  const none = "This society has no minds: agents follow rules.";

  const asked = latest(
    async ([agent, tick], signal) => {
      // Talk is looked for in the near past.
      const [thoughts, memories, conversations] = await Promise.all([
        get(runPath(session.run, "thoughts"), { agent, last: tick, limit: MOST, newest: true }, { signal }),
        get(runPath(session.run, "memories"), { agent, tick }, { signal }),
        get(
          runPath(session.run, "conversations"),
          { agent, first: Math.max(0, tick - BACK), last: tick, newest: true },
          { signal },
        ),
      ]);
      const who = conversations.conversations.flatMap(({ speeches }) => speeches.flatMap((s) => [s.agent, s.target]));
      await Promise.all(who.map((each) => session.people.one(each)));
      return { thoughts, memories, conversations };
    },
    ({ thoughts, memories, conversations }) => {
      const newest = (list, at) => [...list].sort((a, b) => at(b) - at(a)).slice(0, MOST);
      fill(
        lists.thoughts,
        listed(
          newest(thoughts.thoughts, (t) => t.asked_tick),
          (each) => thoughtLine(session, each),
          "Has not thought yet",
        ),
      );
      fill(
        lists.memories,
        listed(
          newest(memories.memories, (m) => m.tick),
          memory,
          "Remembers nothing in particular",
        ),
      );
      fill(
        lists.conversations,
        listed(
          conversations.conversations.slice(-MOST).reverse(),
          (each) => conversationView(session, each),
          "Has talked with nobody lately",
        ),
      );
    },
    { onError: (error) => fill(lists.thoughts, empty(error.message)) },
  );

  const listed = (list, line, otherwise) => (list.length ? list.map(line) : empty(otherwise));

  function memory(each) {
    return el(
      "div.memory",
      el("div.memory-text", each.text),
      el(
        "div.faint",
        tickLink(session, each.tick),
        ` · ${each.kind} · importance ${milli(each.importance_milli)} `,
        whyButton(session, each.memory),
      ),
    );
  }

  function show(agent) {
    const mind = agent.mind;
    if (!mind) {
      fill(now, empty(agent.alive ? none : "It is not alive at this tick."));
      return;
    }
    fill(
      now,
      section(
        "In mind",
        mind.awaits &&
          el(
            "p",
            "Is thinking since ",
            tickLink(session, Number(String(mind.awaits.asked).split(":")[0])),
            "; it takes effect at tick ",
            tickLink(session, mind.awaits.due),
          ),
        mind.conversation &&
          el(
            "p",
            "Talks with ",
            agentLink(session, mind.conversation.with.agent),
            el("span.faint", ` · ${mind.conversation.speeches} said so far`),
          ),
        mind.offer && el("p", "Has an offer from ", agentLink(session, mind.offer.from.agent), terms(mind.offer.terms)),
        mind.pledge &&
          el("p", "Has agreed with ", agentLink(session, mind.pledge.with.agent), terms(mind.pledge.terms)),
        (mind.inbox ?? []).map((said) =>
          el(
            "p.said",
            el("span.faint", `${said.from?.name ?? "Somebody"}, ${words(said.act).toLowerCase()}: `),
            `“${said.text}” `,
            whyButton(session, said.speech),
          ),
        ),
        (mind.news ?? []).map((heard) =>
          el("p.said", el("span.faint", "News: "), `“${heard.text}” `, whyButton(session, heard.news)),
        ),
        !mind.awaits &&
          !mind.conversation &&
          !mind.offer &&
          !mind.pledge &&
          !mind.inbox?.length &&
          !mind.news?.length &&
          empty("Nothing at the moment"),
      ),
    );
  }
  const terms = (given) =>
    given &&
    el(
      "span.faint",
      given.work
        ? `: to ${words(given.work).toLowerCase()}`
        : `: ${milli(given.quantity)} ${given.give} for ${milli(given.taken)} ${given.take}`,
    );

  return {
    node,
    show,
    rest(agent, tick, answer) {
      if (answer && !answer.mind && answer.alive) {
        for (const each of Object.values(lists)) fill(each, empty(none));
        return;
      }
      asked.want([agent, tick], { again: true });
    },
    forget() {
      asked.forget();
      fill(now);
      for (const each of Object.values(lists)) fill(each);
    },
  };
}
