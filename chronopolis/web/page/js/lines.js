// A line chart on a canvas: a few series over ticks, the cursor of the clock, a click that goes there.

import { clamp, el, fitted } from "./dom.js";
import { figure, figures, whole } from "./format.js";
import { roundNumbers } from "./scale.js";

const PAD = { left: 40, right: 8, top: 6, bottom: 16 };

/**
 * Make one. `series` is [{name, colour, values}], `ticks` their ticks; `onSeek(tick)` is called for a click or drag.
 * A value is that of its tick, or the sum of what flowed in the `sumsOf` ticks up to it: then the chart says so.
 * The cursor is an element of its own, so that moving it costs no drawing.
 */
export function lineChart({ label, high = 84, onSeek, low = null, top = null }) {
  const canvas = el("canvas.lines", { role: "img", "aria-label": label, style: { height: `${high}px` } });
  const cursor = el("i.chart-cursor", { hidden: true });
  const note = el("div.note", { hidden: true });
  const node = el("div.chart", canvas, cursor, note);
  let data = { ticks: [], series: [] };
  let range = [0, 1];
  let counted = false; // whether all values are whole, so that no fraction makes sense on the axis
  let bounds = [0, 1];
  let sumsOf = 1;
  let tick = 0;

  const ratio = () => canvas.width / Math.max(1, canvas.clientWidth);
  const inner = () => canvas.clientWidth - PAD.left - PAD.right;
  const xOf = (t) => PAD.left + ((t - range[0]) / Math.max(1e-9, range[1] - range[0])) * inner();
  const tickOf = (x) => range[0] + ((x - PAD.left) / Math.max(1, inner())) * (range[1] - range[0]);
  const yOf = (v) =>
    PAD.top + (1 - (v - bounds[0]) / Math.max(1e-9, bounds[1] - bounds[0])) * (high - PAD.top - PAD.bottom);

  function measure() {
    let [least, most] = [Infinity, -Infinity];
    for (const { values } of data.series)
      for (const v of values) {
        if (v === null || Number.isNaN(v)) continue;
        if (v < least) least = v;
        if (v > most) most = v;
      }
    counted = data.series.every(({ values }) => values.every((v) => v === null || Number.isInteger(v)));
    if (least > most) [least, most] = [0, 1];
    if (least === most) [least, most] = [least - Math.abs(least || 1) * 0.1, most + Math.abs(most || 1) * 0.1];
    const room = (most - least) * 0.06;
    bounds = [low ?? (least >= 0 && least - room < 0 ? 0 : least - room), top ?? most + room];
  }

  function draw() {
    const style = getComputedStyle(node);
    const context = canvas.getContext("2d");
    const r = ratio();
    context.setTransform(r, 0, 0, r, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, high);
    context.font = "10px Roboto, system-ui, sans-serif";
    const faint = style.getPropertyValue("--faint").trim();
    const line = style.getPropertyValue("--line").trim();
    const levels = roundNumbers(bounds[0], bounds[1], 3, { wholeOnly: counted });
    const told = figures(levels);
    for (const [k, v] of levels.entries()) {
      const y = Math.round(yOf(v)) + 0.5;
      if (y < PAD.top - 1 || y > high - PAD.bottom + 1) continue;
      context.fillStyle = line;
      context.fillRect(PAD.left, y - 0.5, inner(), 1);
      context.fillStyle = faint;
      context.textBaseline = "middle";
      context.textAlign = "right";
      context.fillText(told[k], PAD.left - 5, y);
    }
    context.textBaseline = "alphabetic";
    for (const t of roundNumbers(range[0], range[1], Math.max(2, inner() / 90), { wholeOnly: true })) {
      const half = context.measureText(whole(t)).width / 2;
      context.fillStyle = faint;
      context.textAlign = "center";
      context.fillText(whole(t), clamp(xOf(t), PAD.left + half, canvas.clientWidth - half - 2), high - 3);
    }
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    for (const { values, colour } of data.series) {
      context.strokeStyle = colour;
      context.beginPath();
      let pen = false;
      data.ticks.forEach((t, k) => {
        const v = values[k];
        if (v === null || v === undefined || Number.isNaN(v)) {
          pen = false;
          return;
        }
        if (pen) context.lineTo(xOf(t), yOf(v));
        else context.moveTo(xOf(t), yOf(v));
        pen = true;
      });
      context.stroke();
    }
    context.textAlign = "left";
    if (sumsOf > 1) {
      context.lineWidth = 3;
      context.strokeStyle = style.getPropertyValue("--panel").trim();
      context.fillStyle = faint;
      const each = `in ${whole(sumsOf)} ticks`;
      context.strokeText(each, PAD.left + 4, PAD.top + 9);
      context.fillText(each, PAD.left + 4, PAD.top + 9);
    }
    place();
  }

  function place() {
    const x = xOf(tick);
    cursor.hidden = x < PAD.left - 1 || x > canvas.clientWidth - PAD.right + 1 || !data.ticks.length;
    cursor.style.transform = `translateX(${x - 0.5}px)`;
  }

  const tellOf = (event) => {
    const box = canvas.getBoundingClientRect();
    const t = clamp(Math.round(tickOf(event.clientX - box.left)), range[0], range[1]);
    const k = sumsOf > 1 ? holding(data.ticks, t) : nearest(data.ticks, t);
    if (k < 0) return;
    const from = (data.ticks[k - 1] ?? range[0] - 1) + 1;
    note.replaceChildren(
      el("div.note-title", sumsOf > 1 ? `Ticks ${whole(from)} – ${whole(data.ticks[k])}` : `Tick ${whole(data.ticks[k])}`),
      ...data.series.map(({ name, colour, values }) =>
        el("div", el("i.dot", { style: { background: colour } }), `${name} ${figure(values[k])}`),
      ),
    );
    note.hidden = false;
    const x = event.clientX - box.left;
    note.style.left = `${x + 14 + note.offsetWidth > box.width ? x - note.offsetWidth - 10 : x + 14}px`;
    note.style.top = "4px";
  };
  let held = false;
  canvas.addEventListener("pointerdown", (event) => {
    held = true;
    canvas.setPointerCapture(event.pointerId);
    onSeek?.(clamp(Math.round(tickOf(event.offsetX)), range[0], range[1]));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held) onSeek?.(clamp(Math.round(tickOf(event.offsetX)), range[0], range[1]));
    tellOf(event);
  });
  canvas.addEventListener("pointerup", () => (held = false));
  canvas.addEventListener("pointerleave", () => (note.hidden = true));
  fitted(canvas, draw);

  return {
    node,
    set(ticks, series, [first, last] = [ticks[0] ?? 0, ticks.at(-1) ?? 1], more = {}) {
      data = { ticks, series };
      sumsOf = more.sumsOf ?? 1;
      range = [first, Math.max(first + 1, last)];
      measure();
      draw();
    },
    at(now) {
      tick = now;
      place();
    },
    draw,
  };
}

/** The place of the last tick that is not after `tick`, the first if all are; -1 if there is none at all. */
function nearest(ticks, tick) {
  if (!ticks.length) return -1;
  let low = 0;
  let high = ticks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ticks[middle] <= tick) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The place of the bin that holds a tick, of bins that are told by their last ticks. */
function holding(ends, tick) {
  const k = nearest(ends, tick);
  return k >= 0 && ends[k] < tick && k + 1 < ends.length ? k + 1 : k;
}
