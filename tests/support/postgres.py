"""One embedded server a test session, and fresh databases in it.

Use it by ``pytest_plugins = ["tests.support.postgres"]`` in a conftest, or by importing the fixtures.
Each pytest-xdist worker is a session and gets a server of its own.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import psycopg
import pytest
from psycopg import sql

from infrastructure.embedded_postgres import EmbeddedPostgres
from tests.support.folders import short_lived_folder
from tests.support.homes import FOR_TESTS, make_home


@dataclass(frozen=True)
class FreshDatabase:
    """An empty database (or a copy of a template), which only its test knows."""

    name: str
    admin_url: str
    app_url: str
    read_url: str


class TestServer:
    """The session's server."""

    __test__ = False  # not a class of tests, whatever its name

    def __init__(self, embedded: EmbeddedPostgres) -> None:
        self.embedded = embedded
        self._numbers = itertools.count()
        self._admin = psycopg.connect(embedded.url("postgres", over="socket"), autocommit=True)
        self._admin.execute("SET file_copy_method = clone")

    def fresh_database(self, *, template: str = "template1") -> FreshDatabase:
        """Create a database; `template` is the `name` of another, to which nobody is connected just now."""
        name = f"t{os.getpid()}_{next(self._numbers)}"
        new, old = sql.Identifier(name), sql.Identifier(template)
        # The files are copied by the kernel, which takes a third of the time that their way through the log does.
        self._admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(new, old))
        # What `polis` itself has, and what a template does not pass on.
        self._admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(new))
        self._admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO polis_app, polis_read").format(new))
        return FreshDatabase(
            name, self.url("postgres", name), self.url("polis_app", name), self.url("polis_read", name)
        )

    def drop(self, database: FreshDatabase) -> None:
        """Drop `database`, whoever is still connected to it."""
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database.name)))

    def url(self, role: Literal["postgres", "polis_app", "polis_read"], database: str) -> str:
        return self.embedded.url(role, database=database)

    def close(self) -> None:
        self._admin.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestServer]:
    """The session's server, in a short temporary folder that goes with it."""
    with short_lived_folder("polis-t-") as home:
        make_home(home)
        with EmbeddedPostgres(home, settings=FOR_TESTS) as embedded:
            server = TestServer(embedded)
            yield server
            server.close()


@pytest.fixture
def database(postgres_server: TestServer) -> Iterator[FreshDatabase]:
    """An empty database for one test."""
    fresh = postgres_server.fresh_database()
    yield fresh
    postgres_server.drop(fresh)
