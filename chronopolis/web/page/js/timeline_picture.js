// How a timeline is drawn, from the back to the front: past, density, numbers, marks, cursor.

import { clamp } from "./dom.js";
import { short, whole } from "./format.js";
import { roundNumbers } from "./scale.js";

export const BASE = 20; // px under the bars, for the numbers
export const LANE = 18; // px above them, for the marks
const SYMBOLS = { fork: "◆", intervention: "▲", bookmark: "⚑", found: "●" };

/** What a fork has from its parent, hatched; and the selected agent's life, as a line under the marks. */
export function drawPast(timeline, context, wide, high) {
  if (timeline.forkedAt !== null) {
    const to = timeline.scale.toX(timeline.forkedAt + 0.5, wide);
    context.save();
    context.beginPath();
    context.rect(0, LANE, Math.max(0, to), high - BASE - LANE);
    context.clip();
    context.strokeStyle = timeline.colours.fork;
    context.globalAlpha = 0.35;
    context.lineWidth = 1;
    context.beginPath();
    const end = Math.min(to, wide); // what is out of sight may be thousands of windows long
    for (let x = -high; x < end; x += 7) {
      context.moveTo(x, high - BASE);
      context.lineTo(x + high, -BASE);
    }
    context.stroke();
    context.restore();
    context.fillStyle = timeline.colours.fork;
    context.fillRect(to - 1, LANE, 1, high - BASE - LANE);
  }
  if (timeline.life) {
    const [a, b] = timeline.life.map((tick) => timeline.scale.toX(tick, wide));
    context.fillStyle = timeline.colours.ink;
    context.globalAlpha = 0.5;
    context.fillRect(Math.max(0, a), LANE - 3, Math.max(2, Math.min(wide, b) - Math.max(0, a)), 2);
    context.globalAlpha = 1;
  }
}

export function drawDensity(timeline, context, wide, high) {
  const { density, scale } = timeline;
  if (!density?.events?.length) return;
  const { events, first, width } = density;
  const { least, most } = usual(events);
  const room = high - BASE - LANE - 2;
  const part = (n) => Math.max(0, Math.min(1, (n - least) / (most - least)));
  const now = scale.toX(timeline.clock.tick + 0.5, wide);
  const outline = new Path2D();
  const edge = (tick) => scale.toX(tick - 0.5, wide);
  outline.moveTo(edge(first), high - BASE);
  events.forEach((n, k) => {
    const y = high - BASE - (n ? 1 + part(n) * (room - 1) : 0);
    outline.lineTo(edge(first + k * width), y);
    outline.lineTo(edge(Math.min(density.last + 1, first + (k + 1) * width)), y);
  });
  outline.lineTo(edge(density.last + 1), high - BASE);
  // The past is strong, what is still to come quiet.
  for (const [colour, from, to] of [
    ["bars", -2, now],
    ["bars-quiet", now, wide + 2],
  ]) {
    context.save();
    context.beginPath();
    context.rect(from, 0, Math.max(0, to - from), high - BASE);
    context.clip();
    context.fillStyle = timeline.colours[colour];
    context.globalAlpha = 0.35;
    context.fill(outline);
    context.globalAlpha = 1;
    context.strokeStyle = timeline.colours[colour];
    context.lineWidth = 1.2;
    context.stroke(outline);
    context.restore();
  }
  drawBounds(timeline, context, { least, most }, high);
}

export function drawNumbers(timeline, context, wide, high) {
  context.fillStyle = timeline.colours.line;
  context.fillRect(0, high - BASE, wide, 1);
  context.font = "11px Roboto, system-ui, sans-serif";
  context.textBaseline = "middle";
  const ticks = roundNumbers(timeline.scale.first, timeline.scale.last, wide / 110, { wholeOnly: true });
  for (const tick of ticks) {
    const x = timeline.scale.toX(tick, wide);
    context.fillStyle = timeline.colours.line;
    context.fillRect(x, high - BASE, 1, 4);
    const text = whole(tick);
    const half = context.measureText(text).width / 2;
    if (Math.abs(x - timeline.scale.toX(timeline.clock.tick, wide)) < half + 24) continue; // the cursor's own number stands there
    context.fillStyle = timeline.colours.faint;
    context.fillText(text, clamp(x - half, 2, wide - 2 * half - 2), high - BASE / 2 + 1);
  }
}

export function drawMarks(timeline, context, wide, high) {
  context.textBaseline = "alphabetic";
  for (const mark of timeline.marks) {
    const x = timeline.scale.toX(mark.tick, wide);
    if (x < -8 || x > wide + 8) continue;
    if (mark.kind === "snapshot") {
      context.fillStyle = timeline.colours.line;
      context.fillRect(x, high - BASE - 4, 1, 4);
      continue;
    }
    const colour = timeline.colours[mark.kind];
    context.fillStyle = colour;
    context.globalAlpha = 0.55;
    context.fillRect(x - 0.5, LANE - 2, 1, high - BASE - LANE + 2);
    context.globalAlpha = 1;
    context.font = "12px Roboto, system-ui, sans-serif";
    context.fillText(SYMBOLS[mark.kind], x - context.measureText(SYMBOLS[mark.kind]).width / 2, LANE - 5);
  }
}

export function drawCursor(timeline, context, wide, high) {
  const x = timeline.scale.toX(timeline.clock.tick, wide);
  context.fillStyle = timeline.colours.accent;
  context.fillRect(clamp(x - 1, 0, wide - 2), LANE - 4, 2, high - BASE - LANE + 4);
  const text = whole(timeline.clock.tick);
  context.font = "600 11px Roboto, system-ui, sans-serif";
  const half = context.measureText(text).width / 2 + 6;
  const middle = clamp(x, half, wide - half);
  context.beginPath();
  context.roundRect(middle - half, high - BASE + 1, 2 * half, BASE - 3, 4);
  context.fill();
  context.fillStyle = timeline.colours.panel;
  context.textBaseline = "middle";
  context.fillText(text, middle - half + 6, high - BASE / 2 + 0.5);
}

/** What the foot and the full height stand for; it is written beside them, since the foot is seldom zero. */
function drawBounds(timeline, context, { least, most }, high) {
  const { width } = timeline.density;
  context.font = "10px Roboto, system-ui, sans-serif";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = timeline.colours.panel;
  context.fillStyle = timeline.colours.faint;
  context.textBaseline = "alphabetic";
  const each = width > 1 ? `events in ${whole(width)} ticks` : "events a tick";
  for (const [text, y] of [
    [`${short(Math.round(most))} ${each}`, LANE + 9],
    [short(Math.round(least)), high - BASE - 4],
  ]) {
    context.strokeText(text, 4, y);
    context.fillText(text, 4, y);
  }
}

/**
 * From which count to which: nearly the least and nearly the most, so that neither the founding of a world nor the last,
 * shorter stretch flattens all the rest; from zero where counts reach down to it anyway.
 */
export function usual(events) {
  const ranked = events.filter((n) => n > 0).sort((a, b) => a - b);
  if (!ranked.length) return { least: 0, most: 1 };
  const at = (share) => ranked[Math.floor((ranked.length - 1) * share)];
  const [low, high] = [at(0.015), at(0.985)];
  const room = Math.max(0.06 * (high - low), 0.02 * high, 1);
  return { least: low - room < 0.3 * high ? 0 : Math.floor(low - room), most: Math.ceil(high + room) };
}
