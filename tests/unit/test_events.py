"""The catalogue of events, and their batches and bytes."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from domain import events as ev
from domain.errors import UnknownEventKind
from domain.events import EVENT_DTYPE, KINDS, EventBatch, as_json, empty_records, kind_named, payload_of
from tests.support.histories import NEEDS, batch_of, event, every_kind, persona, scenario

pytestmark = pytest.mark.unit

_TIE = {"target": 5, "tie_slot": 3, "tie_strength": 240}
_GIVEN = {"good": "food", "quantity": 1_000, "holding": 3_000}
_TAKEN = {"taken_good": "coin", "taken_quantity": 4, "taken_holding": 24}
_ASKED = {"asked": 3, "call": 0, "answer": "ab" * 32}
_THOUGHT = _ASKED | {"purpose": "intention"}
EXAMPLES = {
    "WorldFounded": {"payload": {"width": 4, "height": 4, "minds": True}},
    "CellFormed": {"cell": 3, "elevation": 12, "payload": {"biome": "hills", "capacity": [1, 2, 3, 4],
                                                         "regrowth": [0, 0, 0, 0], "stock": [1, 1, 1, 1]}},
    "AgentJoined": {"agent": 1, "cell": 3, "household": 1, **NEEDS, "payload": persona()},
    "GoodsEndowed": {"agent": 1, **_GIVEN},
    "IntentionFormed": {"agent": 1, "intention": "cut_wood", "goal": 9},
    "AgentMoved": {"agent": 1, "cell": 4, "from_cell": 3, **NEEDS},
    "GoodsGathered": {"agent": 1, "cell": 4, **_GIVEN, "stock": 50, **_TAKEN, **NEEDS},
    "SkillImproved": {"agent": 1, "skill": "mining", "level": 999},
    "MealEaten": {"agent": 1, **_GIVEN, **NEEDS},
    "AgentRested": {"agent": 1, "energy": 0, "satiety": 0, "company": 0},
    "ToolCrafted": {"agent": 1, **_GIVEN, **_TAKEN, "tool_uses": 80, **NEEDS},
    "AgentsMet": {"agent": 1, **_TIE},
    "WordsSpoken": {"agent": 1, **_TIE, **NEEDS, "payload": {"text": "Ça va?"}},
    "GoodsTraded": {"agent": 1, **_GIVEN, **_TAKEN, **_TIE, **NEEDS},
    "GoodsGiven": {"agent": 1, **_GIVEN, **_TIE, **NEEDS},
    "GiftReceived": {"agent": 1, **_TAKEN, **_TIE, **NEEDS},
    "ChildBorne": {"agent": 1, "target": 9, **_GIVEN, **NEEDS},
    "AgentBorn": {"agent": 9, "target": 1, "cell": 4, "household": 1, **_GIVEN, **NEEDS, "payload": persona(born=7)},
    "AgentDied": {"agent": 1, "target": 5, "cell": 4, "because": "hunger", "energy": 0, "satiety": 0, "company": 1},
    "GoodsInherited": {"agent": 5, "target": 1, **_TAKEN},
    "ThoughtRequested": {"agent": 1, "due": 12, "purpose": "reflection", "reason": "silence"},
    "ThoughtTaken": {"agent": 1, "intention": "explore", "goal": 7,
                     "payload": {**_THOUGHT, "instead_of": "rest", "unsaid": "out of hearing"}},
    "ThoughtRefused": {"agent": 1, "payload": {**_THOUGHT, "because": "timed out"}},
    "InterventionMade": {"agent": 1, "payload": {"by": "ana", "why": "a drought", "refused": "dead"} | _ASKED},
    "SpeechMade": {"agent": 1, **_TIE, **NEEDS, "payload": {
        "act": "accept", "text": "It's a deal!", "conversation": "5:2", "news": "1:1",
        "terms": {"give": "food", "quantity": 1_000, "take": "coin", "taken": 4}}},
    "ConversationClosed": {"agent": 1, "target": 5, "because": "distance", "payload": {"conversation": "5:2"}},
    "PledgeMade": {"agent": 5, "target": 1, "payload": {"terms": {"work": "mine"}, "proposal": "6:0"}},
    "PledgeKept": {"agent": 5, "target": 1, "payload": {"pledge": "6:1"}},
    "PledgeLapsed": {"agent": 5, "target": 1, "because": "means", "payload": {"pledge": "6:1"}},
    "NewsHeard": {"agent": 1, "target": 5, "payload": {"news": "1:1", "text": "Gold!"}},
    "MemoryFormed": {"agent": 1, "memory_kind": "plan", "importance": 150, "payload": {"text": "Go", "cites": ["1:1"]}},
    "MemoryForgotten": {"agent": 1, "payload": {"memory": "3:4"}},
    "ReflectionMade": {"agent": 1, "payload": _ASKED | {"purpose": "reflection"}},
    "ScenarioChanged": {"payload": {"settings": {"hunger": {"before": 45, "after": 30}}, "seed": None}},
    "StockChanged": {"cell": 3, "good": "food", "stock": 5_000, "regrowth": 90},
}  # fmt: skip


def test_numbers_names_and_views_are_unique_and_numbers_gapless():
    assert [k.number for k in KINDS] == list(range(1, len(KINDS) + 1))
    assert len({k.name for k in KINDS}) == len({k.view for k in KINDS}) == len(KINDS)
    # By either, one kind is found: a view may be called like its kind, never like another.
    names = [{k.name.lower(), k.view.replace("_", "")} for k in KINDS]
    assert len(set().union(*names)) == sum(map(len, names))


def test_every_kind_is_documented_and_its_fields_lie_in_stored_columns_without_overlap():
    for kind in KINDS:
        assert re.fullmatch(r"([A-Z][a-z]+)+", kind.name)
        assert re.fullmatch(r"[a-z_]+", kind.view)
        assert kind.summary.endswith(".")
        names = [f.name for f in (*kind.fields, *ev.CAUSE)] + list(kind.payload)
        # A persona's `given` name is told in the payload; no field has that name.
        assert len(names) == len(set(names)), kind.name
        places = [(f.column, f.part) for f in kind.fields]
        assert len(places) == len(set(places)), kind.name
        for f in kind.fields:
            assert f.column in EVENT_DTYPE.names
            assert f.meaning
            assert not (f.part and (f.column, "") in places), kind.name


def test_a_record_is_packed_and_little_endian():
    assert EVENT_DTYPE.itemsize == 58 == sum(EVENT_DTYPE[name].itemsize for name in EVENT_DTYPE.names)
    assert all(EVENT_DTYPE[name].newbyteorder("<") == EVENT_DTYPE[name] for name in EVENT_DTYPE.names)


def test_there_is_an_example_of_every_kind():
    assert set(EXAMPLES) == {k.name for k in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_an_event_reads_as_json_by_the_names_of_its_fields(kind):
    given = dict(EXAMPLES[kind.name])
    batch = batch_of(7, event(kind, cause=(6, 2), **given))
    payload = given.pop("payload", {})
    assert given.keys() == {f.name for f in kind.fields}, "the example leaves a field out"
    assert payload.keys() == kind.payload.keys()
    expected = {"tick": 7, "ordinal": 0, "kind": kind.name, **given, "cause_tick": 6, "cause_ordinal": 2, **payload}
    assert list(batch) == [expected]
    assert json.loads(json.dumps(expected)) == as_json(batch.records[0], batch.payload(0))


def test_what_is_absent_is_left_out():
    record = empty_records(1)[0]
    record["kind"] = ev.AGENT_RESTED.number
    assert as_json(record, b"") == {"tick": -1, "ordinal": -1, "kind": "AgentRested"}


def test_a_kind_that_nobody_knows_is_refused():
    record = empty_records(1)[0]
    record["kind"] = 99
    with pytest.raises(UnknownEventKind, match="99"):
        as_json(record, b"")


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_a_kind_is_found_by_its_name_in_any_case_and_by_its_view(kind):
    assert kind_named(kind.name) is kind
    assert kind_named(kind.name.lower()) is kind
    assert kind_named(kind.view) is kind
    snake = re.sub(r"(?<!^)([A-Z])", r"_\1", kind.name).lower()
    assert kind_named(snake) is kind


def test_no_kind_is_found_by_another_name():
    with pytest.raises(UnknownEventKind, match="Explosion"):
        kind_named("Explosion")


@pytest.mark.parametrize("good", range(6))
@pytest.mark.parametrize(("quantity", "holding"), [(0, 0), (1, 2**28 - 1), (2**28 - 1, 1), (2**28 - 1, 2**28 - 1)])
def test_a_good_comes_out_of_its_column_as_it_went_in(good, quantity, holding):
    packed = ev.pack_good(good, quantity, holding)
    assert (ev.good_of(packed), ev.quantity_of(packed), ev.holding_of(packed)) == (good, quantity, holding)
    assert 0 <= packed < 2**63


@pytest.mark.parametrize("part", sorted(ev.PART_SHIFTS))
def test_every_part_reads_what_its_shift_and_mask_say_and_absent_stays_absent(part):
    shift, mask = ev.PART_SHIFTS[part]
    f = ev.Field("x", "given", part)
    columns = np.array([ev.ABSENT, mask << shift if shift + mask.bit_length() < 64 else 5 << shift, 0], np.int64)
    assert f.read(columns).tolist() == [ev.ABSENT, mask if shift + mask.bit_length() < 64 else 5, 0]


def test_needs_causes_ties_and_skills_come_out_as_they_went_in():
    needs = np.array([ev.pack_needs(10_000, 1, 9_999)])
    assert [int(f.read(needs)[0]) for f in ev.NEEDS] == [10_000, 1, 9_999]
    cause = np.array([ev.pack_cause(2**31 - 1, 2**31 - 1)])
    assert [int(f.read(cause)[0]) for f in ev.CAUSE] == [2**31 - 1, 2**31 - 1]
    assert [int(f.read(np.array([ev.pack_tie(7, 1_000)]))[0]) for f in ev.TIE] == [7, 1_000]
    assert ev.pack_skill(3, 1_000) == 3 << 16 | 1_000


# -- batches ---------------------------------------------------------------------------------------


def rebuilt(batch: EventBatch, start: int, stop: int) -> EventBatch:
    records = batch.records[start:stop].copy()
    return EventBatch.of(records, [(i - start, batch.payload(i)) for i in range(start, stop) if batch.payload(i)])


@pytest.mark.parametrize("history", [every_kind, lambda: scenario("harsh")], ids=["by hand", "harsh"])
def test_the_hash_of_a_slice_is_that_of_the_same_events_built_anew(history):
    batches = [b for b in history().batches if len(b) > 3][:40]
    for batch in batches:
        n = len(batch)
        for start, stop in ((0, n), (0, 0), (n, n), (1, n - 1), (n // 2, n), (0, n // 2), (n - 1, n)):
            part, again = batch.slice(start, stop), rebuilt(batch, start, stop)
            assert len(part) == stop - start
            assert part.hash() == again.hash()
            assert [part.payload(i) for i in range(len(part))] == [batch.payload(i) for i in range(start, stop)]
            assert list(part) == list(again)


def test_slices_joined_are_the_batch_again():
    for batch in scenario("harsh").batches[:60]:
        cut = [0, len(batch) // 3, len(batch) // 2, len(batch)]
        parts = [batch.slice(a, b) for a, b in pairwise(cut)]
        joined = EventBatch.concat(parts)
        assert joined.hash() == batch.hash()
        assert (joined.records == batch.records).all()
        assert (joined.payload_ends == batch.payload_ends).all()


def test_batches_of_several_ticks_join_and_come_apart():
    batches = scenario("harsh").batches[:30]
    whole, at = EventBatch.concat(batches), 0
    for batch in batches:
        assert whole.slice(at, at + len(batch)).hash() == batch.hash()
        at += len(batch)
    assert at == len(whole)


def test_no_events_are_a_batch_too():
    for nothing in (EventBatch.concat([]), batch_of(3), EventBatch.of(empty_records(0))):
        assert len(nothing) == 0
        assert list(nothing) == []
        assert nothing.hash() == EventBatch.concat([]).hash()
        assert EventBatch.concat([nothing, nothing]).hash() == nothing.hash()


def test_one_batch_joined_is_itself():
    batch = scenario("calm").batches[1]
    assert EventBatch.concat([batch]) is batch


def test_where_a_payload_belongs_is_hashed():
    records = batch_of(1, event(ev.WORDS_SPOKEN, agent=1), event(ev.WORDS_SPOKEN, agent=1)).records
    text = payload_of(text="a")
    assert EventBatch.of(records, [(0, text)]).hash() != EventBatch.of(records, [(1, text)]).hash()


def test_payload_bytes_are_canonical():
    assert payload_of(b=1, a="é") == b'{"a":"\\u00e9","b":1}'
    assert payload_of(a="é", b=1) == payload_of(b=1, a="é")
