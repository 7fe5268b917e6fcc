"""Hands and eyes for a browser that is measured: probes in the page, and what people press and click."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_MOVES = (
    "ArrowRight", "ArrowRight", "ArrowLeft", "Shift+ArrowRight", "Control+ArrowRight", "Control+ArrowLeft",
    "End", "Home",
)  # fmt: skip
_LOOKS = (
    "z", "f", "2", "3", "4", "5", "1", "l", "b", "?", "Escape", "Space", "Space", "Shift+Space", "Shift+Space",
)  # fmt: skip

PROBES = """
window.probe = {
  interactions: new Map(),
  // Frames in which the map was drawn, ticks that were shown, and how long drawing took, for some seconds.
  async frames(seconds) {
    const { map } = window.polis, draw = map.draw.bind(map), took = [], ticks = new Set(), gaps = [];
    let frames = 0, drawn = 0, before = 0, changes = 0, last = null;
    map.draw = (...given) => {
      const begun = performance.now();
      draw(...given);
      took.push(performance.now() - begun);
      drawn = 1;
      if (given[0].tick !== last) changes++;
      last = given[0].tick;
      ticks.add(given[0].tick);
    };
    const begun = performance.now();
    await new Promise((done) => {
      const frame = (now) => {
        if (before) gaps.push(now - before);
        before = now;
        frames++;
        if (now - begun < 1000 * seconds) requestAnimationFrame(frame);
        else done();
      };
      requestAnimationFrame(frame);
    });
    const passed = (performance.now() - begun) / 1000;
    delete map.draw;
    const tenths = (value) => Math.round(10 * value) / 10;
    const rank = (list, q) => {
      const sorted = [...list].sort((a, b) => a - b);
      return sorted.length ? tenths(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]) : null;
    };
    return {
      frames_per_s: tenths(frames / passed), maps_per_s: tenths(took.length / passed),
      ticks_per_s: tenths(changes / passed), draw_p50_ms: rank(took, 0.5), draw_p95_ms: rank(took, 0.95),
      gap_p95_ms: rank(gaps, 0.95), gap_max_ms: rank(gaps, 1),
    };
  },
  // From asking for a tick to the frame after the one in which its map was drawn.
  jump(tick) {
    const { clock, map } = window.polis, begun = performance.now();
    return new Promise((done) => {
      const off = map.on("drawn", (frame) => {
        if (frame.tick !== tick) return;
        off();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
      });
      clock.seek(tick);
    });
  },
};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (entry.interactionId) window.probe.interactions.set(entry.interactionId, {
      ms: Math.max(entry.duration, window.probe.interactions.get(entry.interactionId)?.ms ?? 0), what: entry.name,
    });
}).observe({ type: "event", durationThreshold: 16, buffered: true });
"""


def percentiles(values: list[float]) -> dict[str, float]:
    """Return median, 95th and 98th percentile and maximum."""
    ranked = sorted(values)
    pick = {"p50": 0.5, "p95": 0.95, "p98": 0.98, "max": 1.0}
    return {name: round(ranked[min(len(ranked) - 1, int(q * len(ranked)))], 1) for name, q in pick.items()}


def at(result: dict[str, Any], part: str, name: str) -> str:
    """Return a figure as text, – if it was not measured."""
    value = result.get(part, {}).get(name)
    return "–" if value is None else f"{value:,}"


def box_of(page: Page, selector: str) -> tuple[float, float, float, float]:
    """Return left, top, width and height of an element."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector
    return box["x"], box["y"], box["width"], box["height"]


def interactions(page: Page, head: int) -> dict[str, Any]:
    """Press and click as people do, and return what the browser says each took until the next paint.

    Those below its threshold of 16 ms are not told by it, and count as 16.
    """
    done = 0

    def rest() -> None:
        nonlocal done
        done += 1
        page.wait_for_timeout(130)

    page.evaluate("window.probe.interactions.clear()")
    for key in _MOVES * 3:
        page.keyboard.press(key)
        rest()
    x, y, wide, high = box_of(page, "canvas.timeline")
    for part in (0.2, 0.7, 0.35, 0.9, 0.5):
        page.mouse.click(x + wide * part, y + high / 2)
        rest()
    x, y, wide, high = box_of(page, ".map")
    for part in (0.3, 0.4, 0.5, 0.6, 0.7):
        page.mouse.click(x + wide * part, y + high * 0.5)
        rest()
    for _ in range(3):
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(100)
    for key in _LOOKS:
        page.keyboard.press(key)
        rest()
    for layer in ("Elevation", "Food", "Land"):
        page.get_by_role("group", name="Layers").get_by_label(layer, exact=True).check()
        rest()
    for by in ("Energy", "Occupation"):
        page.get_by_role("group", name="Layers").get_by_label(by, exact=True).check()
        rest()
    page.evaluate(f"window.polis.clock.seek({head // 2})")
    page.wait_for_timeout(600)
    told = page.evaluate("[...window.probe.interactions.values()]")
    times = [each["ms"] for each in told] + [16.0] * max(0, done - len(told))
    worst = sorted(told, key=lambda each: -each["ms"])[:5]
    return percentiles(times) | {"count": len(times), "below_16_ms": max(0, done - len(told)), "worst": worst}
