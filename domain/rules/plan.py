"""The plan of a tick: what the rules have decided so far, one row an agent. Scratch, never kept.

Read like state (see `domain.columns`): ``p[P_ACTION, row]``; but what belongs to one agent lies side by side, in 128
bytes. Rules look at whole agents, and at partners anywhere: of state they would have to fetch a dozen columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline, kernel
from domain._prefetch import FAR, ask_ahead, prefetch
from domain.codes import N_GOODS, N_RESOURCES
from domain.columns import (
    ALIVE,
    BORN,
    CELL,
    COMPANY,
    ENERGY,
    GOAL,
    GOODS,
    ID,
    INTENDED,
    INTENTION,
    LIFESPAN,
    SATIETY,
    THOUGHT_DUE,
    columns_of_zeros,
)
from domain.events import pack_cause

# Half a row is one cache line: what a look at an agent asks first, then what its action takes.
P_ACTION = 0  # REST … DIE of `constants`
P_OPEN = 1  # 1: ready to meet somebody
P_FORMED = 2  # 1: the intention is new and becomes an event
P_PARTNER = 3  # row, or -1
P_LEADS = 4  # 1 on the initiator's row
P_STEP = 5  # cell to move to
# Copies of state, which take what inputs change this tick.
P_INTENTION, P_GOAL = 6, 7
P_INTENDED_TICK, P_INTENDED_ORDINAL = 8, 9  # see `intended`
# Copies of state that nothing changes.
P_ALIVE, P_ID, P_CELL, P_ENERGY, P_SATIETY, P_COMPANY = 10, 11, 12, 13, 14, 15
# Copies of state, too, which also take what actions use up, so that an heir inherits what is left after the day's work.
P_GOODS = 16  # and the next N_GOODS - 1
P_TIME_LEFT = P_GOODS + N_GOODS  # ticks until the end of its life
P_BECAUSE = P_GOODS + N_GOODS + 1  # CauseOfDeath
P_QUANTITY = P_GOODS + N_GOODS + 2  # allotted of a stock
P_MEETING = P_GOODS + N_GOODS + 3  # TALK, TRADE or GIVE
P_GIVE_GOOD, P_GIVE_QUANTITY = P_MEETING + 1, P_MEETING + 2  # on the initiator's row
P_TAKE_GOOD, P_TAKE_QUANTITY = P_MEETING + 3, P_MEETING + 4
P_NEXT_GATHERER = P_MEETING + 5  # a linked list of rows
P_LEFT = P_MEETING + 6  # of the stock, once those of lower rows and this one have gathered
N_PLAN_COLUMNS = 32
# Kernels look at no bounds: a number too large would be another agent's, or nobody's memory.
assert max(value for name, value in vars().items() if name.startswith("P_")) < N_PLAN_COLUMNS
_LINE = 16  # of such numbers in a cache line


Plan = NDArray[np.int32]
"""Matrix of int32, shape (N_PLAN_COLUMNS, capacity), in the order of Fortran: a row's numbers side by side."""


class Board(NamedTuple):
    """Scratch by cell: who stands there, who gathers."""

    first_here: NDArray[np.int32]  # (n_cells,)
    first_gatherer: NDArray[np.int32]  # (N_RESOURCES * n_cells,)


def plan_of_capacity(capacity: int) -> Plan:
    """Return a plan of zeros, where each row takes just two cache lines."""
    raw = columns_of_zeros(1, capacity * N_PLAN_COLUMNS + _LINE, np.int32)[0]
    start = -raw.ctypes.data // raw.itemsize % _LINE
    plan: Plan = raw[start : start + capacity * N_PLAN_COLUMNS].reshape(capacity, N_PLAN_COLUMNS).T
    return plan


def board_of(n_cells: int) -> Board:
    """Return an empty board."""
    return Board(
        first_here=np.full(n_cells, -1, np.int32),
        first_gatherer=np.full(N_RESOURCES * n_cells, -1, np.int32),
    )


@inline
def intended(p, row):  # type: ignore[no-untyped-def]
    """Return the packed address of the event that formed the intention."""
    return pack_cause(p[P_INTENDED_TICK, row], p[P_INTENDED_ORDINAL, row])


@inline
def intend(p, row, address):  # type: ignore[no-untyped-def]
    """Note which event formed the intention."""
    p[P_INTENDED_TICK, row] = address >> 32
    p[P_INTENDED_ORDINAL, row] = ((address + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


@inline
def ask_for_row(p, row):  # type: ignore[no-untyped-def]
    """Have a row fetched."""
    prefetch(p, 0, row)
    prefetch(p, _LINE, row)


@kernel
def begin_plan(a, first, end, p, tick):  # type: ignore[no-untyped-def]
    """Copy what rows first … end-1 start from; return how many answers are due at the tick."""
    due = 0
    far = a.shape[1] > FAR
    for i in range(first, end):
        if far:
            ask_ahead(a, CELL, GOODS + N_GOODS, i, end)
        for g in range(N_GOODS):
            p[P_GOODS + g, i] = a[GOODS + g, i]
        p[P_INTENTION, i] = a[INTENTION, i]
        p[P_GOAL, i] = a[GOAL, i]
        intend(p, i, a[INTENDED, i])
        p[P_ALIVE, i], p[P_ID, i], p[P_CELL, i] = a[ALIVE, i], a[ID, i], a[CELL, i]
        p[P_ENERGY, i], p[P_SATIETY, i], p[P_COMPANY, i] = a[ENERGY, i], a[SATIETY, i], a[COMPANY, i]
        p[P_TIME_LEFT, i] = a[LIFESPAN, i] - (tick - a[BORN, i])
        due += 1 if (a[THOUGHT_DUE, i] == tick) & (a[ALIVE, i] != 0) else 0
    return due
