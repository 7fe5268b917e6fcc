"""Stores for tests: Postgres on a copy of a migrated database, and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from domain.configuration import Configuration
from domain.ports import EventStore, Run
from infrastructure import lease
from infrastructure.database import Database
from infrastructure.postgres_cluster import DATABASE
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from tests.support.histories import History
from tests.support.memory_store import MemoryStore
from tests.support.postgres import FreshDatabase, TestServer
from workers.run_figures import Summary
from workers.runner import Runner

SMALL_WORLD = Configuration(agents=40, width=24, height=24)
TINY_WORLD = Configuration(agents=12, width=12, height=12)


def settings_of(database: FreshDatabase) -> Settings:
    """Return settings that lead to this database, as to somebody's own: `polis_app` by role, not by login."""
    return Settings(Path("/nonexistent"), database.admin_url)


@contextmanager
def opened(database: FreshDatabase) -> Iterator[PostgresStore]:
    """Open a store on a database."""
    with Database(settings_of(database)) as open_database:
        yield PostgresStore(open_database)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: TestServer) -> str:
    """The name of a migrated, empty database to copy: its home's own, to which no test connects."""
    return DATABASE


@contextmanager
def a_copy(server: TestServer, template: str) -> Iterator[FreshDatabase]:
    """Lend a copy of a database."""
    fresh = server.fresh_database(template=template)
    yield fresh
    server.drop(fresh)


@contextmanager
def with_runs(server: TestServer, template: str, make: Callable[[PostgresStore], object]) -> Iterator[str]:
    """Lend the name of a database in which runs were made, to be copied for every test that wants them."""
    with a_copy(server, template) as fresh:
        with opened(fresh) as store:
            make(store)
        yield fresh.name


def migrated_with(runs: str, *, where: str) -> Any:
    """Return the fixture `migrated` of a module: a database for one test, with runs if it asks for the fixture `where`.

    `runs` names a fixture of the module that lends what `with_runs` does.
    """

    @pytest.fixture
    def migrated(
        request: pytest.FixtureRequest, postgres_server: TestServer, migrated_template: str
    ) -> Iterator[FreshDatabase]:
        template = request.getfixturevalue(runs) if where in request.fixturenames else migrated_template
        with a_copy(postgres_server, template) as fresh:
            yield fresh

    return migrated


@pytest.fixture(scope="module")
def module_database(postgres_server: TestServer, migrated_template: str) -> Iterator[FreshDatabase]:
    """A migrated database for the tests of one module."""
    with a_copy(postgres_server, migrated_template) as fresh:
        yield fresh


@pytest.fixture(scope="module")
def module_store(module_database: FreshDatabase) -> Iterator[PostgresStore]:
    """A store for the tests of one module."""
    with opened(module_database) as store:
        yield store


@pytest.fixture
def migrated(postgres_server: TestServer, migrated_template: str) -> Iterator[FreshDatabase]:
    """A migrated database for one test."""
    with a_copy(postgres_server, migrated_template) as fresh:
        yield fresh


@pytest.fixture
def postgres_store(migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresStore]:
    """A Postgres store for one test; it does not wait long for somebody who holds a run."""
    monkeypatch.setattr(lease, "_PATIENCE_S", 1.0)
    with opened(migrated) as store:
        yield store


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> EventStore:
    """Every implementation of the port in turn, empty."""
    if request.param == "memory":
        return MemoryStore()
    found: EventStore = request.getfixturevalue("postgres_store")
    return found


def keep(store: EventStore, history: History, name: str = "told", *, durability: str = "tick") -> Run:
    """Store a history tick by tick, as its writer would, and return the run."""
    last = history.ticks - 1
    run = store.create(name, seed=history.seed, configuration=history.configuration, target=last)
    with store.writer(run, durability=durability) as writer:
        for batch, header in zip(history.batches, history.headers, strict=True):
            inputs = history.inputs_of(header.tick)
            for given in inputs.rows:
                store.record_input(run, given, asked_chain=history.headers[given.key.asked_tick].chain_hash)
            writer.append(batch, header, inputs_used=len(inputs))
        writer.flush()
        writer.set_status("complete")
    return run


def make_run(
    store: EventStore, name: str = "made", *, ticks: int = 40, seed: int = 7, configuration: Configuration = TINY_WORLD
) -> Run:
    """Make a run and let it go to a tick."""
    run = store.create(name, seed=seed, configuration=configuration, target=ticks)
    go_on(store, run, ticks)
    return run


def go_on(store: EventStore, run: Run, ticks: int, *, durability: str = "tick", **settings: object) -> Summary:
    """Let a run go on to a tick."""
    return Runner(store, run, durability=durability, **settings).run(ticks)  # type: ignore[arg-type]


def chain_of(store: EventStore, run: Run) -> list[bytes]:
    """Return the chain hash of every tick."""
    head = store.head(run)
    return [] if head is None else store.headers(run, 0, head.tick).chain_hash


__all__ = [
    "SMALL_WORLD", "TINY_WORLD", "a_copy", "chain_of", "go_on", "keep", "make_run",
    "migrated", "migrated_template", "opened", "postgres_store", "settings_of", "store", "with_runs",
]  # fmt: skip
