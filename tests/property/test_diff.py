"""A diff names the first tick at which histories part, and every difference of two states; nothing else."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import replay
from domain import columns as col
from domain.columns import AREAS
from domain.configuration import Configuration
from domain.contrast import contrast
from domain.errors import BeyondHead
from domain.inputs import Input, InputKey
from domain.minds.columns import N_MIND_STATE
from domain.minds.contrast import _GROUPS
from domain.state import World
from replay.divergence import shared_ticks
from tests.support.histories import SCENARIOS, scenario
from tests.support.memory_store import MemoryStore
from tests.support.stores import TINY_WORLD, go_on, keep, make_run

pytestmark = pytest.mark.property

TICKS, FORKED = 90, 50


@pytest.fixture(scope="module")
def made():
    """A run; forks of it at one tick: unchanged, with an intervention, and one of that; a run of another seed."""
    store = MemoryStore()
    run = make_run(store, "made", ticks=TICKS)
    fork(store, run, "same", FORKED, TICKS)
    child = fork(store, run, "fed", FORKED, TICKS + 20, effect=FORKED + 7)
    fork(store, child, "fed-twice", 70, TICKS, effect=75)
    make_run(store, "twin", ticks=TICKS - 30)
    make_run(store, "other-seed", ticks=TICKS, seed=8)
    make_run(store, "hungrier", ticks=TICKS, configuration=dataclasses.replace(TINY_WORLD, hunger=60))
    make_run(store, "wider", ticks=20, configuration=Configuration(agents=20, width=16, height=12))
    return store


def fork(store, parent, name, at, target, effect=None):
    child = store.create(name, seed=7, configuration=TINY_WORLD, target=target, parent=parent, fork_tick=at)
    if effect is not None:
        answer = {"by": "a test", "why": "to see", "endow": {"food": 9_000}}
        store.record_input(child, Input(InputKey(effect - 1, 3, "intervention"), effect, answer))
    go_on(store, child, target)
    return child


def diff(store, a, b, **ticks):
    return replay.diff(store, store.find(a), store.find(b), **ticks)


def first_by_looking(store, a, b, last):
    """Return the first tick whose events or state differ, by looking at every header."""
    ours, theirs = (store.headers(store.find(name), 0, last) for name in (a, b))
    for tick in range(last + 1):
        if (ours.events_hash[tick], ours.state_hash[tick]) != (theirs.events_hash[tick], theirs.state_hash[tick]):
            return tick
    return None


PAIRS = [
    ("made", "fed"), ("fed", "made"), ("made", "same"), ("same", "fed"), ("fed", "fed-twice"), ("made", "fed-twice"),
    ("same", "fed-twice"), ("made", "twin"), ("made", "other-seed"), ("made", "hungrier"), ("fed", "twin"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), PAIRS)
@pytest.mark.parametrize("tick", [0, FORKED, FORKED + 7, 60])
def test_the_first_divergence_is_the_first_tick_that_differs(made, a, b, tick):
    found, expected = diff(made, a, b, tick_a=tick, tick_b=tick), first_by_looking(made, a, b, tick)
    parted = found.first_divergence
    assert (None if parted is None else parted["tick"]) == expected
    assert found.identical == (expected is None)
    if parted is not None:
        ours, theirs = (made.headers(made.find(n), expected, expected).areas[0] for n in (a, b))
        assert parted["areas"] == [AREAS[i] for i in np.flatnonzero(ours != theirs)]
        assert parted["area"] == (parted["areas"] or ["events"])[0]


def test_an_intervention_is_the_first_event_that_differs(made):
    found = diff(made, "made", "fed")
    parted = found.first_divergence
    assert parted["tick"] == FORKED + 7 and "goods" in parted["areas"]
    assert parted["event"]["b"]["kind"] == "InterventionMade" and parted["event"]["b"]["why"] == "to see"
    assert parted["event"]["a"]["kind"] != "InterventionMade"
    assert (found.world_a.tick, found.world_b.tick) == (TICKS, TICKS), "the last tick that both have"
    given = diff(made, "made", "fed", tick_a=FORKED + 7, tick_b=FORKED + 7)
    food = next(e for e in given.entries() if e["what"] == "food" and e.get("agent") == 3)
    assert 8_000 < food["by"] <= 9_000 and food["by"] == food["b"] - food["a"]


def test_what_two_runs_read_from_one_place_is_shared(made):
    shared = {(a, b): shared_ticks(made, made.find(a), made.find(b)) for a, b in PAIRS}
    assert shared["made", "fed"] == shared["made", "same"] == shared["same", "fed-twice"] == FORKED
    assert shared["fed", "fed-twice"] == 70 and shared["made", "twin"] == -1
    assert shared_ticks(made, made.find("made"), made.find("made")) >= TICKS


def test_a_run_does_not_differ_from_itself_nor_from_one_of_the_same_genesis(made):
    for a, b in (("made", "made"), ("made", "same"), ("made", "twin")):
        found = diff(made, a, b)
        assert found.identical and found.as_dict()["differences"] == [] and found.first_divergence is None


def test_two_ticks_of_a_run_differ_in_what_happened_between(made):
    found = diff(made, "made", "made", tick_a=10, tick_b=12)
    assert not found.identical and found.first_divergence["tick"] == 11
    assert (found.world_a.tick, found.world_b.tick) == (10, 12)
    assert diff(made, "made", "made", tick_a=10).world_b.tick == TICKS, "the newest tick, if only one is given"
    other_way = diff(made, "made", "made", tick_a=12, tick_b=10)
    assert sorted(e["by"] for e in other_way.entries() if e["what"] == "energy") == sorted(
        -e["by"] for e in found.entries() if e["what"] == "energy"
    )


def test_runs_of_other_sizes_are_compared_as_far_as_they_can_be(made):
    found = diff(made, "made", "wider")
    assert found.world_a.tick == 20 and not found.identical and found.first_divergence["tick"] == 0
    assert any("other sizes, 12×12 and 16×12" in note for note in found.notes)
    areas = {e["area"] for e in found.entries()}
    assert "cells" not in areas and {"goods", "agents", "personas", "figures"} <= areas
    unborn = {e["agent"] for e in found.entries() if e["what"] == "life" and e["a"] == "unborn"}
    assert unborn >= {agent for agent in range(15, 20) if found.world_b.row(agent) is not None}


def test_other_seeds_are_said_to_have_other_people(made):
    assert any("somebody else" in note for note in diff(made, "made", "other-seed").notes)
    assert diff(made, "made", "other-seed").as_dict()["configuration"] == {"seed": [7, 8]}
    assert diff(made, "made", "hungrier").as_dict()["configuration"] == {"hunger": [45, 60]}


def test_a_tick_that_has_not_happened_is_refused_by_the_name_of_its_run(made):
    with pytest.raises(BeyondHead, match=r"twin.*no tick 90"):
        diff(made, "made", "twin", tick_a=90)
    with pytest.raises(BeyondHead):
        diff(made, "made", "made", tick_a=3, tick_b=TICKS + 1)
    empty = made.create("empty", seed=7, configuration=TINY_WORLD, target=5)
    with pytest.raises(BeyondHead, match="empty"):
        replay.diff(made, made.find("made"), empty)


@given(ticks=st.tuples(st.integers(0, TICKS), st.integers(0, TICKS)), pair=st.sampled_from(PAIRS[:6]))
def test_states_without_a_difference_have_one_hash(made, ticks, pair):
    worlds = [replay.at(made, made.find(name), tick) for name, tick in zip(pair, ticks, strict=True)]
    differing = contrast(*worlds)
    changed = {area for area, x, y in zip(AREAS, *(w.sums.tolist() for w in worlds), strict=True) if x != y}
    told = {each.area for each in differing if each.of != "society"}
    if ticks[0] != ticks[1]:  # cells that nobody has touched hold more later, by the same hash
        told, changed = told - {"cells"}, changed - {"cells"}
    assert told <= changed
    if not any(each.what == "life" for each in differing):  # who lives in one state only is told of by that alone
        assert told == changed


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_changed_value_is_told_once_with_both_values(name):
    history = scenario(name)
    a, b = history.replayed(history.ticks // 2), history.replayed(history.ticks // 2 + 25)
    differing = {(d.area, d.what): d for d in contrast(a, b)}
    living = [agent for agent in range(max(a.next_agent, b.next_agent)) if a.row(agent) is not None]
    for what, column in (("energy", col.ENERGY), ("household", col.HOUSEHOLD), ("goal", col.GOAL)):
        expected = {
            agent: (int(a.agents[column, a.row(agent)]), int(b.agents[column, b.row(agent)]))
            for agent in living
            if b.row(agent) is not None and a.agents[column, a.row(agent)] != b.agents[column, b.row(agent)]
        }
        told = next((d for (_, w), d in differing.items() if w == what), None)
        assert expected == (
            {} if told is None else dict(zip(told.ids.tolist(), zip(told.a, told.b, strict=True), strict=True))
        )
    for agent, ours, theirs in _lives(differing):
        assert (a.row(agent) is not None) == (ours == "alive") and (b.row(agent) is not None) == (theirs == "alive")


def _lives(differing):
    told = differing.get(("personas", "life"))
    return (
        []
        if told is None
        else [(int(told.ids[i]), told.word(told.a[i]), told.word(told.b[i])) for i in range(len(told))]
    )


def test_minds_are_told_by_what_one_has_and_the_other_has_not():
    store, history = MemoryStore(), scenario("minded")
    run = keep(store, history, durability="group")
    found = replay.diff(store, run, run, tick_a=200, tick_b=400)
    entries = [e for e in found.entries() if e["area"] == "minds"]
    assert {"memories", "asked", "recent"} <= {e["what"] for e in entries}
    for entry in (e for e in entries if e["what"] == "memories"):
        ours, theirs = ({kept["memory"] for kept in entry[side]} for side in "ab")
        assert (ours or theirs) and not ours & theirs
        assert entry["by"] == len(ours) + len(theirs)
    assert json.loads(json.dumps(found.as_dict()))["counts"]["minds"] == sum(
        e["area"] == "minds" for e in found.entries()
    )


def test_every_column_of_a_mind_belongs_to_one_group():
    columns = [c for _, group, _ in _GROUPS for c in range(group.start, group.stop)]
    assert columns == list(range(N_MIND_STATE))


def test_entries_are_the_largest_of_each_area_first_and_limits_leave_the_counts_whole(made):
    found = diff(made, "made", "fed")
    whole, cut = found.as_dict(), found.as_dict(limit=2)
    assert (
        cut["counts"]
        == whole["counts"]
        == {area: sum(e["area"] == area for e in whole["differences"]) for area in whole["counts"]}
    )
    for area in whole["counts"]:
        of_area = [e for e in whole["differences"] if e["area"] == area]
        assert [e for e in cut["differences"] if e["area"] == area] == of_area[:2]
    sizes = [abs(e["by"]) for e in whole["differences"] if e["area"] == "ties"]
    assert sizes == sorted(sizes, reverse=True)
    most = found.agents[0][0]
    assert {e["agent"] for e in found.entries(agents=1) if "agent" in e} == {most}
    assert found.frame.height == len(whole["differences"])
    json.dumps(whole)


def test_looking_changes_neither_state(made):
    worlds = [replay.at(made, made.find(name), 80) for name in ("made", "fed")]
    before = [w.to_bytes() for w in worlds]
    replay.diff(made, made.find("made"), made.find("fed"), tick_a=80, tick_b=80,
                state=lambda run, tick: worlds[run.name == "fed"]).as_dict()  # fmt: skip
    assert [w.to_bytes() for w in worlds] == before
    assert all(isinstance(w, World) for w in worlds)
