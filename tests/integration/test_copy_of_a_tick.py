"""The rows of a tick go into their leaf one by one, since gathering up to a thousand costs the server their square."""

from __future__ import annotations

import pytest
from psycopg.pq.abc import PGresult

import replay
from infrastructure import copy_statement as copying
from infrastructure import tick_transactions
from infrastructure.copy_binary import HEADER, TRAILER, encode_rows
from infrastructure.copy_statement import ONE_BY_ONE, better_one_by_one, copy_statement
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import SMALL_WORLD, chain_of, go_on, make_run, opened

pytestmark = pytest.mark.integration


def test_rows_are_written_one_by_one_where_the_statement_says_so(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=4, configuration=SMALL_WORLD)
    (events,) = postgres_store.read(run, 0, 0)
    written = {}
    with opened(migrated) as other, other.database.connect_as_owner() as connection:
        if connection.info.server_version < 180_000:
            pytest.skip("Postgres tells what one connection wrote from 18 on")
        for one_by_one in (True, False):
            before = _records(connection)
            statement = copy_statement(f"events_r{run.id}_t0", one_by_one=one_by_one)
            with connection.cursor().copy(statement) as copy:
                copy.write(b"".join((HEADER, encode_rows(run.id, events), TRAILER)))
            written[one_by_one] = _records(connection) - before
    assert written[False] < len(events) // 2 < len(events) <= written[True], "records of WAL for as many rows"


def _records(connection) -> int:  # type: ignore[no-untyped-def]
    connection.execute("SELECT pg_stat_force_next_flush()")
    query = "SELECT wal_records FROM pg_stat_get_backend_wal(pg_backend_pid())"
    return int(connection.execute(query).fetchone()[0])


def test_few_rows_and_many_are_gathered_and_all_where_no_references_are_counted() -> None:
    few, many = ONE_BY_ONE.start - 1, ONE_BY_ONE.stop
    assert [better_one_by_one(rows, 180_006) for rows in (few, few + 1, many - 1, many)] == [False, True, True, False]
    assert not better_one_by_one(few + 1, 160_000) and better_one_by_one(few + 1, 170_000)


@pytest.mark.parametrize("rows", [range(0), range(48, 56), range(1_000_000)])
def test_a_tick_is_the_same_however_its_rows_are_taken(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch, rows: range
) -> None:
    monkeypatch.setattr(copying, "ONE_BY_ONE", rows)
    taken: list[bool] = []
    statement = tick_transactions.copy_statement

    def noted(leaf: str, *, one_by_one: bool = False) -> str:
        taken.append(one_by_one)
        return statement(leaf, one_by_one=one_by_one)

    monkeypatch.setattr(tick_transactions, "copy_statement", noted)
    run = postgres_store.create("unusual", seed=7, configuration=SMALL_WORLD, target=24)
    go_on(postgres_store, run, 24)
    with postgres_store.database.connect() as connection:
        if connection.info.server_version >= 170_000:
            assert set(taken) == {0: {False}, 8: {False, True}, 1_000_000: {True}}[len(rows)]
    usual = postgres_store.create("usual", seed=7, configuration=SMALL_WORLD, target=24)
    go_on(postgres_store, usual, 24)
    assert chain_of(postgres_store, run) == chain_of(postgres_store, usual)
    assert replay.verify(postgres_store, run).ok


def test_where_nobody_waits_the_server_gathers(postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "ONE_BY_ONE", range(1_000_000))
    asked: list[bytes] = []
    ask = tick_transactions.Conversation.ask

    def noted(self: tick_transactions.Conversation, query: bytes) -> PGresult | None:
        asked.append(query)
        return ask(self, query)

    monkeypatch.setattr(tick_transactions.Conversation, "ask", noted)
    run = postgres_store.create("group", seed=7, configuration=SMALL_WORLD, target=24)
    go_on(postgres_store, run, 24, durability="group")
    assert any(b"COPY" in query for query in asked) and not any(b"random" in query for query in asked)


def test_a_writer_that_was_cut_off_when_its_rows_were_sent_sends_all_of_them_again(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ONE_BY_ONE", range(1_000_000))
    ended: list[int] = []
    end_copy = tick_transactions.Conversation.end_copy

    def cut_off(self: tick_transactions.Conversation, because: bytes | None = None) -> PGresult | None:
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
