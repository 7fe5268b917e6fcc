// The address bar says where one is: run, tick, agent, event, bookmarks. Kept current without filling the history.

const NUMBERS = ["tick", "agent", "cell"];

export function readLink() {
  const given = new URLSearchParams(location.search);
  const link = {};
  for (const name of NUMBERS) {
    const value = given.get(name);
    if (value !== null && /^\d+$/.test(value)) link[name] = Number(value);
  }
  if (/^\d+:\d+$/.test(given.get("event") ?? "")) link.event = given.get("event");
  link.marks = (given.get("marks") ?? "")
    .split(",")
    .filter((t) => /^\d+$/.test(t))
    .map(Number);
  for (const name of ["tab", "a", "b", "layer", "by"]) if (given.get(name)) link[name] = given.get(name);
  if (given.get("follow") === "1") link.follow = true;
  return link;
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
