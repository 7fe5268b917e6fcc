"""Percepts: all that an agent can sense when it is asked to think, made from the state of that tick alone.

A percept is plain JSON, so it can travel to whoever answers. It is a function of the state, and so of the run's
past: the same tick gives the same percept, in a live run and from a replay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain import events as ev
from domain.biography import biography
from domain.codes import TRAITS, Act, Biome, Good, Intention, Occupation, Purpose
from domain.columns import (
    ALIVE,
    BIOME,
    BORN,
    CELL,
    COMPANY,
    ELEVATION,
    ENERGY,
    FAMILY_NAME,
    GIVEN_NAME,
    GOODS,
    ID,
    INTENTION,
    N_TIES,
    OCCUPATION,
    SATIETY,
    TIE_OTHER,
    TIE_STRENGTH,
)
from domain.columns import TRAITS as TRAIT_COLUMNS
from domain.configuration import Configuration
from domain.hexgrid import to_cube
from domain.minds import columns as m
from domain.minds.columns import unpack_recent
from domain.minds.talk import terms_on_offer
from domain.names import full_name
from domain.rules.barter import barter_between
from domain.rules.cards import cards_of_capacity
from domain.rules.gather import stock_at
from domain.state import World

NEAR_MAX = 4
_RESOURCES = list(Good)[:4]
_NEEDS = {"energy": ENERGY, "satiety": SATIETY, "company": COMPANY}


def percept_of(world: World, agent: int, *, seed: int, configuration: Configuration) -> dict[str, Any]:
    """Return what a living agent senses in the state that `world.tick` left.

    Parameters
    ----------
    world : World with minds
    agent : id of somebody alive
    seed, configuration : the run's genesis

    Returns
    -------
    dict, JSON; amounts in units, as floats of thousandths; terms in the milli-units and pieces of the rules
    """
    row, minds = world.row(agent), world.minds
    assert row is not None and minds is not None
    a, c, tick = world.agents, world.cells, world.tick
    cell = int(a[CELL, row])
    traits = [int(t) for t in a[TRAIT_COLUMNS : TRAIT_COLUMNS + len(TRAITS), row]]
    occupation = Occupation(int(a[OCCUPATION, row]))
    told = biography(
        agent=agent, given=int(a[GIVEN_NAME, row]), family=int(a[FAMILY_NAME, row]), occupation=occupation,
        traits=traits, born=int(a[BORN, row]), seed=seed,
    )  # fmt: skip
    intention = int(a[INTENTION, row])
    inbox = _inbox(world, row)
    news = [world.texts[int(minds[m.NEWS_TEXT + k, row])] for k in range(m.NEWS_SLOTS) if minds[m.NEWS + k, row] >= 0]
    near = _near(world, row, configuration)
    terms = terms_on_offer(world, row)
    percept: dict[str, Any] = {
        "agent": agent,
        "name": _name(world, row),
        "tick": tick,
        "occupation": occupation.name.lower(),
        "age": tick - int(a[BORN, row]),
        "traits": dict(zip(TRAITS, traits, strict=True)),
        "values": list(told.values),
        "style": told.style,
        "backstory": told.backstory,
        "group": occupation.name.lower(),
        "adapter": None,
        "place": {
            "cell": cell,
            "biome": Biome(int(c[BIOME, cell])).name.lower(),
            "elevation": int(c[ELEVATION, cell]),
            "stocks": {g.name.lower(): int(stock_at(c, int(g), cell, tick)) / 1_000 for g in _RESOURCES},
        },
        "needs": {name: int(a[column, row]) / 1_000 for name, column in _NEEDS.items()},
        "goods": {g.name.lower(): _units(g, int(a[GOODS + g, row])) for g in Good},
        "intention": Intention(intention).name.lower() if intention >= 0 else None,
        "purpose": Purpose(max(0, int(minds[m.PURPOSE, row]))).name.lower(),
        "near": near,
        "inbox": inbox,
        "recent": _recent(world, row),
        "news": news,
        "pending": None if terms is None else {"from": int(minds[m.OFFER_FROM, row]), "terms": terms},
    }
    percept["query"] = _query(percept)
    return percept


def _units(good: Good, amount: int) -> float | int:
    return amount if good in (Good.COIN, Good.TOOL) else amount / 1_000


def _name(world: World, row: int) -> str:
    return full_name(int(world.agents[GIVEN_NAME, row]), int(world.agents[FAMILY_NAME, row]))


def _near(world: World, row: int, configuration: Configuration) -> list[dict[str, Any]]:
    """Return who is in hearing: whom one talks with first, then the nearest."""
    a, minds, n = world.agents, world.minds, world.n
    assert minds is not None
    cube = to_cube(a[CELL, :n], world.width)
    distance = np.abs(cube - cube[row]).max(axis=1)
    others = np.flatnonzero((a[ALIVE, :n] != 0) & (distance <= configuration.hearing) & (np.arange(n) != row))
    friends = a[TIE_OTHER : TIE_OTHER + N_TIES, row].tolist()
    slots = {int(other): k for k, other in enumerate(friends) if other >= 0}

    def tie(other_row: int) -> int:
        slot = slots.get(int(a[ID, other_row]))
        return 0 if slot is None else int(a[TIE_STRENGTH + slot, row])

    partner = int(minds[m.TALK_WITH, row])
    order = sorted(
        others.tolist(), key=lambda r: (int(a[ID, r]) != partner, int(distance[r]), -tie(r), int(a[ID, r]))
    )[:NEAR_MAX]  # fmt: skip
    return [
        {
            "agent": int(a[ID, r]),
            "name": _name(world, r),
            "occupation": Occupation(int(a[OCCUPATION, r])).name.lower(),
            "distance": int(distance[r]),
            "tie": tie(r),
            "deal": _deal(world, row, r),
        }
        for r in order
    ]


def _deal(world: World, row: int, other: int) -> dict[str, Any] | None:
    deal = barter_between(world.agents[GOODS:], row, other, cards_of_capacity(2))
    gain, give, quantity, take, taken = (int(v) for v in deal)
    if gain <= 0:
        return None
    return {"give": Good(give).name.lower(), "quantity": quantity, "take": Good(take).name.lower(), "taken": taken}


def _inbox(world: World, row: int) -> list[dict[str, Any]]:
    minds = world.minds
    assert minds is not None
    lines = []
    for k in range(m.INBOX_SLOTS):
        at = int(minds[m.INBOX_AT + k, row])
        speaker = world.row(int(minds[m.INBOX_FROM + k, row]))
        if at < 0 or speaker is None:
            continue
        offered = at == int(minds[m.OFFER_AT, row])
        lines.append({
            "from": int(minds[m.INBOX_FROM + k, row]),
            "name": _name(world, speaker),
            "act": Act(int(minds[m.INBOX_ACT + k, row])).name.lower(),
            "text": world.texts[int(minds[m.INBOX_TEXT + k, row])],
            "tick": at >> 32,
            "terms": terms_on_offer(world, row) if offered else None,
        })  # fmt: skip
    return lines


def _recent(world: World, row: int) -> list[str]:
    minds = world.minds
    assert minds is not None
    lines = []
    for k in range(m.RECENT_SLOTS):
        if minds[m.RECENT_AT + k, row] < 0:
            continue
        kind, other, given, taken = unpack_recent(int(minds[m.RECENT_WHAT + k, row]))
        there = world.row(other)
        lines.append(_in_words(kind, "somebody" if there is None else _name(world, there), given, taken))
    return lines


def _in_words(kind: int, name: str, given: int, taken: int) -> str:
    gave, got = (Good(g).name.lower() if g >= 0 else "" for g in (given, taken))
    if kind == ev.GOODS_TRADED.number:
        return f"You traded {gave} for {got} with {name}."
    if kind == ev.GOODS_GIVEN.number:
        return f"You gave {gave} to {name}."
    if kind == ev.GIFT_RECEIVED.number:
        return f"{name} gave you {got}."
    if kind == ev.CHILD_BORNE.number:
        return "You had a child."
    if kind == ev.GOODS_INHERITED.number:
        return f"You inherited {got}."
    return "You made a tool."


def _query(percept: dict[str, Any]) -> str:
    """Return what memories are looked for with: what was said last, who is there, what presses."""
    parts = [line["text"] for line in percept["inbox"][-1:]]
    parts += [person["name"] for person in percept["near"][:2]]
    needs = percept["needs"]
    parts += ["hungry, food"] if needs["satiety"] < 4 else []
    parts += ["tired, rest"] if needs["energy"] < 3 else []
    parts += percept["news"][-1:] or []
    return ". ".join(p for p in parts if p) or percept["occupation"]
