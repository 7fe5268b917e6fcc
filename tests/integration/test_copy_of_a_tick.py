"""The rows of a tick go to the server with marks among them, since gathering up to a thousand costs it their square."""

from __future__ import annotations

import psycopg
import pytest

import replay
from infrastructure import tick_transactions, tick_writer
from infrastructure.copy_binary import HEADER, TRAILER, encode_rows
from infrastructure.copy_statement import copy_statement
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import SMALL_WORLD, chain_of, go_on, make_run, opened

pytestmark = pytest.mark.integration


def test_at_a_mark_the_server_writes_what_it_has_gathered(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=4, configuration=SMALL_WORLD)
    (events,) = postgres_store.read(run, 0, 0)
    written = {}
    with opened(migrated) as other, other.database.connect_as_owner() as connection:
        if connection.info.server_version < 180_000:
            pytest.skip("Postgres tells what one connection wrote from 18 on")
        for rows_a_mark in (None, 4):
            before = _records(connection)
            with connection.cursor().copy(copy_statement()) as copy:
                copy.write(b"".join((HEADER, encode_rows(run.id, events, rows_a_mark=rows_a_mark), TRAILER)))
            written[rows_a_mark] = _records(connection) - before
    assert written[None] < len(events) // 4 <= written[4], "records of WAL for as many rows"


def _records(connection) -> int:  # type: ignore[no-untyped-def]
    connection.execute("SELECT pg_stat_force_next_flush()")
    query = "SELECT wal_records FROM pg_stat_get_backend_wal(pg_backend_pid())"
    return int(connection.execute(query).fetchone()[0])


@pytest.mark.parametrize("rows_a_mark", [1, 7, 1_000_000])
def test_a_tick_is_the_same_wherever_its_marks_are(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch, rows_a_mark: int
) -> None:
    monkeypatch.setattr(tick_writer, "ROWS_A_MARK", rows_a_mark)
    unusual = postgres_store.create("unusual", seed=7, configuration=SMALL_WORLD, target=24)
    go_on(postgres_store, unusual, 24)
    usual = postgres_store.create("usual", seed=7, configuration=SMALL_WORLD, target=24)
    go_on(postgres_store, usual, 24, durability="group")
    assert chain_of(postgres_store, unusual) == chain_of(postgres_store, usual)
    assert replay.verify(postgres_store, unusual).ok


def test_a_mark_is_kept_nowhere(postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_writer, "ROWS_A_MARK", 5)
    run = make_run(postgres_store, ticks=12, configuration=SMALL_WORLD)
    with postgres_store.database.connect() as connection:
        runs = connection.execute("SELECT DISTINCT run FROM polis.stored_events").fetchall()
        headers = connection.execute("SELECT count(*), sum(events) FROM polis.ticks").fetchone()
        events = connection.execute("SELECT count(*) FROM polis.stored_events").fetchone()
    assert runs == [(run.id,)]
    assert headers is not None and events is not None
    assert headers == (13, events[0])


def test_nobody_changes_where_marks_go(migrated: FreshDatabase) -> None:
    with opened(migrated) as store, store.database.connect() as application, store.database.connect_as_owner() as owner:
        for statement in ("UPDATE polis.copy_marks SET tick = 1", "DELETE FROM polis.copy_marks"):
            for connection in (application, owner):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute("INSERT INTO polis.copy_marks (run, tick, ordinal, kind) VALUES (0, 0, 0, 0)")
        with pytest.raises(psycopg.errors.CheckViolation, match="no run has the number 0"):
            application.execute("INSERT INTO polis.stored_events (run, tick, ordinal, kind) VALUES (0, 3, 1, 6)")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            owner.execute(
                "INSERT INTO polis.stored_events (run, tick, ordinal, kind, payload) VALUES (0, 0, 0, 0, 'no header')"
            )


def test_no_tick_is_taken_without_its_header(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    run = postgres_store.create("headless", seed=7, configuration=SMALL_WORLD, target=24)
    with psycopg.connect(migrated.admin_url) as admin:
        admin.execute("ALTER TABLE polis.copy_marks DISABLE TRIGGER take_mark")
    with pytest.raises(tick_transactions.AppendRefused, match="always_empty"):
        go_on(postgres_store, run, 24)
    with psycopg.connect(migrated.admin_url) as admin:
        assert admin.execute("SELECT count(*) FROM polis.stored_events").fetchone() == (0,)
        assert admin.execute("SELECT count(*) FROM polis.ticks").fetchone() == (0,)
        admin.execute("ALTER TABLE polis.copy_marks ENABLE ALWAYS TRIGGER take_mark")
    go_on(postgres_store, run, 24)
    assert replay.verify(postgres_store, run).ok


def test_replication_roles_leave_the_header_where_it_belongs(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    with psycopg.connect(migrated.admin_url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{migrated.name}" SET session_replication_role = replica')
    run = make_run(postgres_store, ticks=6, configuration=SMALL_WORLD)
    assert replay.verify(postgres_store, run).ok


def test_a_run_whose_inputs_somebody_took_away_has_failed_and_says_so(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=6, configuration=SMALL_WORLD)
    with psycopg.connect(migrated.admin_url) as admin:
        admin.execute(f"DROP TABLE polis.inputs_r{run.id}")
    with (
        pytest.raises(tick_transactions.AppendRefused, match="inputs_r"),
        postgres_store.writer(run, durability="tick", target=9),
    ):
        pass
    with postgres_store.database.connect() as connection:
        row = connection.execute("SELECT status, problem FROM polis.leases WHERE run = %s", (run.id,)).fetchone()
    assert row is not None and row[0] == "failed" and f"inputs_r{run.id}" in row[1]


def test_where_nobody_waits_there_are_no_marks(postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_transactions, "mark_row", lambda payload: pytest.fail("a mark"))
    run = postgres_store.create("group", seed=7, configuration=SMALL_WORLD, target=24)
    go_on(postgres_store, run, 24, durability="group")
    assert replay.verify(postgres_store, run).ok


def test_a_writer_that_was_cut_off_when_its_rows_were_sent_sends_all_of_them_again(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick_writer, "ROWS_A_MARK", 5)
    ended: list[int] = []
    end_copy = tick_transactions.Conversation.end_copy

    def cut_off(self: tick_transactions.Conversation, because: bytes | None = None):  # type: ignore[no-untyped-def]
        ended.append(1)
        if len(ended) == 12:  # the rows are on their way, their end is not
            with opened(migrated) as other, other.database.connect_as_owner() as owner:
                owner.execute("SELECT pg_terminate_backend(%s)", (self._pgconn.backend_pid,))
        return end_copy(self, because)

    monkeypatch.setattr(tick_transactions.Conversation, "end_copy", cut_off)
    run = postgres_store.create("cut", seed=7, configuration=SMALL_WORLD, target=24)
    summary = go_on(postgres_store, run, 24)
    assert summary.reconnections == 1
    head = postgres_store.head(run)
    assert head is not None and head.tick == 24
    assert replay.verify(postgres_store, run).ok
