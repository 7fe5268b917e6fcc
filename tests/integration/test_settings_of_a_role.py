"""A role, a database or a server may have settings of its own: none of them changes what we write, read or promise."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

import replay
from domain.errors import InputsChanged
from domain.inputs import INTERVENTION, Input, InputKey
from infrastructure.asking import Analyst
from infrastructure.errors import TakesNoWrites
from infrastructure.input_rows import row_of
from infrastructure.postgres_store import PostgresStore
from tests.support.histories import run as history_of
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, chain_of, make_run, opened

pytestmark = pytest.mark.integration

SHORT = history_of(7, 20, TINY_WORLD)
ODD = {
    "DateStyle": "German", "IntervalStyle": "sql_standard", "TimeZone": "Asia/Kathmandu", "client_encoding": "LATIN1",
    "bytea_output": "escape", "standard_conforming_strings": "off", "extra_float_digits": "-15",
    "search_path": "nowhere", "default_transaction_isolation": "serializable", "statement_timeout": "1ms",
}  # fmt: skip
REST = Input(InputKey(0, 1, INTERVENTION), 1, {"by": "ana", "why": "naïve 漢字", "rest": True})


@pytest.fixture
def odd(migrated: FreshDatabase) -> Iterator[PostgresStore]:
    """A store on a database that has another value for each of these."""
    set_for_all(migrated, ODD)
    with opened(migrated) as store:
        yield store


def set_for_all(database: FreshDatabase, settings: dict[str, str]) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER DATABASE {database.name} SET {name} = '{value}'")


@pytest.mark.parametrize("reader", ["libpq", "adbc"])
def test_a_run_is_written_read_and_asked_the_same(
    odd: PostgresStore, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLIS_READER", reader)
    run = make_run(odd, ticks=19)
    assert chain_of(odd, run) == [header.chain_hash for header in SHORT.headers[:20]]
    assert replay.verify(odd, run).ok and odd.find("made").created_at.endswith("+00:00")
    odd.create("asked", seed=7, configuration=TINY_WORLD, target=9, parent=run, fork_tick=0, inputs=[REST])
    with Analyst(odd.database) as analyst:
        question = "SELECT convert_from(answer, 'UTF8')::json->>'why', recorded_at FROM inputs"
        ((why, at),) = (row for chunk in analyst.ask(question) for row in chunk)
    assert why == "naïve 漢字" and at.utcoffset().total_seconds() == 0


def test_an_input_that_a_tick_waited_for_is_seen_whatever_the_isolation(
    odd: PostgresStore, migrated: FreshDatabase
) -> None:
    run = odd.create("waiting", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
    row = row_of(REST, TINY_WORLD) | {"run": run.id}
    with pytest.raises(InputsChanged), odd.writer(run, durability="tick") as writer:
        writer.append(SHORT.batches[0], SHORT.headers[0])
        with psycopg.connect(migrated.app_url, options="-c search_path=polis -c statement_timeout=0") as recorder:
            recorder.execute("SELECT FROM leases WHERE run = %s FOR UPDATE", (run.id,))
            writer.begin(1)
            time.sleep(0.3)  # its transaction has begun and waits for that row
            names, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
            recorder.execute(f"INSERT INTO inputs ({names}) VALUES ({values})", row)
        writer.append(SHORT.batches[1], SHORT.headers[1])


def test_no_time_out_of_a_role_ends_a_session_of_ours_and_what_it_commits_is_synced(migrated: FreshDatabase) -> None:
    ends = ["statement_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"]
    set_for_all(migrated, dict.fromkeys(ends, "100ms") | {"synchronous_commit": "off"})
    with opened(migrated) as store, store.database.connect() as app, store.database.connect_as_owner() as owner:
        time.sleep(0.3)
        for connection in (app, owner):
            assert connection.execute("SELECT pg_sleep(0.2)::text").fetchone() == ("",)
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        with Analyst(store.database) as analyst:
            time.sleep(0.3)  # as who thinks of a question does
            assert list(analyst.ask("SELECT 1 FROM pg_sleep(0.2)")) == [[(1,)]]


def test_a_database_that_takes_no_writes_for_a_while_is_waited_for(migrated: FreshDatabase) -> None:
    only_reads = "ALTER SYSTEM SET default_transaction_read_only"  # as hosts do when a disk is full
    said: list[str] = []
    with opened(migrated) as store, psycopg.connect(migrated.admin_url, autocommit=True) as host:
        run = store.create("waiting", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
        try:
            with store.writer(run, durability="tick", say=said.append) as writer:
                writer.append(SHORT.batches[0], SHORT.headers[0])
                host.execute(f"{only_reads} = on"), host.execute("SELECT pg_reload_conf()")
                host.execute("SET default_transaction_read_only = off")
                until_only_reads(store)
                with pytest.raises(TakesNoWrites, match="read-only transaction\nIt is a standby, or"):
                    store.record_input(run, REST)
                again = threading.Timer(0.5, lambda: reset(host))
                again.start()
                writer.append(SHORT.batches[1], SHORT.headers[1])
        finally:
            reset(host)
        assert "takes no writes for now (cannot execute" in said[0] and "going on" in said[-1]
        assert chain_of(store, run) == [header.chain_hash for header in SHORT.headers[:2]]


def test_a_run_that_cannot_be_taken_since_nothing_is_written_is_told_so(migrated: FreshDatabase) -> None:
    with opened(migrated) as store:
        run = make_run(store, ticks=3)
    set_for_all(migrated, {"default_transaction_read_only": "on"})
    with opened(migrated) as store:
        with pytest.raises(TakesNoWrites, match="cannot execute"), store.writer(run, durability="tick"):
            pass
        with pytest.raises(TakesNoWrites, match="cannot execute"):
            store.create("another", seed=7, configuration=TINY_WORLD, target=9)
        assert replay.verify(store, run).ok


def reset(host: psycopg.Connection[Any]) -> None:
    host.execute("ALTER SYSTEM RESET default_transaction_read_only"), host.execute("SELECT pg_reload_conf()")


def until_only_reads(store: PostgresStore) -> None:
    """Wait until the sessions that are there have read the settings anew."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with store.database.connect() as connection:
            if connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",):
                return time.sleep(0.2)
