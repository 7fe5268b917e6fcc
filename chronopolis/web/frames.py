"""What the map of the debugger is drawn from: binary frames and terrain, little-endian, made for typed arrays.

A frame holds one tick. Every section begins at a multiple of four bytes, so that a browser can lay an
`Int32Array` or an `Int16Array` straight over what it received::

    Int32  header[8]       FRAME_MAGIC, version, tick, n_agents, n_cells, n_ties, total_bytes, 0
    Int32  id[n]           living agents, by id
    Int32  cell[n]
    Int16  energy[n]       milli-units; satiety and company alike
    Int16  satiety[n]
    Int16  company[n]
    Uint8  intention[n]    code, 255 for none
    Uint8  occupation[n]   code
    Uint8  stock[4][cells] 255 · stock / capacity of food, wood, stone, ore, grown to this tick
    Int32  tie_a[m]        ties, each pair once, a < b; only if they were asked for
    Int32  tie_b[m]

The terrain, which never changes::

    Int32  header[4]       TERRAIN_MAGIC, version, width, height
    Int16  elevation[n]    metres
    Uint8  biome[n]        code
    Int32  capacity[4][n]  milli-units
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopolis.web.growth import stock_shares
from domain.codes import N_RESOURCES
from domain.columns import (
    ALIVE,
    BIOME,
    CAPACITY,
    CELL,
    COMPANY,
    ELEVATION,
    ENERGY,
    ID,
    INTENTION,
    N_TIES,
    OCCUPATION,
    SATIETY,
    TIE_OTHER,
)
from domain.state import World

FRAME_MAGIC, TERRAIN_MAGIC = 0x504F4C46, 0x504F4C54  # "POLF", "POLT"
VERSION = 1
NO_INTENTION = 255
HEADER_BYTES = 32


def encode_frame(world: World, *, ties: bool = False) -> bytes:
    """Return the frame of a state.

    Parameters
    ----------
    world : World, only read
    ties : whether pairs of agents that know each other are told
    """
    agents, n = world.agents, world.n
    # A slice costs nothing, an index array copies: the dead are rarely there, since the fold compacts them away.
    rows: slice | NDArray[np.int64] = slice(0, n)
    if n != world.population:
        rows = np.flatnonzero(agents[ALIVE, :n])
    pairs = _pairs(world, rows) if ties else np.empty((2, 0), "<i4")
    n_cells, n_agents = world.cells.shape[1], world.population
    sections = [
        agents[ID, rows].astype("<i4"),
        agents[CELL, rows].astype("<i4"),
        *(agents[need, rows].astype("<i2") for need in (ENERGY, SATIETY, COMPANY)),
        agents[INTENTION, rows].astype(np.uint8),  # -1 becomes 255
        agents[OCCUPATION, rows].astype(np.uint8),
        stock_shares(world.cells, world.tick),
        pairs[0],
        pairs[1],
    ]
    total = HEADER_BYTES + sum(_padded(section.nbytes) for section in sections)
    header = np.array([FRAME_MAGIC, VERSION, world.tick, n_agents, n_cells, pairs.shape[1], total, 0], "<i4")
    return _joined([header, *sections])


def _pairs(world: World, rows: slice | NDArray[np.int64]) -> NDArray[np.int32]:
    """Return every tie between two who live, once, as (a, b) with a < b, in order."""
    ids = world.agents[ID, rows]
    others = world.agents[TIE_OTHER : TIE_OTHER + N_TIES, rows].ravel()
    owners = np.tile(ids, N_TIES)
    there = others >= 0
    owners, others = owners[there], others[there]
    both = world.rows_of(others.astype(np.int32)) >= 0  # a tie to somebody who died leads nowhere on a map
    a, b = np.minimum(owners, others)[both], np.maximum(owners, others)[both]
    packed = np.unique(a << 32 | b)
    return np.stack((packed >> 32, packed & 0xFFFFFFFF)).astype("<i4")


def encode_terrain(world: World) -> bytes:
    """Return the land of a world; see the top of this module."""
    cells = world.cells
    return _joined(
        [
            np.array([TERRAIN_MAGIC, VERSION, world.width, world.height], "<i4"),
            cells[ELEVATION].astype("<i2"),
            cells[BIOME].astype(np.uint8),
            cells[CAPACITY : CAPACITY + N_RESOURCES].astype("<i4"),
        ]
    )


def _padded(size: int) -> int:
    return -(-size // 4) * 4


def _joined(sections: list[NDArray]) -> bytes:
    """Return the bytes of all sections, each padded to four."""
    parts: list[bytes | memoryview] = []
    for section in sections:
        parts.append(section.tobytes())
        if spare := -section.nbytes % 4:
            parts.append(bytes(spare))
    return b"".join(parts)


# -- reading them back: for clients in Python, and for the tests ---------------------------------------


@dataclass(frozen=True)
class Frame:
    """A frame, decoded; arrays are views of the bytes it came from."""

    tick: int
    id: NDArray[np.int32]
    cell: NDArray[np.int32]
    energy: NDArray[np.int16]
    satiety: NDArray[np.int16]
    company: NDArray[np.int16]
    intention: NDArray[np.uint8]
    occupation: NDArray[np.uint8]
    stock: NDArray[np.uint8]
    tie_a: NDArray[np.int32]
    tie_b: NDArray[np.int32]


@dataclass(frozen=True)
class Land:
    """A terrain, decoded."""

    width: int
    height: int
    elevation: NDArray[np.int16]
    biome: NDArray[np.uint8]
    capacity: NDArray[np.int32]


class _Sections:
    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, dtype: str, count: int) -> NDArray:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += _padded(found.nbytes)
        return found


def decode_frames(data: bytes) -> list[Frame]:
    """Return the frames that lie end to end in an answer of the API.

    Raises
    ------
    ValueError
        If these bytes are no frames, or of another version.
    """
    frames, at = [], 0
    while at < len(data):
        magic, version, tick, n, n_cells, m, total, _ = np.frombuffer(data, "<i4", 8, at).tolist()
        if magic != FRAME_MAGIC or version != VERSION or at + total > len(data):
            raise ValueError(f"no frame of version {VERSION} begins at byte {at}")
        take = _Sections(data, at + HEADER_BYTES).take
        agents = [take(dtype, n) for dtype in ("<i4", "<i4", "<i2", "<i2", "<i2", "u1", "u1")]
        stock = take("u1", N_RESOURCES * n_cells).reshape(N_RESOURCES, n_cells)
        sections = [*agents, stock, take("<i4", m), take("<i4", m)]
        frames.append(Frame(tick, *sections))
        at += total
    return frames


def decode_terrain(data: bytes) -> Land:
    """Return the land that an answer of the API holds.

    Raises
    ------
    ValueError
        If these bytes are no terrain, or of another version.
    """
    magic, version, width, height = np.frombuffer(data, "<i4", 4).tolist()
    if magic != TERRAIN_MAGIC or version != VERSION:
        raise ValueError(f"this is no terrain of version {VERSION}")
    n, s = width * height, _Sections(data, 16)
    capacity_of = (s.take("<i2", n), s.take("u1", n), s.take("<i4", N_RESOURCES * n).reshape(N_RESOURCES, n))
    return Land(width, height, *capacity_of)
