"""Contrast: in what two states differ, area by area, as columns of those rows that differ.

Nothing is sampled: two states have no difference here only if they have the same hash, minds' texts aside
(they follow from events). Looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain import columns as col
from domain.codes import N_GOODS, N_RESOURCES, TRAITS, Biome, Good, Intention, Occupation, Skill
from domain.differing import Differing
from domain.events import address_of
from domain.hexgrid import to_cube
from domain.minds.contrast import contrast_minds
from domain.names import FAMILY, GIVEN
from domain.rules.gather import stocks_at
from domain.state import World

Ints = NDArray[np.int64]
ALIVE, DEAD, UNBORN = 0, 1, 2
_LIFE = ("alive", "dead", "unborn")


def contrast(a: World, b: World) -> list[Differing]:
    """Return in what two states differ; empty if in nothing."""
    ids, rows_a, rows_b = _who_lives_in_both(a, b)
    found = [_lives(a, b), *_totals(a, b)]
    found += _columns(a, b, ids, rows_a, rows_b)
    found += _ties(a, b, ids, rows_a, rows_b)
    if (a.width, a.height) == (b.width, b.height):
        found += _cells(a, b)
    if a.minds is not None and b.minds is not None:
        found += contrast_minds(a, b, ids, rows_a, rows_b)
    return [each for each in found if len(each)]


# -- agents ------------------------------------------------------------------------------------------


def _living(world: World) -> tuple[Ints, Ints]:
    rows = np.flatnonzero(world.agents[col.ALIVE, : world.n])
    return world.agents[col.ID, rows], rows


def _who_lives_in_both(a: World, b: World) -> tuple[Ints, Ints, Ints]:
    (ids_a, rows_a), (ids_b, rows_b) = _living(a), _living(b)
    ids, at_a, at_b = np.intersect1d(ids_a, ids_b, assume_unique=True, return_indices=True)
    return ids, rows_a[at_a], rows_b[at_b]


def _lives(a: World, b: World) -> Differing:
    """Who lives in one state only: dead in the other, or not born there."""
    (ids_a, _), (ids_b, _) = _living(a), _living(b)
    ids = np.setxor1d(ids_a, ids_b, assume_unique=True)

    def life(living: Ints, world: World) -> Ints:
        return np.where(np.isin(ids, living), ALIVE, np.where(ids < world.next_agent, DEAD, UNBORN))

    return Differing("personas", "life", "agent", ids, life(ids_a, a), life(ids_b, b), word=lambda v: _LIFE[v])


def _address(value: Any) -> str | None:
    return None if value < 0 else address_of(int(value))


def _maybe(value: Any) -> int | None:
    return None if value < 0 else int(value)


def _name(codes: Any) -> Callable[[Any], str | None]:
    return lambda value: None if value < 0 else codes(int(value)).name.lower()


_MILLI = "milli"
_Column = tuple[str, str, int, str, Callable[[Any], Any]]
"""Area, name, column, unit of a difference ("": it has no size), how to word a value."""
_AGENT_COLUMNS: tuple[_Column, ...] = (
    ("personas", "born", col.BORN, "ticks", int),
    ("personas", "lifespan", col.LIFESPAN, "ticks", int),
    ("personas", "given_name", col.GIVEN_NAME, "", lambda v: GIVEN[int(v)]),
    ("personas", "family_name", col.FAMILY_NAME, "", lambda v: FAMILY[int(v)]),
    ("personas", "occupation", col.OCCUPATION, "", _name(Occupation)),
    ("personas", "parent", col.PARENT, "", _maybe),
    ("personas", "household", col.HOUSEHOLD, "", int),
    *(("personas", name, col.TRAITS + i, _MILLI, int) for i, name in enumerate(TRAITS)),
    *(("agents", s.name.lower(), col.SKILLS + s, _MILLI, int) for s in Skill),
    ("agents", "energy", col.ENERGY, _MILLI, int),
    ("agents", "satiety", col.SATIETY, _MILLI, int),
    ("agents", "company", col.COMPANY, _MILLI, int),
    ("agents", "intention", col.INTENTION, "", _name(Intention)),
    ("agents", "goal", col.GOAL, "", _maybe),
    ("agents", "intended", col.INTENDED, "", _address),
    ("agents", "acted", col.ACTED, "", _address),
    ("agents", "last_birth", col.LAST_BIRTH, "", _maybe),
    ("agents", "asked", col.ASKED, "", _address),
    ("agents", "thought_due", col.THOUGHT_DUE, "", _maybe),
)


def _unit_of(good: Good) -> str:
    return "pieces" if good in (Good.COIN, Good.TOOL) else _MILLI


def _columns(a: World, b: World, ids: Ints, rows_a: Ints, rows_b: Ints) -> Iterator[Differing]:
    goods: tuple[_Column, ...] = tuple(("goods", g.name.lower(), col.GOODS + g, _unit_of(g), int) for g in Good)
    for area, what, column, unit, word in (*_AGENT_COLUMNS, *goods):
        ours, theirs = a.agents[column, rows_a], b.agents[column, rows_b]
        at = np.flatnonzero(ours != theirs)
        by = theirs[at] - ours[at] if unit else None
        yield Differing(area, what, "agent", ids[at], ours[at], theirs[at], by, unit, word)
    ours, theirs = a.agents[col.CELL, rows_a], b.agents[col.CELL, rows_b]
    at = np.flatnonzero(ours != theirs)
    steps = None
    if a.width == b.width:
        steps = np.abs(to_cube(ours[at], a.width) - to_cube(theirs[at], a.width)).max(axis=1, initial=0)
    yield Differing("agents", "cell", "agent", ids[at], ours[at], theirs[at], steps, "steps")


def _totals(a: World, b: World) -> Iterator[Differing]:
    """What all the living hold together."""
    nobody = np.array([-1], np.int64)
    for good in range(N_GOODS):
        ours, theirs = (int(w.agents[col.GOODS + good, _living(w)[1]].sum()) for w in (a, b))
        if ours != theirs:
            name, unit = Good(good).name.lower(), _unit_of(Good(good))
            yield Differing("goods", name, "society", nobody, [ours], [theirs], np.array([theirs - ours]), unit)


def _ties(a: World, b: World, ids: Ints, rows_a: Ints, rows_b: Ints) -> Iterator[Differing]:
    """Ties by whom they are to: where an agent keeps one among its places says nothing to people."""
    columns = slice(col.TIE_OTHER, col.TIE_STRENGTH + col.N_TIES)
    changed = np.flatnonzero((a.agents[columns, rows_a] != b.agents[columns, rows_b]).any(axis=0))

    def pairs(world: World, rows: Ints) -> tuple[Ints, Ints]:
        others = world.agents[col.TIE_OTHER : col.TIE_OTHER + col.N_TIES, rows].T
        strengths = world.agents[col.TIE_STRENGTH : col.TIE_STRENGTH + col.N_TIES, rows].T
        keys = (ids[changed, None] << 32 | others)[others >= 0]
        order = np.argsort(keys, kind="stable")
        return keys[order], strengths[others >= 0][order]

    (keys_a, strengths_a), (keys_b, strengths_b) = pairs(a, rows_a[changed]), pairs(b, rows_b[changed])
    keys = np.union1d(keys_a, keys_b)

    def of(kept: Ints, strengths: Ints) -> Ints:
        at = np.searchsorted(kept, keys)
        there = at < len(kept)
        there[there] = kept[at[there]] == keys[there]
        values = np.full(len(keys), -1, np.int64)
        values[there] = strengths[at[there]]
        return values

    ours, theirs = of(keys_a, strengths_a), of(keys_b, strengths_b)
    at = np.flatnonzero(ours != theirs)
    by = np.maximum(theirs[at], 0) - np.maximum(ours[at], 0)
    agents, others = keys[at] >> 32, keys[at] & 0xFFFFFFFF
    yield Differing("ties", "tie", "agent", agents, ours[at], theirs[at], by, _MILLI, _maybe, others)
    same = changed[~np.isin(ids[changed], agents)]
    if len(same):
        slots = slice(col.TIE_OTHER, col.TIE_OTHER + col.N_TIES)
        ours_listed, theirs_listed = (w.agents[slots, rows[same]].T.tolist() for w, rows in ((a, rows_a), (b, rows_b)))
        yield Differing("ties", "tie_slots", "agent", ids[same], ours_listed, theirs_listed, word=list)


# -- cells -------------------------------------------------------------------------------------------


def _cells(a: World, b: World) -> Iterator[Differing]:
    """Differences of cells: of the terrain, and of what there is to gather, as it has regrown by now."""
    terrain: list[_Column] = [
        ("cells", "elevation", col.ELEVATION, "m", int),
        ("cells", "biome", col.BIOME, "", _name(Biome)),
    ]
    for first, name in ((col.CAPACITY, "capacity"), (col.REGROWTH, "regrowth")):
        terrain += [("cells", f"{name}_{Good(g).name.lower()}", first + g, _MILLI, int) for g in range(N_RESOURCES)]
    for area, what, column, unit, word in terrain:
        ours, theirs = a.cells[column], b.cells[column]
        at = np.flatnonzero(ours != theirs)
        by = theirs[at] - ours[at] if unit else None
        yield Differing(area, what, "cell", at, ours[at], theirs[at], by, unit, word)
    for good in range(N_RESOURCES):
        name = Good(good).name.lower()
        ours, theirs = (stocks_at(world.cells, good, world.tick) for world in (a, b))
        since_a, since_b = a.cells[col.SINCE + good], b.cells[col.SINCE + good]
        at = np.flatnonzero(ours != theirs)
        yield Differing("cells", f"stock_{name}", "cell", at, ours[at], theirs[at], theirs[at] - ours[at], _MILLI)
        raw = (a.cells[col.STOCK + good] != b.cells[col.STOCK + good]) | (since_a != since_b)
        at = np.flatnonzero(raw & (ours == theirs))
        yield Differing("cells", f"since_{name}", "cell", at, since_a[at], since_b[at])
