// The timeline: how much happened when, what was marked, where the cursor is. Drag to scrub, wheel to zoom.

import { get, runPath } from "./api.js";
import { Emitter, clamp, el, fill, fitted, settled, throttled } from "./dom.js";
import { short, whole } from "./format.js";
import { Scale, roundNumbers } from "./scale.js";

const BASE = 20; // px under the bars, for the numbers
const LANE = 18; // px above them, for the marks
const REACH = 6; // px around a mark that count as on it
const SYMBOLS = { fork: "◆", intervention: "▲", bookmark: "⚑", found: "●" };

export class Timeline extends Emitter {
  #colours = {};
  #asked = "";

  constructor(clock, run, { label = "Timeline" } = {}) {
    super();
    this.clock = clock;
    this.run = run;
    this.scale = new Scale();
    this.density = null;
    this.marks = []; // {kind, tick, title, faint}
    this.forkedAt = null; // ticks up to this one are the parent's
    this.life = null; // [first, last] of the selected agent
    this.canvas = el("canvas.timeline", {
      tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": 0, "aria-orientation": "horizontal",
    });
    this.note = el("div.note", { hidden: true });
    this.node = el("div.timeline-box", this.canvas, this.note);
    this.#listen();
    this.fetchDensity = settled(90, () => this.#fetchDensity());
    this.fetchDensityNow = throttled(700, () => this.#fetchDensity());
    fitted(this.canvas, () => {
      this.fetchDensity();
      this.draw();
    });
    clock.on("cursor", () => {
      if (!this.held && this.scale.keepInSight(clock.tick)) this.fetchDensity();
      this.draw();
    });
    clock.on("head", () => this.setHead());
    this.recolour();
  }

  recolour() {
    const style = getComputedStyle(document.body);
    for (const name of ["ink", "faint", "line", "accent", "bars", "bars-quiet", "fork", "intervention", "bookmark", "found", "panel"])
      this.#colours[name] = style.getPropertyValue(`--${name}`).trim();
    this.draw();
  }

  setHead() {
    this.scale.setEnd(this.clock.head);
    this.canvas.setAttribute("aria-valuemax", this.clock.head);
    this.fetchDensityNow(); // a live run moves on faster than one has to ask
    this.draw();
  }

  setMarks(marks) {
    this.marks = marks;
    this.draw();
  }

  zoom(factor, around = this.clock.tick) {
    this.scale.zoom(factor, around);
    this.fetchDensity();
    this.draw();
  }

  showAll() {
    this.scale.show(0, this.scale.end);
    this.fetchDensity();
    this.draw();
  }

  get #ratio() {
    return this.canvas.width / Math.max(1, this.canvas.clientWidth);
  }

  async #fetchDensity() {
    if (this.clock.head < 0) return;
    const first = Math.max(0, Math.floor(this.scale.first));
    const last = Math.min(this.clock.head, Math.ceil(this.scale.last));
    const bins = clamp(Math.round(this.canvas.clientWidth / 3), 10, Math.max(10, last - first + 1));
    const key = `${first} ${last} ${bins}`;
    if (key === this.#asked || last < first) return;
    this.#asked = key;
    try {
      const density = await get(runPath(this.run, "density"), { first, last, bins });
      if (key === this.#asked) this.density = density;
      this.draw();
    } catch (error) {
      this.#asked = "";
      this.emit("error", error);
    }
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const ratio = this.#ratio;
    const wide = this.canvas.width / ratio;
    const high = this.canvas.height / ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, wide, high);
    if (this.clock.head < 0) return;
    this.#drawPast(context, wide, high);
    this.#drawDensity(context, wide, high);
    this.#drawNumbers(context, wide, high);
    this.#drawMarks(context, wide, high);
    this.#drawCursor(context, wide, high);
    this.canvas.setAttribute("aria-valuenow", this.clock.tick);
    this.canvas.setAttribute("aria-valuetext", `tick ${whole(this.clock.tick)} of ${whole(this.clock.head)}`);
  }

  /** What a fork has from its parent, hatched; and the selected agent's life, as a line under the marks. */
  #drawPast(context, wide, high) {
    if (this.forkedAt !== null) {
      const to = this.scale.toX(this.forkedAt + 0.5, wide);
      context.save();
      context.beginPath();
      context.rect(0, LANE, Math.max(0, to), high - BASE - LANE);
      context.clip();
      context.strokeStyle = this.#colours.line;
      context.lineWidth = 1;
      context.beginPath();
      for (let x = -high; x < to; x += 7) {
        context.moveTo(x, high - BASE);
        context.lineTo(x + high, -BASE);
      }
      context.stroke();
      context.restore();
    }
    if (this.life) {
      const [a, b] = this.life.map((tick) => this.scale.toX(tick, wide));
      context.fillStyle = this.#colours.ink;
      context.globalAlpha = 0.5;
      context.fillRect(Math.max(0, a), LANE - 3, Math.max(2, Math.min(wide, b) - Math.max(0, a)), 2);
      context.globalAlpha = 1;
    }
  }

  #drawDensity(context, wide, high) {
    const { density, scale } = this;
    if (!density?.events?.length) return;
    const { events, first, width } = density;
    const most = usualMost(events);
    const room = high - BASE - LANE - 2;
    const now = scale.toX(this.clock.tick + 0.5, wide);
    const outline = new Path2D();
    const edge = (tick) => scale.toX(tick - 0.5, wide);
    outline.moveTo(edge(first), high - BASE);
    events.forEach((n, k) => {
      const y = high - BASE - (n ? Math.max(1, Math.min(1, n / most) * room) : 0);
      outline.lineTo(edge(first + k * width), y);
      outline.lineTo(edge(Math.min(density.last + 1, first + (k + 1) * width)), y);
    });
    outline.lineTo(edge(density.last + 1), high - BASE);
    // The past is strong, what is still to come quiet.
    for (const [colour, from, to] of [["bars", -2, now], ["bars-quiet", now, wide + 2]]) {
      context.save();
      context.beginPath();
      context.rect(from, 0, Math.max(0, to - from), high - BASE);
      context.clip();
      context.fillStyle = this.#colours[colour];
      context.globalAlpha = 0.35;
      context.fill(outline);
      context.globalAlpha = 1;
      context.strokeStyle = this.#colours[colour];
      context.lineWidth = 1.2;
      context.stroke(outline);
      context.restore();
    }
  }

  #drawNumbers(context, wide, high) {
    context.fillStyle = this.#colours.line;
    context.fillRect(0, high - BASE, wide, 1);
    context.font = "11px Roboto, system-ui, sans-serif";
    context.textBaseline = "middle";
    const ticks = roundNumbers(this.scale.first, this.scale.last, wide / 110, { wholeOnly: true });
    for (const tick of ticks) {
      const x = this.scale.toX(tick, wide);
      context.fillStyle = this.#colours.line;
      context.fillRect(x, high - BASE, 1, 4);
      const text = whole(tick);
      const half = context.measureText(text).width / 2;
      if (Math.abs(x - this.scale.toX(this.clock.tick, wide)) < half + 24) continue; // the cursor's own number stands there
      context.fillStyle = this.#colours.faint;
      context.fillText(text, clamp(x - half, 2, wide - 2 * half - 2), high - BASE / 2 + 1);
    }
  }

  #drawMarks(context, wide, high) {
    context.textBaseline = "alphabetic";
    for (const mark of this.marks) {
      const x = this.scale.toX(mark.tick, wide);
      if (x < -8 || x > wide + 8) continue;
      if (mark.kind === "snapshot") {
        context.fillStyle = this.#colours.line;
        context.fillRect(x, high - BASE - 4, 1, 4);
        continue;
      }
      const colour = this.#colours[mark.kind];
      context.fillStyle = colour;
      context.globalAlpha = 0.55;
      context.fillRect(x - 0.5, LANE - 2, 1, high - BASE - LANE + 2);
      context.globalAlpha = 1;
      context.font = "12px Roboto, system-ui, sans-serif";
      context.fillText(SYMBOLS[mark.kind], x - context.measureText(SYMBOLS[mark.kind]).width / 2, LANE - 5);
    }
  }

  #drawCursor(context, wide, high) {
    const x = this.scale.toX(this.clock.tick, wide);
    context.fillStyle = this.#colours.accent;
    context.fillRect(x - 1, LANE - 4, 2, high - BASE - LANE + 4);
    const text = whole(this.clock.tick);
    context.font = "600 11px Roboto, system-ui, sans-serif";
    const half = context.measureText(text).width / 2 + 6;
    const middle = clamp(x, half, wide - half);
    context.beginPath();
    context.roundRect(middle - half, high - BASE + 1, 2 * half, BASE - 3, 4);
    context.fill();
    context.fillStyle = this.#colours.panel;
    context.textBaseline = "middle";
    context.fillText(text, middle - half + 6, high - BASE / 2 + 0.5);
  }

  // -- hands -----------------------------------------------------------------------------------------

  #tickAt(event) {
    const box = this.canvas.getBoundingClientRect();
    return this.scale.toTick(event.clientX - box.left, box.width);
  }

  #markAt(event) {
    const box = this.canvas.getBoundingClientRect();
    if (event.clientY - box.top > LANE + 2) return null;
    const near = this.marks
      .filter((mark) => mark.kind !== "snapshot")
      .map((mark) => [Math.abs(this.scale.toX(mark.tick, box.width) - (event.clientX - box.left)), mark])
      .filter(([away]) => away <= REACH)
      .sort((a, b) => a[0] - b[0]);
    return near[0]?.[1] ?? null;
  }

  #listen() {
    const { canvas } = this;
    let pannedFrom = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (event.button === 1 || event.shiftKey) {
        event.preventDefault();
        pannedFrom = event.clientX;
        return;
      }
      const mark = this.#markAt(event);
      if (mark) {
        this.clock.pause();
        this.clock.seek(mark.tick);
        this.emit("mark", mark);
        return;
      }
      this.held = true;
      this.clock.pause();
      this.clock.seek(this.#tickAt(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.held) this.clock.seek(this.#tickAt(event));
      else if (pannedFrom !== null) {
        this.scale.pan(((pannedFrom - event.clientX) / canvas.clientWidth) * this.scale.span);
        pannedFrom = event.clientX;
        this.fetchDensity();
        this.draw();
        return;
      }
      this.#tell(event);
    });
    const release = () => {
      this.held = false;
      pannedFrom = null;
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => (this.note.hidden = true));
    canvas.addEventListener("dblclick", () => this.showAll());
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          this.scale.pan(((event.deltaX || event.deltaY) / canvas.clientWidth) * this.scale.span);
        } else this.scale.zoom(Math.exp(event.deltaY * 0.002), this.#tickAt(event));
        this.fetchDensity();
        this.draw();
      },
      { passive: false },
    );
  }

  #tell(event) {
    const tick = clamp(Math.round(this.#tickAt(event)), 0, this.clock.head);
    const mark = this.#markAt(event);
    const { density } = this;
    const bin = density ? Math.floor((tick - density.first) / density.width) : -1;
    const count = density?.events?.[bin];
    fill(this.note,
      mark ? el("div.note-title", mark.title) : el("div.note-title", `Tick ${whole(mark?.tick ?? tick)}`),
      mark && el("div.faint", `tick ${whole(mark.tick)}`),
      !mark && count !== undefined && el("div.faint", density.width > 1 ? `${short(count)} events in ${whole(density.width)} ticks` : `${short(count)} events`),
    );
    this.note.hidden = false;
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    this.note.style.left = `${clamp(x - this.note.offsetWidth / 2, 2, box.width - this.note.offsetWidth - 2)}px`;
    this.note.style.top = `${-this.note.offsetHeight - 4}px`;
  }
}

/** What a bar of full height stands for: nearly the most, so that the founding of a world does not flatten all after it. */
function usualMost(events) {
  const ranked = [...events].sort((a, b) => a - b);
  return Math.max(1, ranked[Math.floor((ranked.length - 1) * 0.985)] * 1.12);
}
