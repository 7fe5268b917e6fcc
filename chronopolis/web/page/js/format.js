// Numbers and names as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const whole = (n) => WHOLE.format(n);
export const short = (n) => (Math.abs(n) < 10_000 ? WHOLE.format(n) : SHORT.format(n));

/** "1 tick", "2 ticks". */
export const counted = (n, one, more = `${one}s`) => `${whole(n)} ${n === 1 ? one : more}`;

/** At most three figures that matter. */
export function figure(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  const size = Math.abs(n);
  if (Number.isInteger(n)) return short(n);
  if (size < 0.001) return n.toPrecision(2); // what is small is not 0.000
  return size >= 100 ? short(Math.round(n)) : n.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** Several figures that stand beside each other, with as many digits as tell them apart. */
export function figures(all) {
  let told = all.map(figure);
  for (let digits = 3; new Set(told).size < all.length && digits < 13; digits++) {
    const format = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: digits });
    told = all.map((n) => format.format(n));
  }
  return told;
}

/** Thousandths as units: 2500 → "2.5". */
export const milli = (n) =>
  n === null || n === undefined ? "–" : (n / 1000).toFixed(Math.abs(n) % 100 ? 2 : 1).replace(/\.?0+$/, "") || "0";

const PIECES = new Set(["coin", "tool"]);
export const amount = (good, n) => (PIECES.has(good) ? whole(n) : milli(n));

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** "GoodsTraded" → "Goods traded", "cut_wood" → "Cut wood". */
export function words(name) {
  const spaced = String(name)
    .replaceAll("_", " ")
    .replace(/([a-z0-9])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
  return capital(spaced);
}

/** What somebody wrote, as it may be shown: nothing in it turns the order of what follows. */
export const inert = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => ("\u200c\u200d".includes(c) ? c : " "));

export const address = (event) => `${event.tick}:${event.ordinal}`;

/** A time as somebody would say it: "3 min ago". */
export function ago(text) {
  const then = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`.replace(" ", "T"));
  if (Number.isNaN(then)) return text;
  const seconds = Math.max(0, (Date.now() - then) / 1000);
  for (const [unit, size] of [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
  ])
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return "just now";
}
