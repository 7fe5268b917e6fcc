"""Choose: what an agent sets its mind on, and its one action this tick. Each row by itself, so in any order."""

from __future__ import annotations

import numpy as np

from domain._jit import inline, kernel
from domain._prefetch import FAR, ask_ahead, prefetch
from domain.codes import N_RESOURCES, CauseOfDeath, Good, Intention, Occupation
from domain.columns import (
    CAPACITY,
    N_TIES,
    OCCUPATION,
    REGROWTH,
    SINCE,
    STOCK,
    TIE_OTHER,
    TIE_STRENGTH,
    TRAITS,
    is_water,
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
    P_ALIVE,
    P_BECAUSE,
    P_CELL,
    P_COMPANY,
    P_ENERGY,
    P_FORMED,
    P_GOAL,
    P_GOODS,
    P_ID,
    P_INTENDED_TICK,
    P_INTENTION,
    P_LEADS,
    P_OPEN,
    P_PARTNER,
    P_SATIETY,
    P_STEP,
    P_TIME_LEFT,
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
_TRADER = int(Occupation.TRADER)
_OPENNESS, _EXTRAVERSION = 0, 2
_UNIT = 1_000
_PLENTY, _DISTANCE_COST = 6_000, 700  # milli-units of a stock that count; that a step is worth
_HUNGER, _OLD_AGE = int(CauseOfDeath.HUNGER), int(CauseOfDeath.OLD_AGE)
_AHEAD, _SEARCHES = 32, 2  # rows; searches
_SIGHT, _NEAR = 4, 2  # rows of the grid on either side: all that a usual sight reaches, and where most is found


@inline
def can_craft(p, row):  # type: ignore[no-untyped-def]
    """Return whether the agent has no tool and holds what one is made of."""
    return (
        p[P_GOODS + _TOOL, row] == 0
        and p[P_GOODS + _WOOD, row] >= TOOL_WOOD
        and (p[P_GOODS + _ORE, row] >= TOOL_ORE or p[P_GOODS + _STONE, row] >= TOOL_STONE)
    )


@inline
def _is_over(c, p, row, tick):  # type: ignore[no-untyped-def]
    """Return whether the intention is reached, pointless or has taken too long."""
    intention = p[P_INTENTION, row]
    if intention < 0:
        return True
    waited = tick - p[P_INTENDED_TICK, row]
    if intention == _REST:
        return p[P_ENERGY, row] >= RESTED and waited > NAP
    if intention == _SOCIALISE:
        return waited > VISIT or (p[P_COMPANY, row] >= SOCIABLE and waited > CHAT)
    if intention == _CRAFT:
        return not can_craft(p, row)
    if waited > PATIENCE:
        return True
    if intention == _EXPLORE:
        return p[P_CELL, row] == p[P_GOAL, row]
    if p[P_GOODS + intention, row] >= STOCKED:
        return True
    return p[P_CELL, row] == p[P_GOAL, row] and stock_at(c, intention, p[P_CELL, row], tick) < _UNIT


@inline
def _wish(a, p, row, tick, stream):  # type: ignore[no-untyped-def]
    """Return what a contented agent turns to, by company, tools, occupation and temper."""
    if p[P_COMPANY, row] < LONELY + 3 * a[TRAITS + _EXTRAVERSION, row]:
        return _SOCIALISE
    if can_craft(p, row):
        return _CRAFT
    dice = draw_one(p[P_ID, row], stream, tick, 1)
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
        work = below(draw_one(p[P_ID, row], stream, tick, 2), 8)  # half of the time to people, else any work
        if work >= 4:
            return _SOCIALISE
    if p[P_GOODS + work, row] >= STOCKED:
        idle = below(dice << np.uint64(32), 3)  # a rest, a walk or a visit
        return _REST if idle == 0 else (_EXPLORE if idle == 1 else _SOCIALISE)
    return work


@inline
def _resource_goal(c, prospects, p, row, good, tick, width, height, offsets):  # type: ignore[no-untyped-def]
    """Return the cell in sight that is best to gather in, or -1: plenty weighs against distance.

    Cells are looked at from the nearest on, so that the search ends at the distance from which even the
    fullest could not do better; and what can't do better, whatever has grown there, is not looked at.
    """
    at = p[P_CELL, row]
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
        most = np.int64(prospects[good, cell])
        if most < _UNIT or min(most, np.int64(_PLENTY)) - _DISTANCE_COST * distance <= best_score:
            continue
        stock = stock_at(c, good, cell, tick)
        score = min(stock, np.int64(_PLENTY)) - _DISTANCE_COST * distance
        if stock >= _UNIT and score > best_score:
            best, best_score = cell, score
    return best


@inline
def _wander_goal(ground, p, row, tick, width, height, stream):  # type: ignore[no-untyped-def]
    """Return a land cell some way off; after three draws that hit water, the agent's own cell."""
    at = p[P_CELL, row]
    r, col = at // width, at % width
    for k in range(3):
        dice = draw_one(p[P_ID, row], stream, tick, 8 + k)
        cc = col + below(dice, 17) - 8
        rr = r + below(dice << np.uint64(32), 17) - 8
        if 0 <= cc < width and 0 <= rr < height and not is_water(ground, rr * width + cc):
            return rr * width + cc
    return np.int64(at)


@inline
def _friend_goal(a, p, row, row_of, width):  # type: ignore[no-untyped-def]
    """Return where the dearest living friend within reach stands, or -1."""
    best, strength = -1, 0
    for k in range(N_TIES):
        other = a[TIE_OTHER + k, row]
        if other < 0 or row_of[other] < 0 or a[TIE_STRENGTH + k, row] <= strength:
            continue
        cell = p[P_CELL, row_of[other]]
        if hex_distance(p[P_CELL, row], cell, width) <= 20:
            best, strength = cell, a[TIE_STRENGTH + k, row]
    return best


@inline
def _goal_of(a, c, prospects, ground, p, row, wish, tick, width, height, offsets, row_of, stream):  # type: ignore[no-untyped-def]
    """Return the cell where an intention leads."""
    goal = np.int64(p[P_CELL, row])
    if wish < 4:
        found = _resource_goal(c, prospects, p, row, wish, tick, width, height, offsets)
        if found < 0:
            # Nothing in sight: go and look elsewhere, with the same thing in mind.
            found = _wander_goal(ground, p, row, tick, width, height, stream)
        goal = np.int64(found)
    elif wish == _SOCIALISE:
        found = _friend_goal(a, p, row, row_of, width)
        if found < 0:
            found = _wander_goal(ground, p, row, tick, width, height, stream)
        goal = np.int64(found)
    elif wish == _EXPLORE:
        goal = np.int64(_wander_goal(ground, p, row, tick, width, height, stream))
    return goal


@kernel
def consider(a, c, prospects, ground, p, row, wish, tick, width, height, offsets, row_of, stream):  # type: ignore[no-untyped-def]
    """Return (where that intention would lead, what the rules would be set on now instead): for minds."""
    goal = _goal_of(a, c, prospects, ground, p, row, wish, tick, width, height, offsets, row_of, stream)
    own = np.int64(p[P_INTENTION, row])
    if p[P_SATIETY, row] < HUNGRY:
        own = np.int64(_FORAGE)
    elif p[P_ENERGY, row] < TIRED:
        own = np.int64(_REST)
    elif _is_over(c, p, row, tick):
        own = np.int64(_wish(a, p, row, tick, stream))
    return goal, own


@inline
def _ask_for_place(c, ground, p, row, width):  # type: ignore[no-untyped-def]
    """Have what is read of an agent's cell and those next to it fetched."""
    cell, intention = p[P_CELL, row], p[P_INTENTION, row]
    for beside in (-width, 0, width):
        prefetch(ground, cell + beside)
    if intention >= 0 and intention < N_RESOURCES:
        for column in (STOCK, CAPACITY, SINCE, REGROWTH):
            prefetch(c, column + intention, cell)


@inline
def _ask_for_temper(a, row, end):  # type: ignore[no-untyped-def]
    """Have what a wish depends on fetched. One agent in ten has a new one, too few for a processor to follow."""
    ask_ahead(a, OCCUPATION, OCCUPATION + 1, row, end)
    ask_ahead(a, TRAITS, TRAITS + _EXTRAVERSION + 1, row, end)


@inline
def _ask_for_prospects(prospects, p, row, width):  # type: ignore[no-untyped-def]
    """Have what a search reads first fetched: what cells in sight can have."""
    for beside in range(-_SIGHT, _SIGHT + 1):
        prefetch(prospects, p[P_INTENTION, row], p[P_CELL, row] + beside * width)


@inline
def _ask_for_stocks(c, p, row, width):  # type: ignore[no-untyped-def]
    """Have the stocks of the cells nearest to an agent fetched."""
    for beside in range(-_NEAR, _NEAR + 1):
        for column in (STOCK, CAPACITY, SINCE, REGROWTH):
            prefetch(c, column + p[P_INTENTION, row], p[P_CELL, row] + beside * width)


@inline
def _act(ground, p, row, tick, width, height, stream):  # type: ignore[no-untyped-def]
    """Set the action that an intention asks for, and whether the agent is open to company meanwhile."""
    intention = p[P_INTENTION, row]
    if intention == _CRAFT:
        p[P_ACTION, row] = CRAFT
        return
    if intention == _REST:
        p[P_ACTION, row] = REST
    elif p[P_CELL, row] != p[P_GOAL, row]:
        p[P_STEP, row] = step_towards(ground, p, row, tick, width, height, stream)
        p[P_ACTION, row] = MOVE if p[P_STEP, row] >= 0 else REST
    else:
        p[P_ACTION, row] = GATHER if intention < N_RESOURCES else REST
    if intention == _SOCIALISE or (p[P_SATIETY, row] < STARVING and p[P_GOODS + _FOOD, row] < _UNIT):
        p[P_OPEN, row] = 1
    elif p[P_SATIETY, row] >= HUNGRY:
        p[P_OPEN, row] = 1 if below(draw_one(p[P_ID, row], stream, tick, 3), 8) == 0 else 0


@kernel
def choose_rows(  # type: ignore[no-untyped-def]
    a, c, prospects, ground, p, first, end, tick, width, height, offsets, row_of, stream, searching
):
    """Plan rows first … end-1. Reads state, a row's own plan and copies of state, so parts can run side by side.

    Those who search for something come last, so that what they will look at can be asked for meanwhile; of `searching`,
    scratch, a part uses its own rows.
    """
    far = a.shape[1] > FAR
    searches = first
    for i in range(first, end):
        if far:
            _ask_for_place(c, ground, p, min(i + _AHEAD, end - 1), width)
            _ask_for_temper(a, i, end)
        p[P_FORMED, i] = 0
        p[P_PARTNER, i] = -1
        p[P_LEADS, i] = 0
        p[P_OPEN, i] = 0
        if p[P_ALIVE, i] == 0:
            continue
        if p[P_SATIETY, i] == 0 and p[P_ENERGY, i] == 0:
            p[P_ACTION, i], p[P_BECAUSE, i] = DIE, _HUNGER
            continue
        if p[P_TIME_LEFT, i] <= 0:
            p[P_ACTION, i], p[P_BECAUSE, i] = DIE, _OLD_AGE
            continue
        if p[P_SATIETY, i] < HUNGRY and p[P_GOODS + _FOOD, i] >= _UNIT:
            p[P_ACTION, i] = EAT
            continue
        # What presses comes first; otherwise an intention lasts until it is over.
        wish = np.int64(-1)
        if p[P_SATIETY, i] < HUNGRY:
            if p[P_INTENTION, i] != _FORAGE or _is_over(c, p, i, tick):
                wish = np.int64(_FORAGE)
        elif p[P_ENERGY, i] < TIRED:
            if p[P_INTENTION, i] != _REST:
                wish = np.int64(_REST)
        elif _is_over(c, p, i, tick):
            wish = np.int64(_wish(a, p, i, tick, stream))
        if wish >= 0:
            p[P_INTENTION, i], p[P_FORMED, i] = wish, 1
            if wish < N_RESOURCES:
                searching[searches] = i
                searches += 1
                continue
            p[P_GOAL, i] = _goal_of(a, c, prospects, ground, p, i, wish, tick, width, height, offsets, row_of, stream)
        _act(ground, p, i, tick, width, height, stream)
    for k in range(first, searches):
        if far:
            _ask_for_prospects(prospects, p, searching[min(k + 2 * _SEARCHES, searches - 1)], width)
            _ask_for_stocks(c, p, searching[min(k + _SEARCHES, searches - 1)], width)
        i = searching[k]
        wish = np.int64(p[P_INTENTION, i])
        p[P_GOAL, i] = _goal_of(a, c, prospects, ground, p, i, wish, tick, width, height, offsets, row_of, stream)
        _act(ground, p, i, tick, width, height, stream)
