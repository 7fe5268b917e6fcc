// A thought as a line, and in full: the exact prompt and answer, what was retrieved for it, what it cost.

import { get, runPath } from "./api.js";
import { empty, facts, section, tickLink } from "./bits.js";
import { el, fill } from "./dom.js";
import { milli, whole, words } from "./format.js";

export function thoughtLine(session, thought) {
  const answer = thought.answer ?? {};
  const refused = answer.refused ?? answer.because;
  const said = answer.say?.text ?? answer.say ?? answer.words;
  return el(
    "div.thought",
    { "data-test": "thought", onclick: () => showThought(session, thought) },
    el(
      "div.event-told",
      el("b", refused ? "Refused" : words(answer.intention ?? answer.conclusion ?? thought.purpose ?? "thought")),
      refused ? `: ${refused}` : typeof said === "string" && said ? el("span.soft", ` and said “${said}”`) : null,
    ),
    el(
      "div.faint",
      "asked at ",
      tickLink(session, thought.asked_tick),
      thought.effect_tick !== undefined && [", took effect at ", tickLink(session, thought.effect_tick)],
      " · ",
      el("button.link", { type: "button" }, "prompt and answer"),
    ),
  );
}

export async function showThought(session, thought) {
  const body = el("div.thought-body", empty("Opening…"));
  const dialog = el(
    "dialog.wide",
    { "aria-label": "A thought" },
    el("h2", `${session.people.name(thought.agent)} thought at tick ${whole(thought.asked_tick)}`),
    body,
    el("form", { method: "dialog" }, el("button", { class: "button", autofocus: true }, "Close")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  session.root.append(dialog);
  dialog.showModal();
  try {
    const found = await get(runPath(session.run, `thoughts/${thought.agent}/${thought.asked_tick}`));
    fill(body, wholeThought(session, { ...thought, ...(found.thought ?? found) }));
  } catch (error) {
    fill(body, empty(error.message));
  }
}

function wholeThought(session, thought) {
  const messages = messagesOf(thought.prompt ?? thought.request);
  const memories = thought.retrieved ?? thought.memories ?? [];
  return [
    facts([
      ["Asked", tickLink(session, thought.asked_tick)],
      ["Took effect", thought.effect_tick !== undefined && tickLink(session, thought.effect_tick)],
      ["Purpose", words(thought.purpose)],
      ["Engine", typeof thought.engine === "object" ? thought.engine?.name : thought.engine],
      ["Latency", Number.isFinite(thought.latency_ms) && `${whole(thought.latency_ms)} ms`],
      [
        "Tokens",
        Number.isFinite(thought.tokens_in) && `${whole(thought.tokens_in)} in, ${whole(thought.tokens_out ?? 0)} out`,
      ],
      ["Attempts", thought.attempts > 1 && thought.attempts],
    ]),
    section(
      "Prompt",
      messages.length
        ? messages.map(({ role, content }) => el("div.message", el("span.role", role), el("pre", content)))
        : empty("It was not kept."),
    ),
    section("Answer, as it came", el("pre", text(thought.raw ?? thought.answer))),
    thought.raw && section("Answer, as it was used", el("pre", text(thought.answer))),
    memories.length > 0 &&
      section(
        "Memories that were retrieved",
        memories.map((memory) =>
          el(
            "p.memory",
            el(
              "span.faint",
              `${memory.id ?? ""} · score ${memory.score === undefined ? "–" : milli(memory.score / 1000)} · `,
            ),
            memory.text ?? "",
          ),
        ),
      ),
  ];
}

/** The messages of a request that was kept as JSON, or the whole text as one. */
function messagesOf(prompt) {
  if (!prompt) return [];
  let request = prompt;
  if (typeof prompt === "string") {
    try {
      request = JSON.parse(prompt);
    } catch {
      return [{ role: "prompt", content: prompt }];
    }
  }
  const messages = Array.isArray(request) ? request : request.messages;
  if (Array.isArray(messages)) return messages.map((m) => ({ role: m.role, content: text(m.content) }));
  return [{ role: "request", content: text(request) }];
}

function text(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "string") return JSON.stringify(value, null, 2);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
