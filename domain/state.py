"""The state of the world at a tick: columns, counters and area hashes. Only `domain.fold` changes it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from domain.columns import (
    ALIVE,
    AREAS,
    HASH_CELLS,
    ID,
    N_STATE_COLUMNS,
    Agents,
    Cells,
    agents_of_capacity,
    cells_of_size,
    take_rows,
)
from domain.configuration import STATE_VERSION
from domain.errors import CorruptHistory
from domain.hashing import BLOCK, rehash_all, rehash_touched, state_hash

if TYPE_CHECKING:
    from domain.society import Society

_NO_ROW = -1
_MAGIC = b"POLIS-ST"
_HEAD = struct.Struct("<8sqqqqqqq")


@dataclass
class World:
    """Everything that a tick leaves behind.

    Attributes
    ----------
    width, height : cells of the grid
    tick : the newest tick folded; -1 before tick 0
    agents, cells : the columns, see `domain.columns`
    n : rows of `agents` in use, dead ones not yet compacted included
    population : living agents
    next_agent : the id that the next agent born will get
    row_of : ndarray of int32, row of an agent's id, -1 for the dead and the unborn
    sums : ndarray of uint64, shape (5,), the area hashes
    """

    width: int
    height: int
    tick: int = -1
    n: int = 0
    population: int = 0
    next_agent: int = 0
    agents: Agents = field(default_factory=lambda: agents_of_capacity(64))
    cells: Cells = field(init=False)
    row_of: NDArray[np.int32] = field(default_factory=lambda: np.full(64, _NO_ROW, np.int32))
    sums: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(len(AREAS), np.uint64))

    def __post_init__(self) -> None:
        self.cells = cells_of_size(self.width * self.height)
        # Scratch of the fold: cells whose stock changed in the batch at hand.
        self.touched_cells = np.empty(1024, np.int64)
        self.n_touched_cells = 0
        self._hashes = np.empty(BLOCK, np.uint64)  # scratch of the hashing

    @cached_property
    def society(self) -> Society:
        """The same columns as mesa-frames sees them: a model with its agents on a hexagonal grid."""
        # Imported late: mesa-frames brings pandas, which most commands never need.
        from domain.society import Society

        society = Society(self.width, self.height)
        society.bind_cells(self.cells)
        society.citizens.bind(self.agents, self.n)
        return society

    def _columns_moved(self) -> None:
        """Show mesa-frames the columns where they are now."""
        if "society" in self.__dict__:
            self.society.citizens.bind(self.agents, self.n)

    # -- rows --------------------------------------------------------------------------------------

    def add_row(self, agent: int) -> int:
        """Make a row for a new agent and return it. For the fold alone."""
        if self.n == self.agents.shape[1]:
            self._resize(np.arange(self.n), 2 * self.n)
        if agent >= len(self.row_of):
            grown = np.full(2 * agent + 64, _NO_ROW, np.int32)
            grown[: len(self.row_of)] = self.row_of
            self.row_of = grown
        row = self.n
        self.n += 1
        self.row_of[agent] = row
        self.population += 1
        self.next_agent = max(self.next_agent, agent + 1)
        self._columns_moved()
        return row

    def compact(self) -> None:
        """Drop the rows of the dead once they are an eighth of all; hashes don't see it."""
        dead = self.n - self.population
        if dead >= 64 and dead * 8 >= self.n:
            self._resize(np.flatnonzero(self.agents[ALIVE, : self.n]), max(64, self.population * 5 // 4))

    def _resize(self, rows: NDArray[np.int64], capacity: int) -> None:
        self.agents = take_rows(self.agents, rows, capacity)
        self.n = len(rows)
        self.row_of[:] = _NO_ROW
        living = np.flatnonzero(self.agents[ALIVE, : self.n])
        self.row_of[self.agents[ID, living]] = living
        self._columns_moved()

    def row(self, agent: int) -> int | None:
        """Return the row of a living agent, or None."""
        if not 0 <= agent < len(self.row_of) or self.row_of[agent] == _NO_ROW:
            return None
        return int(self.row_of[agent])

    # -- hashes ------------------------------------------------------------------------------------

    def rehash(self) -> None:
        """Update the area hashes from the touched rows."""
        rehash_touched(
            self.agents, self.n, self.cells, self.touched_cells, self.n_touched_cells, self.sums, self._hashes
        )
        self.n_touched_cells = 0

    def rehash_whole(self) -> NDArray[np.uint64]:
        """Compute the area hashes from all rows and return them; equal to the kept ones, or the cache is wrong."""
        rehash_all(self.agents, self.n, self.cells, self.sums)
        self.n_touched_cells = 0
        return self.sums.copy()

    @property
    def areas(self) -> dict[str, int]:
        """The area hashes by name, unsigned."""
        return dict(zip(AREAS, self.sums.tolist(), strict=True))

    @property
    def state_hash(self) -> bytes:
        """The hash of the whole state, 32 bytes."""
        return state_hash(tuple(self.sums.tolist()), self.next_agent, self.population)

    # -- for readers -------------------------------------------------------------------------------

    def agents_frame(self) -> pl.DataFrame:
        """Return a copy of the living agents' columns, by id, as a polars frame."""
        living = np.flatnonzero(self.agents[ALIVE, : self.n])
        frame = self.society.citizens.agents
        return pl.DataFrame({name: frame[name].to_numpy()[living] for name in frame.columns if name != "alive"})

    def copy(self) -> World:
        """Return an independent copy, equal in every column and hash."""
        return World.from_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the canonical bytes of this state: what a snapshot keeps, before compression.

        Living rows only, by id, so equal states give equal bytes.
        """
        kept = self.agents[:N_STATE_COLUMNS, : self.n]
        if self.n != self.population:
            kept = kept.compress(self.agents[ALIVE, : self.n] != 0, axis=1)
        head = _HEAD.pack(
            _MAGIC, STATE_VERSION, self.width, self.height, self.tick, kept.shape[1], self.next_agent, self.population
        )
        # Columns are copied twice, into order and into one piece: the runner waits meanwhile, and a state is large.
        return b"".join((head, np.ascontiguousarray(kept, "<i8").data, self.cells[:HASH_CELLS].astype("<i4").data))

    @classmethod
    def from_bytes(cls, data: bytes) -> World:
        """Restore a state from `to_bytes`.

        Raises
        ------
        CorruptHistory
            If the bytes are not a state, or one of another version.
        """
        if len(data) < _HEAD.size or data[:8] != _MAGIC:
            raise CorruptHistory(-1, -1, "these bytes are not a state")
        _, version, width, height, tick, n, next_agent, population = _HEAD.unpack_from(data)
        if version != STATE_VERSION:
            raise CorruptHistory(tick, -1, f"state version {version}, this release reads {STATE_VERSION}")
        agents_size, cells_size = 8 * N_STATE_COLUMNS * n, 4 * HASH_CELLS * width * height
        if len(data) != _HEAD.size + agents_size + cells_size:
            raise CorruptHistory(tick, -1, "the state is cut short, or has bytes to spare")
        kept = np.frombuffer(data, "<i8", N_STATE_COLUMNS * n, _HEAD.size).reshape(N_STATE_COLUMNS, n)
        ids = kept[ID]
        in_order = n == 0 or (ids[0] >= 0 and ids[-1] < next_agent and bool((np.diff(ids) > 0).all()))
        if width < 1 or height < 1 or population != n or not 0 <= next_agent < 1 << 31 or not in_order:
            raise CorruptHistory(tick, -1, "the counters of the state contradict its rows")
        world = cls(width, height)
        world.agents = agents_of_capacity(max(64, n * 5 // 4))
        world.agents[:N_STATE_COLUMNS, :n] = kept
        world.agents[ALIVE, :n] = 1
        world.cells[:HASH_CELLS] = np.frombuffer(data, "<i4", -1, _HEAD.size + agents_size).reshape(HASH_CELLS, -1)
        world.tick, world.n, world.population, world.next_agent = tick, n, population, next_agent
        world.row_of = np.full(next_agent + 64, _NO_ROW, np.int32)
        world.row_of[world.agents[ID, :n]] = np.arange(n, dtype=np.int32)
        world.rehash_whole()
        return world
