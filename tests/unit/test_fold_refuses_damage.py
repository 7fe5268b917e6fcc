"""What contradicts the state is refused by name: never folded, and never written outside of the columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain.fold
from domain import columns as col
from domain import events as ev
from domain.advance import new_world
from domain.codes import Intention
from domain.errors import CorruptHistory
from domain.events import EventBatch
from domain.fold import fold
from domain.minds.columns import MEMORY_SLOTS
from domain.state import World
from tests.support.histories import NEEDS, batch_of, event, every_kind, persona, scenario
from tests.unit.test_fold_mutations import in_plain_python

pytestmark = pytest.mark.unit

_TIE = {"tie_slot": 0, "tie_strength": 5}
_WORLD = every_kind().replayed(1).to_bytes()
_WORDS = {"act": "propose", "text": "Hm?", "conversation": "1:1", "terms": {"work": "mine"}}
_PLEDGE = {"terms": {"give": "food", "quantity": 1, "take": "coin", "taken": 1}, "proposal": "1:0"}
_MEMORY = {"text": "To think of.", "cites": []}


def a_world():
    return World.from_bytes(_WORLD)


@pytest.mark.parametrize(
    "told",
    [
        event(ev.AGENT_RESTED, agent=3, **NEEDS),
        event(ev.AGENT_RESTED, agent=-1, **NEEDS),
        event(ev.AGENT_RESTED, agent=2**31 - 1, **NEEDS),
        event(ev.AGENT_MOVED, agent=0, cell=16, from_cell=1, **NEEDS),
        event(ev.AGENT_MOVED, agent=0, cell=-1, from_cell=1, **NEEDS),
        event(ev.INTENTION_FORMED, agent=0, intention="rest", goal=99),
        event(ev.INTENTION_FORMED, agent=0, intention=8, goal=9),
        event(ev.THOUGHT_TAKEN, agent=0, intention="rest", goal=-7),
        event(ev.GOODS_GATHERED, agent=0, cell=2**30, good="food", quantity=1, holding=1, stock=1, **NEEDS),
        event(ev.GOODS_GATHERED, agent=0, cell=3, good="coin", quantity=1, holding=1, stock=1, **NEEDS),
        event(ev.GOODS_GATHERED, agent=0, cell=3, stock=1, **NEEDS),
        event(ev.GOODS_ENDOWED, agent=0, good=6, quantity=1, holding=1),
        event(ev.GOODS_ENDOWED, agent=0, good=100, quantity=1, holding=1),
        event(ev.GOODS_ENDOWED, agent=0, good=-100, quantity=1, holding=1),
        event(ev.GIFT_RECEIVED, agent=0, target=1, taken_good=90, taken_quantity=1, taken_holding=1, **_TIE, **NEEDS),
        event(ev.SKILL_IMPROVED, agent=0, skill=4, level=1),
        event(ev.AGENTS_MET, agent=0, target=1, tie_slot=8, tie_strength=1),
        event(ev.AGENTS_MET, agent=0, target=1, tie_slot=-1, tie_strength=1),
        event(ev.AGENTS_MET, agent=0, target=2**30, tie_slot=0, tie_strength=1),
        event(ev.AGENTS_MET, agent=0, target=3, tie_slot=0, tie_strength=1),
        event(ev.CELL_FORMED, cell=16, elevation=1, payload={"biome": "hills"}),
        event(ev.CELL_FORMED, cell=-1, elevation=1, payload={"biome": "hills"}),
        event(ev.CELL_FORMED, cell=1, elevation=1, payload={"biome": "moon"}),
        event(ev.CELL_FORMED, cell=1, elevation=1),
        event(ev.CELL_FORMED, cell=1, elevation=1, payload={"biome": "hills", "capacity": [1], "regrowth": "x"}),
        event(ev.AGENT_JOINED, agent=3, cell=16, household=3, **NEEDS, payload=persona()),
        event(ev.AGENT_JOINED, agent=1, cell=3, household=3, **NEEDS, payload=persona()),
        event(ev.AGENT_JOINED, agent=9, cell=3, household=3, **NEEDS, payload=persona()),
        event(ev.AGENT_JOINED, agent=3, cell=3, household=3, **NEEDS, payload=persona(occupation="pirate")),
        event(ev.AGENT_BORN, agent=3, target=1, cell=3, household=3, **NEEDS, payload={"name": "Bo"}),
        event(ev.AGENT_BORN, agent=3, target=1, cell=3, household=3, good=22, quantity=1, holding=1, **NEEDS,
              payload=persona()),
        event(ev.WORLD_FOUNDED, payload={"width": 5, "height": 4}),
        event(ev.WORLD_FOUNDED, payload={"wide": 5}),
        event(ev.SPEECH_MADE, agent=0, target=7, **_TIE, **NEEDS, payload=_WORDS),
        event(ev.SPEECH_MADE, agent=7, target=0, **_TIE, **NEEDS, payload=_WORDS),
        event(ev.SPEECH_MADE, agent=0, target=2**31 - 1, **_TIE, **NEEDS, payload=_WORDS),
        event(ev.SPEECH_MADE, agent=0, **_TIE, **NEEDS, payload=_WORDS),
        event(ev.SPEECH_MADE, agent=0, target=1, tie_slot=8, tie_strength=1, **NEEDS, payload=_WORDS),
        event(ev.SPEECH_MADE, agent=0, target=1, **NEEDS, payload=_WORDS),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS | {"act": "sing"}),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS | {"act": 3}),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS | {"text": 3}),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS | {"conversation": 3}),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS | {"conversation": "then"}),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS | {"conversation": f"{2**40}:0"}),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS | {"terms": {"work": "dance"}}),
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS),
        event(ev.CONVERSATION_CLOSED, agent=0, target=1, because="left", payload={"conversation": "1"}),
        event(ev.PLEDGE_MADE, agent=0, target=7, payload=_PLEDGE),
        event(ev.PLEDGE_MADE, agent=0, target=1, payload=_PLEDGE | {"terms": {"give": "food"}}),
        event(ev.PLEDGE_MADE, agent=0, target=1, payload=_PLEDGE | {"terms": "all"}),
        event(ev.PLEDGE_KEPT, agent=0, target=1, payload={}),
        event(ev.PLEDGE_LAPSED, agent=0, target=1, because="means", payload={"pledge": None}),
        event(ev.NEWS_HEARD, agent=7, payload={"news": "1:0", "text": "Gold!"}),
        event(ev.NEWS_HEARD, agent=0, payload={"news": "1:0"}),
        event(ev.MEMORY_FORMED, agent=7, memory_kind="plan", importance=5, payload=_MEMORY),
        event(ev.MEMORY_FORGOTTEN, agent=0, payload={"memory": "0:3"}),
        event(ev.MEMORY_FORGOTTEN, agent=0),
        event(ev.REFLECTION_MADE, agent=7, payload={}),
    ],
)  # fmt: skip
def test_an_event_that_can_not_have_happened_is_refused_with_its_place(told):
    with pytest.raises(CorruptHistory) as caught:
        fold(a_world(), batch_of(1, event(ev.AGENT_RESTED, agent=1, **NEEDS), told))
    assert (caught.value.tick, caught.value.ordinal) == (1, 1)


@pytest.mark.parametrize(
    "told",
    [
        event(ev.SPEECH_MADE, agent=0, target=1, **_TIE, **NEEDS, payload=_WORDS),
        event(ev.CONVERSATION_CLOSED, agent=0, target=1, because="left", payload={"conversation": "1:1"}),
        event(ev.PLEDGE_MADE, agent=0, target=1, payload=_PLEDGE),
        event(ev.PLEDGE_KEPT, agent=0, target=1, payload={"pledge": "1:1"}),
        event(ev.PLEDGE_LAPSED, agent=0, target=1, because="means", payload={"pledge": "1:1"}),
        event(ev.NEWS_HEARD, agent=0, payload={"news": "1:0", "text": "Gold!"}),
        event(ev.MEMORY_FORMED, agent=0, memory_kind="plan", importance=5, payload=_MEMORY),
        event(ev.MEMORY_FORGOTTEN, agent=0, payload={"memory": "1:1"}),
        event(ev.REFLECTION_MADE, agent=0, payload={}),
    ],
    ids=lambda told: ev.KIND_BY_NUMBER[int(told[0]["kind"][0])].name,
)
def test_what_happens_in_minds_is_refused_where_there_are_none(told):
    world = scenario("calm").replayed(1)
    with pytest.raises(CorruptHistory, match="no minds") as caught:
        fold(world, batch_of(1, event(ev.AGENT_RESTED, agent=1, **NEEDS), told))
    assert (caught.value.tick, caught.value.ordinal) == (1, 1)


def test_more_memories_than_there_is_room_for_are_refused():
    memory = event(ev.MEMORY_FORMED, agent=0, memory_kind="plan", importance=5, payload=_MEMORY)
    world = fold(a_world(), batch_of(1, *[memory] * MEMORY_SLOTS))
    with pytest.raises(CorruptHistory, match="no room"):
        fold(world, batch_of(2, memory))


def test_a_kind_that_nobody_knows_is_refused():
    for number in (0, -3, max(ev.KIND_BY_NUMBER) + 1, 99):
        batch = batch_of(1, event(ev.AGENT_RESTED, agent=1, **NEEDS))
        batch.records["kind"] = number
        with pytest.raises(CorruptHistory, match=f"unknown kind {number}"):
            fold(a_world(), batch)


def test_a_kind_that_nothing_folds_is_refused_by_name(monkeypatch):
    monkeypatch.delitem(domain.fold._IN_PYTHON, ev.NEWS_HEARD.number)
    with pytest.raises(CorruptHistory, match="NewsHeard of agent 0: this release has no handler for that kind"):
        fold(a_world(), batch_of(1, event(ev.NEWS_HEARD, agent=0, payload={"news": "1:0", "text": "Gold!"})))


# -- whatever a column says --------------------------------------------------------------------------

# Absent, negative, another code, another slot, far too large: what fits into a column is put there.
_ODD = [-1, -2, -100, 3, 7, 16, 99, 9 << 16, 2**15 - 1, 2**30, 2**31 - 1, -(2**31)]
_ODD += [code << 56 for code in (-128, -100, -2, 4, 6, 22, 23, 127)] + [2**63 - 1, -(2**63)]


def odd_values(column: str) -> list[int]:
    """Return the values that a column has room for."""
    limits = np.iinfo(ev.EVENT_DTYPE[column])
    return [value for value in _ODD if limits.min <= value <= limits.max]


def is_whole(world: World) -> bool:
    """Return whether what a world says of places, agents and codes exists, and its bookkeeping is that of its rows."""
    living = world.agents[:, : world.n][:, world.agents[col.ALIVE, : world.n] != 0]
    others = living[col.TIE_OTHER : col.TIE_OTHER + col.N_TIES]
    n_cells = world.cells.shape[1]
    return (
        bool(((living[[col.CELL, col.GOAL]] >= 0) & (living[[col.CELL, col.GOAL]] < n_cells)).all())
        and bool(((others >= ev.ABSENT) & (others < world.next_agent)).all())
        and bool(((living[col.INTENTION] >= ev.ABSENT) & (living[col.INTENTION] < len(Intention))).all())
        and World.from_bytes(world.to_bytes()).sums.tolist() == world.sums.tolist()
    )


@pytest.mark.parametrize("kind", ev.KINDS, ids=lambda kind: kind.name)
def test_whatever_a_column_of_any_kind_says_is_refused_or_leaves_a_whole_state(kind):
    history, plain = every_kind(), in_plain_python()
    tick = next(t for t, b in enumerate(history.batches) if kind.number in b.records["kind"])
    # Restored, because a cell that is never formed is part of no hash until the state has gone through its bytes.
    batch, before = history.batches[tick], World.from_bytes(history.replayed(tick).to_bytes())
    at = int(np.flatnonzero(batch.records["kind"] == kind.number)[0])
    for column in ev.EVENT_DTYPE.names:
        for value in odd_values(column):
            records = batch.records.copy()
            records[column][at] = value
            ends = []
            # Python first: where it fails with an index out of bounds, the compiled loop would write there.
            for folded, view in ((plain.fold, np.recarray), (fold, np.ndarray)):
                world = before.copy()
                try:
                    folded(world, EventBatch(records.view(view), batch.payload_ends, batch.payload_bytes))
                except CorruptHistory as error:
                    ends.append(str(error))
                    continue
                ends.append(world.to_bytes())
            assert ends[0] == ends[1], f"{column} {value}"
            if not isinstance(ends[1], str):
                assert is_whole(world), f"{column} {value}"


def test_a_tick_left_out_or_told_twice_is_refused_before_anything_changes():
    history = scenario("calm")
    world = history.replayed(5)
    before = world.to_bytes()
    for wrong in (history.batches[4], history.batches[6], history.batches[0]):
        with pytest.raises(CorruptHistory, match="of tick 5 was expected"):
            fold(world, wrong)
        assert world.to_bytes() == before
    assert fold(world, history.batches[5]).state_hash == history.headers[5].state_hash


def test_events_out_of_order_or_missing_are_refused():
    history = scenario("calm")
    batch = history.batches[5]
    n = len(batch)
    for damaged in (
        EventBatch.concat([batch.slice(1, 2), batch.slice(0, 1), batch.slice(2, n)]),
        EventBatch.concat([batch.slice(0, 3), batch.slice(4, n)]),
        EventBatch.concat([batch.slice(0, 4), batch.slice(3, n)]),
        batch.slice(1, n),
    ):
        with pytest.raises(CorruptHistory):
            fold(history.replayed(5), damaged)


@given(st.data())
@settings(max_examples=250)
def test_a_history_with_any_byte_changed_is_refused_or_still_folds_to_a_state(data):
    history = every_kind()
    tick = data.draw(st.sampled_from([t for t, b in enumerate(history.batches) if len(b)]))
    batch = history.batches[tick]
    records, payloads = bytearray(batch.records.tobytes()), bytearray(batch.payload_bytes)
    at = data.draw(st.integers(0, len(records) + len(payloads) - 1))
    target, at = (records, at) if at < len(records) else (payloads, at - len(records))
    target[at] ^= data.draw(st.integers(1, 255))
    damaged = EventBatch(np.frombuffer(bytes(records), ev.EVENT_DTYPE), batch.payload_ends, bytes(payloads))
    assert damaged.hash() != batch.hash()  # this is what verify looks at first
    world = new_world(history.configuration)
    try:
        for before in history.batches[:tick]:
            fold(world, before)
        fold(world, damaged)
        for after in history.batches[tick + 1 :]:
            fold(world, after)
    except CorruptHistory:
        return
    assert world.sums.tolist() == world.rehash_whole().tolist()  # still a state, whatever it says
