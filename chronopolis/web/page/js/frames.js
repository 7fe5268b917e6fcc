// Frames: what the map shows of a tick, fetched ahead in the direction of travel and kept while there is room.

import { getBuffer, runPath } from "./api.js";

const MAGIC = 0x504f4c46;
const ROOM = 160 * 2 ** 20; // bytes kept
const AT_ONCE = 2; // of each sort, so that four connections are left for other questions
const BATCH = 32;
const FAR = 4 * BATCH; // ticks from the cursor beyond which nobody waits for a batch any more
const REST_MS = 2000;
const LONGEST_REST_MS = 30000;
const DAMAGED = "CorruptHistory"; // asking again would not help
const STUCK_MS = 300; // after which a single frame gives up its place to a newer wish

const padded = (bytes) => (bytes + 3) & ~3;

/** Read one frame at `start`; its arrays are copies, so the batch it came in can be let go. */
export function decode(batch, start) {
  const header = new Int32Array(batch, start, 8);
  const [magic, version, tick, n, cells, ties, bytes] = header;
  if (magic !== MAGIC || version !== 1) throw new Error("This is not a frame that the page can read.");
  const buffer = batch.slice(start, start + bytes);
  let at = 32;
  const take = (Type, length) => {
    const array = new Type(buffer, at, length);
    at += padded(array.byteLength);
    return array;
  };
  return {
    tick,
    n,
    bytes,
    id: take(Int32Array, n),
    cell: take(Int32Array, n),
    energy: take(Int16Array, n),
    satiety: take(Int16Array, n),
    company: take(Int16Array, n),
    intention: take(Uint8Array, n),
    occupation: take(Uint8Array, n),
    stock: take(Uint8Array, 4 * cells),
    tieA: take(Int32Array, ties),
    tieB: take(Int32Array, ties),
  };
}

/** The row of an agent in a frame, -1 if it does not live then. Rows are in the order of ids. */
export function rowOf(frame, agent) {
  let low = 0;
  let high = frame.n - 1;
  const { id } = frame;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (id[middle] === agent) return middle;
    if (id[middle] < agent) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

export class FrameStore {
  #kept = new Map(); // tick → frame, least recently used first
  #bytes = 0;
  #wanted = null; // the newest request that has not been sent
  #sent = new Map(); // tick → {control, at}, for single frames
  #ahead = new Map(); // first tick → {last, control}, of batches under way
  #generation = 0;
  #restUntil = 0; // after a failure nothing is read ahead, or asked for again, for a while
  #failures = 0; // one after the other
  #damaged = new Map(); // tick → why there will be no frame of it
  #batch = BATCH;

  constructor(run) {
    this.run = run;
    this.head = -1;
    this.ties = false;
    this.version = undefined; // of the run: with it the browser may keep answers for ever
    this.onArrive = () => {}; // (frame, sequence)
    this.onError = () => {};
  }

  get(tick) {
    const frame = this.#kept.get(tick);
    if (frame) {
      this.#kept.delete(tick);
      this.#kept.set(tick, frame);
    }
    return frame;
  }

  has(tick) {
    return this.#kept.has(tick);
  }

  /** Why there will be no frame of a tick: somebody changed the history that leads to it. */
  damage(tick) {
    return this.#damaged.get(tick);
  }

  get figures() {
    return { frames: this.#kept.size, bytes: this.#bytes };
  }

  clear() {
    this.#kept.clear();
    this.#bytes = 0;
    this.#generation++;
    for (const { control } of [...this.#sent.values(), ...this.#ahead.values()]) control.abort();
    this.#sent.clear();
    this.#ahead.clear();
  }

  setTies(on) {
    if (on === this.ties) return;
    this.ties = on;
    this.clear();
  }

  /** Ask for one frame now. A later request takes the place of one that has not been sent, or that is stuck. */
  request(tick, sequence) {
    for (const [first, { last, control }] of this.#ahead) if (first > tick + FAR || last < tick - FAR) control.abort();
    this.#wanted = null;
    if (this.has(tick) || this.damage(tick) || this.#sent.has(tick)) return;
    this.#wanted = { tick, sequence };
    if (this.#sent.size >= AT_ONCE) {
      const [oldest] = this.#sent.values();
      if (performance.now() - oldest.at > STUCK_MS) oldest.control.abort();
    }
    this.#pump();
  }

  /** Ask again for a frame that somebody still waits for, once what failed has had time to pass. */
  requestAgain(tick, sequence) {
    if (performance.now() >= this.#restUntil) this.request(tick, sequence);
  }

  async #pump() {
    if (!this.#wanted || this.#sent.size >= AT_ONCE) return;
    const { tick, sequence } = this.#wanted;
    this.#wanted = null;
    const control = new AbortController();
    const mine = { control, at: performance.now() };
    this.#sent.set(tick, mine);
    try {
      await this.#fetch(tick, 1, sequence, control.signal);
    } catch (error) {
      this.#failed(error, tick, 1);
    } finally {
      if (this.#sent.get(tick) === mine) this.#sent.delete(tick);
      this.#pump();
    }
  }

  async #fetch(first, count, sequence, signal) {
    const generation = this.#generation;
    const batch = await getBuffer(
      runPath(this.run, "frames"),
      {
        first,
        count,
        ties: this.ties ? 1 : undefined,
        v: this.version,
      },
      { signal },
    );
    if (generation !== this.#generation) return;
    this.#failures = 0;
    for (let at = 0; at < batch.byteLength;) {
      const frame = decode(batch, at);
      at += frame.bytes;
      this.#keep(frame);
      this.onArrive(frame, sequence);
    }
  }

  #failed(error, first, count) {
    if (error.name === "AbortError") return;
    if (error.type === DAMAGED && count > 1) {
      this.#batch = 1; // of some of these ticks there may be frames
      return;
    }
    if (error.type === DAMAGED) {
      this.#damaged.set(first, error.message);
      return this.onError(error);
    }
    this.#restUntil = performance.now() + Math.min(LONGEST_REST_MS, REST_MS * 2 ** this.#failures++);
    this.onError(error);
  }

  #keep(frame) {
    const old = this.#kept.get(frame.tick);
    if (old) {
      this.#bytes -= old.bytes;
      this.#kept.delete(frame.tick);
    }
    this.#kept.set(frame.tick, frame);
    this.#bytes += frame.bytes;
    for (const [tick, each] of this.#kept) {
      if (this.#bytes <= ROOM) break;
      this.#kept.delete(tick);
      this.#bytes -= each.bytes;
    }
  }

  /** See that `many` frames from `tick` on in a direction are here or on their way. Batches start at round ticks,
   *  so that the browser's own cache finds them again. */
  prefetch(tick, direction, many) {
    if (this.#ahead.size >= AT_ONCE || performance.now() < this.#restUntil) return;
    const last = direction > 0 ? Math.min(this.head, tick + many) : Math.max(0, tick - many);
    for (let t = tick; direction > 0 ? t <= last : t >= last; t += direction) {
      if (this.damage(t) && t !== tick) return;
      if (this.damage(t) || this.has(t) || this.#sent.has(t) || this.#isAhead(t)) continue;
      const first = Math.floor(t / this.#batch) * this.#batch;
      const end = Math.min(first + this.#batch - 1, this.head);
      const control = new AbortController();
      const mine = { last: end, control };
      this.#ahead.set(first, mine);
      this.#fetch(first, end - first + 1, -1, control.signal)
        .catch((error) => this.#failed(error, first, end - first + 1))
        .finally(() => this.#ahead.get(first) === mine && this.#ahead.delete(first));
      if (this.#ahead.size >= AT_ONCE) return;
    }
  }

  #isAhead(tick) {
    const first = Math.floor(tick / this.#batch) * this.#batch;
    return (this.#ahead.get(first)?.last ?? -1) >= tick;
  }
}
