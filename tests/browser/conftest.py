"""A real Chromium before a real `polis debug`, on runs that were really recorded: one of each for all these tests.

Tests are given tabs that others have used: a tab of its own costs a process, and all modules compiled once more.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.support.debugger import BROWSER_ARGUMENTS, Polis, Server, chromium, serving
from tests.support.postgres import TestServer

VILLAGE = "talking-village"
LEAN, LEAN_END = "lean-years", 700
WIDTH = 50
# What a headless browser without a graphics card says of itself, and what a test brings about on purpose.
_HARMLESS = ("GPU stall", "GL Driver Message", "favicon")
_SIZE: ViewportSize = {"width": 1280, "height": 720}
_TABS_KEPT = 2

expect.set_options(timeout=10_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.end_to_end)
    if here and chromium() is None:
        reason = "NO BROWSER: install chromium, or name one by POLIS_CHROMIUM; the debugger's pages are not tested"
        warnings.warn(reason, stacklevel=1)
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="package")
def recorded(postgres_server: TestServer, migrated_template: str) -> Iterator[Polis]:
    """A database with a village whose people think and talk, by the scripted mind."""
    fresh = postgres_server.fresh_database(template=migrated_template)
    home = Path(tempfile.mkdtemp(prefix="polis-b-"))
    polis = Polis(home, fresh.admin_url)
    try:
        polis(
            "run", "--name", VILLAGE, "--agents", "120", "--width", str(WIDTH), "--height", "40", "--ticks", "260",
            "--seed", "5", "--mind", "scripted", "--set", "think_budget=250", "--durability", "group", "--quiet",
        )  # fmt: skip
        yield polis
    finally:
        polis.close()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="package")
def lean(recorded: Polis) -> str:
    """The name of a run in which nearly all starve: longer than a chart has points, and most of its people are dead."""
    recorded(
        "run", "--name", LEAN, "--agents", "40", "--width", "20", "--height", "20", "--ticks", str(LEAN_END),
        "--seed", "5", "--set", "hunger=250", "--set", "regrowth_percent=20", "--quiet",
    )  # fmt: skip
    return LEAN


@pytest.fixture(scope="package")
def served(recorded: Polis) -> Iterator[Server]:
    with serving(recorded) as running:
        yield running


@pytest.fixture
def server(served: Server) -> Server:
    """The server, which a test that failed may have left dead."""
    if served.process is None or served.process.poll() is not None:
        served.start()
    return served


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser for these tests alone: its loop is in this thread, where others then can't have one."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(BROWSER_ARGUMENTS))
        yield opened
        opened.close()


@dataclass
class Watched:
    """What a browser said, to be found without fault at the end: also that another host could not be asked."""

    errors: list[str] = field(default_factory=list)
    forgiven: tuple[str, ...] = ()

    def hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location.get('url')}")

    def hear_of(self, error: Error) -> None:
        self.errors.append(str(error))

    def check(self) -> None:
        said = [e for e in self.errors if not any(harmless in e for harmless in (*_HARMLESS, *self.forgiven))]
        assert not said, f"the console was not clean: {said}"


@pytest.fixture
def watched() -> Watched:
    return Watched()


class Tabs:
    """Tabs of one profile, lent to one test after the other."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._free: list[Page] = []

    def lend(self) -> Page:
        """Return a tab that is in front, as a new one would be: one behind another is drawn once a second."""
        page = self._free.pop() if self._free else self._context.new_page()
        page.bring_to_front()
        return page

    def take_back(self, pages: list[Page], server: Server) -> None:
        """Make them as new, and forget what was kept in the profile; what can't be made so is closed."""
        for page in pages[_TABS_KEPT - len(self._free) :]:
            page.close()
        for page in pages[: _TABS_KEPT - len(self._free)]:
            try:
                page.unroute_all(behavior="ignoreErrors")
                page.goto(f"{server.url}/healthz", timeout=10_000)
                page.emulate_media(color_scheme="null")
                page.set_viewport_size(_SIZE)
                page.mouse.move(0, 0)
                self._free.append(page)
            except Error:
                page.close()
        for page in self._free[:1]:  # now that no page is left which could write there again
            page.evaluate("localStorage.clear()")


@pytest.fixture(scope="package")
def tabs(browser: Browser) -> Iterator[Tabs]:
    context = browser.new_context(viewport=_SIZE)
    yield Tabs(context)
    context.close()


@pytest.fixture
def new_page(tabs: Tabs, server: Server, watched: Watched) -> Iterator[Callable[..., Page]]:
    """Open pages; their consoles are watched until the test ends."""
    pages: list[Page] = []

    def opened(path: str, *, color_scheme: Literal["light", "dark"] | None = None) -> Page:
        page = tabs.lend()
        pages.append(page)
        page.on("console", watched.hear)
        page.on("pageerror", watched.hear_of)
        if color_scheme:
            page.emulate_media(color_scheme=color_scheme)
        page.goto(server.url + path)
        return page

    yield opened
    for page in pages:
        page.remove_listener("console", watched.hear)
        page.remove_listener("pageerror", watched.hear_of)
    tabs.take_back(pages, server)
    watched.check()


@pytest.fixture
def village(new_page: Callable[..., Page]) -> Callable[..., Page]:
    """Open the village's page, and return when a tick is drawn."""

    def opened(query: str = "", **options: Any) -> Page:
        page = new_page(f"/run/{VILLAGE}{query}", **options)
        drawn(page)
        return page

    return opened


# -- asking the page ------------------------------------------------------------------------------------


def drawn(page: Page, tick: int | None = None, *, timeout: float = 20_000) -> None:
    """Return when the map shows a tick: the cursor's, or a given one."""
    page.wait_for_function(
        """(tick) => {
            const it = window.polis;
            const tracks = it?.track ? [it.track] : (it?.sides ?? []).map((side) => side.track);
            return tracks.length > 0 && tracks.every((track) => track.shown?.tick === track.at(tick ?? it.clock.tick));
        }""",
        arg=tick, timeout=timeout,
    )  # fmt: skip


def tick_of(page: Page) -> int:
    """Return the cursor's tick."""
    return int(page.evaluate("window.polis.clock.tick"))


def shot(page: Page, name: str) -> None:
    """Keep a picture for the docs, if POLIS_SHOTS names a folder."""
    folder = os.environ.get("POLIS_SHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.evaluate("document.querySelectorAll('.notice').forEach((each) => each.remove())")
        taken = Image.open(io.BytesIO(page.screenshot()))
        # A page has few colours: a palette makes a picture a third as large.
        few = taken.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
        few.save(Path(folder) / f"debugger-{name}.png", optimize=True)
