"""How full every cell is at a tick: the rule of regrowth, for drawing, over all cells at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.codes import N_RESOURCES
from domain.columns import CAPACITY, REGROWTH, SINCE, STOCK, Cells


def all_stocks_at(cells: Cells, tick: int) -> NDArray[np.int64]:
    """Return every stock as it is at a tick, shape (N_RESOURCES, n_cells), milli-units.

    The same as `domain.rules.gather.stock_at` says of one cell; a test holds the two together.
    """
    stock, capacity = cells[STOCK : STOCK + N_RESOURCES], cells[CAPACITY : CAPACITY + N_RESOURCES]
    grown = tick - cells[SINCE : SINCE + N_RESOURCES].astype(np.int64)
    grown *= cells[REGROWTH : REGROWTH + N_RESOURCES]
    grown //= 1000
    grown += stock
    np.minimum(grown, capacity, out=grown)
    return np.maximum(grown, stock, out=grown)  # a stock above its capacity neither grows nor shrinks


def stock_shares(cells: Cells, tick: int) -> NDArray[np.uint8]:
    """Return 255 · stock / capacity of every cell and resource, rounded down; 0 where nothing can grow."""
    capacity = cells[CAPACITY : CAPACITY + N_RESOURCES]
    share = all_stocks_at(cells, tick)
    share *= 255
    share //= np.maximum(capacity, 1)
    np.minimum(share, 255, out=share)
    share[capacity == 0] = 0
    return share.astype(np.uint8)
