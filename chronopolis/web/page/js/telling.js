// Events as sentences. What is not known here is told by its kind's own name.

import { amount, milli, words } from "./format.js";

const good = (e, name = "good", quantity = "quantity") => `${amount(e[name], e[quantity])} ${e[name]}`;

const SENTENCES = {
  WorldFounded: (e) => `The world was laid out, ${e.width} × ${e.height} cells`,
  CellFormed: (e) => `A cell of ${e.biome} came to be`,
  AgentJoined: (e, who) => `${e.name ?? who(e.agent)} arrived, a ${e.occupation}`,
  GoodsEndowed: (e, who) => `${who(e.agent)} was given ${good(e)}`,
  IntentionFormed: (e, who) => `${who(e.agent)} set out to ${plain(e.intention)}`,
  AgentMoved: (e, who, place) => `${who(e.agent)} went to ${place(e.cell)}`,
  GoodsGathered: (e, who) => `${who(e.agent)} gathered ${good(e)}`,
  SkillImproved: (e, who) => `${who(e.agent)} got better at ${e.skill} (${milli(e.level)})`,
  MealEaten: (e, who) => `${who(e.agent)} ate ${good(e)}`,
  AgentRested: (e, who) => `${who(e.agent)} rested`,
  ToolCrafted: (e, who) => `${who(e.agent)} made a tool`,
  AgentsMet: (e, who) => `${who(e.agent)} got to know ${who(e.target)}`,
  WordsSpoken: (e, who) => `${who(e.agent)} to ${who(e.target)}: “${e.text}”`,
  GoodsTraded: (e, who) =>
    `${who(e.agent)} gave ${who(e.target)} ${good(e)} for ${good(e, "taken_good", "taken_quantity")}`,
  GoodsGiven: (e, who) => `${who(e.agent)} gave ${who(e.target)} ${good(e)}`,
  GiftReceived: (e, who) => `${who(e.agent)} got ${good(e, "taken_good", "taken_quantity")} from ${who(e.target)}`,
  ChildBorne: (e, who) => `${who(e.agent)} had a child, ${who(e.target)}`,
  AgentBorn: (e, who) => `${e.name ?? who(e.agent)} was born to ${who(e.target)}`,
  AgentDied: (e, who) => `${who(e.agent)} died of ${plain(e.because)}`,
  GoodsInherited: (e, who) =>
    `${who(e.agent)} inherited ${good(e, "taken_good", "taken_quantity")} from ${who(e.target)}`,
  ThoughtRequested: (e, who) => `${who(e.agent)} began to think (${plain(e.reason)})`,
  ThoughtTaken: (e, who) => `${who(e.agent)} decided to ${plain(e.intention)}`,
  ThoughtRefused: (e, who) => `A thought of ${who(e.agent)} came to nothing: ${e.because}`,
  InterventionMade: (e, who) =>
    `${e.by} intervened${e.agent >= 0 ? ` with ${who(e.agent)}` : ""}${e.why ? `: ${e.why}` : ""}${e.refused ? ` – refused: ${e.refused}` : ""}`,
  ScenarioChanged: (e) => `This fork goes on under other constants: ${changesOf(e)}`,
  StockChanged: (e, who, place) => `The ${e.good} at ${place(e.cell)} was changed to ${milli(e.stock)}`,
  SpeechMade: (e, who) => `${who(e.agent)} to ${who(e.target)}: “${e.text}”`,
  ConversationClosed: (e, who) => `${who(e.agent)} and ${who(e.target)} stopped talking (${plain(e.because)})`,
  PledgeMade: (e, who) => `${who(e.agent)} and ${who(e.target)} agreed`,
  PledgeKept: (e, who) => `${who(e.agent)} and ${who(e.target)} did what they had agreed`,
  PledgeLapsed: (e, who) => `What ${who(e.agent)} and ${who(e.target)} had agreed could not be done`,
  NewsHeard: (e, who) => `${who(e.agent)} heard: “${e.text}”`,
  MemoryFormed: (e, who) => `${who(e.agent)} will remember: “${e.text}”`,
  MemoryForgotten: (e, who) => `${who(e.agent)} forgot something`,
  ReflectionMade: (e, who) => `${who(e.agent)} drew a conclusion`,
};

function changesOf({ settings, seed }) {
  const named = Object.entries({ ...settings, ...(seed ? { seed } : {}) });
  return named.map(([name, { before, after }]) => `${plain(name)} ${before} → ${after}`).join(", ") || "none";
}

const plain = (name) => words(name ?? "").toLowerCase();

/** Tell an event; `who` gives an agent's name and `width` is that of the grid. */
export function tell(event, who, width) {
  const place = (cell) =>
    cell === undefined ? "elsewhere" : `row ${Math.floor(cell / width)}, column ${cell % width}`;
  try {
    const told = SENTENCES[event.kind]?.(event, who, place);
    if (told) return told;
  } catch {
    // A field that a later release has left out: told by its kind.
  }
  return `${words(event.kind)}${event.agent >= 0 ? `: ${who(event.agent)}` : ""}`;
}

// What sort of thing a kind is: gives it its colour in lists and graphs.
const SORTS = {
  act: "AgentMoved GoodsGathered MealEaten AgentRested ToolCrafted SkillImproved",
  bond: "AgentsMet GoodsTraded GoodsGiven GiftReceived PledgeMade PledgeKept PledgeLapsed",
  word: "WordsSpoken SpeechMade ConversationClosed NewsHeard",
  mind: "IntentionFormed ThoughtRequested ThoughtTaken ThoughtRefused MemoryFormed MemoryForgotten ReflectionMade",
  world: "WorldFounded CellFormed",
  life: "AgentJoined ChildBorne AgentBorn AgentDied GoodsInherited",
  hand: "InterventionMade GoodsEndowed ScenarioChanged StockChanged",
};
const SORT_OF = new Map(Object.entries(SORTS).flatMap(([sort, kinds]) => kinds.split(" ").map((kind) => [kind, sort])));
export const sortOf = (kind) => SORT_OF.get(kind) ?? "other";
