"""Bisecting and watching: the first tick and the last, why, and a runner that pauses exactly there."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import replay
from domain.errors import BeyondHead, InvalidExpression, WrongUsage
from domain.events import AGENT_DIED, GOODS_TRADED
from domain.expressions import AtTick, parse
from domain.measures import Look
from domain.ports import EventStore, Run
from infrastructure.postgres_store import PostgresStore
from replay import measures as projection
from replay import watch
from replay.bisect import bisect
from replay.seek import ticks_of
from replay.watch import Breakpoint, Predicate, first_where, follow, last_where
from tests.support.histories import scenario
from tests.support.memory_store import MemoryStore
from tests.support.stores import TINY_WORLD, chain_of, go_on, keep, make_run
from workers.runner import Runner

pytestmark = pytest.mark.integration

MONOTONE = ["tick >= 77", "gone >= 3", "gone > 12 and tick > 100", "not agent(7).alive", "agent(41).dead",
            "came > 50", "deaths_so_far >= 9", "tick >= 0", "gone > 10_000", "deaths_so_far > 1e6",
            "deaths_so_far + gone > 20 and tick >= 5", "deaths_so_far >= 4 and agent(7).dead"]  # fmt: skip
OTHERS = ["satiety < 4", "gini_food > 0.5 or deaths > 1", "deaths > 1", "count(satiety < 1) > 5", "agent(7).food < 0.5",
          "cell(30).food < 1 and tick > 50", "births > 0 and count(energy > 5) > 3", "price_food > 3",
          "mean(energy) < 5 and deaths_so_far > 2", "population > 500"]  # fmt: skip


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (projection, watch, replay.bisect if hasattr(replay.bisect, "BLOCK") else projection):
        monkeypatch.setattr(module, "BLOCK", 32)


@pytest.fixture(scope="module")
def harsh() -> tuple[MemoryStore, Run]:
    store = MemoryStore()
    return store, keep(store, scenario("harsh"))


def true_at(store: EventStore, run: Run, text: str) -> list[int]:
    """Return the ticks at which an expression holds, by folding and nothing else."""
    wanted, found = parse(text), []
    world, totals = replay.at(store, run, 0), dict.fromkeys((m for m in parse(text).measures if "_so_far" in m), 0.0)
    events = next(iter(ticks_of(store, run, 0, 0)))
    for tick in range(scenario("harsh").ticks):
        if tick:
            events = next(iter(ticks_of(store, run, tick, tick)))
            replay.seek.fold(world, events)
        for name in totals:
            totals[name] += int((events.records["kind"] == AGENT_DIED.number).sum())
        if wanted.holds(AtTick(Look().at(world, events), totals)):
            found.append(tick)
    return found


@pytest.mark.parametrize("text", MONOTONE)
def test_seeking_finds_what_a_scan_finds(harsh: tuple[MemoryStore, Run], text: str) -> None:
    store, run = harsh
    expected = next(iter(true_at(store, run, text)), None)
    for method in (None, "seek", "scan"):
        found = bisect(store, run, text, method=method)
        assert found.tick == expected, method
    assert bisect(store, run, text, method="seek").looked_at <= 14
    assert (bisect(store, run, text).method, bisect(store, run, text).settled) == ("seek", True)


@settings(max_examples=40)
@given(data=st.data())
def test_what_can_only_become_true_is_sought_and_found_where_a_scan_finds_it(harsh, data):
    store, run = harsh
    number = st.sampled_from(
        ["deaths_so_far", "trades_so_far", "eaten_so_far", "births_so_far", "gone", "came", "tick"]
    )
    part = st.tuples(number, st.sampled_from([">", ">="]), st.integers(0, 60)).map(lambda p: f"{p[0]} {p[1]} {p[2]}")
    text = " and ".join(data.draw(st.lists(part, min_size=1, max_size=3)))
    first = data.draw(st.integers(0, 300))
    last = data.draw(st.integers(first, 400))
    sought, scanned = (bisect(store, run, text, first=first, last=last, method=m) for m in (None, "scan"))
    assert (sought.method, sought.settled) == ("seek", True)
    assert (sought.tick, sought.value_after) == (scanned.tick, scanned.value_after), (text, first, last)


def test_seeking_on_somebodys_word_does_not_claim_what_it_has_not_seen(harsh: tuple[MemoryStore, Run]) -> None:
    store, run = harsh
    ticks = true_at(store, run, "deaths > 1")
    assert ticks and ticks[0] > 0 and ticks[-1] < 400, "true between, and at neither end"
    found = bisect(store, run, "deaths > 1", method="seek")
    assert (found.tick, found.settled, found.looked_at) == (None, False, 2)
    assert found.as_dict()["settled"] is False
    assert bisect(store, run, "deaths > 1").settled


@pytest.mark.parametrize("text", ["agent(9999).food < 1", "not agent(9999).alive", "tick > 3 and cell(99999).food < 1"])
def test_what_can_not_be_there_is_refused_with_the_range(harsh: tuple[MemoryStore, Run], text: str) -> None:
    store, run = harsh
    for ask in (bisect, first_where, last_where):
        with pytest.raises(InvalidExpression, match=r"there is no (agent|cell) 9+: .*0 to"):
            ask(store, run, text)
    if "cell" in text:
        with pytest.raises(InvalidExpression):
            Breakpoint(store, run, text)
    else:
        Breakpoint(store, run, text)  # somebody of that number may yet be born


@pytest.mark.parametrize("text", OTHERS)
def test_a_scan_finds_the_first_tick_and_watching_the_last(harsh: tuple[MemoryStore, Run], text: str) -> None:
    store, run = harsh
    ticks = true_at(store, run, text)
    found = bisect(store, run, text)
    assert (found.tick, found.method) == (ticks[0] if ticks else None, "scan")
    assert first_where(store, run, text) == found.tick
    assert last_where(store, run, text) == (ticks[-1] if ticks else None)
    middle = [t for t in ticks if 90 <= t <= 170]
    assert first_where(store, run, text, first=90, last=170) == (middle[0] if middle else None)
    assert last_where(store, run, text, first=90, last=170) == (middle[-1] if middle else None)
    part = bisect(store, run, text, first=90, last=170)
    assert (part.tick, part.already) == (middle[0] if middle else None, middle[:1] == [90])


def test_a_question_about_ticks_that_never_were_is_refused(store: EventStore) -> None:
    run = make_run(store, ticks=5)
    for first, last in ((0, 6), (6, None), (4, 3), (-1, 3)):
        with pytest.raises(BeyondHead):
            bisect(store, run, "tick > 1", first=first, last=last)
    with pytest.raises(InvalidExpression):
        bisect(store, run, "tick >")
    with pytest.raises(BeyondHead):
        bisect(store, store.create("empty", seed=1, configuration=TINY_WORLD, target=5), "tick > 1")


# -- causes ------------------------------------------------------------------------------------------


def test_deaths_are_blamed_for_deaths(store: EventStore) -> None:
    run = keep(store, scenario("harsh"))
    found = bisect(store, run, "deaths_so_far >= 5")
    assert (found.value_before, found.value_after) == (4.0, 5.0) or found.value_before < 5 <= found.value_after
    assert {c["kind"] for c in found.causes} == {"AgentDied"}
    assert sum(c["contribution"] for c in found.causes) == found.value_after - found.value_before
    assert all(c["tick"] == found.tick for c in found.causes)
    told = found.as_dict()
    assert {"tick", "value_before", "value_after", "causes"} <= told.keys()


def test_of_a_sum_the_shares_of_its_causes_add_up(store: EventStore) -> None:
    run = keep(store, scenario("harsh"))
    found = bisect(store, run, "mean(satiety) < 4", limit=1_000)
    assert found.tick is not None and found.causes
    change = found.value_after - found.value_before
    assert sum(c["contribution"] for c in found.causes) == pytest.approx(change, abs=1e-6)
    shares = [c["contribution"] * change for c in found.causes]
    assert shares == sorted(shares, reverse=True), "what moved it most is first, what moved it back is last"
    assert len(bisect(store, run, "mean(satiety) < 4", limit=3).causes) == 3


def test_what_happened_to_an_agent_is_the_cause_of_what_it_has(store: EventStore) -> None:
    run = keep(store, scenario("harsh"))
    found = bisect(store, run, "agent(7).food < 0.5")
    assert found.causes and all(c["agent"] == 7 for c in found.causes)
    trade = bisect(store, run, "trades > 0")
    assert {c["kind"] for c in trade.causes} == {GOODS_TRADED.name}


# -- watching ----------------------------------------------------------------------------------------


def test_events_are_watched_for_forwards_and_backwards(harsh: tuple[MemoryStore, Run]) -> None:
    store, run = harsh
    died = [(t, int(e["agent"])) for t, batch in enumerate(scenario("harsh").batches) for e in batch.records
            if e["kind"] == AGENT_DIED.number]  # fmt: skip
    deaths = Predicate.of(None, kinds=[AGENT_DIED])
    assert first_where(store, run, deaths) == died[0][0]
    assert last_where(store, run, deaths) == died[-1][0]
    tick, who = died[len(died) // 2]
    assert first_where(store, run, Predicate.of(None, kinds=[AGENT_DIED], agent=who)) == tick
    assert last_where(store, run, Predicate.of(None, agent=who)) == tick
    hungry = Predicate.of("count(satiety < 1) > 5", kinds=[AGENT_DIED])
    both = sorted({t for t, _ in died} & set(true_at(store, run, "count(satiety < 1) > 5")))
    assert (first_where(store, run, hungry), last_where(store, run, hungry)) == (
        (both[0], both[-1]) if both else (None, None)
    )


def test_a_live_run_is_followed_until_it_ends(store: EventStore) -> None:
    run = make_run(store, ticks=10)
    runner = threading.Thread(target=go_on, args=(store, run, 60), kwargs={"pace_ms": 5})
    runner.start()
    while store.lease(run).status != "running":
        time.sleep(0.005)

    def wait() -> bool:
        time.sleep(0.01)
        return True

    told: list[int] = []
    found = list(follow(store, run, "tick / 2 > 20 and moves_so_far >= 0", after=10, wait=wait,
                        on_progress=lambda tick, target: told.append(tick)))  # fmt: skip
    runner.join()
    assert found == list(range(41, 61))
    assert told[-1] == 60


def test_a_run_is_followed_from_a_tick_that_it_has_yet_to_reach(store: EventStore) -> None:
    whole = make_run(store, "whole", ticks=60)
    moves = projection.series(store, whole, ["moves_so_far"], 0, 60)["moves_so_far"]
    run = make_run(store, ticks=10)
    runner = threading.Thread(target=go_on, args=(store, run, 60), kwargs={"pace_ms": 5})
    runner.start()
    while store.lease(run).status != "running":
        time.sleep(0.005)
    found = list(follow(store, run, f"moves_so_far > {moves[30]:.0f}", after=50, wait=lambda: not time.sleep(0.01)))
    runner.join()
    assert found == list(range(51, 61))


@pytest.mark.parametrize("text", ["agent(7).food > 10_000", "gini_food > 2"])
def test_a_search_tells_how_far_it_is_of_the_whole(
    harsh: tuple[MemoryStore, Run], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(watch, "_PROGRESS_EVERY", 10)
    told: list[tuple[int, int]] = []
    assert first_where(*harsh, text, last=150, on_progress=lambda *now: told.append(now)) is None
    assert told == sorted(told) and len(told) > 4 and {last for _, last in told} == {150}


@pytest.mark.parametrize(("text", "first"), [("deaths_so_far > 10_000", 0), ("cell(7).food > deaths_so_far + 9", 399)])
def test_whoever_bisects_is_told_how_far_the_measures_have_come_that_are_made_for_it(
    harsh: tuple[MemoryStore, Run], monkeypatch: pytest.MonkeyPatch, text: str, first: int
) -> None:
    store, run = harsh
    store.forget_measures(run.id)
    monkeypatch.setattr(projection, "_PROGRESS_EVERY", 10)
    told: list[tuple[int, int]] = []
    assert bisect(store, run, text, first=first, on_progress=lambda *now: told.append(now)).tick is None
    assert len(told) > 20 and told == sorted(told)


def test_a_runner_that_is_asked_pauses_and_the_resumed_run_is_as_if_it_had_not(store: EventStore) -> None:
    run = store.create("asked", seed=7, configuration=TINY_WORLD, target=400)
    summaries = []
    runner = threading.Thread(target=lambda: summaries.append(go_on(store, run, 400, pace_ms=5)))
    runner.start()
    while store.lease(run).status != "running" or store.head(run) is None:
        time.sleep(0.005)
    assert store.request_pause(run, tick=30, because="a test")
    runner.join(timeout=30)
    summary = summaries[0]
    assert (summary.status, summary.paused_because) == ("paused", "a test")
    assert 30 <= summary.head_tick < 400
    assert store.lease(run).status == "paused"
    assert go_on(store, run, 400).status == "complete", "what was asked of the one before does not stop the next"
    assert chain_of(store, run) == chain_of(store, make_run(store, "other", ticks=400))


def test_a_pause_asked_of_nobody_is_told_so(postgres_store: PostgresStore) -> None:
    run = make_run(postgres_store, ticks=5)
    assert not postgres_store.request_pause(run, tick=0, because="a test")


def test_a_runner_pauses_early_enough_to_stop_exactly_at_a_tick_to_come(postgres_store: PostgresStore) -> None:
    run = postgres_store.create("exactly", seed=7, configuration=TINY_WORLD, target=4_000)
    summaries = []
    runner = threading.Thread(target=lambda: summaries.append(go_on(postgres_store, run, 4_000, pace_ms=4)))
    runner.start()
    while (head := postgres_store.head(run)) is None:
        time.sleep(0.005)
    postgres_store.request_pause(run, tick=head.tick + 250, because="a test")
    runner.join(timeout=30)
    assert summaries[0].head_tick == head.tick + 250


# -- breakpoints -------------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["tick", "group"])
@pytest.mark.parametrize(
    "text", ["moves_so_far > 60", "satiety < 7", "gini_food > 0.09 and agent(3).alive", "tick >= 17"]
)
def test_a_runner_breaks_at_the_very_tick_and_goes_on_as_if_it_had_not(
    store: EventStore, text: str, durability: str
) -> None:
    whole = make_run(store, "whole", ticks=60)
    expected = bisect(store, whole, text).tick
    assert expected is not None and 0 < expected < 60, f"{text} at {expected} shows nothing"
    run = store.create("broken", seed=7, configuration=TINY_WORLD, target=60)
    summary = Runner(store, run, durability=durability, breakpoint_=Breakpoint(store, run, text)).run(60)
    assert (summary.head_tick, summary.status) == (expected, "paused")
    assert summary.paused_because == f"{text} holds at tick {expected}"
    again = Runner(store, run, durability=durability, breakpoint_=Breakpoint(store, run, text))
    end = again.run(60)
    ticks = [t for t in range(expected + 1, 61) if first_where(store, whole, text, first=t, last=t) is not None]
    held = {expected, *ticks}
    rises = [t for t in ticks if t - 1 not in held]
    assert end.head_tick == (rises[0] if rises else 60), "while it still holds, it does not stop the run again"
    go_on(store, run, 60)
    assert chain_of(store, run) == chain_of(store, whole)


def test_what_is_the_same_at_every_tick_breaks_nothing_and_is_refused(store: EventStore) -> None:
    run = make_run(store, ticks=5)
    for text in ("true", "1 < 2", "not (false or 3 > 4)"):
        with pytest.raises(InvalidExpression, match="never becomes true"):
            Breakpoint(store, run, text)
    Breakpoint(store, run, "1 < 2 and tick > 4")
    assert first_where(store, run, "1 < 2") == 0, "where it holds is another question"


def test_who_never_came_is_not_watched_for_in_what_has_happened(harsh: tuple[MemoryStore, Run]) -> None:
    store, run = harsh
    come = replay.at_head(store, run).next_agent
    for look in (first_where, last_where):
        with pytest.raises(WrongUsage, match=rf"there is no agent {come}: by tick [0-9,]+, 0 to {come - 1} have come"):
            look(store, run, Predicate(None, agent=come))
        assert look(store, run, Predicate(None, agent=come - 1)) is not None


def test_a_breakpoint_on_what_happens_stops_at_each_occurrence(store: EventStore) -> None:
    whole = make_run(store, "whole", ticks=60)
    happened = [
        int(e)
        for e in range(61)
        if first_where(store, whole, "crafts > 0 or meetings > 0", first=e, last=e) is not None
    ]
    run = store.create("broken", seed=7, configuration=TINY_WORLD, target=60)
    stops = []
    while True:
        summary = Runner(store, run, breakpoint_=Breakpoint(store, run, "crafts > 0 or meetings > 0")).run(60)
        if summary.status != "paused":
            break
        stops.append(summary.head_tick)
    assert stops == [t for t in happened if t < 60] and stops
