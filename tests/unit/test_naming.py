"""What people are called who live no more: as the event that brought them into the world has it."""

from __future__ import annotations

import pytest

import replay
from chronopolis import people
from chronopolis.naming import name_the_dead, recorded_names
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
