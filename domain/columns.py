"""The columns of state: one matrix of agents and one of cells, a row of the matrix being a column of the table.

``a[CELL, row]`` is the cell of the agent in that row. One matrix, rather than thirty arrays, because a
kernel then takes one argument: it compiles in seconds instead of a minute, and calls cost nothing.
Every column is contiguous, so polars can show it without a copy (see `domain.society`).

Rows of agents are in the order of their ids; dead ones stay until the fold compacts them away.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline
from domain.codes import N_GOODS, N_RESOURCES, N_SKILLS, N_TRAITS, Biome

Number = TypeVar("Number", bound=np.generic)

N_TIES = 8
"""How many others an agent keeps ties to; the weakest makes room for a new one."""

Agents = NDArray[np.int64]
"""Matrix of int64, shape (N_AGENT_COLUMNS, capacity)."""
Cells = NDArray[np.int32]
"""Matrix of int32, shape (N_CELL_COLUMNS, n_cells). To be widened before numpy multiplies: see `stocks_at`."""
Ground = NDArray[np.int16]
"""Elevation of every cell, and whether water covers it: then ``~elevation``. Derived from the columns, for walking.

Who takes a step looks at seven cells in three rows of the grid. So they take 2 bytes each instead of 8: those of a
million cells stay in a cache.
"""
Prospects = NDArray[np.int16]
"""What a cell has of each resource at most until somebody intervenes, shape (N_RESOURCES, n_cells): nothing in water.

In milli-units, up to 2**15 - 1. A bound that follows from the columns, for searching: most cells that come into sight
can't be the best one, whatever has grown there, and are passed over for 2 bytes instead of 16. Where there was more
than can grow and some of it was gathered it is too high, but it is never too low.
"""
MAX_ELEVATION, MAX_AMOUNT, MAX_PROSPECT = 2**15 - 1, 2**31 - 1, 2**15 - 1

# -- agents: what never changes (area `personas`) ------------------------------------------------
ID = 0
BORN = 1  # tick, negative for founders
LIFESPAN = 2  # ticks
GIVEN_NAME, FAMILY_NAME, OCCUPATION = 3, 4, 5  # codes
PARENT, HOUSEHOLD = 6, 7  # agent ids; -1 for founders, the founder's own id
TRAITS = 8  # and the next N_TRAITS - 1, milli
# -- what changes every tick (area `agents`) -------------------------------------------------------
SKILLS = TRAITS + N_TRAITS  # and the next, milli
CELL = SKILLS + N_SKILLS
ENERGY, SATIETY, COMPANY = CELL + 1, CELL + 2, CELL + 3  # milli
INTENTION, GOAL = CELL + 4, CELL + 5  # code or -1; cell
INTENDED = CELL + 6  # packed address of the event that formed the intention
ACTED = CELL + 7  # packed address of the newest event of the agent's own
LAST_BIRTH = CELL + 8  # tick, -1 before the first
ASKED = CELL + 9  # packed address of the request whose answer is awaited, or -1
THOUGHT_DUE = CELL + 10  # tick at which that answer takes effect, or -1
# -- area `goods` ------------------------------------------------------------------------------------
GOODS = CELL + 11  # and the next N_GOODS - 1; milli, coins and tool uses in pieces
# -- area `ties` -------------------------------------------------------------------------------------
TIE_OTHER = GOODS + N_GOODS  # and the next N_TIES - 1: agent id or -1
TIE_STRENGTH = TIE_OTHER + N_TIES  # and the next: milli
# -- not state: bookkeeping of the fold --------------------------------------------------------------
ALIVE = TIE_STRENGTH + N_TIES
TOUCHED = ALIVE + 1  # bits TOUCHED_*
HASH_PERSONAS, HASH_AGENTS, HASH_GOODS, HASH_TIES = ALIVE + 2, ALIVE + 3, ALIVE + 4, ALIVE + 5
N_AGENT_COLUMNS = HASH_TIES + 1
N_STATE_COLUMNS = ALIVE
"""Columns before this one are state: hashed and kept in snapshots."""

# -- cells (area `cells`) ----------------------------------------------------------------------------
ELEVATION, BIOME = 0, 1  # metres; code
CAPACITY = 2  # and the next N_RESOURCES - 1, milli
REGROWTH = CAPACITY + N_RESOURCES  # milli in 1,000 ticks
STOCK = REGROWTH + N_RESOURCES  # milli, as of SINCE
SINCE = STOCK + N_RESOURCES  # tick
N_CELL_COLUMNS = SINCE + N_RESOURCES

TOUCHED_PERSONA, TOUCHED_AGENT, TOUCHED_GOODS, TOUCHED_TIES = 1, 2, 4, 8

AREAS = ("personas", "agents", "goods", "ties", "cells", "minds")
"""Areas of state with a hash of their own in every header, in the order that they are stored.

`minds` is empty, and its hash 0, in a society without them (see `domain.minds.columns`)."""


def agents_of_capacity(capacity: int) -> Agents:
    """Return agent columns of zeros, with room for `capacity` rows or a few more."""
    return columns_of_zeros(N_AGENT_COLUMNS, padded(capacity), np.int64)


def columns_of_zeros(columns: int, rows: int, dtype: type[Number]) -> NDArray[Number]:
    """Return a matrix of zeros, shape (columns, rows).

    On Linux numpy asks for huge pages for what `numpy.empty` gives, from 4 MB on, but not for what `numpy.zeros`
    gives; and where a large society's columns lie on pages of 4 KB, finding the page takes its time too.
    """
    matrix = np.empty((columns, rows), dtype)
    matrix.fill(0)
    return matrix


def padded(capacity: int) -> int:
    """Return a capacity that is an odd number of cache lines.

    With a power of two, the same row of every column would fall into the same few cache sets, and a
    kernel that walks along forty columns would find none of them in the cache.
    """
    lines = -(-capacity // 8)
    return 8 * (lines | 1)


def cells_of_size(n: int) -> Cells:
    """Return cell columns of zeros."""
    return columns_of_zeros(N_CELL_COLUMNS, n, np.int32)


def ground_of(elevation: NDArray[np.integer[Any]], biome: NDArray[np.integer[Any]]) -> Ground:
    """Return what walking asks of cells, from their columns: see `Ground`."""
    return np.where(biome == int(Biome.WATER), ~elevation, elevation).astype(np.int16)


def prospects_of(stock: NDArray[Any], capacity: NDArray[Any], biome: NDArray[Any]) -> Prospects:
    """Return what searching asks of cells, from their columns: see `Prospects`.

    Parameters
    ----------
    stock, capacity : ndarray of integers, shape (N_RESOURCES, n) or, of one resource, (n,)
    biome : ndarray of integers, shape (n,)
    """
    most = np.minimum(np.maximum(stock, capacity), MAX_PROSPECT)
    return np.where(biome == int(Biome.WATER), 0, most).astype(np.int16)


def all_prospects(cells: Cells) -> Prospects:
    """Return those of every resource and cell."""
    return prospects_of(cells[STOCK : STOCK + N_RESOURCES], cells[CAPACITY : CAPACITY + N_RESOURCES], cells[BIOME])


def prospect_of(stock: int, capacity: int, water: bool) -> int:
    """Return that of one resource of one cell."""
    return 0 if water else min(max(stock, capacity), MAX_PROSPECT)


@inline
def is_water(ground, cell):  # type: ignore[no-untyped-def]
    """Return whether water covers the cell."""
    return ground[cell] < 0


@inline
def height_at(ground, cell):  # type: ignore[no-untyped-def]
    """Return the elevation of a cell, metres."""
    height = np.int64(ground[cell])
    return max(height, ~height)


def take_rows(agents: Agents, rows: NDArray[np.int64], capacity: int) -> Agents:
    """Return new columns that hold the given rows, in that order, with room for `capacity`."""
    fresh = agents_of_capacity(capacity)
    fresh[:, : len(rows)] = agents[:, rows]
    return fresh
