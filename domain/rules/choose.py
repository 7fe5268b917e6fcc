"""Choose: what an agent sets its mind on, and its one action this tick. Each row by itself, so in any order."""

from __future__ import annotations

import numpy as np

from domain._jit import inline, kernel
from domain._prefetch import FAR, ask_ahead, prefetch
from domain.codes import N_RESOURCES, Biome, CauseOfDeath, Good, Intention, Occupation
from domain.columns import (
    ALIVE,
    BIOME,
    BORN,
    CAPACITY,
    CELL,
    COMPANY,
    ELEVATION,
    ENERGY,
    ID,
    LIFESPAN,
    N_TIES,
    OCCUPATION,
    REGROWTH,
    SATIETY,
    SINCE,
    STOCK,
    TIE_OTHER,
    TIE_STRENGTH,
    TRAITS,
)
from domain.draws import below, draw_one
from domain.hexgrid import hex_distance
from domain.rules.constants import (
    CHAT,
    CRAFT,
    DIE,
    EAT,
    GATHER,
    HUNGRY,
    LARDER,
    LONELY,
    MOVE,
    NAP,
    PATIENCE,
    REST,
    RESTED,
    SOCIABLE,
    STARVING,
    STOCKED,
    TIRED,
    TOOL_ORE,
    TOOL_STONE,
    TOOL_WOOD,
    VISIT,
)
from domain.rules.gather import stock_at
from domain.rules.move import step_towards
from domain.rules.plan import (
    P_ACTION,
    P_BECAUSE,
    P_FORMED,
    P_GOAL,
    P_GOODS,
    P_INTENDED,
    P_INTENTION,
    P_LEADS,
    P_OPEN,
    P_PARTNER,
    P_STEP,
)

_FOOD, _WOOD, _STONE, _ORE, _TOOL = (
    int(Good.FOOD),
    int(Good.WOOD),
    int(Good.STONE),
    int(Good.ORE),
    int(Good.TOOL),
)
_FORAGE, _REST = int(Intention.FORAGE), int(Intention.REST)
_SOCIALISE, _EXPLORE, _CRAFT = int(Intention.SOCIALISE), int(Intention.EXPLORE), int(Intention.CRAFT)
_TRADER, _WATER = int(Occupation.TRADER), int(Biome.WATER)
_OPENNESS, _EXTRAVERSION = 0, 2
_UNIT = 1_000
_PLENTY, _DISTANCE_COST = 6_000, 700  # milli-units of a stock that count; that a step is worth
_HUNGER, _OLD_AGE = int(CauseOfDeath.HUNGER), int(CauseOfDeath.OLD_AGE)
_BLOCK = 32  # rows that are foreseen at once
_REACH = 4  # cells to each side that are fetched before a search: what the usual sight sees


@inline
def can_craft(p, row):  # type: ignore[no-untyped-def]
    """Return whether the agent has no tool and holds what one is made of."""
    return (
        p[P_GOODS + _TOOL, row] == 0
        and p[P_GOODS + _WOOD, row] >= TOOL_WOOD
        and (p[P_GOODS + _ORE, row] >= TOOL_ORE or p[P_GOODS + _STONE, row] >= TOOL_STONE)
    )


@inline
def _is_over(a, c, p, row, tick):  # type: ignore[no-untyped-def]
    """Return whether the intention is reached, pointless or has taken too long."""
    intention = p[P_INTENTION, row]
    if intention < 0:
        return True
    waited = tick - (p[P_INTENDED, row] >> 32)
    if intention == _REST:
        return a[ENERGY, row] >= RESTED and waited > NAP
    if intention == _SOCIALISE:
        return waited > VISIT or (a[COMPANY, row] >= SOCIABLE and waited > CHAT)
    if intention == _CRAFT:
        return not can_craft(p, row)
    if waited > PATIENCE:
        return True
    if intention == _EXPLORE:
        return a[CELL, row] == p[P_GOAL, row]
    if p[P_GOODS + intention, row] >= STOCKED:
        return True
    return a[CELL, row] == p[P_GOAL, row] and stock_at(c, intention, a[CELL, row], tick) < _UNIT


@inline
def _wish(a, p, row, tick, stream):  # type: ignore[no-untyped-def]
    """Return what a contented agent turns to, by company, tools, occupation and temper."""
    if a[COMPANY, row] < LONELY + 3 * a[TRAITS + _EXTRAVERSION, row]:
        return _SOCIALISE
    if can_craft(p, row):
        return _CRAFT
    dice = draw_one(a[ID, row], stream, tick, 1)
    if below(dice, 4000) < a[TRAITS + _OPENNESS, row] // 2:
        return _EXPLORE
    if p[P_GOODS + _FOOD, row] < LARDER:
        return _FORAGE
    if p[P_GOODS + _TOOL, row] == 0 and p[P_GOODS + _WOOD, row] < TOOL_WOOD:
        return _WOOD
    if p[P_GOODS + _TOOL, row] == 0 and p[P_GOODS + _STONE, row] < TOOL_STONE and p[P_GOODS + _ORE, row] < TOOL_ORE:
        return _STONE
    work = np.int64(a[OCCUPATION, row])
    if work == _TRADER:
        work = below(draw_one(a[ID, row], stream, tick, 2), 8)  # half of the time to people, else any work
        if work >= 4:
            return _SOCIALISE
    if p[P_GOODS + work, row] >= STOCKED:
        idle = below(dice << np.uint64(32), 3)  # a rest, a walk or a visit
        return _REST if idle == 0 else (_EXPLORE if idle == 1 else _SOCIALISE)
    return work


@inline
def _resource_goal(a, c, row, good, tick, width, height, offsets):  # type: ignore[no-untyped-def]
    """Return the cell in sight that is best to gather in, or -1: plenty weighs against distance.

    Cells are looked at from the nearest on, so that the search ends at the distance from which even the
    fullest could not do better.
    """
    at = a[CELL, row]
    r, col = at // width, at % width
    parity = r & 1
    best, best_score = -1, np.int64(-1_000_000)
    distance, ring_end = np.int64(0), np.int64(1)
    for k in range(offsets.shape[1]):
        if k == ring_end:
            distance += 1
            ring_end += 6 * distance
            if best_score >= _PLENTY - _DISTANCE_COST * distance:
                break
        cc, rr = col + offsets[parity, k, 0], r + offsets[parity, k, 1]
        if cc < 0 or cc >= width or rr < 0 or rr >= height:
            continue
        cell = rr * width + cc
        stock = stock_at(c, good, cell, tick)
        if stock < _UNIT:
            continue
        score = min(stock, np.int64(_PLENTY)) - _DISTANCE_COST * distance
        if score > best_score and c[BIOME, cell] != _WATER:
            best, best_score = cell, score
    return best


@inline
def _wander_goal(a, c, row, tick, width, height, stream):  # type: ignore[no-untyped-def]
    """Return a land cell some way off; after three draws that hit water, the agent's own cell."""
    at = a[CELL, row]
    r, col = at // width, at % width
    for k in range(3):
        dice = draw_one(a[ID, row], stream, tick, 8 + k)
        cc = col + below(dice, 17) - 8
        rr = r + below(dice << np.uint64(32), 17) - 8
        if 0 <= cc < width and 0 <= rr < height and c[BIOME, rr * width + cc] != _WATER:
            return rr * width + cc
    return np.int64(at)


@inline
def _friend_goal(a, row, row_of, width):  # type: ignore[no-untyped-def]
    """Return where the dearest living friend within reach stands, or -1."""
    best, strength = -1, 0
    for k in range(N_TIES):
        other = a[TIE_OTHER + k, row]
        if other < 0 or row_of[other] < 0 or a[TIE_STRENGTH + k, row] <= strength:
            continue
        cell = a[CELL, row_of[other]]
        if hex_distance(a[CELL, row], cell, width) <= 20:
            best, strength = cell, a[TIE_STRENGTH + k, row]
    return best


@inline
def _goal_of(a, c, row, wish, tick, width, height, offsets, row_of, stream):  # type: ignore[no-untyped-def]
    """Return the cell where an intention leads."""
    goal = np.int64(a[CELL, row])
    if wish < 4:
        found = _resource_goal(a, c, row, wish, tick, width, height, offsets)
        if found < 0:
            # Nothing in sight: go and look elsewhere, with the same thing in mind.
            found = _wander_goal(a, c, row, tick, width, height, stream)
        goal = np.int64(found)
    elif wish == _SOCIALISE:
        found = _friend_goal(a, row, row_of, width)
        if found < 0:
            found = _wander_goal(a, c, row, tick, width, height, stream)
        goal = np.int64(found)
    elif wish == _EXPLORE:
        goal = np.int64(_wander_goal(a, c, row, tick, width, height, stream))
    return goal


@inline
def _form(a, c, p, row, wish, tick, width, height, offsets, row_of, stream):  # type: ignore[no-untyped-def]
    """Set the intention and its goal; mark it as formed if either is new."""
    p[P_INTENTION, row] = wish
    p[P_GOAL, row] = _goal_of(a, c, row, wish, tick, width, height, offsets, row_of, stream)
    p[P_FORMED, row] = 1


@kernel
def consider(a, c, p, row, wish, tick, width, height, offsets, row_of, stream):  # type: ignore[no-untyped-def]
    """Return (where that intention would lead, what the rules would be set on now instead): for minds."""
    goal = _goal_of(a, c, row, wish, tick, width, height, offsets, row_of, stream)
    own = np.int64(p[P_INTENTION, row])
    if a[SATIETY, row] < HUNGRY:
        own = np.int64(_FORAGE)
    elif a[ENERGY, row] < TIRED:
        own = np.int64(_REST)
    elif _is_over(a, c, p, row, tick):
        own = np.int64(_wish(a, p, row, tick, stream))
    return goal, own


@inline
def _ask_for_place(a, c, p, row, width):  # type: ignore[no-untyped-def]
    """Have what is read of an agent's cell and those next to it fetched."""
    cell, intention = a[CELL, row], p[P_INTENTION, row]
    for beside in (-width, 0, width):
        prefetch(c, BIOME, cell + beside)
        prefetch(c, ELEVATION, cell + beside)
    if intention >= 0 and intention < N_RESOURCES:
        for column in (STOCK, CAPACITY, SINCE, REGROWTH):
            prefetch(c, column + intention, cell)


@inline
def _ask_for_sight(a, c, row, good, width):  # type: ignore[no-untyped-def]
    """Have what `_resource_goal` looks at fetched: two lines of each column in each row of the grid.

    What covers a cell is left out, since that is asked only of the best so far.
    """
    at = a[CELL, row]
    for cell in range(at - _REACH * width, at + _REACH * width + 1, width):
        for edge in (cell - _REACH, cell + _REACH):
            for column in (STOCK, CAPACITY, SINCE, REGROWTH):
                prefetch(c, column + good, edge)


@inline
def _ask_for_what_it_takes(a, c, p, i, tick, width, stream):  # type: ignore[no-untyped-def]
    """Foresee what an agent will turn to, and have what that takes fetched."""
    wish = np.int64(-1)
    if a[SATIETY, i] < HUNGRY:
        if p[P_INTENTION, i] != _FORAGE:
            wish = np.int64(_FORAGE)
    elif a[ENERGY, i] >= TIRED and _is_over(a, c, p, i, tick):
        wish = np.int64(_wish(a, p, i, tick, stream))
    if wish >= 0 and wish < N_RESOURCES:
        _ask_for_sight(a, c, i, wish, width)
    elif wish == _SOCIALISE:
        for slot in range(2 * N_TIES):
            prefetch(a, TIE_OTHER + slot, i)


@kernel
def choose_rows(a, c, p, first, last, tick, width, height, offsets, row_of, stream):  # type: ignore[no-untyped-def]
    """Plan rows first … last-1. Reads state and the row's own plan only, so chunks can run side by side."""
    far = a.shape[1] > FAR
    for start in range(first, last, _BLOCK):
        end = min(start + _BLOCK, last)
        if far:
            for i in range(start, end):
                ask_ahead(a, CELL, COMPANY + 1, i + _BLOCK, last)
                ask_ahead(p, 0, P_LEADS + 1, i + _BLOCK, last)
                _ask_for_place(a, c, p, min(i + _BLOCK, last - 1), width)
                _ask_for_what_it_takes(a, c, p, i, tick, width, stream)
        for i in range(start, end):
            p[P_FORMED, i] = 0
            p[P_PARTNER, i] = -1
            p[P_LEADS, i] = 0
            p[P_OPEN, i] = 0
            if a[ALIVE, i] == 0:
                continue
            if a[SATIETY, i] == 0 and a[ENERGY, i] == 0:
                p[P_ACTION, i], p[P_BECAUSE, i] = DIE, _HUNGER
                continue
            if tick - a[BORN, i] >= a[LIFESPAN, i]:
                p[P_ACTION, i], p[P_BECAUSE, i] = DIE, _OLD_AGE
                continue
            has_food = p[P_GOODS + _FOOD, i] >= _UNIT
            starving = a[SATIETY, i] < STARVING and not has_food
            if a[SATIETY, i] < HUNGRY and has_food:
                p[P_ACTION, i] = EAT
                continue
            # What presses comes first; otherwise an intention lasts until it is over.
            wish = np.int64(-1)
            if a[SATIETY, i] < HUNGRY:
                if p[P_INTENTION, i] != _FORAGE or _is_over(a, c, p, i, tick):
                    wish = np.int64(_FORAGE)
            elif a[ENERGY, i] < TIRED:
                if p[P_INTENTION, i] != _REST:
                    wish = np.int64(_REST)
            elif _is_over(a, c, p, i, tick):
                wish = np.int64(_wish(a, p, i, tick, stream))
            if wish >= 0:
                _form(a, c, p, i, wish, tick, width, height, offsets, row_of, stream)

            intention = p[P_INTENTION, i]
            if intention == _REST:
                p[P_ACTION, i] = REST
            elif intention == _CRAFT:
                p[P_ACTION, i] = CRAFT
            elif a[CELL, i] != p[P_GOAL, i]:
                p[P_STEP, i] = step_towards(a, c, i, p[P_GOAL, i], tick, width, height, stream)
                p[P_ACTION, i] = MOVE if p[P_STEP, i] >= 0 else REST
            elif intention < 4:
                p[P_ACTION, i] = GATHER
            else:
                p[P_ACTION, i] = REST
            if p[P_ACTION, i] == CRAFT:
                continue
            if intention == _SOCIALISE or starving:
                p[P_OPEN, i] = 1
            elif a[SATIETY, i] >= HUNGRY:
                p[P_OPEN, i] = 1 if below(draw_one(a[ID, i], stream, tick, 3), 8) == 0 else 0
