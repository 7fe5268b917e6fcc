"""Pledges: trades that were agreed on in words are done as soon as both can, or lapse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.codes import Closing
from domain.columns import CELL, GOODS, ID
from domain.configuration import Configuration
from domain.events import GOODS_TRADED, PLEDGE_KEPT, PLEDGE_LAPSED, address_of, pack_cause
from domain.hexgrid import hex_distance
from domain.minds import columns as m
from domain.minds.columns import unpack_good_quantity
from domain.minds.telling import Telling
from domain.rules.constants import CARRY, GATHER, MOVE, PAIR, REST, TRADE
from domain.rules.plan import (
    P_ACTION,
    P_FORMED,
    P_GIVE_GOOD,
    P_GIVE_QUANTITY,
    P_GOODS,
    P_LEADS,
    P_MEETING,
    P_PARTNER,
    P_TAKE_GOOD,
    P_TAKE_QUANTITY,
    Plan,
    intend,
)
from domain.state import World

PATIENCE = 60
"""Ticks that a pledge stands before it lapses."""


def plan_pledges(world: World, p: Plan, configuration: Configuration) -> list[int]:
    """Pair up those who are pledged, near and free, for their trade; return the rows of the proposers.

    The trade is the one action of both in this tick, and its cause is the pledge.
    """
    a, minds = world.agents, world.minds
    assert minds is not None
    leads = []
    for row in _proposers(world):
        there = world.row(int(minds[m.PLEDGE_WITH, row]))
        if there is None or minds[m.PLEDGE_AT, there] != minds[m.PLEDGE_AT, row]:
            continue
        if any(p[P_ACTION, r] not in (REST, MOVE, GATHER) for r in (row, there)):
            continue
        if hex_distance(int(a[CELL, row]), int(a[CELL, there]), world.width) > configuration.hearing:
            continue
        (good, quantity), (taken_good, taken) = _terms(minds, row)
        if p[P_GOODS + good, row] < quantity or p[P_GOODS + taken_good, there] < taken:
            continue
        if p[P_GOODS + taken_good, row] + taken > CARRY or p[P_GOODS + good, there] + quantity > CARRY:
            continue
        for one, other in ((row, there), (there, row)):
            p[P_ACTION, one], p[P_PARTNER, one], p[P_MEETING, one], p[P_FORMED, one] = PAIR, other, TRADE, 0
            p[P_LEADS, one] = int(one == row)
        p[P_GIVE_GOOD, row], p[P_GIVE_QUANTITY, row] = good, quantity
        p[P_TAKE_GOOD, row], p[P_TAKE_QUANTITY, row] = taken_good, taken
        intend(p, row, int(minds[m.PLEDGE_AT, row]))
        leads.append(row)
    return leads


def settle_pledges(
    world: World, leads: list[int], records: NDArray[np.void], dying: set[int], telling: Telling, *, hearing: int
) -> None:
    """Tell which pledges were kept in this tick, and which have lapsed."""
    a, minds, tick = world.agents, world.minds, telling.tick
    assert minds is not None
    for row in _proposers(world):
        who, other = int(a[ID, row]), int(minds[m.PLEDGE_WITH, row])
        pledge = int(minds[m.PLEDGE_AT, row])
        told = {"pledge": address_of(pledge)}
        if row in leads:
            legs = np.flatnonzero((records["kind"] == GOODS_TRADED.number) & (records["agent"] == who))
            cause = int(pack_cause(tick, int(records["ordinal"][legs[0]])))
            telling.tell(PLEDGE_KEPT, who, cause, told, target=other)
            continue
        if who in dying or other in dying or world.row(other) is None:
            because = Closing.DEATH
        elif tick - (pledge >> 32) > PATIENCE:
            because = _why_late(world, row, hearing)
        else:
            continue
        telling.tell(PLEDGE_LAPSED, who, pledge, told, target=other, detail=int(because))
    # A proposer who died took its row along: whom it was pledged to is let go.
    for row in np.flatnonzero(
        (minds[m.PLEDGE_WITH, : world.n] >= 0) & (minds[m.PLEDGE_LEADS, : world.n] == 0)
    ).tolist():
        who, other, pledge = int(a[ID, row]), int(minds[m.PLEDGE_WITH, row]), int(minds[m.PLEDGE_AT, row])
        if world.row(who) == row and who not in dying and world.row(other) is None:
            told = {"pledge": address_of(pledge)}
            telling.tell(PLEDGE_LAPSED, who, pledge, told, target=other, detail=int(Closing.DEATH))


def _proposers(world: World) -> list[int]:
    minds = world.minds
    assert minds is not None
    found = np.flatnonzero((minds[m.PLEDGE_WITH, : world.n] >= 0) & (minds[m.PLEDGE_LEADS, : world.n] == 1)).tolist()
    return [row for row in found if world.row(int(world.agents[ID, row])) == row]


def _terms(minds: Any, row: int) -> tuple[tuple[int, int], tuple[int, int]]:
    give, take = int(minds[m.PLEDGE_GIVE, row]), int(minds[m.PLEDGE_TAKE, row])
    return unpack_good_quantity(give), unpack_good_quantity(take)


def _why_late(world: World, row: int, hearing: int) -> Closing:
    """Return what was in the way: goods that were not there, a way too long, or no room to take what was owed."""
    a, minds = world.agents, world.minds
    assert minds is not None
    there = world.row(int(minds[m.PLEDGE_WITH, row]))
    assert there is not None
    (good, quantity), (taken_good, taken) = _terms(minds, row)
    has = a[GOODS + good, row] >= quantity and a[GOODS + taken_good, there] >= taken
    far = hex_distance(int(a[CELL, row]), int(a[CELL, there]), world.width) > hearing
    return Closing.DISTANCE if has and far else Closing.MEANS
