"""Hashes of state: a keyed 64-bit sum over the rows of each area, SHA-256 over the areas.

A sum does not depend on the order of rows, and a changed row costs one subtraction and one
addition. The 64-bit hashes find accidents; what guards against intent is `chain_hash`, which is
cryptographic and covers every event's stored bytes.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from domain._jit import inline, kernel
from domain._prefetch import FAR, prefetch
from domain.columns import (
    ALIVE,
    GOODS,
    HASH_AGENTS,
    HASH_GOODS,
    HASH_PERSONAS,
    HASH_TIES,
    ID,
    N_CELL_COLUMNS,
    N_STATE_COLUMNS,
    SKILLS,
    TIE_OTHER,
    TOUCHED,
    TOUCHED_AGENT,
    TOUCHED_GOODS,
    TOUCHED_PERSONA,
    TOUCHED_TIES,
)

_P1, _P2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_32 = np.uint64(32)
_CELLS_AHEAD, _ROWS_AHEAD = 4, 32  # touched ones
BLOCK = 512
"""Most rows that are hashed side by side; their hashes stay in the first cache."""
_BLOCK_NEAR = 128  # where columns lie in a core's own caches
# One key an area, so that equal rows of two areas differ.
_KEY_PERSONAS, _KEY_AGENTS, _KEY_GOODS, _KEY_TIES, _KEY_CELLS, _KEY_MINDS = (
    np.uint64(int.from_bytes(hashlib.sha256(f"area {name}".encode()).digest()[:8], "little"))
    for name in ("personas", "agents", "goods", "ties", "cells", "minds")
)


@inline
def _mix(h, value):  # type: ignore[no-untyped-def]
    """Take one more 64-bit value into a row's hash (xor, multiply, shift: the rrxmrrxmsx family)."""
    h = (h ^ np.uint64(np.int64(value))) * _P2
    return h ^ (h >> _32)


@inline
def _row_hash(columns, row, row_id, first, last, key):  # type: ignore[no-untyped-def]
    """Hash columns first … last-1 of one row, keyed by the area and the row's id."""
    h = _mix(key, row_id * 2 + 1) * _P1
    for k in range(first, last):
        h = _mix(h, columns[k, row])
    return np.int64(h)


@inline
def _block_hashes(a, first, last, first_column, last_column, key, out):  # type: ignore[no-untyped-def]
    """Hash the same columns of rows first … last-1 into `out`: what `_row_hash` returns for each.

    A row's values go into its hash one after the other, so the processor waits for each multiplication.
    Column by column, the rows of a block go side by side, in vector registers and along contiguous memory.
    """
    n = last - first
    ids = a[ID, first:last]
    for i in range(n):
        out[i] = _mix(key, ids[i] * 2 + 1) * _P1
    for k in range(first_column, last_column):
        column = a[k, first:last]
        for i in range(n):
            out[i] = _mix(out[i], column[i])


@inline
def _replace(columns, row, h, kept, sums, area):  # type: ignore[no-untyped-def]
    """Replace one row's share of an area's sum; `kept` is the column that remembers it."""
    sums[area] += np.uint64(h) - np.uint64(columns[kept, row])
    columns[kept, row] = h


@inline
def _update(columns, row, row_id, first, last, key, kept, sums, area, alive):  # type: ignore[no-untyped-def]
    """Hash one row's columns of an area, if it lives, and replace its share of the sum."""
    h = _row_hash(columns, row, row_id, first, last, key) if alive else np.int64(0)
    _replace(columns, row, h, kept, sums, area)


@inline
def _rehash_cell(c, cell, cell_hashes, sums):  # type: ignore[no-untyped-def]
    h = _row_hash(c, cell, cell, 0, N_CELL_COLUMNS, _KEY_CELLS)
    sums[4] += np.uint64(h) - np.uint64(cell_hashes[cell])
    cell_hashes[cell] = h


@inline
def _ask_for_touched(a, row):  # type: ignore[no-untyped-def]
    """Have what hashing a row reads fetched, of the areas that are hashed for touched rows alone."""
    t = a[TOUCHED, row]
    if t & TOUCHED_GOODS:
        for k in range(GOODS, TIE_OTHER):
            prefetch(a, k, row)
        prefetch(a, HASH_GOODS, row)
    if t & TOUCHED_TIES:
        for k in range(TIE_OTHER, N_STATE_COLUMNS):
            prefetch(a, k, row)
        prefetch(a, HASH_TIES, row)


@kernel
def rehash_rows(a, start, end, sums, hashes):  # type: ignore[no-untyped-def]
    """Add to the sums of the areas of agents what changed in touched rows start … end-1; clear their marks.

    `hashes` is scratch, uint64, shape (BLOCK,).
    """
    far = a.shape[1] > FAR
    block = BLOCK if far else _BLOCK_NEAR
    for first in range(start, end, block):
        last = min(first + block, end)
        # Nearly every agent acts in every tick, so this area is hashed for all; the others change seldom.
        _block_hashes(a, first, last, SKILLS, GOODS, _KEY_AGENTS, hashes)
        for i in range(first, last):
            if far:
                _ask_for_touched(a, min(i + _ROWS_AHEAD, end - 1))
            t = a[TOUCHED, i]
            if t == 0:
                continue
            a[TOUCHED, i] = 0
            who, alive = a[ID, i], a[ALIVE, i] != 0
            if t & TOUCHED_PERSONA:
                _update(a, i, who, 0, SKILLS, _KEY_PERSONAS, HASH_PERSONAS, sums, 0, alive)
            if t & TOUCHED_AGENT:
                _replace(a, i, np.int64(hashes[i - first]) if alive else np.int64(0), HASH_AGENTS, sums, 1)
            if t & TOUCHED_GOODS:
                _update(a, i, who, GOODS, TIE_OTHER, _KEY_GOODS, HASH_GOODS, sums, 2, alive)
            if t & TOUCHED_TIES:
                _update(a, i, who, TIE_OTHER, N_STATE_COLUMNS, _KEY_TIES, HASH_TIES, sums, 3, alive)


@kernel
def rehash_cells(c, cell_hashes, touched_cells, n_touched_cells, sums):  # type: ignore[no-untyped-def]
    """Bring the sum of area `cells` up to date from the cells that the fold touched."""
    far = c.shape[1] > FAR
    for j in range(n_touched_cells):
        if far:
            i = touched_cells[min(j + _CELLS_AHEAD, n_touched_cells - 1)]
            for k in range(N_CELL_COLUMNS):
                prefetch(c, k, i)
            prefetch(cell_hashes, i)
        _rehash_cell(c, touched_cells[j], cell_hashes, sums)


@kernel
def rehash_all(a, n, c, cell_hashes, sums):  # type: ignore[no-untyped-def]
    """Sum every area from its rows, trusting no kept row hash."""
    for k in range(sums.shape[0]):
        sums[k] = 0
    for i in range(n):
        a[TOUCHED, i] = 0
        for k in range(HASH_PERSONAS, HASH_TIES + 1):
            a[k, i] = 0
        who, alive = a[ID, i], a[ALIVE, i] != 0
        _update(a, i, who, 0, SKILLS, _KEY_PERSONAS, HASH_PERSONAS, sums, 0, alive)
        _update(a, i, who, SKILLS, GOODS, _KEY_AGENTS, HASH_AGENTS, sums, 1, alive)
        _update(a, i, who, GOODS, TIE_OTHER, _KEY_GOODS, HASH_GOODS, sums, 2, alive)
        _update(a, i, who, TIE_OTHER, N_STATE_COLUMNS, _KEY_TIES, HASH_TIES, sums, 3, alive)
    for i in range(c.shape[1]):
        cell_hashes[i] = 0
        _rehash_cell(c, i, cell_hashes, sums)


@kernel
def rehash_minds(minds, rows, ids, first, last, kept, sums):  # type: ignore[no-untyped-def]
    """Bring the sum of area `minds` up to date for some rows; `kept` is the column with a row's share.

    A row of nobody (id -1) gives its share back.
    """
    for k in range(rows.shape[0]):
        row = rows[k]
        _update(minds, row, ids[k], first, last, _KEY_MINDS, kept, sums, 5, ids[k] >= 0)


def state_hash(sums: tuple[int, ...], next_agent: int, population: int) -> bytes:
    """Return the 32 bytes of the whole state: SHA-256 over the area sums and the world's counters.

    The sum of `minds` is among them only where there are minds, so that runs without have the hashes that they
    always had.
    """
    areas = sums[:5] if sums[5] == 0 else sums
    return hashlib.sha256(
        b"chronopolis state\0" + struct.pack(f"<{len(areas)}Qqq", *areas, next_agent, population)
    ).digest()


def chain_hash(previous: bytes, tick: int, events_hash: bytes, state_hash: bytes) -> bytes:
    """Return H(chain_hash(t-1) ‖ tick ‖ events_hash ‖ state_hash), SHA-256; the genesis hash comes first."""
    return hashlib.sha256(previous + struct.pack("<q", tick) + events_hash + state_hash).digest()
