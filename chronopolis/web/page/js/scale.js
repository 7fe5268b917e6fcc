// The stretch of ticks that a timeline or chart shows, and round numbers to mark it with.

import { clamp } from "./dom.js";

const FEWEST = 12; // ticks across, at the closest

export class Scale {
  constructor() {
    this.first = 0;
    this.last = 1;
    this.end = 1; // the newest tick
    this.whole = true;
  }

  setEnd(end) {
    this.end = Math.max(1, end);
    if (this.whole) [this.first, this.last] = [0, this.end];
  }

  get span() {
    return Math.max(1e-9, this.last - this.first);
  }

  toX(tick, wide) {
    return ((tick - this.first) / this.span) * wide;
  }

  toTick(x, wide) {
    return this.first + (x / wide) * this.span;
  }

  show(first, last) {
    const span = clamp(last - first, Math.min(FEWEST, this.end), this.end);
    this.first = clamp(first, 0, this.end - span);
    this.last = this.first + span;
    this.whole = span >= this.end * 0.999;
  }

  zoom(factor, around) {
    const part = (around - this.first) / this.span;
    const span = clamp(this.span * factor, Math.min(FEWEST, this.end), this.end);
    this.show(around - part * span, around - part * span + span);
  }

  pan(ticks) {
    this.show(this.first + ticks, this.last + ticks);
  }

  /** Follow a cursor that leaves the window. True if the window has moved. */
  keepInSight(tick) {
    if (this.whole || (tick >= this.first && tick <= this.last)) return false;
    const { span } = this;
    if (tick > this.last) this.show(tick - span * 0.1, tick + span * 0.9);
    else this.show(tick - span * 0.9, tick + span * 0.1);
    return true;
  }
}

/** About `many` round numbers between two. */
export function roundNumbers(low, high, many, { wholeOnly = false } = {}) {
  const raw = (high - low) / Math.max(1, many);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = power * [1, 2, 5, 10].find((m) => m * power >= raw);
  if (wholeOnly) step = Math.max(1, Math.round(step));
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) found.push(Number(v.toPrecision(12)));
  return found;
}
