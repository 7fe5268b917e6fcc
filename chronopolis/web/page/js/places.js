// Where each agent of a frame is drawn: the middle of its cell, a little aside where several share one, and on its way
// to the next cell while time runs.

import { WIDE } from "./hexes.js";

const ANGLE = Math.PI * (3 - Math.sqrt(5));

export class Places {
  constructor(width, cells) {
    this.width = width;
    this.crowd = new Uint8Array(cells);
    this.x = new Float32Array(0);
    this.y = new Float32Array(0);
    this.nextX = new Float32Array(0);
    this.nextY = new Float32Array(0);
  }

  /** Fill x and y, in sides, for a frame; `fraction` of the way to where agents are in the next. */
  of(frame, next, fraction) {
    const { n } = frame;
    if (this.x.length < n) [this.x, this.y] = [new Float32Array(2 * n), new Float32Array(2 * n)];
    this.#settle(frame, this.x, this.y);
    if (next && fraction > 0) this.#between(frame, next, fraction);
    return this;
  }

  #settle(frame, x, y) {
    const { width, crowd } = this;
    const { n, cell } = frame;
    crowd.fill(0);
    for (let k = 0; k < n; k++) {
      const c = cell[k];
      const row = (c / width) | 0;
      const column = c - row * width;
      const place = crowd[c]++;
      // The first stands in the middle; who comes later takes a seat on a spiral around it.
      const away = place === 0 ? 0 : Math.min(0.72, 0.3 + 0.09 * place);
      x[k] = WIDE * (column + 0.5 + 0.5 * (row & 1)) + away * Math.cos(place * ANGLE);
      y[k] = 1.5 * row + 1 + away * Math.sin(place * ANGLE);
    }
  }

  #between(frame, next, fraction) {
    if (this.nextX.length < next.n)
      [this.nextX, this.nextY] = [new Float32Array(2 * next.n), new Float32Array(2 * next.n)];
    const { x, y, nextX, nextY } = this;
    this.#settle(next, nextX, nextY);
    const a = frame.id;
    const b = next.id;
    for (let i = 0, j = 0; i < frame.n && j < next.n;) {
      if (a[i] === b[j]) {
        x[i] += (nextX[j] - x[i]) * fraction;
        y[i] += (nextY[j] - y[i]) * fraction;
        i++;
        j++;
      } else if (a[i] < b[j]) i++;
      else j++;
    }
  }
}
