"""Stretches are closed beside the ticks, and ticks flat out don't run away from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import replay
from domain.ports import Run
from infrastructure import closing, event_pages, migrate, stretches, tick_writer
from infrastructure.event_lookup import MANY, Leaf, LeafLookup
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, go_on, make_run, opened
from workers.run_figures import Summary

pytestmark = pytest.mark.integration

TICKS_A_STRETCH = 16  # the least there is
MIGRATIONS = Path(migrate.__file__).parent.parent / "migrations" / "sql"


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "EVENTS_A_STRETCH", 1)
    monkeypatch.setattr(closing, "STRETCHES_BEHIND", 2)
    monkeypatch.setattr(tick_writer, "MAX_TICKS_IN_FLIGHT", 4)


def closed_of(connection: psycopg.Connection[tuple[object, ...]], run: int) -> list[bool]:
    query = "SELECT closed FROM polis.stretches WHERE run = %s ORDER BY tick_first"
    return [bool(row[0]) for row in connection.execute(query, (run,))]


def refuse_to_close(database: FreshDatabase) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as owner:
        owner.execute("ALTER FUNCTION polis.close_stretch(int4, int4) RENAME TO close_no_stretch")


def newest_snapshot(store: PostgresStore, run: Run) -> int:
    with store.database.connect() as connection:
        row = connection.execute("SELECT max(tick) FROM polis.snapshots WHERE run = %s", (run.id,)).fetchone()
    return -1 if row is None or row[0] is None else int(row[0])


def close_only_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "STRETCHES_BEHIND", 1_000)
    close_next = closing.Closer._close_next
    monkeypatch.setattr(closing.Closer, "_close_next", lambda self, own: self._finishing and close_next(self, own))


def in_the_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def settled(head: Callable[[], int]) -> int:
    """Return the head once it has begun to move and has not moved for a second."""
    first, deadline = head(), time.monotonic() + 60
    while head() == first and time.monotonic() < deadline:
        time.sleep(0.05)
    seen, since = head(), time.monotonic()
    while time.monotonic() - since < 1.0:
        time.sleep(0.05)
        if head() != seen:
            seen, since = head(), time.monotonic()
    return seen


def test_ticks_flat_out_wait_for_stretches_that_nobody_has_closed_yet(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run, told = make_run(postgres_store, ticks=3, configuration=TINY_WORLD), list[str]()

    def head() -> int:
        newest = postgres_store.head(run)
        return -1 if newest is None else newest.tick

    with psycopg.connect(migrated.admin_url) as holder:
        holder.execute("SELECT FROM polis.stretches WHERE run = %s FOR UPDATE", (run.id,))  # nothing is closed now
        with opened(migrated) as store:
            writing = in_the_background(
                lambda: go_on(store, run, 12 * TICKS_A_STRETCH, durability="group", on_wait=told.append)
            )
            held_at = settled(head)
            assert told[-1].startswith("waiting until 1 full stretch of events"), "who watches is told for what"
            assert 2 * TICKS_A_STRETCH <= held_at < 6 * TICKS_A_STRETCH, "it did not wait, or waited too soon"
            holder.rollback()
            writing.join(60)
            assert not writing.is_alive()
    assert head() == 12 * TICKS_A_STRETCH
    with psycopg.connect(migrated.admin_url) as connection:
        closed = closed_of(connection, run.id)
        assert closed[:12] == [True] * 12, "all that are full were closed in the end"


def test_nobody_waits_for_a_closer_that_cannot_close(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    run = make_run(postgres_store, ticks=3, configuration=TINY_WORLD)
    refuse_to_close(migrated)
    began = time.monotonic()
    summary = go_on(postgres_store, run, 8 * TICKS_A_STRETCH, durability="group")
    assert time.monotonic() - began < closing._PATIENCE_S
    head = postgres_store.head(run)
    assert head is not None and head.tick == 8 * TICKS_A_STRETCH
    assert summary.status == "degraded" and "close_stretch" in str(summary.problem)
    for problem in (str(summary.problem), str(postgres_store.lease(run).problem)):
        assert problem.count("close_stretch") == 1 and len(problem.splitlines()) == 1, problem


@pytest.mark.parametrize("kind", [psycopg.errors.UndefinedFunction, psycopg.errors.DiskFull])
def test_who_asks_for_a_pause_is_heard_though_no_stretch_can_be_closed(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def refused(self: stretches.Stretches, first: int, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        raise kind("no room for an index")

    monkeypatch.setattr(stretches.Stretches, "close", refused)
    monkeypatch.setattr(closing, "_AGAIN_AFTER_S", 0.05)
    run = make_run(postgres_store, ticks=3, configuration=TINY_WORLD)
    summaries: list[Summary] = []
    with opened(migrated) as store:
        writing = in_the_background(lambda: summaries.append(go_on(store, run, 10_000, pace_ms=2)))
        while (newest := postgres_store.head(run)) is None or newest.tick < 3 * TICKS_A_STRETCH:
            assert writing.is_alive()
            time.sleep(0.05)
        assert postgres_store.request_pause(run, tick=0, because="a test")
        writing.join(30)
        assert not writing.is_alive(), "nobody listened"
    assert (summaries[0].status, summaries[0].paused_because) == ("paused", "a test")
    assert summaries[0].head_tick < 10_000


def test_what_was_closed_before_a_resume_is_not_closed_again(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(postgres_store, ticks=5 * TICKS_A_STRETCH, configuration=TINY_WORLD)
    asked: list[int] = []
    close = stretches.Stretches.close

    def noted(self: stretches.Stretches, first: int, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        asked.append(first)
        close(self, first, connection)

    monkeypatch.setattr(stretches.Stretches, "close", noted)
    go_on(postgres_store, run, 7 * TICKS_A_STRETCH, durability="group")
    assert asked and min(asked) >= 5 * TICKS_A_STRETCH - TICKS_A_STRETCH
    assert len(asked) == len(set(asked))


def test_no_snapshot_is_left_out_while_a_stretch_is_being_closed(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "STRETCHES_BEHIND", 1_000)
    monkeypatch.setattr("workers.runner._snapshot_is_due", lambda ticks, events: True)
    run = make_run(postgres_store, ticks=3, configuration=TINY_WORLD)
    last = 6 * TICKS_A_STRETCH
    with psycopg.connect(migrated.admin_url) as holder:
        holder.execute("SELECT FROM polis.stretches WHERE run = %s FOR UPDATE", (run.id,))  # the first closing waits
        summaries: list[Summary] = []
        with opened(migrated) as store:
            writing = in_the_background(lambda: summaries.append(go_on(store, run, last, durability="group")))
            while (newest := postgres_store.head(run)) is None or newest.tick < last:
                assert writing.is_alive()
                time.sleep(0.05)
            deadline = time.monotonic() + 30
            while newest_snapshot(postgres_store, run) < last:
                assert time.monotonic() < deadline, "at the end a snapshot waits for an index"
                time.sleep(0.05)
            holder.rollback()
            writing.join(60)
    assert summaries[0].snapshots_failed == 0
    assert summaries[0].snapshots >= last - 4


def test_a_run_waits_for_a_server_that_goes_away_just_when_the_next_stretch_is_to_be_made(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    leaf_of = stretches.Stretches.leaf_of

    def cut_off(
        self: stretches.Stretches, tick: int, connection: psycopg.Connection[tuple[object, ...]]
    ) -> tuple[str, int]:
        if tick == TICKS_A_STRETCH and not cut:
            cut.append(tick)
            with opened(migrated) as other, other.database.connect_as_owner() as owner:
                owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        return leaf_of(self, tick, connection)

    monkeypatch.setattr(stretches.Stretches, "make_ahead", lambda *_: None)
    monkeypatch.setattr(stretches.Stretches, "leaf_of", cut_off)
    run = postgres_store.create("cut", seed=7, configuration=TINY_WORLD, target=2 * TICKS_A_STRETCH)
    summary = go_on(postgres_store, run, 2 * TICKS_A_STRETCH)
    assert cut and summary.reconnections == 1
    assert (summary.status, summary.head_tick) == ("complete", 2 * TICKS_A_STRETCH)
    assert replay.verify(postgres_store, run).ok


def test_what_is_left_at_the_end_is_closed_two_at_a_time(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_only_at_the_end(monkeypatch)
    close, both, asked = stretches.Stretches.close, threading.Barrier(2), []

    def noted(self: stretches.Stretches, first: int, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        asked.append(first)
        if first < 4 * TICKS_A_STRETCH:
            both.wait(30)  # breaks, and fails the run, if nobody comes beside
        close(self, first, connection)

    monkeypatch.setattr(stretches.Stretches, "close", noted)
    run = postgres_store.create("five", seed=7, configuration=TINY_WORLD, target=5 * TICKS_A_STRETCH)
    told: list[int] = []
    summary = go_on(postgres_store, run, 5 * TICKS_A_STRETCH, durability="group", on_end=told.append)
    assert (summary.status, summary.problem) == ("complete", None)
    assert sorted(asked) == [k * TICKS_A_STRETCH for k in range(5)]
    assert told == [5]
    with psycopg.connect(migrated.admin_url) as connection:
        assert closed_of(connection, run.id)[:5] == [True] * 5


@pytest.mark.parametrize("kind", [RuntimeError, psycopg.errors.DiskFull, psycopg.errors.QueryCanceled])
def test_a_stretch_that_cannot_be_closed_at_the_end_is_told_and_keeps_nobody_from_the_others(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    close_only_at_the_end(monkeypatch)
    close = stretches.Stretches.close

    def refused(self: stretches.Stretches, first: int, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        if first == TICKS_A_STRETCH:
            raise kind("no room for an index")
        close(self, first, connection)

    monkeypatch.setattr(stretches.Stretches, "close", refused)
    run = postgres_store.create("four", seed=7, configuration=TINY_WORLD, target=4 * TICKS_A_STRETCH)
    summary = go_on(postgres_store, run, 4 * TICKS_A_STRETCH, durability="group")
    told = "1 full stretch of events has no indexes yet: no room for an index"
    assert (summary.status, summary.problem) == ("degraded", told)
    assert replay.verify(postgres_store, run).ok
    with psycopg.connect(migrated.admin_url) as connection:
        assert closed_of(connection, run.id)[:4] == [True, False, True, True]
        row = connection.execute("SELECT status, problem FROM polis.leases WHERE run = %s", (run.id,)).fetchone()
    assert row == ("degraded", told)


def test_a_connection_that_is_cut_off_at_the_end_costs_no_stretch_its_indexes(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_only_at_the_end(monkeypatch)
    close, cut = stretches.Stretches.close, []

    def cut_off(self: stretches.Stretches, first: int, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        if len(cut) < 2:
            cut.append(first)
            with psycopg.connect(migrated.admin_url, autocommit=True) as owner:
                owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        close(self, first, connection)

    monkeypatch.setattr(stretches.Stretches, "close", cut_off)
    run = postgres_store.create("eight", seed=7, configuration=TINY_WORLD, target=8 * TICKS_A_STRETCH)
    summary = go_on(postgres_store, run, 8 * TICKS_A_STRETCH, durability="group")
    assert len(cut) == 2
    assert (summary.status, summary.problem) == ("complete", None)
    with psycopg.connect(migrated.admin_url) as connection:
        assert closed_of(connection, run.id)[:8] == [True] * 8


def indexes_of(connection: psycopg.Connection[tuple[object, ...]], leaf: str) -> dict[str, str]:
    """Return the indexes of a leaf, as they would be made."""
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'polis' AND tablename = %s"
    return {str(name).removeprefix(leaf): str(how) for name, how in connection.execute(query, (leaf,))}


class Explained:
    """A connection that keeps the plans of what it is asked."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.plans: list[dict[str, Any]] = []

    def execute(self, query: sql.Composed, values: Sequence[object], *, binary: bool = False) -> psycopg.Cursor[Any]:
        row = self._connection.execute(sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + query, values).fetchone()
        assert row is not None
        plan = row[0][0]["Plan"]
        while plan["Node Type"] in ("Sort", "Limit"):
            (plan,) = plan["Plans"]
        self.plans.append(plan)
        return self._connection.execute(query, values, binary=binary)


class TestStretchesOfLargeTicks:
    """Where a tick tells of each agent in one place of many, a filter for a few pages does for a b-tree."""

    AGENTS, TICKS = 70_000, 2

    @pytest.fixture
    def run(self, postgres_store: PostgresStore) -> Run:
        return make_run(postgres_store, ticks=3, configuration=TINY_WORLD)

    def _fill(self, migrated: FreshDatabase, run: Run, first: int) -> str:
        """Make a stretch as a large society would: each agent once a tick, in the order of agents but for a few."""
        with psycopg.connect(migrated.app_url, autocommit=True) as writer:
            query = "SELECT polis.open_stretch(%s, %s, %s)"
            (leaf,) = writer.execute(query, (run.id, first, first + self.TICKS)).fetchone() or ("",)
            writer.execute(
                f"INSERT INTO polis.{leaf} (run, tick, ordinal, agent, cause, needs, given, taken, kind) "
                "SELECT %s, tick, place, CASE place %% 97 WHEN 0 THEN (place * 31) %% %s ELSE place END, 7, 7, 7, 7, 1 "
                "FROM generate_series(%s::int4, %s::int4) tick, generate_series(0, %s::int4) place",
                (run.id, self.AGENTS, first, first + self.TICKS - 1, self.AGENTS - 1),
            )
        return str(leaf)

    def _pages(self, connection: psycopg.Connection[Any], leaf: str) -> int:
        row = connection.execute("SELECT pg_relation_size(%s) / 8192", (f"polis.{leaf}",)).fetchone()
        return int(row[0]) if row else 0

    def _close(self, migrated: FreshDatabase, run: Run, first: int) -> None:
        with psycopg.connect(migrated.app_url, autocommit=True) as writer:
            writer.execute("SELECT polis.close_stretch(%s, %s)", (run.id, first))

    def test_they_get_one_index_for_agents_and_ticks_and_both_are_found_by_it(
        self, run: Run, migrated: FreshDatabase
    ) -> None:
        leaf = self._fill(migrated, run, 1_000)
        self._close(migrated, run, 1_000)
        with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
            assert list(indexes_of(connection, leaf)) == ["_agent"]
            assert closed_of(connection, run.id)[-1]
            for asked in ("agent = 0", "agent = 4321", f"agent = {self.AGENTS - 1}", "tick = 1001 AND ordinal < 9"):
                query = f"SELECT tick, ordinal FROM polis.{leaf} WHERE {asked} ORDER BY 1, 2"
                plan = "\n".join(str(row[0]) for row in connection.execute(f"EXPLAIN {query}"))
                assert f"Bitmap Index Scan on {leaf}_agent" in plan, plan
                found = connection.execute(query).fetchall()
                connection.execute("SET enable_bitmapscan = off")
                assert "Seq Scan" in str(connection.execute(f"EXPLAIN {query}").fetchall())
                assert found and found == connection.execute(query).fetchall()
                connection.execute("SET enable_bitmapscan = on")

    @pytest.mark.parametrize("agent", [5, 40_000])
    def test_whoever_looks_an_agent_up_reads_few_pages(self, run: Run, migrated: FreshDatabase, agent: int) -> None:
        """As `polis` itself asks: a filter has no use for a number that the driver sent as another type of integer."""
        leaf, last = self._fill(migrated, run, 1_000), 1_000 + self.TICKS - 1
        self._close(migrated, run, 1_000)
        with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
            asked = Explained(connection)
            found = LeafLookup(asked, [Leaf(leaf, 1_000, last, True, by_filter=True)]).find(0, last, agents=[agent])
            told = event_pages._told(asked, leaf, 1_000, last, agent)
            query, given = event_pages._query(leaf, 1_000, last, (), agent, None, (-1, 0), 100, False)
            page = asked.execute(query, given).fetchall()
            assert len(found) == len(told) == len(page) >= self.TICKS
            pages = self._pages(connection, leaf)
            for plan in asked.plans:
                assert plan["Node Type"] == "Bitmap Heap Scan" and "agent = " in plan["Plans"][0]["Index Cond"], plan
                assert plan["Lossy Heap Blocks"] < pages / 20, plan

    def test_whoever_looks_many_agents_up_reads_the_stretch_once(self, run: Run, migrated: FreshDatabase) -> None:
        leaf = self._fill(migrated, run, 1_000)
        self._close(migrated, run, 1_000)
        many = list(range(0, 10 * (MANY + 1), 10))
        with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
            asked = Explained(connection)
            found = LeafLookup(asked, [Leaf(leaf, 0, 2_000, True, by_filter=True)]).find(0, 2_000, agents=many)
            count = connection.execute(f"SELECT count(*) FROM polis.{leaf} WHERE agent = ANY(%s)", (many,)).fetchone()
            assert (len(found),) == count
            assert "agent" not in str(asked.plans[0].get("Plans", [{}])[0].get("Index Cond", ""))

    def test_only_the_owner_says_how_a_stretch_is_indexed(self, run: Run, migrated: FreshDatabase) -> None:
        leaf = self._fill(migrated, run, 1_000)
        calls = (f"index_agents('{leaf}', true)", f"index_ticks('{leaf}')", f"has_large_ticks('{leaf}', 2)")
        for url in (migrated.app_url, migrated.read_url):
            with psycopg.connect(url, autocommit=True) as connection:
                for call in calls:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(f"SELECT polis.{call}")

    def test_an_earlier_schema_closes_as_it_did_and_leaves_what_was_closed(
        self, run: Run, migrated: FreshDatabase
    ) -> None:
        first, second, third = (self._fill(migrated, run, tick) for tick in (1_000, 2_000, 3_000))
        self._close(migrated, run, 1_000)
        with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
            kept = indexes_of(connection, first)
            for script, tick, leaf in (("drop", 2_000, second), ("closing", 3_000, third)):
                with connection.transaction():
                    connection.execute((MIGRATIONS / "0009" / f"{script}.sql").read_text())
                self._close(migrated, run, tick)
                there = set(indexes_of(connection, leaf))
                assert there == ({"_agent", "_tick"} if script == "drop" else {"_agent"})
            assert "btree (agent)" in indexes_of(connection, second)["_agent"]
            assert indexes_of(connection, first) == kept

    def test_one_that_rested_before_it_was_full_has_all_of_its_ticks_indexed(
        self, run: Run, migrated: FreshDatabase
    ) -> None:
        leaf = self._fill(migrated, run, 1_000)
        with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
            connection.execute("SELECT polis.index_ticks(%s)", (leaf,))
            connection.execute(f"INSERT INTO polis.{leaf} SELECT * FROM polis.{leaf} WHERE tick = 1001")
            self._close(migrated, run, 1_000)
            assert set(indexes_of(connection, leaf)) == {"_agent", "_tick"}
            left = "SELECT brin_summarize_new_values(%s)"
            for name in ("_agent", "_tick"):
                assert connection.execute(left, (f"polis.{leaf}{name}",)).fetchone() == (0,), "nothing is left to do"

    def test_whoever_drops_the_run_drops_it_all(self, run: Run, migrated: FreshDatabase) -> None:
        leaf = self._fill(migrated, run, 1_000)
        self._close(migrated, run, 1_000)
        with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
            connection.execute("SELECT polis.drop_run(%s, 'a test')", (run.id,))
            assert indexes_of(connection, leaf) == {}


def test_stretches_of_small_ticks_have_a_row_of_an_agent_by_its_number(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=2 * TICKS_A_STRETCH, configuration=TINY_WORLD)
    with psycopg.connect(migrated.admin_url) as connection:
        indexes = indexes_of(connection, f"events_r{run.id}_t0")
    assert set(indexes) == {"_agent", "_tick"}
    assert "btree (agent)" in indexes["_agent"] and "brin (tick)" in indexes["_tick"]
