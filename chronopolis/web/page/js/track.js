// A track: one run whose frames are drawn under the clock, and what of it was drawn last.

/** A run whose frames are drawn: one on the page of a run, two side by side where runs are compared. */
export class Track {
  constructor(store, draw) {
    this.store = store;
    this.draw = draw; // (frame, next frame or null, fraction of the way to it)
    this.drawn = -1; // sequence of what was drawn last
    this.shown = null;
  }

  at(tick) {
    return Math.min(tick, this.store.head);
  }

  put(frame, sequence, next = null, fraction = 0) {
    this.drawn = sequence;
    this.shown = frame;
    this.draw(frame, next, fraction);
  }
}
