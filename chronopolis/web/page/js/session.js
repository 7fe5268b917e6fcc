// The page of one run: makes its parts, and lets them hear of each other.

import { get, isWithoutRun, runPath } from "./api.js";
import { Bookmarks, MOST } from "./bookmarks.js";
import { changeDialogs } from "./change_dialogs.js";
import { Clock } from "./clock.js";
import { el, fill, throttled } from "./dom.js";
import { whole } from "./format.js";
import { FrameStore } from "./frames.js";
import { HexMap } from "./hexmap.js";
import { frameOfPage } from "./frame_of_page.js";
import { pausedNow, standing } from "./going_on.js";
import { COLOURINGS, GROUNDS } from "./layers.js";
import { readLink, writeLink } from "./links.js";
import { Live } from "./live.js";
import { allMarks } from "./marks.js";
import { dead } from "./nothing.js";
import { banner, notice, noticePlace, sayKept } from "./notices.js";
import { panels } from "./panels.js";
import { People } from "./people.js";
import { pointOn } from "./pointing.js";
import { sessionKeys } from "./session_keys.js";
import { fetchTerrain } from "./terrain.js";
import { theme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { Track } from "./track.js";
import { whereBox } from "./where.js";

const LINK_MS = 400;

export async function startSession(root, { run, codes, kinds }) {
  theme.begin();
  fill(root, banner(), noticePlace(), el("main.opening", { "aria-busy": "true" }, el("i.pulse"), `Opening ${run}…`));
  try {
    const about = await get(runPath(run));
    // An id, or the beginning of a name, leads here as well; the address says the name.
    history.replaceState(history.state, "", `/run/${encodeURIComponent(about.name)}${location.search}`);
    const terrain = about.head_tick < 0 ? null : await fetchTerrain(run, about.version);
    if (!terrain) return waitForFirstTick(root, { run, codes, kinds });
    return new Session(root, { about, terrain, codes, kinds });
  } catch (error) {
    return failed(root, run, error);
  }
}

function waitForFirstTick(root, given) {
  const shown = dead(root, given.run, "This run has no tick yet. The page opens as soon as there is one.");
  setTimeout(() => {
    shown.end();
    startSession(root, given);
  }, 1500);
}

export function failed(root, run, error) {
  const gone = isWithoutRun(error);
  document.title = "Chronopolis";
  return dead(
    root,
    gone ? `There is no run ${run}` : "The run can't be shown",
    gone && error.type !== "RunDropped"
      ? "It may have been dropped, or never was. Its forks, if it has any, are in the list of runs."
      : error.message,
  );
}

export class Session {
  constructor(root, { about, terrain, codes, kinds }) {
    this.root = root;
    this.about = about;
    this.run = about.name;
    this.codes = codes;
    this.kinds = kinds;
    this.terrain = terrain;
    this.link = readLink();
    this.agent = null;
    this.people = new People(this.run);
    this.bookmarks = new Bookmarks(this.run, this.link.marks);
    this.live = new Live(this.run);
    this.map = new HexMap(terrain, codes, { label: `Map of ${this.run}` });
    this.store = new FrameStore(this.run);
    this.store.version = about.version;
    this.track = new Track(this.store, (frame, next, fraction) => this.map.draw(frame, next, fraction));
    this.clock = new Clock([this.track]);
    this.timeline = new Timeline(this.clock, this.run, { label: `Timeline of ${this.run}` });
    this.timeline.forkedAt = about.fork_tick ?? null;
    this.dialogs = changeDialogs(this);
    this.where = whereBox(this);
    this.panels = panels(this);
    this.keys = sessionKeys(this);
    this.page = frameOfPage(this);
    this.#connect();
    fill(root, banner(), noticePlace(), ...this.page.nodes);
    this.#begin();
  }

  #connect() {
    const { clock, map, live, people } = this;
    map.on("change", () => clock.redraw());
    map.on("pan", () => clock.redraw());
    map.on("pick", (what) => this.select(what));
    pointOn(map, { nameOf: people.name });
    theme.on("change", () => {
      map.recolour();
      this.timeline.recolour();
      this.page.layers.show();
      this.panels.recolour();
    });
    // A browser stops taking new addresses from a page that gives too many.
    const writeTick = throttled(LINK_MS, () => writeLink({ tick: clock.tick, follow: clock.follow }));
    clock.on("tick", (tick) => {
      writeTick();
      if (this.track.shown) people.seen(this.track.shown);
      this.panels.tick(tick);
    });
    clock.on("mode", writeTick);
    clock.on("error", (error) => this.problem(error));
    this.timeline.on("error", (error) => this.problem(error));
    this.timeline.on("mark", (mark) => mark.run && mark.kind === "fork" && notice(`${mark.run} was forked from here`));
    live.on("news", (news) => this.#heard(news));
    live.on("lost", () => get(runPath(this.run)).catch((error) => this.problem(error)));
    this.bookmarks.on("change", () => this.showMarks());
  }

  #begin() {
    const { clock, link, about } = this;
    sayKept();
    clock.setHead(this.track, about.head_tick);
    const tick =
      link.tick ?? (link.event ? Number(link.event.split(":")[0]) : about.status === "running" ? about.head_tick : 0);
    if (tick > about.head_tick)
      notice(`Tick ${whole(tick)} has not happened yet: the newest is ${whole(about.head_tick)}`, { error: true });
    clock.seek(Math.min(tick, about.head_tick), { byPerson: false });
    const layer = GROUNDS.find((each) => String(each) === link.layer);
    if (layer !== undefined) this.page.layers.choose({ layer });
    if (COLOURINGS.includes(link.by)) this.page.layers.choose({ by: link.by });
    if (link.agent !== undefined) this.select({ agent: link.agent });
    else if (link.cell !== undefined) this.select({ cell: link.cell });
    if (link.tab) this.panels.open(link.tab);
    if (link.event) this.panels.showEvent(link.event);
    if (link.follow) clock.setFollow(true);
    this.people.at(clock.tick);
    this.showMarks();
    this.live.begin();
    document.title = `${this.run} – Chronopolis`;
    window.polis = this; // for the console, and for measuring
  }

  #heard(news) {
    const [stood, before] = [standing(this.about), this.about.head_tick];
    if (Number.isInteger(news.head_tick)) this.about.head_tick = news.head_tick;
    // How many events there are comes with the head that it counts up to.
    for (const name of ["status", "target", "problem", "events"]) if (news[name] !== undefined) this.about[name] = news[name];
    this.clock.setHead(this.track, this.about.head_tick);
    this.#heardOfPause(news);
    const moved = before !== this.about.head_tick;
    if (moved || this.about.status === "running") this.about.begun = this.about.continuing?.pid;
    if (moved || stood !== standing(this.about)) {
      this.page.showStatus();
      this.showMarks();
      this.panels.head(this.about);
    }
  }

  /** A run that this server goes on with says why it paused once its process has ended, a moment after its status. */
  #heardOfPause({ continuing }) {
    const before = { ...this.about.continuing };
    const known = pausedNow(this.about);
    this.about.continuing = continuing ?? this.about.continuing;
    const paused = pausedNow(this.about);
    if (before.pid !== continuing?.pid || before.state !== continuing?.state) this.panels.head(this.about);
    if (!paused || known) return;
    this.found = [{ tick: paused.at, title: paused.because }];
    notice(`Paused at tick ${whole(paused.at)}: ${paused.because}`, { ms: 8000 });
    this.showMarks();
  }

  /** Select an agent, a cell, or nothing; `quiet`: whatever panel is open stays open. */
  select({ agent = null, cell = null }, { quiet = false } = {}) {
    this.agent = agent;
    this.map.set({ agent, cell, follow: agent === null ? false : this.map.follow });
    writeLink({ agent, cell });
    this.timeline.life = null;
    this.timeline.draw();
    this.panels.select({ agent, cell }, quiet);
    this.page.showFollow();
  }

  goToAgent(agent) {
    this.select({ agent });
    this.map.goTo(agent);
  }

  setFollowAgent(on) {
    if (on && this.agent === null) return notice("Select an agent first, then follow it");
    if (on && this.map.frame && !this.map.placeOf(this.agent)) {
      const when = whole(this.map.frame.tick);
      return notice(`${this.people.name(this.agent)} is not alive at tick ${when}: there is nobody to follow`);
    }
    this.map.set({ follow: on });
    if (on) this.map.goTo(this.agent);
    this.page.showFollow();
    this.clock.redraw();
  }

  setLayers(options) {
    if ("ties" in options) {
      this.store.setTies(this.map.ties);
      this.clock.refetch();
    }
    if ("layer" in options) writeLink({ layer: options.layer === "land" ? null : options.layer });
    if ("by" in options) writeLink({ by: options.by === "occupation" ? null : options.by });
    this.clock.redraw();
  }

  async showMarks() {
    this.timeline.setMarks(await allMarks(this));
    this.panels.made.run.marked();
  }

  bookmark() {
    const { tick } = this.clock;
    const set = this.bookmarks.toggle(tick);
    if (set === null)
      return notice(`There are ${MOST} bookmarks: take one away, by b at its tick, to have room for ${whole(tick)}`, {
        error: true,
      });
    notice(set ? `Tick ${whole(tick)} is bookmarked` : `Bookmark at ${whole(tick)} taken away`);
  }

  problem(error) {
    if (error.name === "AbortError") return;
    if (isWithoutRun(error)) return this.end(() => failed(this.root, this.run, error));
    notice(error.message, { error: true });
  }

  end(then) {
    this.live.end();
    this.clock.stop();
    this.keys.end();
    then?.();
  }
}
