"""Stocks: how they grow, how much one gathering brings, and who comes first where several gather."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline, kernel
from domain._prefetch import FAR, prefetch
from domain.codes import Good
from domain.columns import CAPACITY, REGROWTH, SINCE, SKILLS, STOCK, Cells
from domain.draws import draw_one
from domain.rules.constants import CARRY, GATHER, REST, YIELD, YIELD_WITH_TOOL
from domain.rules.plan import (
    P_ACTION,
    P_ALIVE,
    P_CELL,
    P_GOODS,
    P_ID,
    P_INTENTION,
    P_LEFT,
    P_NEXT_GATHERER,
    P_QUANTITY,
)

_AHEAD = 16  # rows
_TOOL = int(Good.TOOL)


@inline
def stock_at(c, good, cell, tick):  # type: ignore[no-untyped-def]
    """Return a cell's stock at a tick: linear regrowth up to capacity, in whole milli-units, rounded down.

    The fraction of a milli-unit that has grown since the stock was last touched is lost when it is
    touched. A stock above capacity neither grows nor shrinks.
    """
    stock = np.int64(c[STOCK + good, cell])
    capacity = np.int64(c[CAPACITY + good, cell])
    if stock >= capacity:
        return stock
    grown = stock + (np.int64(tick) - c[SINCE + good, cell]) * c[REGROWTH + good, cell] // 1000
    return min(grown, capacity)


def stocks_at(cells: Cells, good: int, tick: int) -> NDArray[np.int64]:
    """Return every cell's stock of a good at a tick, as `stock_at` has it."""
    # In 64 bits: so many ticks times a pace is more than a column's 32 have room for.
    stock, capacity, since, pace = cells[[k + good for k in (STOCK, CAPACITY, SINCE, REGROWTH)]].astype(np.int64)
    grown = stock + (tick - since) * pace // 1000
    found: NDArray[np.int64] = np.where(stock >= capacity, stock, np.minimum(grown, capacity))
    return found


@inline
def wished_quantity(a, p, row, good):  # type: ignore[no-untyped-def]
    """Return how much an agent would take with its skill and tool, if there is enough."""
    amount = YIELD + a[SKILLS + good, row] // 2
    if p[P_GOODS + _TOOL, row] > 0:
        amount += YIELD_WITH_TOOL
    return max(0, min(amount, CARRY - p[P_GOODS + good, row]))


@inline
def _note_what_is_left(p, first, whole):  # type: ignore[no-untyped-def]
    """Note for each gatherer of a cell what is left after it; they are told of in the order of rows."""
    at = first
    while at >= 0:
        left, other = np.int64(whole), first
        while other >= 0:
            left -= p[P_QUANTITY, other] if other <= at else 0
            other = p[P_NEXT_GATHERER, other]
        p[P_LEFT, at] = left
        at = p[P_NEXT_GATHERER, at]


@kernel
def share_stocks(a, n, c, p, board, tick, stream):  # type: ignore[no-untyped-def]
    """Allot stocks to gatherers: in each cell by a fresh draw, never by id. Who gets nothing rests."""
    n_cells, far = c.shape[1], a.shape[1] > FAR
    # A list of gatherers per (cell, good), kept in order of the draw while it is built.
    for i in range(n):
        ahead = min(i + _AHEAD, n - 1)
        if far and p[P_ACTION, ahead] == GATHER:
            prefetch(board.first_gatherer, p[P_INTENTION, ahead] * n_cells + p[P_CELL, ahead])
        if p[P_ALIVE, i] == 0 or p[P_ACTION, i] != GATHER:
            continue
        key = p[P_INTENTION, i] * n_cells + p[P_CELL, i]
        mine = draw_one(p[P_ID, i], stream, tick, 0)
        before, at = -1, board.first_gatherer[key]
        while at >= 0:
            other = draw_one(p[P_ID, at], stream, tick, 0)
            if mine < other or (mine == other and p[P_ID, i] < p[P_ID, at]):
                break
            before, at = at, p[P_NEXT_GATHERER, at]
        p[P_NEXT_GATHERER, i] = at
        if before < 0:
            board.first_gatherer[key] = i
        else:
            p[P_NEXT_GATHERER, before] = i
    for i in range(n):
        ahead = min(i + _AHEAD, n - 1)
        if far and p[P_ACTION, ahead] == GATHER:
            good, cell = p[P_INTENTION, ahead], p[P_CELL, ahead]
            prefetch(board.first_gatherer, good * n_cells + cell)
            for k in (STOCK, CAPACITY, SINCE, REGROWTH):
                prefetch(c, k + good, cell)
        if p[P_ALIVE, i] == 0 or p[P_ACTION, i] != GATHER:
            continue
        good = p[P_INTENTION, i]
        key = good * n_cells + p[P_CELL, i]
        at = board.first_gatherer[key]
        if at < 0:
            continue  # this cell's gatherers were served with the first of them
        left = stock_at(c, good, p[P_CELL, i], tick)
        whole = left
        while at >= 0:
            p[P_QUANTITY, at] = min(left, np.int64(wished_quantity(a, p, at, good)))
            left -= p[P_QUANTITY, at]
            if p[P_QUANTITY, at] <= 0:
                p[P_ACTION, at] = REST
            at = p[P_NEXT_GATHERER, at]
        _note_what_is_left(p, board.first_gatherer[key], whole)
        board.first_gatherer[key] = -1
