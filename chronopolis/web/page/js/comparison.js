// Two runs side by side under one clock: where they part, who differs now, and by how much.

import { get, isWithoutRun, runPath } from "./api.js";
import { Clock } from "./clock.js";
import { makeSide, onOneGrid, sharedUntil } from "./comparison_side.js";
import { differencePanel } from "./differences.js";
import { el, fill, throttled } from "./dom.js";
import { whole } from "./format.js";
import { showApart } from "./frame_difference.js";
import { brand, searchBox, themeButton } from "./header.js";
import { pageKeys } from "./keyboard.js";
import { layerButton, layerPanel } from "./layers.js";
import { readLink, writeLink } from "./links.js";
import { dead } from "./nothing.js";
import { banner, notice, noticePlace, notYet } from "./notices.js";
import { pointOn } from "./pointing.js";
import { failed } from "./session.js";
import { timeRows } from "./session_keys.js";
import { splitter } from "./splitter.js";
import { fetchTerrain } from "./terrain.js";
import { theme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { button, transport } from "./transport.js";

export async function startComparison(root, { a, b, codes }) {
  theme.begin();
  fill(root, banner(), noticePlace(), el("main.opening", el("i.pulse"), "Opening both runs…"));
  if (!a || !b) {
    return dead(
      root,
      "Two runs are needed",
      "A comparison has an address such as /compare?a=ONE&b=OTHER. Choose two in the list of runs.",
    );
  }
  const sides = [];
  for (const name of [a, b]) {
    try {
      const about = await get(runPath(name));
      sides.push({ about, terrain: await fetchTerrain(about.name, about.version) });
    } catch (error) {
      return failed(root, name, error);
    }
  }
  return new Comparison(root, sides, codes);
}

class Comparison {
  constructor(root, sides, codes) {
    this.root = root;
    this.agent = null;
    const drawn = (side, frame) => this.#drawn(side, frame);
    this.sides = sides.map((given, k) => makeSide({ ...given, codes, letter: "AB"[k], drawn }));
    const [one, other] = this.sides;
    this.clock = new Clock(this.sides.map((side) => side.track));
    this.people = one.people;
    this.timeline = new Timeline(this.clock, one.about.name, { label: "Timeline of both runs" });
    this.timeline.forkedAt = sharedUntil(one.about, other.about);
    this.differences = differencePanel(this);
    this.keys = this.#listen();
    this.#layout();
    this.#connect();
    this.#begin();
  }

  #layout() {
    const [one, other] = this.sides;
    const layers = (this.layers = layerPanel(one.map, one.map.codes, (options) => {
      other.map.set(options);
      if ("ties" in options) {
        for (const side of this.sides) side.store.setTies(one.map.ties);
        this.clock.refetch();
      }
      this.clock.redraw();
    }));
    layers.box.hidden = true;
    one.map.node.append(layers.box);
    one.node.querySelector(".side-head").append(
      el("span.space"),
      layerButton(layers),
      button("fit", "Show everything (z)", () => this.fit()),
    );
    this.search = searchBox(this.people, { now: () => this.clock.tick, head: () => one.store.head }, (agent) =>
      this.select(agent, { go: true }),
    );
    this.time = transport(this.clock);
    const swap = () =>
      location.assign(
        `/compare?a=${encodeURIComponent(other.about.name)}&b=${encodeURIComponent(one.about.name)}&tick=${this.clock.tick}`,
      );
    const bar = el(
      "header.bar",
      brand(),
      el("span.slash", { "aria-hidden": "true" }, "/"),
      el("span.run-name", "Compare"),
      el("span.space"),
      this.search.node,
      el("button.button", { type: "button", onclick: swap }, "Swap A and B"),
      themeButton(),
      button("help", "Keys (?)", () => this.keys.help.showModal()),
    );
    const side = el("aside.side", { "aria-label": "Differences" }, this.differences.node);
    fill(
      this.root,
      banner(),
      noticePlace(),
      bar,
      el(
        "main.body",
        el("div.stage.both", el("div.two-maps", one.node, other.node), layers.legend),
        splitter(side, () => this.clock.redraw()),
        side,
      ),
      el("footer.dock", this.time.node, this.timeline.node),
      this.keys.help,
    );
  }

  #connect() {
    const { clock, sides } = this;
    for (const side of sides) {
      const other = sides.find((each) => each !== side);
      side.map.on("change", () => {
        this.#sameView(side, other);
        clock.redraw();
      });
      side.map.on("pan", () => {
        this.#sameView(side, other);
        clock.redraw();
      });
      side.map.on("pick", ({ agent = null }) => this.select(agent));
      side.map.on("hover", (cell) => {
        other.map.hovered = cell;
        other.map.drawAbove();
      });
      pointOn(side.map, { nameOf: side.people.name });
      side.live.on("news", (news) => {
        side.about.status = news.status ?? side.about.status;
        if (Number.isInteger(news.head_tick)) clock.setHead(side.track, news.head_tick);
        side.showStatus();
        this.#showFollow();
      });
      side.live.on("lost", () => get(runPath(side.about.name)).catch((error) => this.#lost(side, error)));
      side.live.begin();
    }
    const writeTick = throttled(400, () => writeLink({ tick: clock.tick }));
    clock.on("tick", (tick) => {
      writeTick();
      this.differences.tick(tick);
    });
    clock.on("error", (error) => notice(error.message, { error: true }));
    theme.on("change", () => {
      for (const { map } of sides) map.recolour();
      this.timeline.recolour();
      this.layers.show();
    });
  }

  #listen() {
    const search = () => this.search.field.focus();
    return pageKeys([
      ["Time", timeRows(this.clock, () => this.time)],
      [
        "Maps",
        [
          ["l", "layers", { l: () => this.layers.toggle() }],
          ["z", "show the whole maps", { z: () => this.fit() }],
          ["Esc", "select nobody", { Escape: () => this.select(null) }],
        ],
      ],
      [
        "Look",
        [
          ["/", "search an agent", { "/": search, "shift /": search }],
          ["n", "where the two part", { n: () => this.differences.jump() }],
          ["m", "zoom the timeline to everything", { m: () => this.timeline.showAll() }],
        ],
      ],
    ]);
  }

  #begin() {
    const { clock, sides } = this;
    for (const side of sides) {
      clock.setHead(side.track, side.about.head_tick);
      side.people.at(Math.max(0, side.about.head_tick));
    }
    this.#showFollow();
    const link = readLink();
    const tick = link.tick ?? this.common;
    if (tick > clock.head) notice(notYet(tick, clock.head), { error: true });
    clock.seek(Math.min(tick, clock.head), { byPerson: false });
    if (link.agent !== undefined) this.select(link.agent);
    document.title = `${sides[0].about.name} and ${sides[1].about.name} – Chronopolis`;
    window.polis = this;
  }

  #lost(side, error) {
    if (!isWithoutRun(error)) return notice(error.message, { error: true });
    this.end();
    failed(this.root, side.about.name, error);
  }

  #showFollow() {
    this.time.follow.hidden = !this.clock.follow && this.sides.every((side) => side.about.status !== "running");
  }

  #sameView(from, to) {
    if (!onOneGrid([from, to])) return;
    const { scale, left, top, whole: all } = from.map.view;
    Object.assign(to.map.view, { scale, left, top, whole: all });
  }

  #drawn(side, frame) {
    side.tick.textContent = frame.tick < this.clock.tick ? `ends at tick ${whole(frame.tick)}` : "";
    showApart(this);
  }

  /** The last tick that both have. */
  get common() {
    return Math.min(...this.sides.map((side) => side.store.head));
  }

  select(agent, { go = false } = {}) {
    this.agent = agent;
    for (const { map } of this.sides) map.set({ agent });
    if (go && agent !== null) this.sides[0].map.goTo(agent);
    writeLink({ agent });
    this.differences.select(agent);
  }

  fit() {
    for (const { map } of this.sides) map.view.fit();
    this.clock.redraw();
  }

  end() {
    this.clock.stop();
    this.keys.end();
    for (const side of this.sides) side.live.end();
  }
}
