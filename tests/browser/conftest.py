"""A real Chromium before a real `polis debug`, on runs that were really recorded. One server a module."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

from tests.support.debugger import BROWSER_ARGUMENTS, Polis, Server, chromium, serving
from tests.support.postgres import TestServer

VILLAGE = "talking-village"
LEAN, LEAN_END = "lean-years", 700
WIDTH = 50
# What a headless browser without a graphics card says of itself, and what a test brings about on purpose.
_HARMLESS = ("GPU stall", "GL Driver Message", "favicon")
_SIZE = {"width": 1280, "height": 720}

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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def lean(recorded: Polis) -> str:
    """The name of a run in which nearly all starve: longer than a chart has points, and most of its people are dead."""
    recorded(
        "run", "--name", LEAN, "--agents", "40", "--width", "20", "--height", "20", "--ticks", str(LEAN_END),
        "--seed", "5", "--set", "hunger=250", "--set", "regrowth_percent=20", "--quiet",
    )  # fmt: skip
    return LEAN


@pytest.fixture(scope="module")
def server(recorded: Polis) -> Iterator[Server]:
    with serving(recorded) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: while Playwright is open, a loop runs in this thread, which other tests can't have."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(BROWSER_ARGUMENTS))
        yield opened
        opened.close()


@dataclass
class Watched:
    """What a browser said and whom it asked, to be found without fault at the end."""

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    forgiven: tuple[str, ...] = ()

    def hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location.get('url')}")

    def stop(self, route: Route) -> None:
        self.elsewhere.append(route.request.url)
        route.abort()

    def check(self) -> None:
        said = [e for e in self.errors if not any(harmless in e for harmless in (*_HARMLESS, *self.forgiven))]
        assert not said, f"the console was not clean: {said}"
        assert not self.elsewhere, f"other hosts were asked: {self.elsewhere}"


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture(scope="module")
def shared(browser: Browser) -> Iterator[BrowserContext]:
    """One profile a module: the page's own modules are then loaded once."""
    context = browser.new_context(viewport=_SIZE)
    yield context
    context.close()


@pytest.fixture
def new_page(
    browser: Browser, shared: BrowserContext, server: Server, watched: Watched
) -> Iterator[Callable[..., Page]]:
    """Open pages; their consoles and requests are watched until the test ends."""
    contexts: list[BrowserContext] = []
    pages: list[Page] = []

    def opened(path: str, **options: Any) -> Page:
        context = shared
        if options:
            context = browser.new_context(viewport=_SIZE, **options)
            contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.route(lambda url: not url.startswith((server.url, "data:", "blob:")), watched.stop)
        page.on("console", watched.hear)
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.goto(server.url + path)
        return page

    yield opened
    for page in pages:
        page.evaluate("localStorage.clear()")
        page.close()
    for context in contexts:
        context.close()
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
