"""`python -m benchmarks.debugger`: how the debugger's page feels in a real browser, on a large run and on a long one.

A headless Chromium of 1280 × 720 without a graphics card opens a run, plays it, drags along its timeline, jumps to
ticks drawn at random, and presses and clicks what people press and click. Frames are counted where the map draws
them. Interactions are timed by the browser itself, from the input to the next paint (the Event Timing API).

python -m benchmarks.debugger                 makes a run of 2,500 agents × 500 ticks; writes docs/benchmarks/debugger.*
python -m benchmarks.debugger --run NAME      another run, of the home and database that the environment names
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.browsing import PROBES, at, box_of, interactions, percentiles
from benchmarks.machine import machine
from tests.support.debugger import BROWSER_ARGUMENTS, Polis, Server, chromium, serving

_OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
_AGENTS, _TICKS = 2_500, 500
_PLAY_S, _DRAG_S, _JUMPS = 8, 8, 60
_PAGE_MEMORY = """({
    heap_mb: Math.round(performance.memory.usedJSHeapSize / 2**20),
    frames_kept_mb: Math.round(window.polis.store.figures.bytes / 2**20),
})"""


def main() -> int:
    """Measure, and write the result beside those of other runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.debugger", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--run", help="a recorded run; by default a new one is made, and dropped afterwards")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    if chromium() is None:
        print("no browser: install chromium, or name one by POLIS_CHROMIUM", file=sys.stderr)
        return 3
    before = machine()
    home = Path(tempfile.mkdtemp(prefix="polis-bd-"))
    polis = Polis(home)
    try:
        if given.run:
            polis = Polis(Path(os.environ.get("POLIS_HOME", home)), os.environ.get("POLIS_DATABASE_URL"))
        else:
            print(f"making a run of {_AGENTS:,} agents and {_TICKS:,} ticks", file=sys.stderr)
            polis("run", "--name", "large", "--agents", str(_AGENTS), "--ticks", str(_TICKS), "--seed", "3",
                  "--durability", "group", "--quiet")  # fmt: skip
        result = measured(polis, given.run or "large", seed=given.seed)
    finally:
        polis.close()
        shutil.rmtree(home, ignore_errors=True)
    write(given.out, result | {"machine": before | {"browser": result.pop("browser")}})
    print(json.dumps(result, indent=1))
    return 0


def measured(polis: Polis, run: str, *, seed: int) -> dict[str, Any]:
    """Return the figures of one run."""
    with serving(polis) as server, sync_playwright() as playwright:
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        memory = {"started_mb": megabytes(process)}
        about = server.get(f"/api/runs/{run}")
        arguments = [*BROWSER_ARGUMENTS, "--enable-precise-memory-info"]
        browser = playwright.chromium.launch(executable_path=chromium(as_people_have_it=True), args=arguments)
        result: dict[str, Any] = {
            "run": run if about["head_tick"] != _TICKS else "large", "agents": about["agents"],
            "ticks": about["head_tick"], "events": about["events"], "browser": f"Chromium {browser.version}",
        }  # fmt: skip
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        result["open_ms"] = opened(browser, server, run)
        page = context.new_page()
        page.add_init_script(PROBES)
        page.goto(f"{server.url}/run/{run}?tick={about['head_tick'] // 2}")
        page.wait_for_function("window.polis?.track?.shown")
        page.wait_for_timeout(1_500)
        result["playing"] = playing(page)
        memory["after_playing_mb"] = megabytes(process)
        result["scrubbing"] = scrubbing(page)
        memory["after_scrubbing_mb"] = megabytes(process)
        result["jump_to_paint_ms"] = jumping(page, about["head_tick"], seed=seed)
        memory["after_jumping_mb"] = megabytes(process)
        result["interactions"] = interactions(page, about["head_tick"])
        memory["at_the_end_mb"] = megabytes(process)
        result["server"] = memory
        result["page"] = page.evaluate(_PAGE_MEMORY)
        browser.close()
    return result


def megabytes(process: psutil.Process) -> int:
    """Return the resident memory of a server."""
    return int(process.memory_info().rss / 2**20)


def opened(browser: Browser, server: Server, run: str) -> dict[str, float]:
    """Return how long a page takes to the first map: the first time, and when the browser knows its modules."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    times = []
    for _ in range(4):
        page = context.new_page()
        began = time.perf_counter()
        page.goto(f"{server.url}/run/{run}?tick=1")
        page.wait_for_function("window.polis?.track?.shown")
        times.append((time.perf_counter() - began) * 1000)
        page.close()
    context.close()
    return {"first": round(times[0]), "again": round(sorted(times[1:])[1])}


def playing(page: Page) -> dict[str, float]:
    """Return frames and ticks a second while it plays at 64 ticks a second, everything in view."""
    page.evaluate("window.polis.clock.setSpeed(64); window.polis.clock.seek(Math.floor(window.polis.clock.head / 3))")
    page.wait_for_timeout(800)
    page.keyboard.press("Space")
    page.wait_for_timeout(1_000)
    figures = dict(page.evaluate("(s) => window.probe.frames(s)", _PLAY_S))
    page.evaluate("window.polis.clock.pause()")
    return figures


def scrubbing(page: Page) -> dict[str, float]:
    """Return frames a second while a hand drags to and fro along the whole timeline."""
    x, y, wide, high = box_of(page, "canvas.timeline")
    page.mouse.move(x + wide * 0.3, y + high / 2)
    page.mouse.down()
    page.evaluate("(s) => { window.scrubbed = window.probe.frames(s); }", _DRAG_S)
    until = time.monotonic() + _DRAG_S
    step = 0
    while time.monotonic() < until:
        step += 1
        there = abs((step / 90) % 2 - 1)  # to and fro, three seconds each way
        page.mouse.move(x + wide * (0.05 + 0.9 * there), y + high / 2)
        page.wait_for_timeout(8)
    figures = dict(page.evaluate("window.scrubbed"))
    page.mouse.up()
    return figures | {"moves": step}


def jumping(page: Page, head: int, *, seed: int) -> dict[str, float]:
    """Return how long it takes from asking for a tick to its map on the screen, at random ticks of the whole run."""
    drawn = random.Random(seed)
    times = [float(page.evaluate("(tick) => window.probe.jump(tick)", drawn.randrange(head))) for _ in range(_JUMPS)]
    return percentiles(times) | {"jumps": _JUMPS}


def write(folder: Path, result: dict[str, Any]) -> None:
    """Put a result beside those of other runs, and write the page."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "debugger.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[result["run"]] = result
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    (folder / "debugger.md").write_text(page_of(known))


def page_of(results: dict[str, Any]) -> str:
    """Return the page with the figures of all runs."""
    runs = list(results.values())

    def told(part: str, *names: str) -> list[str]:
        return [" · ".join(at(run, part, name) for name in names) for run in runs]

    def measured_on(of: dict[str, Any]) -> str:
        return f"{of['cores']} cores, load {of['load_1min']}, {of['browser']}, {of['when']}"

    rows = {
        "": [f"{run['agents']:,} agents × {run['ticks']:,} ticks" for run in runs],
        "---": ["---" for _ in runs],
        "frames/s while playing at 64 ticks/s (bar: ≥ 50)": told("playing", "frames_per_s"),
        "ticks/s then shown": told("playing", "ticks_per_s"),
        "frames/s while scrubbing (bar: ≥ 50)": told("scrubbing", "frames_per_s"),
        "other ticks drawn a second while scrubbing": told("scrubbing", "ticks_per_s"),
        "script a frame, ms: p50 · p95": told("playing", "draw_p50_ms", "draw_p95_ms"),
        "interaction to next paint, ms: p50 · p98 · max (bar: ≤ 200)": told("interactions", "p50", "p98", "max"),
        "interactions": told("interactions", "count"),
        "jump to a random tick to its map, ms: p50 · p95 · max": told("jump_to_paint_ms", "p50", "p95", "max"),
        "page to first map, ms: first time · again": told("open_ms", "first", "again"),
        "server, MB: started · after jumping · at the end": told(
            "server", "started_mb", "after_jumping_mb", "at_the_end_mb"
        ),
        "page, MB: heap · frames kept": told("page", "heap_mb", "frames_kept_mb"),
        "measured on": [measured_on(run["machine"]) for run in runs],
    }
    table = "\n".join(f"| {what} | {' | '.join(values)} |" for what, values in rows.items())
    return f"{_HEAD}\n{table}\n"


_HEAD = """# The debugger in the browser

Written by `python -m benchmarks.debugger`: headless Chromium, 1280 × 720, no graphics card, real mouse and keys.
The figures lie beside this page as JSON. 60 frames/s is the browser's cap.
"""


if __name__ == "__main__":
    sys.exit(main())
