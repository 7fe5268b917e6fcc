// What every measure is at one tick. A chart's points stand for several ticks each; the number beside it must not.

import { get, runPath } from "./api.js";
import { latest } from "./latest.js";

const STRETCH = 128; // ticks that are asked for at once, so that stepping and playing seldom have to ask
const KEPT = 16; // stretches

/** `onArrive()` is called when more is known. */
export function exactMeasures(session, onArrive) {
  const kept = new Map(); // first tick → answer, the one that was used longest ago first
  const startOf = (tick) => tick - (tick % STRETCH);
  const asked = latest(
    (first, signal) =>
      get(runPath(session.run, "measures"), { first, last: first + STRETCH - 1, points: STRETCH }, { signal }),
    (found, first) => {
      kept.delete(first);
      kept.set(first, found);
      for (const oldest of kept.keys()) {
        if (kept.size <= KEPT) break;
        kept.delete(oldest);
      }
      onArrive();
    },
    { onError: (error) => session.problem(error) },
  );

  return {
    /** The values of a tick by name, in their unit; null until they have come. */
    at(tick) {
      const first = startOf(tick);
      const found = kept.get(first);
      if (!found || tick > found.last) {
        // A stretch at the head of a run that goes on was shorter when it was asked for.
        asked.want(first, { again: Boolean(found) });
        return null;
      }
      kept.delete(first);
      kept.set(first, found);
      return (name) => inUnit(found.series[name]?.[tick - found.first], found.about?.[name]);
    },
    /** The newest tick up to one whose values have come; null if there is none. */
    newest(tick) {
      const ticks = [...kept.values()].filter(({ first }) => first <= tick).map(({ last }) => Math.min(last, tick));
      return ticks.length ? Math.max(...ticks) : null;
    },
  };
}

/** A value as the API gives it, in the measure's unit. */
export const inUnit = (value, about) => (value === null || value === undefined || !about?.milli ? value : value / 1000);
