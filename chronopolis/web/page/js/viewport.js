// The part of the grid that is seen: how large a cell's side is on screen, and where the corner lies. All in device pixels.

import { clamp } from "./dom.js";
import { extent } from "./hexes.js";

const CLOSEST = 64;
const MARGIN = 0.3; // how far the land can be pushed out of sight, as part of the window

export class View {
  constructor(width, height) {
    this.size = extent(width, height);
    this.scale = 0;
    this.left = 0;
    this.top = 0;
    this.wide = 1;
    this.high = 1;
    this.below = 0; // what the legend covers
    this.whole = true; // shows everything, and keeps doing so when the window changes
  }

  resize(wide, high) {
    const [cx, cy] = [(this.left + this.wide / 2) / (this.scale || 1), (this.top + this.high / 2) / (this.scale || 1)];
    this.wide = wide;
    this.high = high;
    if (this.whole || !this.scale) this.fit();
    else this.centre(cx, cy);
  }

  get smallest() {
    return Math.min((this.wide * 0.98) / this.size.x, ((this.high - this.below) * 0.98) / this.size.y);
  }

  fit() {
    this.whole = true;
    this.scale = this.smallest;
    this.centre(this.size.x / 2, this.size.y / 2 + this.below / 2 / this.scale);
  }

  /** Zoom around a point on the screen. */
  zoom(factor, px = this.wide / 2, py = this.high / 2) {
    const x = (px + this.left) / this.scale;
    const y = (py + this.top) / this.scale;
    const scale = clamp(this.scale * factor, this.smallest, CLOSEST);
    this.whole = scale <= this.smallest * 1.001;
    this.scale = scale;
    if (this.whole) this.fit();
    else {
      this.left = x * scale - px;
      this.top = y * scale - py;
      this.#keepIn();
    }
  }

  pan(dx, dy) {
    this.whole = false;
    this.left -= dx;
    this.top -= dy;
    this.#keepIn();
  }

  centre(x, y) {
    this.left = x * this.scale - this.wide / 2;
    this.top = y * this.scale - this.high / 2;
  }

  /** Move so that a place (in sides) keeps away from the rim; true if the view has moved. */
  keepInSight(x, y) {
    const px = x * this.scale - this.left;
    const py = y * this.scale - this.top;
    const [mx, my] = [this.wide * 0.25, this.high * 0.25];
    const dx = px < mx ? mx - px : px > this.wide - mx ? this.wide - mx - px : 0;
    const dy = py < my ? my - py : py > this.high - my ? this.high - my - py : 0;
    if (Math.abs(dx) < 0.5 && Math.abs(dy) < 0.5) return false;
    this.whole = false;
    this.left -= dx;
    this.top -= dy;
    return true;
  }

  #keepIn() {
    const [mx, my] = [this.wide * MARGIN, this.high * MARGIN];
    this.left = clamp(this.left, -this.wide + mx, this.size.x * this.scale - mx);
    this.top = clamp(this.top, -this.high + my, this.size.y * this.scale - my);
  }

  /** What the table of pixels is made from; equal keys, equal tables. */
  get key() {
    return `${this.wide}×${this.high} ${this.scale} ${this.left} ${this.top}`;
  }
}
