// The address bar says where one is: run, tick, agent, event, bookmarks. Kept current without filling the history.

import { COLOURINGS, GROUNDS } from "./layers.js";
import { notice } from "./notices.js";

const NUMBER = [/^\d{1,9}$/, "a whole number of at most nine digits"];
const ADDRESS = [/^\d{1,9}:\d{1,9}$/, "an event's tick:ordinal"];
const oneOf = (names) => [new RegExp(`^(${names.join("|")})$`), `one of ${names.join(", ")}`];
const MEANT = {
  tick: NUMBER,
  agent: NUMBER,
  cell: NUMBER,
  event: ADDRESS,
  layer: oneOf(GROUNDS),
  by: oneOf(COLOURINGS),
};

/** What the address says; what it says and can't mean is told and taken out of it. */
export function readLink() {
  const given = new URLSearchParams(location.search);
  const link = {};
  for (const [name, [form, what]] of Object.entries(MEANT)) {
    const value = given.get(name);
    if (!value) continue;
    if (form.test(value)) link[name] = form === NUMBER[0] ? Number(value) : value;
    else leaveOut(name, value, what);
  }
  link.marks = (given.get("marks") ?? "")
    .split(",")
    .filter((t) => NUMBER[0].test(t))
    .map(Number);
  for (const name of ["tab", "a", "b"]) if (given.get(name)) link[name] = given.get(name);
  if (given.get("follow") === "1") link.follow = true;
  return link;
}

export function leaveOut(name, value, what) {
  writeLink({ [name]: null });
  notice(`The address had ${name}=${value.slice(0, 40)}, which is not ${what}: left out`, { error: true });
}

/** Put values into the address; null and undefined take one away. */
export function writeLink(values) {
  const given = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "" || value === false) given.delete(name);
    else given.set(name, value === true ? "1" : String(value));
  }
  const query = given.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
  history.replaceState(history.state, "", `${location.pathname}${query ? `?${query}` : ""}`);
}

export const runLink = (run, values = {}) => {
  const query = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== null && v !== undefined));
  return `/run/${encodeURIComponent(run)}${query.size ? `?${query}` : ""}`;
};
