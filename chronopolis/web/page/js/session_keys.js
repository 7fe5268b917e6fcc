// What each key does on the page of a run.

import { pageKeys } from "./keyboard.js";
import { notice } from "./notices.js";

export function sessionKeys(session) {
  const { clock, map, panels, timeline, bookmarks } = session;
  const jump = (direction) => {
    const tick = bookmarks.next(clock.tick, direction);
    if (tick === undefined) return notice(`No bookmark ${direction > 0 ? "after" : "before"} this tick`);
    clock.pause();
    clock.seek(tick);
  };
  const move = (dx, dy) => () => {
    map.view.pan(dx * 60 * map.ratio, dy * 60 * map.ratio);
    map.set({ follow: false });
    session.page.showFollow();
  };
  const fit = () => {
    map.view.fit();
    map.emit("change");
  };
  const nothing = () => {
    session.page.layers.box.hidden = true;
    session.select({});
  };
  const search = () => session.page.search.field.focus();
  const open = (name) => () => panels.open(name);
  return pageKeys([
    [
      "Time",
      [
        ...timeRows(clock, () => session.page.time),
        ["[ ]", "previous, next bookmark", { "[": () => jump(-1), "]": () => jump(1) }],
      ],
    ],
    [
      "Map",
      [
        ["f", "follow the selected agent", { f: () => session.setFollowAgent(!map.follow) }],
        ["l", "layers", { l: () => session.page.layers.toggle() }],
        ["z", "show the whole map", { z: fit }],
        ["w a s d", "move the map", { w: move(0, 1), s: move(0, -1), a: move(1, 0), d: move(-1, 0) }],
        ["q e", "zoom out, in", { q: () => session.page.zoom(1 / 1.5), e: () => session.page.zoom(1.5) }],
        ["Esc", "select nothing, close", { Escape: nothing }],
      ],
    ],
    [
      "Look",
      [
        ["/", "search an agent", { "/": search, "shift /": search }],
        [
          "1 … 5",
          "agent, events, causes, measures, run",
          { 1: open("agent"), 2: open("events"), 3: open("causes"), 4: open("measures"), 5: open("run") },
        ],
        ["b", "bookmark this tick", { b: () => session.bookmark() }],
        [
          "n · shift n",
          "on, back to a tick where …",
          { n: () => session.where.find(1), "shift N": () => session.where.find(-1) },
        ],
        ["m", "zoom the timeline to everything", { m: () => timeline.showAll() }],
      ],
    ],
    [
      "Do",
      [
        ["k", "fork here", { k: () => session.dialogs.fork() }],
        ["i", "intervene", { i: () => session.dialogs.intervene() }],
        ["c", "compare with another run", { c: () => session.dialogs.compare() }],
      ],
    ],
  ]);
}

/** Keys that move time, which the page of two runs has as well; `time` gives the row of buttons. */
export function timeRows(clock, time) {
  const faster = () => clock.faster(1);
  const slower = () => clock.faster(-1);
  const back = () => (clock.direction < 0 ? clock.pause() : clock.play(-1));
  const step = (by) => () => clock.step(by);
  return [
    ["space", "play and pause", { space: () => clock.toggle() }],
    ["shift space", "play backwards", { "shift space": back }],
    ["← →", "one tick", { ArrowLeft: step(-1), ArrowRight: step(1) }],
    ["shift ← →", "ten ticks", { "shift ArrowLeft": step(-10), "shift ArrowRight": step(10) }],
    ["ctrl ← →", "a hundred ticks", { "ctrl ArrowLeft": step(-100), "ctrl ArrowRight": step(100) }],
    ["Home End", "tick 0, newest tick", { Home: () => clock.seek(0), End: () => clock.seek(clock.head) }],
    ["+ −", "faster, slower", { "+": faster, "=": faster, "shift +": faster, "-": slower, "shift _": slower }],
    ["t", "type a tick", { t: () => time().tick.focus() }],
  ];
}
