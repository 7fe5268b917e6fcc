// A picture larger than its frame: fitted at first, then dragged and zoomed, by hand or by buttons.

import { clamp, el } from "./dom.js";
import { icon } from "./icons.js";

const MOST = 2;
const DRAGGED = 4; // px that make a drag of a click

/**
 * Frame an svg. `least` is the smallest scale at which it can still be read, `pitch` how far its columns and rows lie
 * apart after `edge`, and `middle` the place that is to be seen in any case, all in the picture's own units. `wheel`:
 * whether the wheel zooms; in a list that is scrolled by it, it had better not.
 */
export function pannable(picture, { width, height, least, pitch, edge, middle, label, wheel = true }) {
  const frame = el("div.graph", { tabindex: 0, role: "region", "aria-label": label }, picture);
  let scale = 1;

  const roundButton = (name, title, does, test) =>
    el("button.round", { type: "button", title, "aria-label": title, onclick: does, "data-test": test }, icon(name));
  const buttons = el(
    "div.graph-buttons",
    roundButton("minus", "Zoom out", () => zoom(1 / 1.25)),
    roundButton("plus", "Zoom in", () => zoom(1.25)),
    el(
      "button.button",
      { type: "button", title: "Fit the graph to its frame", onclick: fit, "data-test": "graph-fit" },
      "Fit",
    ),
  );
  const hint = el("p.graph-hint");
  const node = el("div.graph-box", frame, el("div.graph-foot", hint, el("span.space"), buttons));

  function resize(to) {
    scale = to;
    picture.setAttribute("width", Math.floor(width * scale));
    picture.setAttribute("height", Math.floor(height * scale));
  }

  function tellOfMore() {
    const more = frame.scrollWidth > frame.clientWidth + 1 || frame.scrollHeight > frame.clientHeight + 1;
    hint.textContent = `${more ? "There is more: drag" : "Drag"} to move${wheel ? ", wheel to zoom" : ""}`;
  }

  /** All of it if it can then be read; else as many whole columns as can be, around the middle. */
  function fit() {
    const { clientWidth: wide } = frame;
    if (!wide) return;
    const most = parseFloat(getComputedStyle(frame).maxHeight) - 2;
    const all = Math.min(1, wide / width, most / height);
    const columns = Math.max(1, Math.floor((wide / least - edge[0]) / pitch[0]));
    resize(all >= least ? all : Math.min(1, wide / Math.min(width, columns * pitch[0] + edge[0])));
    // Whole rows, too: a frame of fewer is less high.
    const rows = Math.floor(most / scale / pitch[1]);
    frame.style.height = `${Math.ceil(Math.min(height, rows * pitch[1]) * scale) + 2}px`;
    const { x, y } = middle;
    // Begin between two cards, so that none is cut where the reading begins.
    const snapped = (at, room, by) => Math.max(0, Math.round((at - room / scale / 2) / by)) * by * scale;
    frame.scrollTo(snapped(x, frame.clientWidth, pitch[0]), snapped(y, frame.clientHeight, pitch[1]));
    tellOfMore();
  }

  function zoom(by, atX = frame.clientWidth / 2, atY = frame.clientHeight / 2) {
    const [x, y] = [(frame.scrollLeft + atX) / scale, (frame.scrollTop + atY) / scale];
    resize(clamp(scale * by, Math.min(least, frame.clientWidth / width), MOST));
    frame.scrollTo(x * scale - atX, y * scale - atY);
    tellOfMore();
  }

  let held = null;
  let dragged = false;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    dragged = false;
    held = { x: event.clientX, y: event.clientY, left: frame.scrollLeft, top: frame.scrollTop };
  });
  frame.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (!dragged && Math.hypot(dx, dy) < DRAGGED) return;
    if (!dragged) frame.setPointerCapture(event.pointerId);
    dragged = true;
    frame.scrollTo(held.left - dx, held.top - dy);
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => (held = null));
  frame.addEventListener(
    "click",
    (event) => {
      if (dragged) event.stopPropagation(); // it was no click on the card under it
      dragged = false;
    },
    true,
  );
  frame.addEventListener(
    "wheel",
    (event) => {
      if (!wheel) return;
      event.preventDefault();
      const box = frame.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY * 0.002), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
  new ResizeObserver((_, observer) => {
    if (!frame.clientWidth) return;
    observer.disconnect(); // once: what one has chosen since then stays
    fit();
  }).observe(frame);
  return node;
}
