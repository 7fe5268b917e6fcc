// Elements made in one line, and listeners that can be taken off again.

/** Make an element: el("div.row.tight", {title: "…", onclick: f}, "text", child, [more]). */
export function el(what, properties, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  if (properties && (typeof properties !== "object" || properties instanceof Node || Array.isArray(properties))) {
    children.unshift(properties);
    properties = null;
  }
  for (const [name, value] of Object.entries(properties ?? {})) set(node, name, value);
  append(node, children);
  return node;
}

function set(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "style" && typeof value === "object")
    for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
  else if (name === "value" || name === "checked" || name === "disabled") node[name] = value;
  else node.setAttribute(name, value === true ? "" : value);
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

let pressed = null; // what a hand is on: were it taken away before the hand lets go, there would be no click
const waiting = new Map(); // node → the children that it gets once the hand lets go

document.addEventListener(
  "pointerdown",
  // A list of options swallows the end of the press that opened it.
  ({ target, button }) => (pressed = button === 0 && !target.closest?.("select") ? target : null),
  true,
);
for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => setTimeout(letGo), true);
window.addEventListener("blur", () => letGo());

function letGo() {
  pressed = null;
  const held = [...waiting];
  waiting.clear();
  for (const [node, children] of held) replace(node, children);
}

/**
 * Put new children in the place of the old. Panels do so many times a second while time runs: what is being pressed
 * stays until it is let go, and what has the keyboard's focus hands it on to what now stands for it.
 */
export function fill(node, ...children) {
  waiting.delete(node);
  if (pressed?.isConnected && pressed !== node && node.contains(pressed)) waiting.set(node, children);
  else replace(node, children);
  return node;
}

/** What waits to take the place of a node's children is not wanted any more. */
export const keepAsItIs = (node) => waiting.delete(node);

function replace(node, children) {
  const focused = document.activeElement;
  const had = focused !== node && node.contains(focused);
  node.replaceChildren();
  append(node, children);
  if (!had) return;
  const heir = focused.isConnected ? focused : [...node.querySelectorAll(focused.tagName)].find(sameAs(focused));
  heir?.focus({ preventScroll: true });
}

/** Whether another element is to people what this one was. */
function sameAs(one) {
  const told = (each) => ["aria-label", "title", "href"].map((name) => each.getAttribute(name)).join() + each.textContent;
  const wanted = told(one);
  return (other) => told(other) === wanted;
}

/** Something that others listen to. `on` returns how to stop listening. */
export class Emitter {
  #listeners = new Map();

  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.#listeners.get(name).delete(listener);
  }

  emit(name, ...values) {
    for (const listener of this.#listeners.get(name) ?? []) listener(...values);
  }
}

/** Call at most once in `ms`, and once more at the end if calls came in between. */
export function throttled(ms, call) {
  let last = -Infinity;
  let waiting = null;
  let newest = [];
  const now = () => {
    waiting = null;
    last = performance.now();
    call(...newest);
  };
  return (...values) => {
    newest = values;
    if (waiting) return;
    const rest = ms - (performance.now() - last);
    if (rest <= 0) now();
    else waiting = setTimeout(now, rest);
  };
}

/** Call once nothing more has come for `ms`; while it goes on coming, every `most` ms if that is given. */
export function settled(ms, call, most = Infinity) {
  let waiting = null;
  let since = null;
  return (...values) => {
    clearTimeout(waiting);
    since ??= performance.now();
    const rest = Math.max(0, Math.min(ms, since + most - performance.now()));
    waiting = setTimeout(() => {
      since = null;
      call(...values);
    }, rest);
  };
}

export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** A canvas that keeps the size of its box in device pixels; `redraw` is called after a change. */
export function fitted(canvas, redraw) {
  const observer = new ResizeObserver(() => {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    redraw();
  });
  observer.observe(canvas);
  return observer;
}
