"""Memories as events tell of them."""

from __future__ import annotations

import pytest

from domain import events as ev
from domain.errors import UnknownEventKind
from domain.memories import memories_in
from domain.ports import Memory
from tests.support.histories import batch_of, event

pytestmark = pytest.mark.unit


def formed(**about: object):
    named = {"agent": 3, "memory_kind": 2, "importance": 640, "payload": {"text": "I see.", "cites": ["1:2"]}}
    return event(ev.kind_named("MemoryFormed"), **{**named, **about})


def test_a_memory_is_named_by_its_event_and_has_all_that_the_event_says():
    batch = batch_of(12, event(ev.AGENT_RESTED, agent=3), formed())
    memory = Memory("12:1", 3, 12, None, 640, "reflection", "I see.", ("1:2",))
    assert memories_in(batch) == ([memory], [])


def test_forgetting_names_the_memory_and_the_tick():
    forgotten = event(ev.kind_named("MemoryForgotten"), agent=3, payload={"memory": "4:9"})
    assert memories_in(batch_of(12, forgotten)) == ([], [("4:9", 12)])


def test_other_events_are_no_memories():
    assert memories_in(batch_of(12, event(ev.AGENT_RESTED, agent=3))) == ([], [])
    assert memories_in(batch_of(12)) == ([], [])


def test_a_kind_of_memory_of_a_later_release_is_refused():
    with pytest.raises(UnknownEventKind):
        memories_in(batch_of(12, formed(memory_kind=9)))
