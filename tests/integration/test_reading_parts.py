"""Reading a part of a leaf, however it is found: in halves at once, or by pages where there is no index."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest

import replay
from domain.events import EventBatch
from infrastructure import event_reader, hot_leaf
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import SMALL_WORLD, go_on, make_run, opened

pytestmark = pytest.mark.integration

TICKS = 300
PARTS = [(0, TICKS), (0, 0), (1, 1), (TICKS, TICKS), (140, 150), (299, 10**6), (17, 260)]


@pytest.fixture
def made(postgres_store: PostgresStore):
    return make_run(postgres_store, ticks=TICKS, configuration=SMALL_WORLD)


def parts_of(store: PostgresStore, run) -> list[bytes]:
    return [EventBatch.concat(store.read(run, first, last)).hash() for first, last in PARTS]


@pytest.fixture
def whole(made, postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The parts as a plain scan of the whole leaf finds them."""
    with monkeypatch.context() as plain:
        plain.setattr(event_reader, "_MOST_AT_ONCE", -1)
        return parts_of(postgres_store, made)


def test_pages_and_halves_hold_what_a_scan_of_the_whole_finds(made, whole, postgres_store, monkeypatch):
    assert parts_of(postgres_store, made) == whole, "by pages"
    monkeypatch.setattr(hot_leaf, "_MARGIN", 0)
    monkeypatch.setattr(hot_leaf, "_WINDOW", 1)
    assert parts_of(postgres_store, made) == whole, "by few pages, and a scan where these were too few"
    monkeypatch.setattr(postgres_store._leaves, "is_hot", lambda source, leaf: False)
    monkeypatch.setattr(event_reader, "_FEWEST_SPLIT", 1)
    assert parts_of(postgres_store, made) == whole, "in halves"
    monkeypatch.setenv("POLIS_READER", "adbc")
    assert parts_of(postgres_store, made) == whole


def test_pages_that_miss_rows_cost_time_and_nothing_else(made, whole, postgres_store, monkeypatch):
    monkeypatch.setattr(event_reader, "pages_of", lambda connection, leaf, first, last: (2, 3))
    assert parts_of(postgres_store, made) == whole


def test_rows_that_lie_in_disorder_are_found(made, whole, postgres_store, migrated: FreshDatabase, monkeypatch):
    monkeypatch.setattr(hot_leaf, "_MARGIN", 0)
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica; SET search_path = polis")
        connection.execute(
            "CREATE TEMP TABLE shuffled AS SELECT * FROM stored_events ORDER BY md5(tick::text || ordinal::text);"
            "DELETE FROM stored_events; INSERT INTO stored_events TABLE shuffled"
        )
    assert parts_of(postgres_store, made) == whole
    assert replay.verify(postgres_store, made).ok


def test_few_pages_are_looked_at_for_a_tick(made, migrated: FreshDatabase, monkeypatch):
    monkeypatch.setattr(hot_leaf, "_MARGIN", 4)
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        leaf, pages = connection.execute(
            "SELECT leaf, pg_relation_size(format('polis.%I', leaf)::regclass) / 8192 FROM polis.stretches "
            "ORDER BY tick_first LIMIT 1"
        ).fetchone()
        assert pages > 120, "or there is nothing to be spared"
        start, end = hot_leaf.pages_of(connection, leaf, 30, 30)
        assert 0 <= start < end < pages and end - start <= 90
        assert hot_leaf.pages_of(connection, leaf, TICKS, TICKS)[1] >= pages, "open at its end: it grows"
        assert hot_leaf.pages_of(connection, leaf, 0, TICKS)[0] == 0


def test_a_reader_that_stops_midway_leaves_its_connection_fit_or_closed(made, postgres_store, monkeypatch):
    monkeypatch.setattr(event_reader, "_MOST_AT_ONCE", -1)
    for _ in range(3):
        batches = postgres_store.read(made, 0, TICKS)
        next(batches)
        batches.close()
        assert EventBatch.concat(postgres_store.read(made, 5, 6)).records["tick"].min() == 5
    assert len(postgres_store.database.readers._idle) <= 4


def test_a_kept_connection_that_the_server_has_ended_is_replaced(made, postgres_store, migrated: FreshDatabase):
    before = EventBatch.concat(postgres_store.read(made, 5, 6)).hash()
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        while connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone() != (0,):
            pass
    assert EventBatch.concat(postgres_store.read(made, 5, 6)).hash() == before


def test_a_cursor_steps_through_a_run_and_the_leaves_it_goes_on_into(made, postgres_store, migrated):
    with replay.Cursor(postgres_store, made, cache_mib=16) as cursor:
        cursor.at(TICKS)
        with opened(migrated) as another:
            go_on(another, another.find("made"), TICKS + 60)
        for tick in (*range(TICKS, TICKS + 61), *range(TICKS + 60, TICKS - 20, -1)):
            header = postgres_store.headers(made, tick, tick)
            assert cursor.at(tick).state_hash == header.state_hash[0]


@pytest.mark.parametrize("rows", [1, 7, 64, 10_000])
@pytest.mark.parametrize("missing", [(), (200,)])
def test_ticks_come_whole_whatever_the_rows_come_in(made, postgres_store, rows: int, missing: tuple[int, ...]):
    """Also a tick larger than a batch of rows; of what somebody took a row from, all is handed on all the same."""
    everything = EventBatch.concat(postgres_store.read(made, 0, 40))
    counts = np.bincount(everything.records["tick"])
    kept = np.setdiff1d(np.arange(len(everything)), missing)
    there = EventBatch.of(everything.records[kept], ((k, everything.payload(int(i))) for k, i in enumerate(kept)))
    parts = [there.slice(i, min(i + rows, len(there))) for i in range(0, len(there), rows)]
    found = list(event_reader._whole_ticks(iter(parts), 0, counts))
    assert EventBatch.concat(found).hash() == there.hash()
    damaged = everything.records["tick"][list(missing)].tolist()
    for batch in found[: len(found) - len(missing)]:
        for tick in np.unique(batch.records["tick"]).tolist():
            assert tick not in damaged
            assert int((batch.records["tick"] == tick).sum()) == counts[tick]
