"""Stories that a run with minds tells: a conversation, and one thought from percept to action."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

import replay
from chronopolis import people
from chronopolis.record import select_events
from domain.events import KIND_BY_NUMBER, MEMORY_FORMED, SPEECH_MADE, THOUGHT_TAKEN, EventKind, as_json
from domain.ports import EventStore, Run
from domain.state import World


@dataclass(frozen=True)
class Line:
    """Something that was said."""

    tick: int
    speaker: str
    to: str
    act: str
    text: str


@dataclass(frozen=True)
class Chain:
    """One agent's way from what it sensed to what it did.

    Attributes
    ----------
    percept : what it was told of its moment, the last message of the prompt
    memories : id, text and score of those retrieved
    thought : the answer as recorded; `instead_of` is what the rules would have set it on
    action : the first action of its own under that intention, as an event; None if it never came to it
    """

    agent: int
    name: str
    asked_tick: int
    effect_tick: int
    percept: str
    memories: list[dict[str, Any]]
    thought: dict[str, Any]
    instead_of: str | None
    action: dict[str, Any] | None


def longest_conversation(store: EventStore, run: Run, *, last: int, lines_max: int = 8) -> list[Line]:
    """Return what was said in the conversation with the most turns, and of those in the one with the most words."""
    talks: dict[str, list[tuple[dict[str, Any], int]]] = {}
    for events in select_events(store, run, first=0, last=last, kinds=(SPEECH_MADE,)):
        for i in range(len(events)):
            told = as_json(events.records[i], events.payload(i))
            talks.setdefault(told["conversation"], []).append((told, len(told["text"])))
    if not talks:
        return []
    best = max(
        talks.values(), key=lambda talk: (len({t["agent"] for t, _ in talk}), len(talk), sum(n for _, n in talk))
    )
    world = replay.at(store, run, best[0][0]["tick"])
    return [
        Line(t["tick"], _name_of(world, t["agent"]), _name_of(world, t["target"]), t["act"], t["text"])
        for t, _ in best[:lines_max]
    ]


def telling_chain(store: EventStore, run: Run, *, last: int) -> Chain | None:
    """Return the chain of the thought that tells most: it set another aim than rules would, spoke, and remembered."""
    rows = [r for r in store.deliberations(run, last=last) if "intention" in r["answer"] and r["prompt"]]
    instead = _instead_of(store, run, last)
    rows = [r for r in rows if (r["asked_tick"], r["agent"]) in instead]
    if not rows:
        return None

    def tells(row: dict[str, Any]) -> tuple[bool, bool, int]:
        said = row["answer"].get("act") not in (None, "none")
        other = instead[row["asked_tick"], row["agent"]] != row["answer"]["intention"]
        return other, said, len(row["retrieved"] or ())

    row = max(rows, key=tells)
    world = replay.at(store, run, row["asked_tick"])
    return Chain(
        agent=row["agent"],
        name=_name_of(world, row["agent"]),
        asked_tick=row["asked_tick"],
        effect_tick=row["effect_tick"],
        percept=json.loads(row["prompt"])[-1]["content"],
        memories=_memories(store, run, row["retrieved"] or [], row["asked_tick"]),
        thought=row["answer"],
        instead_of=instead[row["asked_tick"], row["agent"]],
        action=_first_action(store, run, row, last),
    )


def _name_of(world: World, agent: int) -> str:
    return people.name_of(world, agent) or f"agent {agent}"


def _instead_of(store: EventStore, run: Run, last: int) -> dict[tuple[int, int], str | None]:
    found: dict[tuple[int, int], str | None] = {}
    for events in select_events(store, run, first=0, last=last, kinds=(THOUGHT_TAKEN,)):
        for i in range(len(events)):
            payload = json.loads(events.payload(i))
            found[payload["asked"], int(events.records["agent"][i])] = payload.get("instead_of")
    return found


def _memories(store: EventStore, run: Run, retrieved: list[dict[str, Any]], last: int) -> list[dict[str, Any]]:
    wanted = {each["id"]: each["score"] for each in retrieved}
    texts: dict[str, str] = {}
    for tick in sorted({int(each.split(":")[0]) for each in wanted}):
        for events in select_events(store, run, first=tick, last=min(tick, last), kinds=(MEMORY_FORMED,)):
            for i in range(len(events)):
                address = f"{tick}:{events.records['ordinal'][i]}"
                texts[address] = json.loads(events.payload(i))["text"]
    return [{"id": k, "text": texts.get(k, ""), "score": score} for k, score in wanted.items()]


_ACTIONS: tuple[EventKind, ...] = tuple(
    kind for kind in KIND_BY_NUMBER.values() if any(f.column == "needs" for f in kind.fields) and kind.number > 5
)


def _first_action(store: EventStore, run: Run, row: dict[str, Any], last: int) -> dict[str, Any] | None:
    """Return the agent's first action after its words, whose cause is the thought."""
    effect, agent = row["effect_tick"], row["agent"]
    until = min(effect + 40, last)
    for events in select_events(store, run, first=effect, last=until, kinds=_ACTIONS, agent=agent):
        for i in np.flatnonzero(events.records["kind"] != SPEECH_MADE.number).tolist():
            told = as_json(events.records[i], events.payload(i))
            if told.get("cause_tick") == effect:
                return told
    return None


__all__ = ["Chain", "Line", "longest_conversation", "telling_chain"]
