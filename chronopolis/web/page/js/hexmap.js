// The map: ground, ties and agents in one picture of pixels, marks of what is selected on a canvas above it.

import { Emitter, el, fitted } from "./dom.js";
import { rowOf } from "./frames.js";
import { cellAt, pixelTable } from "./hexes.js";
import { drawMarks } from "./map_marks.js";
import { Ground, colouring, packed, rgbOf } from "./palette.js";
import { Places } from "./places.js";
import { discs, lines } from "./raster.js";
import { View } from "./viewport.js";

export class HexMap extends Emitter {
  #table = new Int32Array(0);
  #tableKey = "";
  #image = null;
  #pixels = null;
  #lines = new Float32Array(0);
  #group = new Uint8Array(0);
  #rows = new Int32Array(0);
  #groupColours = null;

  constructor(terrain, codes, { label = "Map of the world" } = {}) {
    super();
    this.terrain = terrain;
    this.codes = codes;
    this.layer = "land";
    this.agents = true;
    this.ties = false;
    this.by = "occupation";
    this.agent = null; // selected
    this.cell = null;
    this.follow = false;
    this.hovered = null; // cell
    this.others = null; // ids drawn with a ring, as those that differ between two runs
    this.view = new View(terrain.width, terrain.height);
    this.ground = new Ground(terrain);
    this.places = new Places(terrain.width, terrain.n);
    this.canvas = el("canvas.map-ground", { "aria-hidden": "true" });
    this.above = el("canvas.map-above", { tabindex: 0, role: "img", "aria-label": label });
    this.node = el("div.map", this.canvas, this.above);
    this.frame = null;
    this.next = null;
    this.fraction = 0;
    fitted(this.canvas, () => this.#resized());
    this.recolour();
  }

  get ratio() {
    return this.canvas.width / Math.max(1, this.canvas.clientWidth);
  }

  recolour() {
    const style = getComputedStyle(document.body);
    this.ink = style.getPropertyValue("--ink").trim();
    this.accent = style.getPropertyValue("--accent").trim();
    this.ground.retheme();
    this.colouring = colouring(this.by, this.codes);
    this.#groupColours = Uint32Array.from(this.colouring.colours, (c) => packed(rgbOf(c)));
    this.emit("change");
  }

  set(options) {
    Object.assign(this, options);
    if (options.by) this.recolour();
    else this.emit("change");
  }

  /** Draw a frame; agents are a `fraction` of the way to where the next has them. */
  draw(frame, next = null, fraction = 0) {
    this.frame = frame;
    this.next = next;
    this.fraction = fraction;
    if (!this.#pixels) return;
    this.places.of(frame, next, fraction);
    if (this.follow && this.agent !== null) this.#keepInSight();
    this.#paintGround();
    if (this.ties) this.#paintTies();
    if (this.agents) this.#paintAgents();
    this.canvas.getContext("2d", { alpha: false }).putImageData(this.#image, 0, 0);
    this.drawAbove();
    this.emit("drawn", frame);
  }

  #resized() {
    const { width, height } = this.canvas;
    this.above.width = width;
    this.above.height = height;
    this.view.below = 44 * this.ratio;
    this.view.resize(width, height);
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.#table = new Int32Array(width * height);
    this.#tableKey = "";
    if (this.frame) this.draw(this.frame, this.next, this.fraction);
    this.emit("change");
  }

  #paintGround() {
    const { terrain, view } = this;
    const table = this.#table;
    if (this.#tableKey !== view.key) {
      this.#tableKey = view.key;
      pixelTable(table, {
        pixelsWide: view.wide,
        pixelsHigh: view.high,
        scale: view.scale,
        left: view.left,
        top: view.top,
        width: terrain.width,
        height: terrain.height,
      });
    }
    const colours = this.ground.paint(this.layer, this.frame.stock);
    const pixels = this.#pixels;
    for (let i = 0, end = pixels.length; i < end; i++) pixels[i] = colours[table[i]];
  }

  #paintTies() {
    const { tieA, tieB, n, id } = this.frame;
    const { view, places } = this;
    if (!tieA.length) return;
    const highest = n ? id[n - 1] : 0;
    if (this.#rows.length <= highest) this.#rows = new Int32Array(2 * highest + 1);
    const rows = this.#rows.fill(-1);
    for (let k = 0; k < n; k++) rows[id[k]] = k;
    if (this.#lines.length < 4 * tieA.length) this.#lines = new Float32Array(4 * tieA.length);
    const out = this.#lines;
    const { x, y } = places;
    const { scale, left, top } = view;
    let count = 0;
    for (let k = 0; k < tieA.length; k++) {
      const a = rows[tieA[k]] ?? -1;
      const b = rows[tieB[k]] ?? -1;
      if (a < 0 || b < 0) continue;
      out[4 * count] = x[a] * scale - left;
      out[4 * count + 1] = y[a] * scale - top;
      out[4 * count + 2] = x[b] * scale - left;
      out[4 * count + 3] = y[b] * scale - top;
      count++;
    }
    lines(this.#pixels, view.wide, view.high, out, count, this.ground.theme.tie, count > 4000 ? 0.13 : 0.28);
  }

  #paintAgents() {
    const { frame, view, places } = this;
    const { n } = frame;
    if (this.#group.length < n) this.#group = new Uint8Array(2 * n);
    const group = this.#group;
    const { classOf } = this.colouring;
    const { scale, left, top } = view;
    // Places are made anew for every frame, so they can be turned into pixels where they are.
    const { x, y } = places;
    for (let k = 0; k < n; k++) {
      group[k] = classOf(frame, k);
      x[k] = x[k] * scale - left;
      y[k] = y[k] * scale - top;
    }
    discs(this.#pixels, view.wide, view.high, {
      n,
      x,
      y,
      group,
      colours: this.#groupColours,
      rim: this.ground.theme.ring,
      radius: this.radius,
      rimWidth: Math.max(0.6, Math.min(1.2, this.radius * 0.3)) * Math.min(1.5, this.ratio),
    });
    for (let k = 0; k < n; k++) {
      x[k] = (x[k] + left) / scale;
      y[k] = (y[k] + top) / scale;
    }
  }

  get radius() {
    return Math.max(1.7 * this.ratio, Math.min(9 * this.ratio, this.view.scale * 0.46));
  }

  #keepInSight() {
    const row = rowOf(this.frame, this.agent);
    if (row >= 0) this.view.keepInSight(this.places.x[row], this.places.y[row]);
  }

  /** Where on the screen an agent is drawn, in device pixels; null if it does not live in this frame. */
  placeOf(agent) {
    const row = this.frame ? rowOf(this.frame, agent) : -1;
    if (row < 0) return null;
    const { scale, left, top } = this.view;
    return { x: this.places.x[row] * scale - left, y: this.places.y[row] * scale - top, row };
  }

  /** Draw what is hovered and selected anew. */
  drawAbove() {
    drawMarks(this, this.above.getContext("2d"));
  }

  /** The cell under a point of the page, -1 beyond the edge. */
  cellUnder(clientX, clientY) {
    const box = this.above.getBoundingClientRect();
    const { scale, left, top } = this.view;
    const x = ((clientX - box.left) * this.ratio + left) / scale;
    const y = ((clientY - box.top) * this.ratio + top) / scale;
    return cellAt(x, y, this.terrain.width, this.terrain.height);
  }

  /** The agent that is drawn under (or within a few pixels of) a point of the page, else null. */
  agentUnder(clientX, clientY) {
    if (!this.frame || !this.agents) return null;
    const box = this.above.getBoundingClientRect();
    const { scale, left, top } = this.view;
    const px = (clientX - box.left) * this.ratio + left;
    const py = (clientY - box.top) * this.ratio + top;
    const { x, y } = this.places;
    let nearest = (this.radius + 4 * this.ratio) ** 2;
    let found = null;
    for (let k = 0; k < this.frame.n; k++) {
      const away = (x[k] * scale - px) ** 2 + (y[k] * scale - py) ** 2;
      if (away < nearest) [nearest, found] = [away, this.frame.id[k]];
    }
    return found;
  }

  agentsIn(cell) {
    const found = [];
    for (let k = 0; k < (this.frame?.n ?? 0); k++) if (this.frame.cell[k] === cell) found.push(this.frame.id[k]);
    return found;
  }

  /** Show an agent in the middle, near enough to see it. */
  goTo(agent) {
    const row = this.frame ? rowOf(this.frame, agent) : -1;
    if (row < 0) return;
    if (this.view.scale < 10 * this.ratio) this.view.zoom((10 * this.ratio) / this.view.scale);
    this.view.whole = false;
    this.view.centre(this.places.x[row], this.places.y[row]);
    this.emit("change");
  }
}
