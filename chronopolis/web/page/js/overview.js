// The society at the tick that is shown, counted from the frame: no question to the server, so it keeps up with play.

import { bar, section } from "./bits.js";
import { el, fill } from "./dom.js";
import { counted, milli, whole, words } from "./format.js";
import { INTENTIONS, NEEDS, NOTHING, OCCUPATIONS } from "./palette.js";

/** How many there are, and when: light enough to be told with every frame. */
export function overviewHead({ map }, top) {
  if (!map.frame) return;
  const { n, tick } = map.frame;
  fill(
    top,
    el("div.who-line", el("h2", counted(n, "person", "people")), el("span.faint", `at tick ${whole(tick)}`)),
    el("p.soft", "Click one on the map, or press ", el("kbd", "/"), " to search by name."),
  );
}

export function overview(session, top, body) {
  const { codes, map } = session;
  const frame = map.frame;
  if (!frame) return;
  const { n } = frame;
  const jobs = new Array(codes.occupation.length).fill(0);
  const aims = new Array(codes.intention.length + 1).fill(0);
  const sums = { energy: 0, satiety: 0, company: 0 };
  const below = codes.satiety_below; // the measures "hungry" and "starving" count by the same
  const lacking = Object.fromEntries(Object.keys(below).map((name) => [name, 0]));
  for (let k = 0; k < n; k++) {
    jobs[frame.occupation[k]]++;
    aims[Math.min(codes.intention.length, frame.intention[k])]++;
    sums.energy += frame.energy[k];
    sums.satiety += frame.satiety[k];
    sums.company += frame.company[k];
    for (const name in below) if (frame.satiety[k] < below[name]) lacking[name]++;
  }
  const told = (name) => `${whole(lacking[name])} ${name} (satiety below ${milli(below[name])})`;
  const most = (counts) => Math.max(1, ...counts);
  overviewHead(session, top);
  fill(
    body,
    section(
      "Needs, on average",
      Object.keys(NEEDS).map((name) =>
        bar(words(name), n ? sums[name] / n : 0, 10_000, {
          colour: `var(--${name})`,
          text: n ? (sums[name] / n / 1000).toFixed(2) : "–",
        }),
      ),
      el("p.soft", { "data-test": "hungry" }, Object.keys(below).map(told).join(", ")),
    ),
    section(
      "By occupation",
      jobs.map((count, k) =>
        bar(words(codes.occupation[k]), count, most(jobs), { colour: OCCUPATIONS[k], text: whole(count) }),
      ),
    ),
    section(
      "By intention",
      aims.map((count, k) =>
        bar(words(codes.intention[k] ?? "none"), count, most(aims), {
          colour: INTENTIONS[k] ?? NOTHING,
          text: whole(count),
        }),
      ),
    ),
  );
}
