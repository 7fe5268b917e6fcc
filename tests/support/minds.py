"""A mind for tests: talks, bargains, gossips, reflects and now and then refuses, by a hash of what it is asked.

It is nothing but a function of the request and of what the agent has in mind, so a run with it can be made again
from any tick, by any number of threads and in any process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from domain.codes import Good, Purpose
from domain.columns import ALIVE, CELL, GOODS, ID
from domain.events import THOUGHT_REQUESTED, EventBatch, address_of
from domain.hexgrid import distance
from domain.inputs import Input, InputKey
from domain.minds import columns as m
from domain.state import World

_WORK = ("forage", "cut_wood", "quarry", "mine")
_INTENTIONS = (*_WORK, "rest", "socialise", "explore", "craft")
_ACTS = ("greet", "inform", "ask", "propose", "propose", "propose", "thank", "gossip", "gossip")
_REPLIES = ("accept", "accept", "accept", "refuse", "inform")
_EARSHOT = 6


class Dice:
    """Whole numbers from a text, one after another."""

    def __init__(self, *about: object) -> None:
        self.about, self.thrown = " ".join(map(str, about)), 0

    def below(self, bound: int) -> int:
        """Return the next number in [0, bound)."""
        self.thrown += 1
        digest = hashlib.sha256(f"{self.about} {self.thrown}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % bound

    def one_of(self, things: Any) -> Any:
        """Return one of several things."""
        return things[self.below(len(things))]


def think(world: World, events: EventBatch) -> Iterator[Input]:
    """Yield an answer to every request among the events of the tick that the world has just folded."""
    for e in events.records[events.records["kind"] == THOUGHT_REQUESTED.number]:
        purpose = Purpose(int(e["target"])).name.lower()
        key = InputKey(int(e["tick"]), int(e["agent"]), purpose)
        yield Input(key, int(e["detail"]), answer_of(world, key))


def answer_of(world: World, key: InputKey) -> dict[str, Any]:
    """Return what the agent of a key answers in a world."""
    dice, row = Dice(*key.as_tuple()), world.row(key.agent)
    if row is None or dice.below(12) == 0:
        return {"refused": dice.one_of(["timed out", "no usable answer"])}
    if key.purpose == "reflection":
        return _reflection(world, row, dice)
    answer: dict[str, Any] = {"intention": dice.one_of(_INTENTIONS)}
    if dice.below(5) == 0:
        answer["goal"] = dice.below(world.width * world.height)
    return answer | _speech(world, row, dice, answer["intention"])


def _reflection(world: World, row: int, dice: Dice) -> dict[str, Any]:
    assert world.minds is not None
    kept = [address_of(int(at)) for at in world.minds[m.MEMORY : m.MEMORY + m.MEMORY_SLOTS, row] if at >= 0]
    return {"insight": f"Life is {dice.one_of(['hard', 'good', 'short'])}.", "cites": kept[: dice.below(4)]}


def _speech(world: World, row: int, dice: Dice, intention: str) -> dict[str, Any]:
    """Return what is said and to whom; nothing if nobody is there."""
    minds, me = world.minds, int(world.agents[ID, row])
    assert minds is not None
    partner, offered = int(minds[m.TALK_WITH, row]), int(minds[m.OFFER_FROM, row])
    luck = dice.below(20)
    if luck == 0:  # somebody, wherever and whether at all
        to: int | None = dice.below(world.next_agent)
    elif partner >= 0 and luck < 18:
        to = partner
    else:
        near = list(_in_earshot(world, row))
        to = dice.one_of(near) if near else None
    if to is None or to == me:
        return {}
    act = dice.one_of(_REPLIES if offered == to else _ACTS)
    said = {"act": act, "to": to, "say": f"{act.title()}, {dice.one_of(['friend', 'neighbour', 'Ça va'])} {me}!"}
    if act == "propose" and dice.below(4):
        said["terms"] = _terms(world, row, dice, intention)
    return said


def _in_earshot(world: World, row: int) -> Iterator[int]:
    for other in np.flatnonzero(world.agents[ALIVE, : world.n]).tolist():
        steps = distance(int(world.agents[CELL, row]), int(world.agents[CELL, other]), world.width)
        if other != row and steps <= _EARSHOT:
            yield int(world.agents[ID, other])


def _terms(world: World, row: int, dice: Dice, intention: str) -> dict[str, Any]:
    """Return a bargain: mostly something that one has for something else, now and then the impossible."""
    if dice.below(3) == 0:
        return {"work": intention if intention in _WORK else dice.one_of(_WORK)}
    goods = [g for g in Good if g != Good.TOOL]
    have = [g for g in goods if world.agents[GOODS + g, row] >= 500] if dice.below(6) else goods
    give = dice.one_of(have or goods)
    take = dice.one_of([g for g in goods if g != give])
    amounts = {"quantity": 1 + dice.below(500), "taken": 1 + dice.below(500)}
    for name, good in (("quantity", give), ("taken", take)):
        if good == Good.COIN:
            amounts[name] = 1 + amounts[name] % 5
    return {"give": give.name.lower(), "take": take.name.lower(), **amounts}


def by_effect(inputs: Iterable[Input]) -> dict[int, list[Input]]:
    """Return inputs by the tick at which they take effect."""
    found: dict[int, list[Input]] = {}
    for given in inputs:
        found.setdefault(given.effect_tick, []).append(given)
    return found
