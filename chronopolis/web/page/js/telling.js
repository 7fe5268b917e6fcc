// Events as sentences: the server says the words, the page puts in the names that it knows.

import { capital, words } from "./format.js";

/** Tell an event that was asked for with `told`; `name` gives an agent's name, left out in a list of its `own`. */
export function tell(event, name, own = null) {
  const parts = event.told ?? [words(event.kind)];
  const about = parts[0] === own && !/^(:| and )/.test(parts[1]) ? parts.slice(1) : parts;
  return capital(about.map((part) => (typeof part === "number" ? name(part) : part)).join("").trim());
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
