// What each key does on the page of a run.

import { keys } from "./keyboard.js";
import { notice } from "./notices.js";
import { theme } from "./theme.js";

export function sessionKeys(session) {
  const { clock, map, panels, page, timeline, bookmarks } = session;
  const jump = (direction) => {
    const tick = bookmarks.next(clock.tick, direction);
    if (tick === undefined) return notice(`No bookmark ${direction > 0 ? "after" : "before"} this tick`);
    clock.pause();
    clock.seek(tick);
  };
  const move = (dx, dy) => () => {
    map.view.pan(dx * 60 * map.ratio, dy * 60 * map.ratio);
    map.set({ follow: false });
    page.showFollow();
  };
  return keys({
    ...timeKeys(clock, page),
    f: () => session.setFollowAgent(!map.follow),
    l: () => page.layers.toggle(),
    z: () => {
      map.view.fit();
      map.emit("change");
    },
    w: move(0, 1),
    s: move(0, -1),
    a: move(1, 0),
    d: move(-1, 0),
    e: () => page.zoom(1.5),
    q: () => page.zoom(1 / 1.5),
    b: () => session.bookmark(),
    "]": () => jump(1),
    "[": () => jump(-1),
    "/": () => page.search.field.focus(),
    "shift /": () => page.search.field.focus(),
    "?": () => page.help.showModal(),
    "shift ?": () => page.help.showModal(),
    1: () => panels.open("agent"),
    2: () => panels.open("events"),
    3: () => panels.open("causes"),
    4: () => panels.open("measures"),
    5: () => panels.open("run"),
    k: () => session.dialogs.fork(),
    i: () => session.dialogs.intervene(),
    c: () => session.dialogs.compare(),
    n: () => session.where.find(1),
    "shift N": () => session.where.find(-1),
    m: () => timeline.showAll(),
    g: () => notice(`Theme: ${theme.next()}`),
    Escape: () => {
      page.layers.box.hidden = true;
      session.select({});
    },
  });
}

/** Keys that move time, which the page of two runs has as well. */
export function timeKeys(clock, page) {
  return {
    space: () => clock.toggle(),
    "shift space": () => (clock.direction < 0 ? clock.pause() : clock.play(-1)),
    ArrowLeft: () => clock.step(-1),
    ArrowRight: () => clock.step(1),
    "shift ArrowLeft": () => clock.step(-10),
    "shift ArrowRight": () => clock.step(10),
    "ctrl ArrowLeft": () => clock.step(-100),
    "ctrl ArrowRight": () => clock.step(100),
    Home: () => clock.seek(0),
    End: () => clock.seek(clock.head),
    "+": () => clock.faster(1),
    "=": () => clock.faster(1),
    "-": () => clock.faster(-1),
    "shift +": () => clock.faster(1),
    "shift _": () => clock.faster(-1),
    t: () => page.time.tick.focus(),
  };
}
