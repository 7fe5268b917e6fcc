"""Readers beside a writer: nobody ever sees a tick that is not whole, or passes one that is missing."""

from __future__ import annotations

import threading

import psycopg
import pytest

import replay
from infrastructure.postgres_store import PostgresStore
from tests.support.histories import run
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, go_on, make_run, opened

pytestmark = pytest.mark.integration

HISTORY = run(11, 20, TINY_WORLD)
HOLD_BACK = """
CREATE FUNCTION polis.hold_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4711);  -- the test holds it for as long as it likes
    RETURN NULL;
END $$;
CREATE TRIGGER hold_back AFTER INSERT ON polis.ticks_r1 FOR EACH ROW WHEN (NEW.tick = 5)
EXECUTE FUNCTION polis.hold_back();
"""


def compiled(store: PostgresStore) -> None:
    """Return when all that a writer and a reader run is compiled: what is timed here would wait for it."""
    go_on(store, made := make_run(store, name="compiled", ticks=2), 4, durability="group")
    assert replay.verify(store, made).ok


def test_readers_stop_before_a_tick_whose_transaction_is_held_back(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    made = postgres_store.create("held", seed=HISTORY.seed, configuration=TINY_WORLD, target=20)
    compiled(postgres_store)
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute(HOLD_BACK)
        connection.execute("GRANT EXECUTE ON FUNCTION polis.hold_back TO polis_app")
        connection.execute("SELECT pg_advisory_lock(4711)")

        def write() -> None:
            with opened(migrated) as store, store.writer(made, durability="group") as writer:
                for tick, (batch, header) in enumerate(zip(HISTORY.batches, HISTORY.headers, strict=True)):
                    writer.append(batch, header)
                    if tick == 4:
                        writer.flush()

        writing = threading.Thread(target=write)
        writing.start()
        seen: list[int] = []
        for _ in range(40):
            head = postgres_store.head(made)
            seen.append(-1 if head is None else head.tick)
            if head is not None:
                read = [t for b in postgres_store.read(made, 0, 99) for t in set(b.records["tick"].tolist())]
                assert sorted(read) == list(range(len(read))) and head.tick < len(read) <= 5  # it may go on meanwhile
                assert replay.verify(postgres_store, made).ok
            threading.Event().wait(0.02)
        assert max(seen) == 4 and seen == sorted(seen), "everything after the tick that is held back waits with it"
        connection.execute("SELECT pg_advisory_unlock(4711)")
        writing.join()
    head = postgres_store.head(made)
    assert head is not None and head.tick == 20
    assert replay.verify(postgres_store, made).ok


def test_a_reader_beside_a_running_writer_sees_whole_ticks_only(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    compiled(postgres_store)
    made = make_run(postgres_store, ticks=2)

    def write() -> None:
        with opened(migrated) as store:
            go_on(store, made, 150, durability="group", pace_ms=3)

    writing = threading.Thread(target=write)
    writing.start()
    checked = set()
    while writing.is_alive():
        found = replay.verify(postgres_store, made)
        assert found.ok, found
        checked.add(found.ticks)
    writing.join()
    assert len(checked) > 3, "it has to be looked at under way"
    assert replay.verify(postgres_store, made).ticks == 151
