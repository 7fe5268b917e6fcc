// What is marked on the timeline: forks, interventions, snapshots, bookmarks, and what was found.

import { get, runPath } from "./api.js";
import { inert } from "./format.js";

const kept = new Map(); // run → {at, marks}; the server's are asked for at most once in this time
const FRESH_MS = 2500;

async function recorded(run) {
  const known = kept.get(run);
  if (known && performance.now() - known.at < FRESH_MS) return known.marks;
  const entry = { at: performance.now(), marks: known?.marks ?? null };
  kept.set(run, entry);
  try {
    entry.marks = await get(runPath(run, "marks"));
  } catch {
    // The timeline shows what was known.
  }
  return entry.marks;
}

export const forgetMarks = (run) => kept.delete(run);

export async function allMarks(session) {
  const marks = (await recorded(session.run)) ?? {};
  const { people } = session;
  return [
    ...(marks.snapshots ?? []).map((each) => ({ kind: "snapshot", tick: each.tick ?? each })),
    ...(marks.forks ?? []).map((each) => ({
      kind: "fork",
      tick: each.tick,
      run: each.name,
      title: `Fork: ${each.name}`,
    })),
    ...(marks.interventions ?? []).map((each) => ({
      kind: "intervention",
      tick: each.tick,
      title: told(each, people),
    })),
    ...session.bookmarks.ticks.map((tick) => ({ kind: "bookmark", tick, title: "Bookmark" })),
    ...(session.found ?? []).map((each) => ({ kind: "found", tick: each.tick, title: each.title })),
  ];
}

function told(each, people) {
  const who = Number.isInteger(each.agent) && each.agent >= 0 ? ` · ${people.name(each.agent)}` : "";
  return `Intervention${each.by ? ` by ${inert(each.by)}` : ""}${who}${each.why ? `: ${inert(each.why)}` : ""}`;
}
