"""A private embedded server, and runs in it that can be watched."""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from domain.advance import Header
from domain.configuration import TICKS_MAX, Configuration
from domain.decide import Decider
from domain.ports import Run
from domain.state import World
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from infrastructure.tick_transactions import Pending
from infrastructure.tick_writer import TickWriter
from workers.bootstrap import open_store
from workers.run_figures import Summary
from workers.runner import Runner

CELLS_AN_AGENT = 4
"""Density of the worlds whose size varies: the same in all, and small enough that 250,000 agents can be founded."""


def new_home() -> Path:
    """Make an empty POLIS_HOME; short, since Unix limits a socket's path."""
    return Path(tempfile.mkdtemp(prefix="polis-b-"))


def remove_home(home: Path) -> None:
    """Stop whatever still runs in a home, and remove it."""
    if home.exists():
        try:
            embedded = EmbeddedPostgres(home)
            if embedded.postmaster_pid is not None:
                embedded.attach()  # the last to leave stops it
                embedded.leave()
        finally:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def laboratory(home: Path) -> Iterator[PostgresStore]:
    """Open the store of a home, on its own server."""
    with open_store(Settings(home=home)) as store:
        yield store


def world_of(agents: int, *, cells_an_agent: int | None = None) -> Configuration:
    """Return the configuration that `polis run` takes; with a density, on a square grid of that many cells."""
    if cells_an_agent is None and agents <= 10_000:
        return Configuration(agents=agents)
    side = max(4, math.ceil(math.sqrt(agents * (cells_an_agent or CELLS_AN_AGENT))))
    return Configuration(agents=agents, width=side, height=side)


# -- watched runs ------------------------------------------------------------------------------------


class WatchedWriter(TickWriter):
    """The real writer, which also remembers when its commits were done and, if asked, the bytes that they sent."""

    commits: list[list[tuple[str, int, list[memoryview]]]]
    on_durable: Callable[[int], None] | None = None
    keep_bytes = False
    last_commit_at = closed_at = 0.0
    rows_committed = 0
    snapshot_ms: list[float]

    def _transact(self, group: Sequence[Pending]) -> None:
        parts = []
        if self.keep_bytes:
            assert self._connection is not None
            parts = [
                (leaf, sum(p.header.events for p in group[part]), [p.rows for p in group[part]])
                for leaf, part in self._stretches.split([p.header.tick for p in group], self._connection)
            ]
        super()._transact(group)
        self.last_commit_at = time.perf_counter()
        self.rows_committed += sum(p.header.events for p in group)
        if self.keep_bytes:
            self.commits.append(parts)
        if self.on_durable is not None:
            self.on_durable(group[-1].header.tick)

    def __exit__(self, *how: Any) -> None:
        super().__exit__(*how)
        self.closed_at = time.perf_counter()

    def keep_snapshot(self, world: World) -> None:
        """Keep a snapshot and remember how long the runner's own thread took to hand it over."""
        began = time.perf_counter()
        super().keep_snapshot(world)
        self.snapshot_ms.append((time.perf_counter() - began) * 1e3)


class WatchedStore(PostgresStore):
    """The real store, whose writers are watched."""

    def __init__(
        self, store: PostgresStore, *, keep_bytes: bool = False, on_durable: Callable[[int], None] | None = None
    ) -> None:
        super().__init__(store.database)
        self._keep_bytes, self._on_durable = keep_bytes, on_durable
        self.last_writer: WatchedWriter | None = None

    def writer(self, run: Run, **how: Any) -> WatchedWriter:
        """Return a watched writer."""
        made = WatchedWriter(self.database, run, **how)
        made.commits, made.snapshot_ms = [], []
        made.keep_bytes, made.on_durable = self._keep_bytes, self._on_durable
        self.last_writer = made
        return made


class WatchedRunner(Runner):
    """The real runner, which lets its own clock be read, and does things at moments of its loop.

    `at` holds (seconds after the loop began, callable): each is called once, in a thread of its own.
    """

    clock: Any = None
    loop_began = loop_ended = 0.0
    agent_ticks = 0
    at: Sequence[tuple[float, Callable[[], object]]] = ()

    def _loop(
        self, world: World, head: Header | None, decider: Decider, writer: Any, target: int, clock: Any
    ) -> Header | None:
        timers = [threading.Timer(seconds, what) for seconds, what in self.at]
        for timer in timers:
            timer.daemon = True
            timer.start()
        self.clock, self.loop_began = clock, time.perf_counter()
        try:
            return super()._loop(world, head, decider, writer, target, clock)
        finally:
            self.loop_ended = time.perf_counter()
            for timer in timers:
                timer.cancel()

    def _show(self, world: World, *how: Any) -> None:
        self.agent_ticks += world.population
        super()._show(world, *how)

    @property
    def ticks_done(self) -> int:
        """How many ticks the loop has behind it."""
        return len(self.clock.tick_ms) if self.clock else 0


def run_on(runner: WatchedRunner, *, seconds: float | None = None, ticks: int | None = None) -> Summary:
    """Run on from the head, for so many ticks or so long, whichever is over first."""
    head = runner.store.head(runner.run_)
    first = -1 if head is None else head.tick
    if seconds is not None:
        runner.at = (*runner.at, (seconds, runner.stop))
    return runner.run(first + ticks if ticks is not None else TICKS_MAX)


def checkpoint(store: PostgresStore) -> None:
    """Let what was measured before leave nothing to write to what is measured next."""
    with as_owner(store) as connection:
        connection.execute("CHECKPOINT")


@contextmanager
def as_owner(store: PostgresStore) -> Iterator[psycopg.Connection[Any]]:
    """Open a side connection with the rights of the schema's owner."""
    with store.database.connect_as_owner() as connection:
        yield connection


def bytes_per_event(store: PostgresStore, run: Run) -> float:
    """Return what an event of a run takes on disk: heap and whatever indexes its leaves have."""
    with as_owner(store) as connection:
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(format('polis.%%I', leaf)::regclass)) FROM polis.stretches "
            "WHERE run = %s",
            (run.id,),
        ).fetchone()
        events = connection.execute("SELECT sum(events) FROM polis.ticks WHERE run = %s", (run.id,)).fetchone()
    return round(int(row[0] or 0) / max(1, int(events[0] or 0)), 1) if row and events else 0.0
