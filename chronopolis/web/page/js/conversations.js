// A conversation as a thread: who said what to whom, each line a way to its tick.

import { tickLink, whyButton } from "./bits.js";
import { el } from "./dom.js";
import { words } from "./format.js";

export function conversationView(session, conversation) {
  const said = conversation.speeches;
  const between = [...new Set(said.flatMap((s) => [s.agent, s.target]))]
    .filter((a) => a >= 0)
    .map((a) => session.people.name(a));
  const [first] = said;
  return el(
    "details.conversation",
    { "data-test": "conversation" },
    el(
      "summary",
      between.join(" and ") || "A conversation",
      el("span.faint", ` · ${said.length} said${first ? `, from tick ` : ""}`),
      first && tickLink(session, first.tick),
    ),
    said.map((speech) =>
      el(
        "p.said",
        el("b", session.people.name(speech.agent)),
        el("span.faint", ` ${words(speech.act ?? "").toLowerCase()} · `),
        tickLink(session, speech.tick),
        " ",
        speech.ordinal !== undefined && whyButton(session, `${speech.tick}:${speech.ordinal}`),
        el("br"),
        `“${speech.text}”`,
      ),
    ),
    conversation.closed && el("p.faint", `Ended: ${words(conversation.closed.because).toLowerCase()}`),
  );
}
