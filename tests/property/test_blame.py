"""Blame: each event has what the term did when it was folded, and all of them together what events did to it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from domain.advance import new_world
from domain.columns import THOUGHT_DUE
from domain.events import AGENT_DIED, EventBatch
from domain.expressions import AtTick, Expression, parse
from domain.fold import fold
from domain.measures import MEASURES, Look
from domain.state import World
from replay import blame as module
from replay.blame import blame
from tests.support.histories import every_kind, scenario

pytestmark = pytest.mark.property

SOME = ["gini_coins", "gini_wealth", "hungry", "food", "mean(satiety)", "count(food < 1)", "max(coins)", "price_food",
        "trades", "share(satiety < 6)", "stock_food", "age", "tie_strength"]  # fmt: skip


def ticks_of(name: str) -> Iterator[tuple[World, EventBatch]]:
    """Yield each tick's events and the state before them; the state is then folded on."""
    history = every_kind() if name == "every kind" else scenario(name)
    world = new_world(history.configuration)
    for batch in history.batches:
        yield world, batch
        fold(world, batch)


def value(wanted: Expression, world: World, events: EventBatch) -> float:
    found = float(wanted.terms[0].of(AtTick(Look().at(world, events))))
    return 0.0 if math.isnan(found) else found


@pytest.mark.parametrize("name", ["harsh", "every kind"])
def test_contributions_add_up_to_what_the_events_of_a_tick_did(name: str) -> None:
    terms = [*MEASURES, *SOME] if name == "every kind" else SOME
    wanted = [parse(f"{text} > 0") for text in dict.fromkeys(terms)]
    for tick, (before, events) in enumerate(ticks_of(name)):
        if tick % (1 if name == "every kind" else 9):
            continue
        start, after = before.copy(), fold(before.copy(), events)
        start.tick += 1
        for one in wanted:
            causes = blame(one, before, events, {}, limit=10_000)
            change = value(one, after, events) - value(one, start, events.slice(0, 0))
            assert sum(c["contribution"] for c in causes) == pytest.approx(change, abs=1e-9), (tick, one.text)


@pytest.mark.parametrize("name", ["minded", "every kind"])
def test_each_measure_names_all_kinds_that_move_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, looked_at = [parse(f"{measure} > 0") for measure in MEASURES], 0
    for before, events in ticks_of(name):
        dead = events.records["agent"][events.records["kind"] == AGENT_DIED.number]
        awaited = any(before.agents[THOUGHT_DUE, before.row(int(agent))] >= 0 for agent in dead)
        if before.tick < 0 or not (awaited or name == "every kind"):
            continue
        looked_at += 1
        for one in wanted:
            named = blame(one, before, events, {}, limit=10_000)
            with monkeypatch.context() as patched:
                patched.setattr(module, "_movers", lambda term, events: np.arange(len(events)))
                assert named == blame(one, before, events, {}, limit=10_000), (before.tick + 1, one.text)
        if looked_at == 6:
            break
    assert looked_at, "nobody died who was thinking"


def test_only_what_touches_coins_is_blamed_for_them() -> None:
    goods = ("good", "taken_good")
    seen = set()
    for before, events in ticks_of("harsh"):
        if not (events.records["kind"] == 19).any():  # GoodsInherited: whoever inherits coins inherits food as well
            continue
        for text in ("gini_coins", "count(coins < 20)"):
            for cause in blame(parse(f"{text} > 0"), before, events, {}, limit=1_000):
                seen.add(cause["kind"])
                assert "coin" in [cause.get(key) for key in goods] or cause["kind"] in ("AgentDied", "AgentBorn"), cause
    assert {"GoodsInherited", "AgentDied"} <= seen


def test_the_event_that_moved_it_is_blamed_and_no_other_of_the_same_agent() -> None:
    for before, events in ticks_of("harsh"):
        for cause in blame(parse("agent(7).food < 1 or agent(7).intention == 'rest'"), before, events, {}, limit=99):
            assert cause["agent"] == 7
            if cause["term"] == "agent(7).food":
                assert "food" in (cause.get("good"), cause.get("taken_good")) or cause["kind"] in (
                    "AgentJoined",
                    "AgentDied",
                )
            else:
                assert cause["contribution"] is None and cause["kind"] in (
                    "AgentJoined",
                    "IntentionFormed",
                    "AgentDied",
                )


def test_both_legs_of_a_barter_have_their_own_share() -> None:
    for before, events in ticks_of("harsh"):
        causes = blame(parse("total(coins) > 0"), before, events, {}, limit=99)
        legs = [c for c in causes if c["kind"] == "GoodsTraded"]
        if legs:
            own = [c["taken_quantity"] if c["taken_good"] == "coin" else -c["quantity"] for c in legs]
            assert [c["contribution"] for c in legs] == own
            assert len(legs) % 2 == 0 and sum(own) == 0
            return
    raise AssertionError("nobody traded")


def test_a_tick_of_too_many_events_is_listed_and_not_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_WEIGHED", 3)
    before, events = next(pair for tick, pair in enumerate(ticks_of("harsh")) if tick == 30)
    causes = blame(parse("mean(food) > 0 and births > 5"), before, events, {}, limit=5)
    assert [(c["ordinal"], c["contribution"]) for c in causes] == [(at, None) for at in range(5)]


def test_what_time_alone_moves_is_nobodys_fault() -> None:
    before, events = next(pair for tick, pair in enumerate(ticks_of("harsh")) if tick == 30)
    causes = blame(parse("tick > 3 and mean(age) > 0"), before, events, {}, limit=5)
    assert np.isin(events.records["kind"], (17, 18)).any() or causes == []
