// The line between map and panels, which can be dragged; the width is kept in this browser.

import { clamp, el } from "./dom.js";

const KEY = "polis.side";
const [LEAST, MOST] = [300, 760];

export function splitter(side, onChange) {
  const set = (width) => {
    const kept = clamp(width, LEAST, Math.min(MOST, window.innerWidth - 360));
    side.style.width = `${kept}px`;
    onChange();
    return kept;
  };
  const handle = el("div.splitter", {
    role: "separator",
    tabindex: 0,
    "aria-orientation": "vertical",
    "aria-label": "Width of the panels",
    "aria-valuemin": LEAST,
    "aria-valuemax": MOST,
    onpointerdown: (event) => handle.setPointerCapture(event.pointerId),
    onpointermove: (event) => handle.hasPointerCapture(event.pointerId) && set(window.innerWidth - event.clientX),
    onpointerup: () => localStorage.setItem(KEY, side.offsetWidth),
    onkeydown: (event) => {
      const by = { ArrowLeft: 24, ArrowRight: -24 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      localStorage.setItem(KEY, set(side.offsetWidth + by));
    },
  });
  new ResizeObserver(() => handle.setAttribute("aria-valuenow", side.offsetWidth)).observe(side);
  const kept = Number(localStorage.getItem(KEY));
  if (kept) set(kept);
  return handle;
}
