"""Events: what happened, outcome included. The catalogue of kinds, and their batches and bytes.

An event is one 58-byte record of typed columns, and for some kinds a payload of canonical JSON.
Records of a tick lie in one contiguous array, so a tick is decided, folded, hashed and stored
without a Python object per event. Each kind says what the columns mean for it; absent is -1.

Some things are packed into 64-bit columns, because reading and writing a column costs more in
Postgres than shifting does (docs/decisions/0002-physical-layout.md):

- `given`, `taken`: a good, how much of it moved, and what the agent holds *after*
- `needs`: energy, satiety and company after, in milli-units
- `cause`: tick and ordinal of the event that directly led to this one
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline
from domain.codes import (
    Biome,
    CauseOfDeath,
    Closing,
    Good,
    Intention,
    MemoryKind,
    Purpose,
    Reason,
    Skill,
)
from domain.configuration import canonical_json
from domain.errors import CorruptHistory, UnknownEventKind

ABSENT = -1

EVENT_DTYPE = np.dtype(
    [
        ("tick", "<i4"),
        ("ordinal", "<i4"),
        ("agent", "<i4"),
        ("cause", "<i8"),
        ("needs", "<i8"),
        ("given", "<i8"),
        ("taken", "<i8"),
        ("target", "<i4"),
        ("cell", "<i4"),
        ("detail", "<i4"),
        ("kind", "<i2"),
    ]
)
"""The stored columns of an event in declared order; `events_hash` covers them packed, little-endian."""


MAX_HOLDING = (1 << 28) - 1
"""The most of a good that an agent can hold: what the packed columns have room for."""

# -- packing: the same few shifts in kernels, in Python and in the SQL views ---------------------


@inline
def pack_good(good, quantity, holding):  # type: ignore[no-untyped-def]
    """Pack (good, quantity, holding after) for `given` or `taken`; 28 bits each for the amounts."""
    return (np.int64(good) << 56) | (np.int64(quantity) << 28) | np.int64(holding)


@inline
def good_of(packed):  # type: ignore[no-untyped-def]
    """Return the code of the good in `given` or `taken`."""
    return packed >> 56


@inline
def quantity_of(packed):  # type: ignore[no-untyped-def]
    """Return how much moved."""
    return (packed >> 28) & 0xFFFFFFF


@inline
def holding_of(packed):  # type: ignore[no-untyped-def]
    """Return what the agent holds afterwards."""
    return packed & 0xFFFFFFF


@inline
def pack_needs(energy, satiety, company):  # type: ignore[no-untyped-def]
    """Pack the three needs after the event, milli-units in [0, 10000]."""
    return (np.int64(energy) << 32) | (np.int64(satiety) << 16) | np.int64(company)


@inline
def pack_cause(tick, ordinal):  # type: ignore[no-untyped-def]
    """Pack the address of the causing event."""
    return (np.int64(tick) << 32) | np.int64(ordinal)


@inline
def pack_tie(slot, strength):  # type: ignore[no-untyped-def]
    """Pack a tie's place among its owner's ties and its strength after, for `detail`."""
    return (slot << 16) | strength


@inline
def pack_skill(skill, level):  # type: ignore[no-untyped-def]
    """Pack a skill and its level after, for `detail`."""
    return (skill << 16) | level


# -- fields: how a kind names the columns --------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One named value of an event kind: where it is kept and what it means.

    Attributes
    ----------
    name : as people and SQL views see it
    column : the stored column
    part : which part of a packed column, or "" for the whole
    unit, meaning : for the reference; `codes` gives the names of coded values
    """

    name: str
    column: str
    part: str = ""
    unit: str = ""
    meaning: str = ""
    codes: type | None = None

    def read(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this field for an array of its stored column; absent stays -1."""
        if not self.part:
            return columns
        shift, mask = _PARTS[self.part]
        return np.where(columns == ABSENT, ABSENT, (columns >> shift) & mask)


_PARTS: dict[str, tuple[int, int]] = {
    "good": (56, 0xFF),
    "quantity": (28, 0xFFFFFFF),
    "holding": (0, 0xFFFFFFF),
    "energy": (32, 0xFFFF),
    "satiety": (16, 0xFFFF),
    "company": (0, 0xFFFF),
    "high": (16, 0xFFFF),
    "low": (0, 0xFFFF),
    "tick": (32, 0xFFFFFFFF),
    "ordinal": (0, 0xFFFFFFFF),
}

PART_SHIFTS = _PARTS
"""Name of a part → (shift, mask): what the SQL views must do as well; a test compares them."""

AGENT = Field("agent", "agent", meaning="who acted")
CELL = Field("cell", "cell", unit="row * width + column", meaning="where the agent is afterwards")
NEEDS = (
    Field("energy", "needs", "energy", "milli", "energy afterwards"),
    Field("satiety", "needs", "satiety", "milli", "satiety afterwards"),
    Field("company", "needs", "company", "milli", "company afterwards"),
)
GIVEN = (
    Field("good", "given", "good", meaning="the good", codes=Good),
    Field("quantity", "given", "quantity", "milli, or pieces", "how much of it moved"),
    Field("holding", "given", "holding", "milli, or pieces", "what the agent holds of it afterwards"),
)
TAKEN = (
    Field("taken_good", "taken", "good", meaning="the other good", codes=Good),
    Field("taken_quantity", "taken", "quantity", "milli, or pieces", "how much of it came"),
    Field("taken_holding", "taken", "holding", "milli, or pieces", "what the agent holds of it afterwards"),
)
# The same columns where nothing comes in: an action uses something up.
USED = (
    TAKEN[0],
    Field("taken_quantity", "taken", "quantity", "milli, or uses of a tool", "how much of it was used up"),
    Field("taken_holding", "taken", "holding", "milli, or uses of a tool", "what the agent has of it afterwards"),
)
TIE = (
    Field("tie_slot", "detail", "high", meaning="place of the tie among the agent's ties"),
    Field("tie_strength", "detail", "low", "milli", "strength of the agent's tie to the target afterwards"),
)
CAUSE = (
    Field("cause_tick", "cause", "tick", meaning="tick of the event that directly led to this one"),
    Field("cause_ordinal", "cause", "ordinal", meaning="its ordinal"),
)


@dataclass(frozen=True)
class EventKind:
    """The frozen definition of a kind of event.

    Attributes
    ----------
    number : stored code, never reused
    name : stable name, past tense
    view : the SQL view with one row per event of this kind
    version : schema version; older ones are upcast on reading (`domain.upcast`)
    summary : what happened, in one sentence
    fields : what the columns mean for this kind, cause aside
    payload : what the canonical JSON holds, by key; empty if there is none
    """

    number: int
    name: str
    view: str
    summary: str
    fields: tuple[Field, ...] = ()
    payload: dict[str, str] = field(default_factory=dict)
    version: int = 1


TARGET = "target"

WORLD_FOUNDED = EventKind(
    1, "WorldFounded", "world_foundings", "The grid was laid out.",
    payload={"width": "cells in a row", "height": "rows", "minds": "true if agents think; else it is not there"},
)  # fmt: skip
CELL_FORMED = EventKind(
    2, "CellFormed", "cells_formed", "A cell of the terrain came to be, with its stocks.",
    (
        Field("cell", "cell", unit="row * width + column", meaning="the cell"),
        Field("elevation", "detail", unit="m", meaning="height above the lowest point"),
    ),
    {
        "biome": f"one of {', '.join(b.name.lower() for b in Biome)}",
        "capacity": "milli-units that each resource can grow to: food, wood, stone, ore",
        "regrowth": "milli-units that each resource grows in 1,000 ticks",
        "stock": "milli-units of each resource at tick 0",
    },
)  # fmt: skip
_PERSONA = {
    "name": "given and family name",
    "given": "code of the given name",
    "family": "code of the family name",
    "occupation": "what the agent gathers when nothing presses",
    "born": "tick of birth, before that at which it came; so negative for founders",
    "lifespan": "ticks that this life can last",
    "traits": "milli-units in [0, 1000]: openness, conscientiousness, extraversion, agreeableness, neuroticism",
    "skills": "milli-units in [0, 1000]: farming, forestry, masonry, mining",
}
HOUSEHOLD = Field("household", "detail", meaning="id of the household; that of its founder")
AGENT_JOINED = EventKind(
    3, "AgentJoined", "arrivals", "A founder arrived in the world.", (AGENT, CELL, HOUSEHOLD, *NEEDS), _PERSONA
)  # fmt: skip
GOODS_ENDOWED = EventKind(
    4, "GoodsEndowed", "endowments", "An agent was given a good by the world or by an intervention.", (AGENT, *GIVEN)
)  # fmt: skip
INTENTION_FORMED = EventKind(
    5, "IntentionFormed", "intentions", "An agent set its mind on something.",
    (
        AGENT,
        Field("intention", "detail", meaning="what it is set on", codes=Intention),
        Field("goal", "cell", unit="row * width + column", meaning="where"),
    ),
)  # fmt: skip
AGENT_MOVED = EventKind(
    6, "AgentMoved", "moves", "An agent stepped to a neighbouring cell; climbing cost energy.",
    (AGENT, CELL, Field("from_cell", "detail", unit="row * width + column", meaning="where it came from"), *NEEDS),
)  # fmt: skip
GOODS_GATHERED = EventKind(
    7, "GoodsGathered", "gatherings", "An agent took a resource from its cell, wearing its tool if it has one.",
    (AGENT, CELL, *GIVEN, Field("stock", "detail", unit="milli", meaning="what the cell holds of the good afterwards"),
     *USED, *NEEDS),
)  # fmt: skip
SKILL_IMPROVED = EventKind(
    8, "SkillImproved", "lessons", "Practice made an agent better.",
    (
        AGENT,
        Field("skill", "detail", "high", meaning="which skill", codes=Skill),
        Field("level", "detail", "low", "milli", "its level afterwards"),
    ),
)  # fmt: skip
MEAL_EATEN = EventKind(9, "MealEaten", "meals", "An agent ate food that it held.", (AGENT, *GIVEN, *NEEDS))
AGENT_RESTED = EventKind(10, "AgentRested", "rests", "An agent rested.", (AGENT, *NEEDS))
TOOL_CRAFTED = EventKind(
    11, "ToolCrafted", "crafts", "An agent made a tool of wood and of stone or ore.",
    (AGENT, *GIVEN, *USED, Field("tool_uses", "detail", unit="uses", meaning="uses of the tool afterwards"), *NEEDS),
)  # fmt: skip
AGENTS_MET = EventKind(
    12, "AgentsMet", "meetings", "An agent got to know another; its weakest tie made room if all were taken.",
    (AGENT, Field("target", TARGET, meaning="whom"), *TIE),
)  # fmt: skip
WORDS_SPOKEN = EventKind(
    13, "WordsSpoken", "utterances", "An agent said something to another.",
    (AGENT, Field("target", TARGET, meaning="to whom"), *TIE, *NEEDS), {"text": "the words"},
)  # fmt: skip
GOODS_TRADED = EventKind(
    14, "GoodsTraded", "trades",
    "One leg of a barter: the agent gave one good and took another. The other leg is the partner's own event.",
    (AGENT, Field("target", TARGET, meaning="with whom"), *GIVEN, *TAKEN, *TIE, *NEEDS),
)  # fmt: skip
GOODS_GIVEN = EventKind(
    15, "GoodsGiven", "gifts", "An agent gave something away.",
    (AGENT, Field("target", TARGET, meaning="to whom"), *GIVEN, *TIE, *NEEDS),
)  # fmt: skip
GIFT_RECEIVED = EventKind(
    16, "GiftReceived", "gifts_received", "An agent was given something by another.",
    (AGENT, Field("target", TARGET, meaning="by whom"), *TAKEN, *TIE, *NEEDS),
)  # fmt: skip
CHILD_BORNE = EventKind(
    17, "ChildBorne", "births_given", "An agent had a child and gave it food to begin with.",
    (AGENT, Field("target", TARGET, meaning="the child"), *GIVEN, *NEEDS),
)  # fmt: skip
AGENT_BORN = EventKind(
    18, "AgentBorn", "births", "An agent was born.",
    (AGENT, Field("target", TARGET, meaning="the parent"), CELL, HOUSEHOLD, *GIVEN, *NEEDS), _PERSONA,
)  # fmt: skip
AGENT_DIED = EventKind(
    19, "AgentDied", "deaths", "An agent died; what it held passed to its heir.",
    (AGENT, Field("target", TARGET, meaning="the heir of all but its tool, if anybody lives"), CELL,
     Field("because", "detail", meaning="why", codes=CauseOfDeath), *NEEDS),
)  # fmt: skip
GOODS_INHERITED = EventKind(
    20, "GoodsInherited", "inheritances", "An agent inherited a good.",
    (AGENT, Field("target", TARGET, meaning="from whom"), *TAKEN),
)  # fmt: skip
THOUGHT_REQUESTED = EventKind(
    21, "ThoughtRequested", "thoughts_requested", "A mind was asked what an agent should intend.",
    (
        AGENT,
        Field("due", "detail", unit="tick", meaning="when the answer takes effect"),
        Field("purpose", "target", meaning="what is asked for", codes=Purpose),
        Field("reason", "cell", meaning="why it is this agent's turn", codes=Reason),
    ),
)  # fmt: skip
_ANSWER = "SHA-256 of the input's canonical answer, in hex: the input that was used, and no other"
THOUGHT_TAKEN = EventKind(
    22, "ThoughtTaken", "thoughts", "A mind's answer took effect: an intention.",
    (AGENT, Field("intention", "detail", meaning="what it is set on now", codes=Intention),
     Field("goal", "cell", unit="row * width + column", meaning="where")),
    {"asked": "tick of the request", "purpose": "what was asked", "call": "which call", "answer": _ANSWER,
     "instead_of": "what the rules would be set on at this moment; not there without minds",
     "unsaid": "why words of the answer were not said, or null; not there if it had none"},
)  # fmt: skip
THOUGHT_REFUSED = EventKind(
    23, "ThoughtRefused", "thoughts_refused", "A mind gave no usable answer; the old intention goes on.", (AGENT,),
    {"asked": "tick of the request", "purpose": "what was asked", "call": "which call", "answer": _ANSWER,
     "because": "why not"},
)  # fmt: skip
INTERVENTION_MADE = EventKind(
    24, "InterventionMade", "interventions", "Somebody outside changed the world; what follows says how.", (AGENT,),
    {"by": "who", "why": "the reason given", "asked": "newest tick when it was asked for", "call": "which of them",
     "answer": _ANSWER, "refused": "why nothing came of it, or null"},
)  # fmt: skip

_ADDRESS = "tick:ordinal of an event"
SPEECH_MADE = EventKind(
    25, "SpeechMade", "speeches", "A mind's words were said to somebody in hearing, as one of the speech acts.",
    (AGENT, Field("target", TARGET, meaning="to whom"), *TIE, *NEEDS),
    {"act": "the speech act, such as ask", "text": "the words",
     "conversation": f"{_ADDRESS}: the speech that opened it",
     "terms": "of a proposal, or of the one that is accepted or refused; else it is not there",
     "news": f"{_ADDRESS} that the news passed on began with; else it is not there"},
)  # fmt: skip
CONVERSATION_CLOSED = EventKind(
    26, "ConversationClosed", "conversations_closed", "A conversation ended.",
    (AGENT, Field("target", TARGET, meaning="with whom"),
     Field("because", "detail", meaning="why", codes=Closing)),
    {"conversation": f"{_ADDRESS}: the speech that opened it"},
)  # fmt: skip
PLEDGE_MADE = EventKind(
    27, "PledgeMade", "pledges", "A proposal was accepted in words, and binds both from now on.",
    (AGENT, Field("target", TARGET, meaning="who accepted")),
    {"terms": "what was agreed", "proposal": f"{_ADDRESS}: the speech that proposed it"},
)  # fmt: skip
PLEDGE_KEPT = EventKind(
    28, "PledgeKept", "pledges_kept", "What was agreed in words was done; the cause is the deed.",
    (AGENT, Field("target", TARGET, meaning="who accepted")), {"pledge": f"{_ADDRESS}: when it was made"},
)  # fmt: skip
PLEDGE_LAPSED = EventKind(
    29, "PledgeLapsed", "pledges_lapsed", "What was agreed in words could not be done.",
    (AGENT, Field("target", TARGET, meaning="who accepted"),
     Field("because", "detail", meaning="why", codes=Closing)),
    {"pledge": f"{_ADDRESS}: when it was made"},
)  # fmt: skip
NEWS_HEARD = EventKind(
    30, "NewsHeard", "news_heard", "A piece of news reached an agent; the cause is the speech that brought it.",
    (AGENT, Field("target", TARGET, meaning="who told it; absent at its source")),
    {"news": f"{_ADDRESS} that it began with: the same along the whole chain", "text": "the news"},
)  # fmt: skip
MEMORY_FORMED = EventKind(
    31, "MemoryFormed", "memories", "Something mattered enough to be remembered; the cause is what is remembered.",
    (AGENT, Field("memory_kind", "detail", "high", meaning="what sort of thing", codes=MemoryKind),
     Field("importance", "detail", "low", "milli", "how much it matters")),
    {"text": "what is remembered", "cites": "memories that a reflection rests on, as tick:ordinal"},
)  # fmt: skip
MEMORY_FORGOTTEN = EventKind(
    32, "MemoryForgotten", "memories_forgotten", "A memory made room for another; it is marked, never deleted.",
    (AGENT,), {"memory": f"{_ADDRESS}: the memory"},
)  # fmt: skip
REFLECTION_MADE = EventKind(
    33, "ReflectionMade", "reflections", "A mind drew a conclusion from memories; it becomes a memory itself.",
    (AGENT,),
    {"asked": "tick of the request", "purpose": "what was asked", "call": "which call", "answer": _ANSWER},
)  # fmt: skip
SCENARIO_CHANGED = EventKind(
    34, "ScenarioChanged", "scenario_changes",
    "A fork goes on under other constants, or with other chances, than its parent; the first event of its own.",
    payload={"settings": "constants that changed, by name: before and after",
             "seed": "what decides chance, before and after; null if it is the same"},
)  # fmt: skip
STOCK_CHANGED = EventKind(
    35, "StockChanged", "stock_changes",
    "What a cell holds of a resource, or how that grows, was changed from outside.",
    (
        Field("cell", "cell", unit="row * width + column", meaning="the cell"),
        Field("good", "target", meaning="the resource", codes=Good),
        Field("stock", "detail", unit="milli", meaning="what the cell holds of it afterwards"),
        Field("regrowth", "needs", unit="milli", meaning="what it grows in 1,000 ticks from now on; absent: as before"),
    ),
)  # fmt: skip

KINDS: tuple[EventKind, ...] = tuple(v for v in list(globals().values()) if isinstance(v, EventKind))
KIND_BY_NUMBER = {k.number: k for k in KINDS}
KIND_BY_NAME = {k.name: k for k in KINDS}

CATALOGUE_VERSION = 3
"""Version of all the definitions together; every tick's header says by which its events were written."""

VERSIONS_BY_CATALOGUE: dict[int, dict[int, int]] = {
    1: dict.fromkeys(range(1, 25), 1),
    2: dict.fromkeys(range(1, 34), 1),  # what minds do; the kinds before are as they were
    3: dict.fromkeys(range(1, 36), 1),  # what forks and interventions change
}
"""Catalogue → kind number → schema version that its ticks were written in. Add one, never change one."""


def kind_named(name: str) -> EventKind:
    """Return the kind of that name, also when given in lower case or by its view.

    Raises
    ------
    UnknownEventKind
    """
    wanted = name.lower().replace("_", "")
    for kind in KINDS:
        if wanted in (kind.name.lower(), kind.view.replace("_", "")):
            return kind
    raise UnknownEventKind(name)


# -- batches ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EventBatch:
    """Events in order, of one tick or of several, with their payloads.

    Attributes
    ----------
    records : ndarray of EVENT_DTYPE, shape (n,)
    payload_ends : ndarray of int64, shape (n,): where each payload ends in `payload_bytes`; an event
        without one ends where its predecessor does
    payload_bytes : bytes, the payloads end to end
    """

    records: NDArray[np.void]
    payload_ends: NDArray[np.int64]
    payload_bytes: bytes = b""

    def __len__(self) -> int:
        return len(self.records)

    @classmethod
    def of(cls, records: NDArray[np.void], payloads: Iterable[tuple[int, bytes]] = ()) -> EventBatch:
        """Build from records and (position, payload) pairs in rising position."""
        lengths = np.zeros(len(records), np.int64)
        parts = []
        for position, payload in payloads:
            lengths[position] = len(payload)
            parts.append(payload)
        return cls(records, np.cumsum(lengths), b"".join(parts))

    @classmethod
    def concat(cls, batches: Iterable[EventBatch]) -> EventBatch:
        """Return the events of several batches as one."""
        batches = list(batches)
        if len(batches) == 1:
            return batches[0]
        ends, base = [], 0
        for b in batches:
            ends.append(b.payload_ends + base)
            base += len(b.payload_bytes)
        return cls(
            np.concatenate([b.records for b in batches]) if batches else np.empty(0, EVENT_DTYPE),
            np.concatenate(ends) if ends else np.empty(0, np.int64),
            b"".join(b.payload_bytes for b in batches),
        )

    def payload(self, position: int) -> bytes:
        """Return the payload of one event, empty if it has none."""
        start = int(self.payload_ends[position - 1]) if position else 0
        return self.payload_bytes[start : int(self.payload_ends[position])]

    def slice(self, start: int, stop: int) -> EventBatch:
        """Return events start … stop-1 as a batch that shares the records."""
        if start == 0 and stop == len(self.records):
            return self
        base = int(self.payload_ends[start - 1]) if start else 0
        end = int(self.payload_ends[stop - 1]) if stop else 0
        if base == end:
            return EventBatch(self.records[start:stop], _zeros(stop - start), b"")
        return EventBatch(self.records[start:stop], self.payload_ends[start:stop] - base, self.payload_bytes[base:end])

    def hash(self) -> bytes:
        """Return the SHA-256 of the stored columns in declared order and of the payloads, as stored.

        The bytes hashed are: the number of events; their records, packed and little-endian; if there
        are payloads, their ends and their bytes.
        """
        digest = hashlib.sha256(len(self.records).to_bytes(8, "little"))
        digest.update(self.records.view(np.uint8).data if len(self.records) else b"")
        if self.payload_bytes:
            digest.update(np.ascontiguousarray(self.payload_ends, "<i8").data)
            digest.update(self.payload_bytes)
        return digest.digest()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each event as people read it; see `as_json`."""
        for i, values in enumerate(self.records.tolist()):
            yield _told(values, self.payload(i))


_ZEROS = np.zeros(4096, np.int64)


def _zeros(n: int) -> NDArray[np.int64]:
    return _ZEROS[:n] if n <= len(_ZEROS) else np.zeros(n, np.int64)


def empty_records(n: int) -> NDArray[np.void]:
    """Return `n` records with every column absent."""
    records = np.empty(n, EVENT_DTYPE)
    for name in EVENT_DTYPE.names or ():
        records[name] = ABSENT
    return records


def as_json(record: np.void, payload: bytes) -> dict[str, Any]:
    """Return one event by the names of its kind's fields, coded values as their names.

    Raises
    ------
    UnknownEventKind
        If this release has no such kind.
    CorruptHistory
        If its columns or its payload make no sense.
    """
    return _told(record.item(), payload)


_PLACES = {name: k for k, name in enumerate(EVENT_DTYPE.names or ())}


def _told(values: tuple[int, ...], payload: bytes) -> dict[str, Any]:
    """Return an event from its columns as plain integers: numpy's own take ten times as long to look at one by one."""
    number = values[_PLACES["kind"]]
    kind = KIND_BY_NUMBER.get(number)
    if kind is None:
        raise UnknownEventKind(number)
    event: dict[str, Any] = {
        "tick": values[_PLACES["tick"]], "ordinal": values[_PLACES["ordinal"]], "kind": kind.name
    }  # fmt: skip
    try:
        for f in (*kind.fields, *CAUSE):
            value = values[_PLACES[f.column]]
            if value == ABSENT:
                continue
            if f.part:
                shift, mask = _PARTS[f.part]
                value = value >> shift & mask
            event[f.name] = f.codes(value).name.lower() if f.codes else value
        if payload:
            event |= json.loads(payload)
    except (TypeError, ValueError) as error:
        raise CorruptHistory(event["tick"], event["ordinal"], f"{kind.name} can't be read: {error}") from error
    return event


def address_of(packed: int) -> str:
    """Return the address "tick:ordinal" that a packed cause stands for."""
    return f"{packed >> 32}:{packed & 0xFFFFFFFF}"


def packed_address(address: str) -> int:
    """Return the packed cause that "tick:ordinal" stands for."""
    tick, _, ordinal = address.partition(":")
    return int(tick) << 32 | int(ordinal)


def payload_of(**values: object) -> bytes:
    """Return the canonical bytes of a payload."""
    return canonical_json(values).encode("ascii")
