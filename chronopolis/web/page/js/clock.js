// Time. The one owner of the tick that is shown, of playing, and of what must be fetched for both.

import { Emitter, clamp, throttled } from "./dom.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];
const TELL_MS = 120; // how often panels hear of a new tick
const AHEAD_S = 2;
const BASE_AHEAD = 48;
const NEAR = 24; // ticks around a resting cursor that are fetched, so that stepping is at once

export class Clock extends Emitter {
  #sequence = 0;
  #moved = 0; // part of a tick that has passed while playing
  #before = null; // when the last picture was made, null at rest
  #dirty = false;
  #awake = false;
  #resting = null;
  #running = true;
  #tell = throttled(TELL_MS, () => this.emit("tick", this.tick));

  constructor(tracks) {
    super();
    this.tracks = tracks;
    this.tick = 0;
    this.direction = 0; // -1, 0, 1
    this.speed = 8; // ticks a second
    this.follow = false;
    this.buffering = false;
    for (const track of tracks) {
      track.store.onArrive = (frame, sequence) => this.#arrived(track, frame, sequence);
      track.store.onError = (error) => this.emit("error", error);
    }
  }

  get head() {
    return Math.max(...this.tracks.map((track) => track.store.head));
  }

  get playing() {
    return this.direction !== 0;
  }

  /** Go to a tick. Told to everybody at once, drawn as soon as its frame is here. */
  seek(tick, { byPerson = true } = {}) {
    const wanted = clamp(Math.round(tick), 0, Math.max(0, this.head));
    if (byPerson && this.follow && wanted < this.head) this.setFollow(false);
    this.#moved = 0;
    this.#go(wanted);
  }

  step(by) {
    this.pause();
    this.seek(this.tick + by);
  }

  play(direction = 1) {
    if (direction > 0 && this.tick >= this.head && !this.follow) this.#go(0);
    if (direction < 0 && this.tick <= 0) return;
    this.direction = direction;
    this.#moved = 0;
    this.#wake();
    this.emit("mode");
  }

  pause() {
    if (!this.playing) return;
    this.direction = 0;
    this.#moved = 0;
    this.buffering = false;
    this.redraw(); // once more, without a fraction
    this.emit("mode");
    this.#tell();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play(1);
  }

  setSpeed(speed) {
    this.speed = clamp(speed, SPEEDS[0], SPEEDS.at(-1));
    this.emit("mode");
  }

  faster(by) {
    const now = SPEEDS.findIndex((s) => s >= this.speed);
    this.setSpeed(SPEEDS[clamp(now + by, 0, SPEEDS.length - 1)]);
  }

  setFollow(on) {
    this.follow = on;
    if (on) {
      this.pause();
      this.seek(this.head, { byPerson: false });
    }
    this.emit("mode");
  }

  /** A run has gone on (or was looked up for the first time). */
  setHead(track, head) {
    if (head === track.store.head) return;
    track.store.head = head;
    this.emit("head", head);
    if (this.follow) this.#followTo(this.head);
  }

  /** Stay at the newest tick that can be shown: its frame is fetched first, so that the cursor is not ahead of the map. */
  #followTo(tick) {
    if (this.#allHave(tick)) return this.seek(tick, { byPerson: false });
    for (const track of this.tracks) track.store.request(track.at(tick), this.#sequence);
  }

  #allHave(tick) {
    return this.tracks.every((track) => track.store.has(track.at(tick)));
  }

  /** Draw again what is shown: colours, layers or what is selected have changed. */
  redraw() {
    this.#dirty = true;
    this.#wake();
  }

  /** What was fetched is of no use any more, as when another layer needs more of each frame. */
  refetch() {
    for (const track of this.tracks) track.store.clear();
    this.#go(this.tick);
  }

  stop() {
    this.#running = false;
  }

  #go(tick) {
    this.tick = tick;
    this.#sequence++;
    this.redraw();
    for (const track of this.tracks) {
      if (track.store.head >= 0) track.store.request(track.at(tick), this.#sequence);
    }
    this.emit("cursor", tick);
    this.#tell();
    this.#rest();
  }

  /** Once the cursor has rested and its frame is here, what lies around it is fetched; one that did not come is asked
   *  for again. */
  #rest() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      if (this.playing || this.head < 0) return;
      if (this.#endsAt(this.tick)) return;
      if (this.#allHave(this.tick)) return this.#fetchNear();
      for (const track of this.tracks) track.store.requestAgain(track.at(this.tick), this.#sequence);
      this.#rest();
    }, 160);
  }

  #fetchNear() {
    for (const { store } of this.tracks) {
      store.prefetch(Math.min(this.tick, store.head), 1, NEAR);
      store.prefetch(Math.min(this.tick, store.head), -1, NEAR);
    }
  }

  #arrived(track, frame, sequence) {
    if (this.follow && frame.tick > this.tick && this.#allHave(frame.tick)) {
      this.#go(frame.tick);
      if (frame.tick < this.head) this.#followTo(this.head);
    } else if (frame.tick === track.at(this.tick)) this.redraw();
    // While the cursor is dragged, what was asked for on the way is drawn too, as long as it is newer than what is there.
    else if (sequence > track.drawn) track.put(frame, sequence);
  }

  /** Pictures are asked for only while there is something to draw: a page at rest takes no time of the machine. */
  #wake() {
    if (this.#awake) return;
    this.#awake = true;
    requestAnimationFrame((now) => this.#loop(now));
  }

  #loop(now) {
    this.#awake = false;
    if (!this.#running) return;
    const seconds = this.#before === null ? 0 : Math.min(0.1, (now - this.#before) / 1000);
    this.#before = this.playing ? now : null;
    if (this.playing) this.#advance(seconds);
    if (this.#dirty) this.#draw();
    if (this.playing) this.#wake();
  }

  #advance(seconds) {
    const { direction } = this;
    const end = direction > 0 ? this.head : 0;
    const many = Math.max(BASE_AHEAD, Math.ceil(this.speed * AHEAD_S));
    for (const { store } of this.tracks) store.prefetch(Math.min(this.tick, store.head), direction, many);
    this.#moved += seconds * this.speed;
    let tick = this.tick;
    while (this.#moved >= 1 && tick !== end) {
      const next = tick + direction;
      if (!this.#allHave(next)) break;
      tick = next;
      this.#moved -= 1;
    }
    const waits = this.#moved >= 1 && tick !== end;
    if (waits) this.#moved = 1;
    if (waits !== this.buffering) {
      this.buffering = waits;
      this.emit("mode");
    }
    this.#dirty = true; // agents are drawn on their way from tick to tick
    if (tick !== this.tick) this.#arriveAt(tick);
    if (waits && this.#endsAt(tick + direction)) this.pause();
    if (tick === end) {
      if (direction > 0 && this.follow) this.#moved = 0;
      else this.pause();
    }
  }

  #endsAt(tick) {
    return this.tracks.some((track) => track.store.damage(track.at(tick)));
  }

  #arriveAt(tick) {
    this.tick = tick;
    this.#sequence++;
    this.emit("cursor", tick);
    this.#tell();
  }

  #draw() {
    this.#dirty = false;
    for (const track of this.tracks) {
      const frame = track.store.get(track.at(this.tick));
      if (!frame) continue;
      const after = this.playing ? track.store.get(track.at(this.tick + this.direction)) : null;
      track.put(frame, this.#sequence, after, Math.min(1, this.#moved));
    }
  }
}
