"""A cursor shows at any tick, however it got there, what seeking shows."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import replay
from domain.errors import BeyondHead, CorruptHistory, StoreUnavailable
from domain.state import World
from replay import cursor as cursor_module
from replay.cursor import Cursor
from tests.support.histories import SCENARIOS, scenario
from tests.support.memory_store import MemoryStore
from tests.support.stores import TINY_WORLD, go_on, keep, make_run

pytestmark = pytest.mark.property

_MIB = 1 << 20


@pytest.fixture(scope="module")
def made():
    """A run of 90 ticks with snapshots at a few of them, a fork of it, and a fork of that."""
    store = MemoryStore()
    run = make_run(store, "made", ticks=90)
    for tick in (20, 41, 60):
        _keep_snapshot(store, run, tick)
    child = store.create("child", seed=7, configuration=TINY_WORLD, target=110, parent=run, fork_tick=50)
    go_on(store, child, 110)
    grandchild = store.create("grandchild", seed=7, configuration=TINY_WORLD, target=120, parent=child, fork_tick=70)
    go_on(store, grandchild, 120)
    return store


def _keep_snapshot(store, run, tick):
    world = replay.at(store, run, tick)
    store.shelves[run.id].snapshots[tick] = (world.state_hash, world.to_bytes())


def assert_equal(world: World, other: World) -> None:
    assert world.to_bytes() == other.to_bytes()
    assert world.state_hash == other.state_hash


@pytest.mark.parametrize("name", ["made", "child", "grandchild"])
def test_it_shows_what_seeking_shows_at_every_tick_both_ways(made, name):
    run = made.find(name)
    head = made.head(run).tick
    with Cursor(made, run) as cursor:
        for tick in [*range(head + 1), *range(head, -1, -1)]:
            assert_equal(cursor.at(tick), replay.at(made, run, tick))
            assert cursor.tick == tick


@given(walk=st.lists(st.one_of(st.integers(-3, 3), st.integers(-120, 120)), max_size=25), mib=st.sampled_from([1, 4]))
def test_it_shows_what_seeking_shows_after_any_walk(made, walk, mib):
    run = made.find("grandchild")
    with Cursor(made, run, cache_mib=mib) as cursor:
        cursor.at(60)
        for by in walk:
            tick = cursor.tick
            if 0 <= tick + by <= 120:
                assert_equal(cursor.step(by), replay.at(made, run, tick + by))
            else:
                with pytest.raises(BeyondHead):
                    cursor.step(by)
                assert cursor.tick == tick
            assert cursor.nbytes <= mib * _MIB


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_shows_every_kind_of_society(name):
    store, history = MemoryStore(), scenario(name)
    run = keep(store, history, durability="group")
    with Cursor(store, run) as cursor:
        for tick in [*range(0, history.ticks, 7), *range(history.ticks - 1, -1, -3)]:
            world = cursor.at(tick)
            assert world.state_hash == history.headers[tick].state_hash
            assert world.copy().rehash_whole().tolist() == world.sums.tolist()
            assert cursor.events(tick).hash() == history.batches[tick].hash()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_copy_is_equal_and_independent(name):
    history = scenario(name)
    world = history.replayed()
    before = world.to_bytes()
    twin = world.copy()
    assert_equal(twin, world)
    assert twin.row_of.tolist() == world.row_of.tolist()
    twin.agents[:] += 1
    twin.cells[:] += 1
    twin.sums[:] += 1
    twin.row_of[:] = 0
    twin.keep_text("nobody has said this")
    if twin.minds is not None:
        twin.minds[:] = 0
    assert world.to_bytes() == before


@given(ticks=st.integers(1, 40))
def test_a_copy_folds_as_its_original_does(ticks):
    history = scenario(next(iter(SCENARIOS)))
    world = history.replayed(ticks)
    again = World.from_bytes(world.to_bytes())
    for batch in history.batches[ticks : ticks + 20]:
        world = replay.seek.fold(world.copy(), batch)
        replay.seek.fold(again, batch)
        assert_equal(world, again)


def test_a_bad_snapshot_is_told_of_and_passed_over(made):
    store = MemoryStore()
    run = make_run(store, "damaged", ticks=60)
    _keep_snapshot(store, run, 30)
    claimed, data = store.shelves[run.id].snapshots[30]
    store.shelves[run.id].snapshots[30] = (claimed, data[:-9])
    problems: list[str] = []
    with Cursor(store, run, on_problem=problems.append) as cursor:
        assert_equal(cursor.at(35), replay.at(store, run, 35))
        assert any("snapshot at tick 30 is passed over" in problem for problem in problems)


def test_events_that_do_not_fold_to_what_is_recorded_are_refused():
    store = MemoryStore()
    run = make_run(store, "changed", ticks=30)
    header, events = store.shelves[run.id].ticks[12]
    changed = events.records.copy()
    changed["needs"][np.flatnonzero(changed["needs"] > 0)[0]] -= 1
    store.shelves[run.id].ticks[12] = (header, type(events)(changed, events.payload_ends, events.payload_bytes))
    with Cursor(store, run) as cursor:
        cursor.at(11)
        with pytest.raises(CorruptHistory, match="tick 12"):
            cursor.step()
        assert cursor.tick == 11
        assert_equal(cursor.at(10), replay.at(store, run, 10))


def test_it_follows_a_run_that_goes_on():
    store = MemoryStore()
    run = make_run(store, "growing", ticks=20)
    with Cursor(store, run) as cursor:
        cursor.at(20)
        with pytest.raises(BeyondHead):
            cursor.step()
        go_on(store, run, 40)
        for tick in range(21, 41):
            assert_equal(cursor.step(), replay.at(store, run, tick))


def test_a_run_without_a_tick_has_no_place_to_stand():
    store = MemoryStore()
    run = store.create("empty", seed=1, configuration=TINY_WORLD, target=10)
    with Cursor(store, run) as cursor, pytest.raises(BeyondHead):
        cursor.at(0)


class Counting:
    """A reader that counts what it is asked."""

    def __init__(self, store):
        self._store, self.asked = store, Counter()

    def __getattr__(self, name):
        def ask(*arguments, **options):
            self.asked[name] += 1
            return getattr(self._store, name)(*arguments, **options)

        return ask


def test_stepping_on_reads_nothing_twice(made):
    reader, run = Counting(made), made.find("made")
    with Cursor(reader, run) as cursor:
        cursor.at(10)
        for _ in range(60):
            cursor.step()
        ticks = reader.asked["read"]
        assert ticks <= 12, "in passages, not tick by tick"
        assert reader.asked["snapshot_ticks"] <= 3 and reader.asked["head"] == 1
        for by in (*[-1] * 40, *[1] * 40):
            cursor.step(by)
        assert reader.asked["read"] - ticks <= 4


def test_a_live_run_is_followed_without_looking_for_snapshots_each_time():
    store = MemoryStore()
    run = make_run(store, "live", ticks=30)
    reader = Counting(store)
    with Cursor(reader, run) as cursor:
        cursor.at(30)
        before = reader.asked["snapshot_ticks"]
        for tick in range(31, 51):
            go_on(store, run, tick)
            assert_equal(cursor.at(tick), replay.at(store, run, tick))
        assert reader.asked["snapshot_ticks"] - before <= 2


def test_a_long_way_from_the_last_snapshot_is_gone_in_parts_that_fit(made, monkeypatch):
    monkeypatch.setattr(cursor_module, "_EVENTS_AT_ONCE", 100)
    run = made.find("grandchild")
    most = 0
    with Cursor(made, run, cache_mib=1) as cursor:
        read = cursor._passages._read

        def watched(first, last, then=None):
            nonlocal most
            most = max(most, last - first + 1)
            return read(first, last, then)

        monkeypatch.setattr(cursor._passages, "_read", watched)
        assert_equal(cursor.at(120), replay.at(made, run, 120))
        assert most <= max(4, 100 // 12 + 1)


def test_frames_that_were_made_of_a_state_do_not_stay_when_one_moves_on(made):
    run = made.find("made")
    with Cursor(made, run) as cursor:
        world = cursor.at(40)
        assert world.agents_frame().height == world.population
        assert "society" in vars(world)
        cursor.step()
        assert "society" not in vars(world)
        assert world.agents_frame().height == world.population, "it is made again when asked for"


def test_a_tick_before_the_first_is_refused(made):
    with Cursor(made, made.find("made")) as cursor:
        for tick in (-1, -100):
            with pytest.raises(BeyondHead, match="ticks 0 to 90"):
                cursor.at(tick)
        cursor.at(0)
        with pytest.raises(BeyondHead):
            cursor.step(-1)
        assert cursor.tick == 0


def test_threads_may_share_a_cursor(made):
    run = made.find("grandchild")
    expected = [h.hex() for h in made.headers(run, 0, 120).state_hash]
    with Cursor(made, run, cache_mib=1) as cursor, ThreadPoolExecutor(4) as pool:
        ticks = [(17 * i) % 121 for i in range(400)]
        assert list(pool.map(lambda tick: cursor.at(tick).state_hash.hex(), ticks)) == [expected[t] for t in ticks]


def test_a_store_that_goes_away_is_said_and_comes_back(made, monkeypatch):
    monkeypatch.setattr(cursor_module, "_NEAR", 0)  # nothing is read ahead
    run = made.find("made")

    class Gone(Counting):
        away = False

        def __getattr__(self, name):
            if self.away:
                raise StoreUnavailable("it was stopped")
            return super().__getattr__(name)

    reader = Gone(made)
    with Cursor(reader, run) as cursor:
        cursor.at(30)
        reader.away = True
        with pytest.raises(StoreUnavailable):
            cursor.at(85)
        assert cursor.tick == 30
        reader.away = False
        assert_equal(cursor.at(85), replay.at(made, run, 85))
