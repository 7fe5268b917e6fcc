"""A synced tick goes as several COPYs of few rows, since up to a thousand rows cost the server their square."""

from __future__ import annotations

import pytest
from psycopg.pq.abc import PGresult

import replay
from domain.events import EventBatch
from infrastructure import tick_writer
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import SMALL_WORLD, chain_of, go_on, make_run, opened

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("rows", [1, 7, 20, 1_000])
def test_a_tick_is_the_same_in_however_many_copies_it_goes(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(tick_writer, "ROWS_A_COPY", rows)
    monkeypatch.setattr(tick_writer, "_MAX_COPIES", 1_000)
    copies: list[int] = []
    encode = tick_writer.TickWriter._encode

    def noted(self: tick_writer.TickWriter, events: EventBatch, tick: int) -> list[memoryview]:
        pieces = encode(self, events, tick)
        copies.append(len(pieces))
        return pieces

    monkeypatch.setattr(tick_writer.TickWriter, "_encode", noted)
    run = make_run(postgres_store, ticks=24, configuration=SMALL_WORLD)
    assert (max(copies) > 1) == (rows < 40), "as many COPYs as so few rows each make"
    whole = postgres_store.create("whole", seed=7, configuration=SMALL_WORLD, target=24)
    go_on(postgres_store, whole, 24, durability="group")
    assert chain_of(postgres_store, run) == chain_of(postgres_store, whole)
    assert replay.verify(postgres_store, run).ok


def test_a_writer_that_was_cut_off_between_two_copies_of_a_tick_sends_all_of_it_again(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick_writer, "ROWS_A_COPY", 7)
    ended: list[int] = []
    cut: list[int] = []
    end_copy = tick_writer.Conversation.end_copy

    def cut_off(self: tick_writer.Conversation, because: bytes | None = None) -> PGresult | None:
        result = end_copy(self, because)
        ended.append(1)
        more_wait = result is not None and result.status == tick_writer.ExecStatus.COPY_IN
        if len(ended) >= 30 and more_wait and not cut:  # some COPYs of this tick are through, others wait
            cut.append(1)
            pid = self._pgconn.backend_pid
            with opened(migrated) as other, other.database.connect_as_owner() as owner:
                owner.execute("SELECT pg_terminate_backend(%s)", (pid,))
        return result

    monkeypatch.setattr(tick_writer.Conversation, "end_copy", cut_off)
    run = postgres_store.create("cut", seed=7, configuration=SMALL_WORLD, target=24)
    summary = go_on(postgres_store, run, 24)
    assert cut and summary.reconnections == 1
    head = postgres_store.head(run)
    assert head is not None and head.tick == 24
    assert replay.verify(postgres_store, run).ok
