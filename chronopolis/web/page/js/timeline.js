// The timeline: how much happened when, what was marked, where the cursor is. Drag to scrub, wheel to zoom.

import { get, runPath } from "./api.js";
import { Emitter, clamp, el, fill, fitted, settled, throttled } from "./dom.js";
import { short, whole } from "./format.js";
import { Scale } from "./scale.js";
import { LANE, drawCursor, drawDensity, drawMarks, drawNumbers, drawPast } from "./timeline_picture.js";

const REACH = 6; // px around a mark that count as on it

export class Timeline extends Emitter {
  #asked = "";

  constructor(clock, run, { label = "Timeline" } = {}) {
    super();
    this.clock = clock;
    this.run = run;
    this.colours = {};
    this.scale = new Scale();
    this.density = null;
    this.marks = []; // {kind, tick, title, faint}
    this.forkedAt = null; // ticks up to this one are the parent's
    this.life = null; // [first, last] of the selected agent
    this.canvas = el("canvas.timeline", {
      tabindex: 0,
      role: "slider",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-orientation": "horizontal",
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
    for (const name of [
      "ink",
      "faint",
      "line",
      "accent",
      "bars",
      "bars-quiet",
      "fork",
      "intervention",
      "bookmark",
      "found",
      "panel",
    ])
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
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
    drawPast(this, context, wide, high);
    drawDensity(this, context, wide, high);
    drawNumbers(this, context, wide, high);
    drawMarks(this, context, wide, high);
    drawCursor(this, context, wide, high);
    this.canvas.setAttribute("aria-valuenow", this.clock.tick);
    this.canvas.setAttribute("aria-valuetext", `tick ${whole(this.clock.tick)} of ${whole(this.clock.head)}`);
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
    fill(
      this.note,
      mark ? el("div.note-title", mark.title) : el("div.note-title", `Tick ${whole(mark?.tick ?? tick)}`),
      mark && el("div.faint", `tick ${whole(mark.tick)}`),
      !mark &&
        count !== undefined &&
        el(
          "div.faint",
          `${short(count)} ${count === 1 ? "event" : "events"}${density.width > 1 ? ` in ${whole(density.width)} ticks` : ""}`,
        ),
    );
    this.note.hidden = false;
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    this.note.style.left = `${clamp(x - this.note.offsetWidth / 2, 2, box.width - this.note.offsetWidth - 2)}px`;
    this.note.style.top = `${-this.note.offsetHeight - 4}px`;
  }
}
