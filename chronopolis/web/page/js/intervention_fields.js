// The fields of an intervention, and what they say as the server wants it.

import { field, wholeNumber } from "./dialog.js";
import { el, fill } from "./dom.js";

const SORTS = {
  endow: "Give goods to an agent",
  news: "Tell an agent some news",
  rest: "Have an agent rest",
  remove: "Have an agent leave the world",
  add: "Add agents",
  stock: "Set what lies in cells",
};
const OF_AGENT = new Set(["endow", "news", "rest", "remove"]);
const PIECES = new Set(["coin", "tool"]);
const MOST = 268_435; // units that one holding has room for

export function interventionFields(session, { none = false } = {}) {
  const { codes } = session;
  const goods = (some) => some.map((good) => el("option", { value: good }, good));
  const sort = el(
    "select",
    { "data-test": "intervention-sort", onchange: () => show() },
    none && el("option", { value: "" }, "Nothing else"),
    Object.entries(SORTS).map(([name, title]) => el("option", { value: name }, title)),
  );
  const agent = el("input", {
    type: "text",
    value: session.agent ?? "",
    placeholder: "name or number",
    "data-test": "intervention-agent",
  });
  const good = el("select", { "data-test": "intervention-good" }, goods(codes.good));
  const stock = el("select", goods(codes.good.slice(0, 4)));
  const amount = el("input", { type: "number", min: 0, step: "any", value: 10, "data-test": "intervention-amount" });
  const news = el("textarea", {
    rows: 2,
    maxlength: 400,
    placeholder: "The river has flooded the fields.",
    "data-test": "intervention-news",
  });
  const many = el("input", { type: "number", min: 1, max: 10_000, value: 10 });
  const cell = el("input", { type: "text", value: session.map.cell ?? "", placeholder: "anywhere" });
  const cells = el("input", { type: "text", value: session.map.cell ?? "all" });
  const percent = el("input", { type: "number", min: 0, max: 100, value: 100 });
  const more = el("div.fields");
  const parts = {
    endow: () => [
      field("Agent", agent),
      field("Good", good),
      field("How much", amount, "Units; coins and tool uses in pieces"),
    ],
    news: () => [field("Agent", agent), field("News", news, "Whom it reaches from there, talk decides")],
    rest: () => [field("Agent", agent)],
    remove: () => [field("Agent", agent)],
    add: () => [field("How many", many), field("Cell", cell, "Left out: wherever there is room")],
    stock: () => [
      field("Good", stock),
      field("Cells", cells, "Numbers with commas between, or all"),
      field("Percent of what can grow", percent),
    ],
  };
  const show = () => fill(more, parts[sort.value]?.() ?? []);
  show();

  // The server knows whether one alone is called so, and says who if there are several.
  const who = () => wholeNumber(agent.value) ?? agent.value.trim();
  const listOfCells = () => cells.value.split(/[ ,]+/).filter(Boolean).map(wholeNumber);

  function check() {
    const kind = sort.value;
    if (OF_AGENT.has(kind) && who() === "") return "Name the agent, or give its number.";
    if (kind === "endow" && !(Number(amount.value) > 0 && Number(amount.value) <= MOST))
      return "Give more than nothing, and not more than an agent can hold.";
    if (kind === "news" && !news.value.trim()) return "Say what the news is.";
    if (kind === "add" && !(wholeNumber(many.value) >= 1)) return "Add one agent at least.";
    if (kind === "add" && cell.value.trim() && wholeNumber(cell.value) === null)
      return "The cell is a number, or left out.";
    if (
      kind === "stock" &&
      cells.value.trim() !== "all" &&
      (!listOfCells().length || listOfCells().some((c) => c === null || c < 0 || c >= session.terrain.n))
    )
      return `Cells are numbers from 0 to ${session.terrain.n - 1}, or all.`;
    if (kind === "stock" && !(percent.value !== "" && percent.value >= 0 && percent.value <= 100))
      return "Percent lies from 0 to 100.";
    return "";
  }

  /** What is to be done, with its agent; null if nothing. */
  function given() {
    const kind = sort.value;
    if (!kind) return null;
    const about = OF_AGENT.has(kind) ? { agent: who() } : {};
    const quantity = PIECES.has(good.value)
      ? Math.round(Number(amount.value))
      : Math.round(Number(amount.value) * 1000);
    const what = {
      endow: { endow: { [good.value]: quantity } },
      news: { news: news.value.trim() },
      rest: { rest: true },
      remove: { remove: true },
      add: {
        add: { agents: wholeNumber(many.value), ...(cell.value.trim() ? { cell: wholeNumber(cell.value) } : {}) },
      },
      stock: {
        stock: {
          good: stock.value,
          cells: cells.value.trim() === "all" ? "all" : listOfCells(),
          percent: Number(percent.value),
        },
      },
    }[kind];
    return { ...about, ...what };
  }
  return { node: el("div.fields", field(none ? "And do at once" : "What", sort), more), check, given };
}
