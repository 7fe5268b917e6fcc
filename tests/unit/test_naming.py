"""What people are called who live no more: as the event that brought them into the world has it."""

from __future__ import annotations

import pytest

import replay
from chronopolis import people
from chronopolis.naming import name_the_dead, recorded_names
from chronopolis.web.api.asking import _in_words
from tests.support.histories import mourners, scenario
from tests.support.memory_store import MemoryStore
from tests.support.stores import keep

pytestmark = pytest.mark.unit


def test_the_dead_whom_somebody_knows_have_their_names():
    store, history = MemoryStore(), scenario("harsh")
    run = keep(store, history, durability="group")
    world = replay.at(store, run, history.ticks - 1)
    named = recorded_names(store, run, range(world.next_agent))
    found = mourners(world)
    assert found
    for agent in found:
        told = people.describe(world, agent)
        before = {tie["agent"]: tie["name"] for tie in told["ties"]}
        name_the_dead(told, store, run)
        for tie in told["ties"]:
            assert tie["name"] == named[tie["agent"]]
            assert ("alive" in tie) == (before[tie["agent"]] is None)
            assert tie.get("alive", True) == (world.row(tie["agent"]) is not None)
        if told["parent"] is not None:
            assert told["parent"]["name"] == named[told["parent"]["agent"]]


def test_whom_one_has_looked_up_before_one_does_not_look_up_again():
    store, history = MemoryStore(), scenario("harsh")
    run = keep(store, history, durability="group")
    world, known = replay.at(store, run, history.ticks - 1), dict[int, str]()
    agent = mourners(world)[0]
    first, again = people.describe(world, agent), people.describe(world, agent)
    name_the_dead(first, store, run, known)
    name_the_dead(again, None, run, known)
    assert again == first
    assert set(known) == {
        who["agent"] for who in [first["parent"], *first["ties"]] if who and not who.get("alive", True)
    }


def test_where_histories_part_those_who_have_died_since_are_named():
    store, history = MemoryStore(), scenario("harsh")
    run = keep(store, history, durability="group")
    (dead, *_) = (event for batch in history.batches for event in batch if event["kind"] == "AgentDied")
    parted = {"first_divergence": {"tick": dead["tick"], "event": {"a": dead, "b": None}}}
    told = _in_words(parted, store, {"a": run, "b": run})["first_divergence"]["event"]["told"]
    name = recorded_names(store, run, [dead["agent"]])[dead["agent"]]
    assert told["a"].startswith(f"{name} ({dead['agent']}) died of ")
    assert told["b"] is None
