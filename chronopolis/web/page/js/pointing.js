// What a hand does on the map: drag to pan, wheel to zoom, hover for a note, click to select.

import { el } from "./dom.js";
import { milli, words } from "./format.js";
import { rowOf } from "./frames.js";

const CLICK = 4; // pixels that a hand may slip

export function pointOn(map, { nameOf }) {
  const surface = map.above;
  const note = el("div.note", { role: "status", hidden: true });
  map.node.append(note);
  let from = null;

  surface.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    from = { x: event.clientX, y: event.clientY, moved: false };
  });
  surface.addEventListener("pointermove", (event) => {
    if (!from) return hover(event);
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.moved && Math.hypot(dx, dy) < CLICK) return;
    from = { x: event.clientX, y: event.clientY, moved: true };
    note.hidden = true;
    surface.classList.add("dragged");
    map.view.pan(dx * map.ratio, dy * map.ratio);
    map.set({ follow: false });
    map.emit("pan");
  });
  surface.addEventListener("pointerup", (event) => {
    surface.classList.remove("dragged");
    const clicked = from && !from.moved;
    from = null;
    if (!clicked) return;
    const agent = map.agentUnder(event.clientX, event.clientY);
    const cell = map.cellUnder(event.clientX, event.clientY);
    if (agent !== null) map.emit("pick", { agent });
    else if (cell >= 0) map.emit("pick", { cell });
    else map.emit("pick", {});
  });
  surface.addEventListener("pointercancel", () => (from = null));
  surface.addEventListener("pointerleave", () => {
    note.hidden = true;
    map.hovered = null;
    map.drawAbove();
    map.emit("hover", null);
  });
  surface.addEventListener("dblclick", (event) => {
    const box = surface.getBoundingClientRect();
    map.view.zoom(2, (event.clientX - box.left) * map.ratio, (event.clientY - box.top) * map.ratio);
    map.emit("change");
  });
  surface.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const box = surface.getBoundingClientRect();
      const factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016));
      map.view.zoom(factor, (event.clientX - box.left) * map.ratio, (event.clientY - box.top) * map.ratio);
      map.emit("change");
    },
    { passive: false },
  );

  function hover(event) {
    const cell = map.cellUnder(event.clientX, event.clientY);
    if (cell < 0) {
      note.hidden = true;
      return;
    }
    if (cell !== map.hovered) {
      map.hovered = cell;
      map.drawAbove();
      map.emit("hover", cell);
    }
    note.replaceChildren(...describe(event, cell));
    note.hidden = false;
    const box = map.node.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    note.style.left = `${x + 16 + note.offsetWidth > box.width ? x - note.offsetWidth - 12 : x + 16}px`;
    note.style.top = `${y + 14 + note.offsetHeight > box.height ? y - note.offsetHeight - 10 : y + 14}px`;
  }

  function describe(event, cell) {
    const { terrain, codes, frame } = map;
    const lines = [];
    const agent = map.agentUnder(event.clientX, event.clientY);
    if (agent !== null) {
      const row = rowOf(frame, agent);
      const intention = codes.intention[frame.intention[row]];
      lines.push(
        el("div.note-title", nameOf(agent)),
        el(
          "div",
          [words(codes.occupation[frame.occupation[row]]), intention && words(intention).toLowerCase()]
            .filter(Boolean)
            .join(" · "),
        ),
        el(
          "div.faint",
          `energy ${milli(frame.energy[row])}  satiety ${milli(frame.satiety[row])}  company ${milli(frame.company[row])}`,
        ),
      );
    }
    const row = Math.floor(cell / terrain.width);
    lines.push(
      el(
        "div.faint",
        `${words(codes.biome[terrain.biome[cell]])}, ${terrain.elevation[cell]} m · row ${row}, column ${cell % terrain.width}`,
      ),
    );
    if (frame) {
      const stocks = codes.good.slice(0, 4).map((good, r) => {
        const capacity = terrain.capacity[r * terrain.n + cell];
        return capacity ? `${good} ${milli((capacity * frame.stock[r * terrain.n + cell]) / 255)}` : null;
      });
      const told = stocks.filter(Boolean).join("  ");
      if (told && agent === null) lines.push(el("div.faint", told));
    }
    return lines;
  }
}
