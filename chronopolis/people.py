"""Agents as people read them: found by id or name, described in full."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl

from chronopolis.errors import UnknownAgent
from domain.codes import N_GOODS, TRAITS, Act, Biome, Good, Intention, Occupation, Purpose, Skill
from domain.columns import (
    ALIVE,
    ASKED,
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
    THOUGHT_DUE,
    TIE_OTHER,
    TIE_STRENGTH,
)
from domain.columns import TRAITS as FIRST_TRAIT
from domain.events import KIND_BY_NUMBER, address_of
from domain.minds import columns as m
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
        "parent": None if a[PARENT] < 0 else {"agent": a[PARENT], "name": name_of(world, a[PARENT])},
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
        "mind": _mind(world, row),
    }


def _mind(world: World, row: int) -> dict[str, Any] | None:
    """Return what an agent has in mind, lists oldest first; None in a society without minds."""
    if world.minds is None:
        return None
    mind, due = world.minds[:, row].tolist(), int(world.agents[THOUGHT_DUE, row])

    def somebody(agent: int) -> dict[str, Any] | None:
        return None if agent < 0 else {"agent": agent, "name": name_of(world, agent)}

    def goods(give: int, take: int) -> dict[str, Any]:
        (give, quantity), (take, taken) = m.unpack_good_quantity(give), m.unpack_good_quantity(take)
        return {"give": Good(give).name.lower(), "quantity": quantity, "take": Good(take).name.lower(), "taken": taken}

    def terms(give: int, take: int, work: int) -> dict[str, Any] | None:
        if work >= 0:
            return {"work": Intention(work).name.lower()}
        return goods(give, take) if give >= 0 else None

    return {
        "awaits": None
        if due < 0
        else {
            "purpose": Purpose(max(0, mind[m.PURPOSE])).name.lower(),
            "asked": address_of(int(world.agents[ASKED, row])),
            "due": due,
        },
        "conversation": None
        if mind[m.TALK] < 0
        else {
            "conversation": address_of(mind[m.TALK]),
            "with": somebody(mind[m.TALK_WITH]),
            "turn": mind[m.TALK_TURN],
            "speeches": mind[m.TALK_COUNT],
            "newest": address_of(mind[m.TALK_SPEECH]),
        },
        "offer": None
        if mind[m.OFFER_FROM] < 0
        else {
            "from": somebody(mind[m.OFFER_FROM]),
            "proposal": address_of(mind[m.OFFER_AT]),
            "terms": terms(mind[m.OFFER_GIVE], mind[m.OFFER_TAKE], mind[m.OFFER_WORK]),
        },
        "pledge": None
        if mind[m.PLEDGE_WITH] < 0
        else {
            "with": somebody(mind[m.PLEDGE_WITH]),
            "pledge": address_of(mind[m.PLEDGE_AT]),
            "terms": goods(mind[m.PLEDGE_GIVE], mind[m.PLEDGE_TAKE]),
        },
        "inbox": [
            {
                "speech": address_of(mind[m.INBOX_AT + k]),
                "from": somebody(mind[m.INBOX_FROM + k]),
                "act": Act(mind[m.INBOX_ACT + k]).name.lower(),
                "text": world.texts[mind[m.INBOX_TEXT + k]],
            }
            for k in range(m.INBOX_SLOTS)
            if mind[m.INBOX_AT + k] >= 0
        ],
        "news": [
            {
                "news": address_of(mind[m.NEWS + k]),
                "text": world.texts[mind[m.NEWS_TEXT + k]],
                "from": somebody(mind[m.NEWS_FROM + k]),
            }
            for k in range(m.NEWS_SLOTS)
            if mind[m.NEWS + k] >= 0
        ],
        "recent": [
            _recent(mind[m.RECENT_AT + k], mind[m.RECENT_WHAT + k], somebody)
            for k in range(m.RECENT_SLOTS)
            if mind[m.RECENT_AT + k] >= 0
        ],
        "memories": sorted(
            (
                {"memory": address_of(mind[m.MEMORY + k]), "importance_milli": mind[m.MEMORY_WEIGHT + k]}
                for k in range(m.MEMORY_SLOTS)
                if mind[m.MEMORY + k] >= 0
            ),
            key=lambda kept: [int(part) for part in kept["memory"].split(":")],
        ),
        "importance_milli": mind[m.IMPORTANCE],
    }


def _recent(at: int, what: int, somebody: Callable[[int], dict[str, Any] | None]) -> dict[str, Any]:
    kind, other, given, taken = m.unpack_recent(what)
    return {
        "event": address_of(at),
        "kind": KIND_BY_NUMBER[kind].name,
        "with": somebody(other),
        "given": None if given < 0 else Good(given).name.lower(),
        "taken": None if taken < 0 else Good(taken).name.lower(),
    }


def brief(world: World) -> list[dict[str, Any]]:
    """Return one row a living agent, by id: who, where, goods."""
    frame = people_frame(world)
    columns = ["agent", "name", "occupation", "cell", "energy", "satiety", "company", "intention"]
    return frame.select(*columns, *(g.name.lower() for g in Good)).to_dicts()


def people_frame(world: World) -> pl.DataFrame:
    """Return the living agents as a frame: names and codes in words beside every column of the state.

    What nobody or nothing stands in is null. The event that formed an intention, the newest of the agent's own and the
    request whose answer is awaited are each told by tick and ordinal, as in frames of events.
    """
    frame = world.agents_frame().rename({"unique_id": "agent"})
    frame = frame.select(part for name in frame.columns for part in _readable(name))
    names = pl.Series(
        "name", [full_name(g, f) for g, f in frame.select("given_name", "family_name").iter_rows()], pl.String
    )
    return frame.select(
        "agent",
        names,
        _in_words("occupation", Occupation),
        _in_words("intention", Intention),
        pl.exclude("agent", "name", "occupation", "intention", "given_name", "family_name"),
    )


_ADDRESSES = ("intended", "acted", "asked")
_MAY_LACK = ("parent", "goal", "last_birth", "thought_due", *(f"tie_{k}" for k in range(N_TIES)))


def _readable(name: str) -> list[pl.Expr]:
    """Return a column of the state as people read it: addresses in two parts, and -1 as null where it says nothing."""
    told = pl.col(name)
    if name in _ADDRESSES:
        there = pl.when(told >= 0)
        return [there.then(told // 2**32).alias(f"{name}_tick"), there.then(told % 2**32).alias(f"{name}_ordinal")]
    if name in _MAY_LACK:
        return [pl.when(told >= 0).then(told).alias(name)]
    if name.endswith("_strength"):
        return [pl.when(pl.col(name.removesuffix("_strength")) >= 0).then(told).alias(name)]
    return [told]


def cells_frame(world: World) -> pl.DataFrame:
    """Return the cells as a frame: number, row, column, biome in words, elevation, stocks and their growth."""
    frame = world.society.space._cells.clone()
    index = pl.int_range(frame.height, dtype=pl.Int64, eager=True).alias("cell")
    # In 64 bits, since polars adds up and multiplies columns of 32 bits in 32.
    copied = pl.DataFrame({name: frame[name].to_numpy().astype(np.int64) for name in frame.columns})
    # The grid's own dim_0 lies on an axis at 60 degrees: the map, `place` and SQL count columns along a row.
    row, column = (index // world.width).alias("row"), (index % world.width).alias("column")
    return copied.select(index, row, column, _in_words("biome", Biome), pl.exclude("dim_0", "dim_1", "biome"))


def _in_words(column: str, codes: Any) -> pl.Expr:
    words = {int(code): code.name.lower() for code in codes}
    return pl.col(column).replace_strict(words, default=None, return_dtype=pl.String)
