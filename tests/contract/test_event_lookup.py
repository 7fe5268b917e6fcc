"""What looking up single events promises, in memory or Postgres, in closed, resting and hot stretches alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from domain.events import MEMORY_FORMED, SPEECH_MADE, EventBatch, address_of
from domain.ports import EventLookup, EventStore, Run
from infrastructure.postgres_store import PostgresStore
from infrastructure.stretches import Stretches
from tests.support.histories import History, every_kind, run
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, go_on, keep, make_run

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def history() -> History:
    return every_kind()


@pytest.fixture
def lookup(store: EventStore, history: History) -> Iterator[EventLookup]:
    with store.lookup(keep(store, history)) as found:
        yield found


def told(history: History) -> EventBatch:
    return EventBatch.concat(history.batches)


def expected(history: History, fits: Callable[[Any, bytes], bool]) -> list[dict[str, Any]]:
    batch = told(history)
    return [event for i, event in enumerate(batch) if fits(batch.records[i], batch.payload(i))]


class TestLookingUpEvents:
    def test_events_are_found_by_place_in_order_and_those_that_are_not_there_left_out(
        self, lookup: EventLookup, history: History
    ) -> None:
        wanted = [(26, 0), (3, 0), (0, 5), (3, 7), (10**6, 0)]
        found = list(lookup.at(wanted))
        assert found == expected(history, lambda e, _: (e["tick"], e["ordinal"]) in [(0, 5), (3, 0), (26, 0)])
        assert len(lookup.at([])) == 0

    @pytest.mark.parametrize(
        ("how", "fits"),
        [
            ({"agents": [2]}, lambda e, p: e["agent"] == 2),
            ({"agents": [0, 3]}, lambda e, p: e["agent"] in (0, 3)),
            ({"agents": [3, 10**12]}, lambda e, p: e["agent"] == 3),
            ({"agents": [10**12]}, lambda e, p: False),
            ({"ticks": [0, 26, 10**12]}, lambda e, p: e["tick"] in (0, 26)),
            ({"ticks": [3, 26], "agents": [2, 3]}, lambda e, p: e["tick"] in (3, 26) and e["agent"] in (2, 3)),
            ({"ticks": [10**12]}, lambda e, p: False),
            ({"parties": [3]}, lambda e, p: 3 in (e["agent"], e["target"])),
            ({"kinds": [SPEECH_MADE.number, MEMORY_FORMED.number]}, lambda e, p: e["kind"] in (25, 31)),
            ({"causes": [14 << 32, 3 << 32]}, lambda e, p: e["cause"] in (14 << 32, 3 << 32)),
            ({"naming": ["26:0"]}, lambda e, p: b'"26:0"' in p),
            ({"naming": ["6:0"]}, lambda e, p: b'"6:0"' in p),
            ({"naming": ["20:0", "38:0"]}, lambda e, p: b'"20:0"' in p or b'"38:0"' in p),
            ({"agents": [2], "kinds": [25], "naming": ["26:0"]},
             lambda e, p: e["agent"] == 2 and e["kind"] == 25 and b'"26:0"' in p),
        ],
    )  # fmt: skip
    def test_events_are_found_by_what_is_asked_for(
        self, lookup: EventLookup, history: History, how: Any, fits: Any
    ) -> None:
        assert list(lookup.find(0, 10**6, **how)) == expected(history, fits)
        assert list(lookup.find(20, 47, **how)) == expected(history, lambda e, p: 20 <= e["tick"] <= 47 and fits(e, p))

    @pytest.mark.parametrize("count", [1, 3, 1_000])
    def test_the_newest_are_found_wherever_they_lie(self, lookup: EventLookup, history: History, count: int) -> None:
        mine = expected(history, lambda e, _: e["agent"] == 1)
        assert list(lookup.find(0, 10**6, agents=[1], newest=count)) == mine[-count:]
        early = [e for e in mine if e["tick"] <= 9]
        assert list(lookup.find(0, 9, agents=[1], newest=count)) == early[-count:]

    def test_a_fork_finds_its_parents_events_up_to_the_fork_and_its_own_after_it(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=12)
        child = store.create(
            "child", seed=parent.seed, configuration=parent.configuration, target=12, parent=parent, fork_tick=6
        )
        assert _ticks(store, child) == set(range(7))
        go_on(store, child, 9)
        assert _ticks(store, child) == set(range(10))
        with store.lookup(child) as lookup:
            assert len(lookup.at([(11, 0)])) == 0, "that tick is the parent's alone"

    def test_a_run_without_ticks_has_nothing_to_find(self, store: EventStore) -> None:
        empty = store.create("empty", seed=1, configuration=TINY_WORLD, target=5)
        with store.lookup(empty) as lookup:
            assert len(lookup.find(0, 100)) == len(lookup.at([(0, 0)])) == 0


def _ticks(store: EventStore, of_run: Run) -> set[int]:
    with store.lookup(of_run) as lookup:
        return set(lookup.find(0, 100).records["tick"].tolist())


@pytest.mark.parametrize("by_filter", [False, True], ids=["b-tree", "filter"])
def test_the_newest_are_found_across_stretches(
    postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch, by_filter: bool
) -> None:
    """Closed stretches have an index on agents, and are asked whole; the hot one is asked in windows."""
    length = 16
    with psycopg.connect(migrated.admin_url, autocommit=True) as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION polis.has_large_ticks(leaf_name text, ticks int4) RETURNS boolean "
            f"LANGUAGE sql AS 'SELECT {by_filter}'"
        )

    def short(self: Stretches, *arguments: Any) -> None:
        begin(self, *arguments)
        self.ticks = length

    begin = Stretches.__init__
    monkeypatch.setattr(Stretches, "__init__", short)
    monkeypatch.setattr("infrastructure.event_lookup._WINDOW", 2)
    history = run(11, 100, TINY_WORLD)
    kept = keep(postgres_store, history, durability="group")
    with postgres_store.database.connect() as connection:
        connection.execute("SELECT polis.close_stretch(%s, 16)", (kept.id,))
        leaves = connection.execute("SELECT closed FROM polis.stretches WHERE run = %s", (kept.id,)).fetchall()
        (kind,) = connection.execute(
            "SELECT DISTINCT a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
            "WHERE c.relname LIKE 'events\\_r%\\_agent'"
        ).fetchone() or ("none",)
    assert len(leaves) > 3
    assert kind == ("brin" if by_filter else "btree")
    records = told(history).records
    mine = records[records["agent"] == 5]
    with postgres_store.lookup(kept) as lookup:
        for last in (99, 47, 31, 16, 3):
            upto = mine[mine["tick"] <= last]
            for count in (1, 7, 60):
                assert np.array_equal(lookup.find(0, last, agents=[5], newest=count).records, upto[-count:])
        ticks = [3, 17, 40, 99]
        assert np.array_equal(
            lookup.find(2, 60, ticks=ticks, agents=[5, 7]).records,
            records[np.isin(records["tick"], ticks[:3]) & np.isin(records["agent"], [5, 7])],
        )
        addresses = {address_of(int(t) << 32 | int(o)) for t, o in zip(mine["tick"], mine["ordinal"], strict=True)}
        assert len(lookup.at([(int(e["tick"]), int(e["ordinal"])) for e in mine])) == len(addresses)


def test_a_lookup_leaves_the_connection_as_it_was(postgres_store: PostgresStore) -> None:
    kept = make_run(postgres_store, ticks=5)
    for _ in range(3):
        with postgres_store.lookup(kept) as lookup:
            lookup.find(0, 5)
    with postgres_store.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW enable_seqscan").scalar_one() == "on"
