"""Agents as people read them: found by id or name, described in full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from chronopolis.errors import UnknownAgent
from chronopolis.state_frames import people_frame
from chronopolis.state_of_mind import mind_of
from domain.codes import N_GOODS, TRAITS, Biome, Good, Intention, Occupation, Skill
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
    GOAL,
    GOODS,
    HOUSEHOLD,
    ID,
    INTENDED,
    INTENTION,
    LIFESPAN,
    N_TIES,
    OCCUPATION,
    PARENT,
    SATIETY,
    SKILLS,
    TIE_OTHER,
    TIE_STRENGTH,
)
from domain.columns import TRAITS as FIRST_TRAIT
from domain.names import full_name
from domain.rules.gather import stock_at
from domain.state import World

_ID = re.compile("-?[0-9]{1,18}")


def name_of(world: World, agent: int) -> str | None:
    """Return the name of a living agent, else None."""
    row = world.row(agent)
    return None if row is None else _name_in_row(world, row)


def _name_in_row(world: World, row: int) -> str:
    return full_name(int(world.agents[GIVEN_NAME, row]), int(world.agents[FAMILY_NAME, row]))


def living(world: World) -> Iterator[tuple[int, str]]:
    """Yield (id, name) of all who live, by id."""
    for row in np.flatnonzero(world.agents[ALIVE, : world.n]):
        yield int(world.agents[ID, row]), _name_in_row(world, int(row))


def find_agent(world: World, run: str, wanted: str) -> int:
    """Return the id of the living agent that `wanted` names: an id, or a name, or its only beginning.

    Raises
    ------
    UnknownAgent
        If nobody is called so, or several are.
    """
    number = id_in(wanted)
    if number is not None:
        if world.row(number) is None:
            raise UnknownAgent(run, world.tick, wanted)
        return number
    key = wanted.casefold().strip()
    everybody = list(living(world)) if key else []
    found = [(agent, name) for agent, name in everybody if name.casefold() == key]
    found = found or [(agent, name) for agent, name in everybody if name.casefold().startswith(key)]
    if len(found) > 1:
        raise UnknownAgent(run, world.tick, wanted, tuple(f"{agent} {name}" for agent, name in found[:9]))
    if not found:
        raise UnknownAgent(run, world.tick, wanted)
    return found[0][0]


def id_in(wanted: str) -> int | None:
    """Return the id that a text is; None for anything else, though Python may take its characters for digits."""
    return int(wanted) if _ID.fullmatch(wanted) else None


def place(world: World, cell: int) -> dict[str, Any]:
    """Return a cell as people read it, its stocks grown to the tick of the world."""
    return {
        "cell": cell,
        "row": cell // world.width,
        "column": cell % world.width,
        "biome": Biome(int(world.cells[BIOME, cell])).name.lower(),
        "elevation_m": int(world.cells[ELEVATION, cell]),
        "stock_milli": {g.name.lower(): int(stock_at(world.cells, int(g), cell, world.tick)) for g in list(Good)[:4]},
    }


def describe(world: World, agent: int) -> dict[str, Any]:
    """Return everything that the state knows of a living agent. Amounts are integers, as in events."""
    row = world.row(agent)
    assert row is not None, "find_agent first"
    a = world.agents[:, row].tolist()
    goal = a[GOAL]
    return {
        "agent": agent,
        "name": full_name(a[GIVEN_NAME], a[FAMILY_NAME]),
        "occupation": Occupation(a[OCCUPATION]).name.lower(),
        "born": a[BORN],
        "age": world.tick - a[BORN],
        "lifespan": a[LIFESPAN],
        "household": a[HOUSEHOLD],
        "parent": _somebody(world, a[PARENT]),
        "traits_milli": dict(zip(TRAITS, a[FIRST_TRAIT : FIRST_TRAIT + len(TRAITS)], strict=True)),
        "skills_milli": {s.name.lower(): a[SKILLS + s] for s in Skill},
        "place": place(world, a[CELL]),
        "needs_milli": {"energy": a[ENERGY], "satiety": a[SATIETY], "company": a[COMPANY]},
        "goods": {Good(g).name.lower(): a[GOODS + g] for g in range(N_GOODS)},
        "intention": None
        if a[INTENTION] < 0
        else {
            "intention": Intention(a[INTENTION]).name.lower(),
            "goal": place(world, goal) if 0 <= goal < world.width * world.height else None,
            "formed": {"tick": a[INTENDED] >> 32, "ordinal": a[INTENDED] & 0xFFFFFFFF} if a[INTENDED] >= 0 else None,
        },
        "ties": sorted(
            (
                {
                    "agent": a[TIE_OTHER + k],
                    "name": name_of(world, a[TIE_OTHER + k]),
                    "strength_milli": a[TIE_STRENGTH + k],
                }
                for k in range(N_TIES)
                if a[TIE_OTHER + k] >= 0
            ),
            key=lambda tie: (-tie["strength_milli"], tie["agent"]),
        ),
        "mind": mind_of(world, row, partial(_somebody, world)),
    }


def _somebody(world: World, agent: int) -> dict[str, Any] | None:
    """Return the id and name of an agent, the name None of one who lives no more; None of no agent."""
    return None if agent < 0 else {"agent": agent, "name": name_of(world, agent)}


def brief(world: World) -> list[dict[str, Any]]:
    """Return one row a living agent, by id: who, where, goods."""
    frame = people_frame(world)
    columns = ["agent", "name", "occupation", "cell", "energy", "satiety", "company", "intention"]
    return frame.select(*columns, *(g.name.lower() for g in Good)).to_dicts()
