"""A writer whose lease row is held, whose housekeeping is refused, whose runner fails: nothing is lost, all is told."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from domain.errors import StoreUnavailable, TicksLost, UnknownRun
from infrastructure import tick_writer
from infrastructure.database import Database
from infrastructure.housekeeping import Housekeeper
from infrastructure.postgres_store import PostgresStore
from infrastructure.stretches import Stretches
from tests.support.histories import run as history_of
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, chain_of, go_on, make_run
from workers.runner import Runner

pytestmark = pytest.mark.integration

SHORT = history_of(7, 20, TINY_WORLD)


def held(database: FreshDatabase, run: int, seconds: float) -> threading.Thread:
    """Hold a run's lease row for so long; return once it is held."""
    begun = threading.Event()

    def hold() -> None:
        with psycopg.connect(database.admin_url) as holder:
            holder.execute("SELECT FROM polis.leases WHERE run = %s FOR UPDATE", (run,))
            begun.set()
            time.sleep(seconds)
            holder.rollback()

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(10)
    return thread


def test_a_status_is_recorded_while_ticks_are_being_committed(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = postgres_store.create("failing", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
    with postgres_store.writer(run, durability="group") as writer:
        holding = held(migrated, run.id, 1.0)
        for batch, header in zip(SHORT.batches, SHORT.headers, strict=True):
            writer.append(batch, header)
        writer.set_status("failed", problem="a rule was broken")
    holding.join()
    lease = postgres_store.lease(run)
    assert (lease.status, lease.problem) == ("failed", "a rule was broken")
    assert chain_of(postgres_store, run) == [header.chain_hash for header in SHORT.headers]


def test_a_lock_that_somebody_holds_too_long_is_waited_for(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = postgres_store.create("waiting", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
    said: list[str] = []
    with postgres_store.writer(run, durability="tick", say=said.append) as writer:
        writer.append(SHORT.batches[0], SHORT.headers[0])
        writer._connection.execute("SET lock_timeout = '100ms'")  # a minute, but for this test
        holding = held(migrated, run.id, 0.6)
        writer.append(SHORT.batches[1], SHORT.headers[1])
    holding.join()
    assert "lock timeout" in said[0] and "going on" in said[-1]
    assert chain_of(postgres_store, run) == [header.chain_hash for header in SHORT.headers[:2]]


@pytest.mark.parametrize("durability", ["tick", "group"])
def test_nothing_is_written_behind_durable_ticks_that_a_database_has_lost_while_it_was_away(
    postgres_store: PostgresStore, migrated: FreshDatabase, durability: str
) -> None:
    run = postgres_store.create("promoted", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
    said = r"ticks 4 to 9: (?s:.*) `polis resume promoted` makes"
    with pytest.raises(TicksLost, match=said), postgres_store.writer(run, durability=durability) as writer:
        for batch, header in zip(SHORT.batches[:10], SHORT.headers[:10], strict=True):
            writer.append(batch, header)
        writer.flush()
        lag_behind(migrated, run.id, 4)
        for batch, header in zip(SHORT.batches[10:12], SHORT.headers[10:12], strict=True):
            writer.append(batch, header)
        writer.flush()
    assert chain_of(postgres_store, run) == [header.chain_hash for header in SHORT.headers[:4]]
    assert go_on(postgres_store, run, 19).status == "complete"
    assert chain_of(postgres_store, run) == [header.chain_hash for header in SHORT.headers[:20]]


def lag_behind(database: FreshDatabase, run: int, tick: int) -> None:
    """Be the standby that takes over without these ticks: end all sessions, with those from `tick` on gone."""
    with psycopg.connect(database.admin_url) as standby:
        standby.execute("SET session_replication_role = replica")  # no trigger keeps history as it is
        for table in ("ticks", "stored_events", "snapshots"):
            standby.execute(f"DELETE FROM polis.{table} WHERE run = {run} AND tick >= {tick}")  # type: ignore[arg-type]
        standby.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_run_that_is_to_stop_waits_no_more_for_a_database_that_stays_away(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick_writer, "_LAST_PATIENCE_S", 0.3)
    run = postgres_store.create("stopping", seed=7, configuration=TINY_WORLD, target=1_000)
    said: list[str] = []

    def refuse(*how: Any) -> None:
        raise tick_writer.DiskFull("ERROR:  could not extend file: No space left on device")

    runner = Runner(postgres_store, run, pace_ms=2, say=said.append)
    began = threading.Timer(1.0, lambda: monkeypatch.setattr(tick_writer.TickWriter, "_transact", refuse))
    asked = threading.Timer(3.0, runner.stop)
    began.start(), asked.start()
    with pytest.raises(StoreUnavailable, match="No space left on device; `polis resume stopping` makes"):
        runner.run(1_000_000)
    assert len(said) == 1 and "is full: make room" in said[0], "it is said once"
    assert postgres_store.lease(run).status == "failed"
    monkeypatch.undo()
    head = postgres_store.head(run)
    assert head is not None and go_on(postgres_store, run, head.tick + 5).status == "complete"


def test_a_writer_that_cannot_begin_leaves_the_lease(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(postgres_store, ticks=3)

    def broken(*how: Any) -> None:
        raise RuntimeError("no stretches")

    with monkeypatch.context() as patch:
        patch.setattr(Stretches, "look", broken)
        with pytest.raises(RuntimeError), postgres_store.writer(run, durability="tick"):
            pass
    assert go_on(postgres_store, run, 5).head_tick == 5


def test_a_run_that_was_dropped_a_moment_ago_is_unknown(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    run = postgres_store.create("gone", seed=7, configuration=TINY_WORLD, target=3)
    with psycopg.connect(migrated.admin_url, autocommit=True) as owner:
        owner.execute("SELECT polis.drop_run(%s, 'a test')", (run.id,))
    with pytest.raises(UnknownRun), postgres_store.writer(run, durability="tick"):
        pass


def test_one_snapshot_that_is_refused_costs_no_other(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.runner._snapshot_is_due", lambda ticks, events: True)
    write = Housekeeper._write_snapshot
    refused: list[int] = []

    def refuse_one(self: Housekeeper, tick: int, state_hash: bytes, state_bytes: bytes) -> None:
        if tick == 4:
            refused.append(tick)
            raise ValueError("this one has no room")
        write(self, tick, state_hash, state_bytes)

    monkeypatch.setattr(Housekeeper, "_write_snapshot", refuse_one)
    run = make_run(postgres_store, ticks=0)
    summary = go_on(postgres_store, run, 12, durability="group")
    assert refused == [4], "a snapshot that is refused is not asked for again"
    assert (summary.snapshots, summary.snapshots_failed) == (12, 1), "the last tick has another at the end"
    assert summary.status == "degraded" and "this one has no room" in str(summary.problem)


def test_snapshots_that_no_connection_is_to_be_had_for_are_told_of(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(database: Database) -> psycopg.Connection[Any]:
        raise StoreUnavailable('FATAL:  too many connections for role "ana"')

    monkeypatch.setattr("infrastructure.housekeeping.beside_the_ticks", full)
    run = make_run(postgres_store, ticks=0)
    summary = go_on(postgres_store, run, 12)
    assert (summary.snapshots, summary.snapshots_failed, summary.status) == (0, 1, "degraded")
    assert "1 snapshot could not be kept" in str(summary.problem) and "too many connections" in str(summary.problem)
    lease = postgres_store.lease(run)
    assert (lease.status, lease.problem) == ("degraded", summary.problem)


def test_a_snapshot_that_the_database_was_away_for_is_written_later(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.runner._snapshot_is_due", lambda ticks, events: True)
    write = Housekeeper._write_snapshot
    times: dict[int, int] = {}

    def away_at_first(self: Housekeeper, tick: int, state_hash: bytes, state_bytes: bytes) -> None:
        times[tick] = times.get(tick, 0) + 1
        if tick in (3, 4) and times[tick] == 1:
            raise psycopg.OperationalError("the connection is lost")
        write(self, tick, state_hash, state_bytes)

    monkeypatch.setattr(Housekeeper, "_write_snapshot", away_at_first)
    run = make_run(postgres_store, ticks=0)
    summary = go_on(postgres_store, run, 12, pace_ms=60)
    assert times[3] == times[4] == 2
    assert (summary.snapshots, summary.snapshots_failed, summary.status) == (13, 0, "complete")
