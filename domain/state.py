"""The state of the world at a tick: columns, counters and area hashes. Only `domain.fold` changes it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from domain.columns import (
    ALIVE,
    AREAS,
    BIOME,
    ELEVATION,
    ID,
    N_STATE_COLUMNS,
    Agents,
    Cells,
    Ground,
    Prospects,
    agents_of_capacity,
    all_prospects,
    cells_of_size,
    ground_of,
    take_rows,
)
from domain.configuration import MAX_SIDE, STATE_VERSION
from domain.errors import CorruptHistory
from domain.hashing import BLOCK, rehash_all, rehash_cells, rehash_minds, rehash_rows, state_hash
from domain.minds.columns import (
    EMPTY,
    HASH_MINDS,
    INBOX_SLOTS,
    INBOX_TEXT,
    N_MIND_STATE,
    NEWS_SLOTS,
    NEWS_TEXT,
    Minds,
    minds_of_capacity,
    text_hash,
)
from domain.packing import pack, unpack
from domain.threads import Threads

if TYPE_CHECKING:
    import polars as pl

    from domain.society import Society

_NO_ROW = -1
_MAGIC, _PLAIN_MAGIC = b"POLIS-SP", b"POLIS-ST"
_HEAD = struct.Struct("<8sqqqqqqq")
_MINDS_MAGIC = b"POLIS-MI"
_MINDS_HEAD = struct.Struct("<8sqq")  # magic, columns, bytes of texts
_TEXTS_KEPT = 4_096  # before those that nobody has in mind any more are dropped


@dataclass
class World:
    """Everything that a tick leaves behind.

    Attributes
    ----------
    width, height : cells of the grid
    tick : the newest tick folded; -1 before tick 0
    agents, cells : the columns, see `domain.columns`
    ground, prospects, cell_hashes : what follows from cells: see `Ground` and `Prospects`, and the row hash of each,
        ndarray of int64
    n : rows of `agents` in use, dead ones not yet compacted included
    population : living agents
    next_agent : the id that the next agent born will get
    row_of : ndarray of int32, row of an agent's id, -1 for the dead and the unborn
    sums : ndarray of uint64, shape (6,), the area hashes
    minds : what agents have in mind (see `domain.minds.columns`), None in a society without minds
    texts : what was said and heard, by `text_hash`, as far as a row of `minds` names it
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
    minds: Minds | None = None
    texts: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cells = cells_of_size(self.width * self.height)
        self.ground: Ground = ground_of(self.cells[ELEVATION], self.cells[BIOME])
        self.prospects: Prospects = all_prospects(self.cells)
        self.cell_hashes = np.zeros(self.width * self.height, np.int64)
        # Scratch of the fold: cells whose stock changed in the batch at hand.
        self.touched_cells = np.empty(1024, np.int64)
        self.n_touched_cells = 0
        self.touched_minds: set[int] = set()  # rows
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

    def let_society_go(self) -> None:
        """Forget the columns as mesa-frames sees them, until somebody asks for them again."""
        self.__dict__.pop("society", None)

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
        if self.minds is not None:
            self.minds[:, row] = EMPTY
            self.touched_minds.add(row)
        self._columns_moved()
        return row

    def begin_minds(self) -> None:
        """Make room for what agents have in mind. For the fold alone."""
        self.minds = minds_of_capacity(self.agents.shape[1])

    def compact(self) -> None:
        """Drop the rows of the dead once they are an eighth of all; hashes don't see it."""
        dead = self.n - self.population
        if dead >= 64 and dead * 8 >= self.n:
            self._resize(np.flatnonzero(self.agents[ALIVE, : self.n]), max(64, self.population * 5 // 4))

    def _resize(self, rows: NDArray[np.int64], capacity: int) -> None:
        if self.minds is not None:
            self.rehash()  # marks are by row, and rows move
        self.agents = take_rows(self.agents, rows, capacity)
        if self.minds is not None:
            kept = self.minds[:, rows]
            self.minds = minds_of_capacity(self.agents.shape[1])
            self.minds[:, : len(rows)] = kept
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

    def rows_of(self, agents: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the rows of agents, -1 for whoever is not alive."""
        known = (agents >= 0) & (agents < len(self.row_of))
        return np.where(known, self.row_of[np.where(known, agents, 0)], np.int32(_NO_ROW))

    # -- hashes ------------------------------------------------------------------------------------

    def rehash(self, threads: Threads | None = None) -> None:
        """Update the area hashes from the touched rows, spread over threads if there are several."""
        if threads is None or threads.count == 1:
            rehash_rows(self.agents, 0, self.n, self.sums, self._hashes)
        else:
            for changes in threads.over(self.n, self._rehash_part):
                self.sums += changes
        rehash_cells(self.cells, self.cell_hashes, self.touched_cells, self.n_touched_cells, self.sums)
        self.n_touched_cells = 0
        if self.minds is not None and self.touched_minds:
            self._rehash_minds(np.array(sorted(self.touched_minds), np.int64))

    def _rehash_part(self, first: int, end: int) -> NDArray[np.uint64]:
        changes = np.zeros(len(AREAS), np.uint64)
        rehash_rows(self.agents, first, end, changes, np.empty(BLOCK, np.uint64))
        return changes

    def _rehash_minds(self, rows: NDArray[np.int64]) -> None:
        ids = np.where(self.agents[ALIVE, rows] != 0, self.agents[ID, rows], _NO_ROW)
        rehash_minds(self.minds, rows, ids, 0, N_MIND_STATE, HASH_MINDS, self.sums)
        self.touched_minds.clear()

    def rehash_whole(self) -> NDArray[np.uint64]:
        """Compute the area hashes from all rows and return them; equal to the kept ones, or the cache is wrong."""
        rehash_all(self.agents, self.n, self.cells, self.cell_hashes, self.sums)
        self.n_touched_cells = 0
        if self.minds is not None:
            self.minds[HASH_MINDS] = 0
            self._rehash_minds(np.arange(self.n))
        return self.sums.copy()

    @property
    def areas(self) -> dict[str, int]:
        """The area hashes by name, unsigned."""
        return dict(zip(AREAS, self.sums.tolist(), strict=True))

    @property
    def state_hash(self) -> bytes:
        """The hash of the whole state, 32 bytes."""
        return state_hash(tuple(self.sums.tolist()), self.next_agent, self.population)

    # -- texts -------------------------------------------------------------------------------------

    def keep_text(self, text: str) -> int:
        """Keep a text and return what names it. For the fold alone."""
        if len(self.texts) >= _TEXTS_KEPT + 16 * self.population:
            self.texts = self.texts_in_mind()
        name = text_hash(text)
        self.texts[name] = text
        return name

    def texts_in_mind(self) -> dict[int, str]:
        """Return the texts that somebody alive has in inbox or news."""
        if self.minds is None:
            return {}
        rows = np.flatnonzero(self.agents[ALIVE, : self.n])
        named = [*range(INBOX_TEXT, INBOX_TEXT + INBOX_SLOTS), *range(NEWS_TEXT, NEWS_TEXT + NEWS_SLOTS)]
        return {int(name): self.texts[int(name)] for name in np.unique(self.minds[named][:, rows]) if name >= 0}

    # -- for readers -------------------------------------------------------------------------------

    def agents_frame(self) -> pl.DataFrame:
        """Return a copy of the living agents' columns, by id, as a polars frame."""
        import polars as pl

        living = np.flatnonzero(self.agents[ALIVE, : self.n])
        frame = self.society.citizens.agents
        return pl.DataFrame({name: frame[name].to_numpy()[living] for name in frame.columns if name != "alive"})

    def copy(self) -> World:
        """Return an independent copy, equal in every column and hash.

        Columns are copied as they lie, the dead who are not compacted yet included: that takes a fraction of the time
        that going through `to_bytes` does, and whoever steps backwards makes a copy a tick.
        """
        twin = World(self.width, self.height, self.tick, self.n, self.population, self.next_agent, self.agents.copy())
        twin.cells, twin.cell_hashes = self.cells.copy(), self.cell_hashes.copy()
        twin.ground, twin.prospects = self.ground.copy(), self.prospects.copy()
        twin.row_of, twin.sums = self.row_of.copy(), self.sums.copy()
        if self.minds is not None:
            twin.minds, twin.texts = self.minds.copy(), dict(self.texts)
            twin.touched_minds = set(self.touched_minds)
        return twin

    @property
    def nbytes(self) -> int:
        """How many bytes of memory this state takes, roughly where minds have texts."""
        minds = 0 if self.minds is None else self.minds.nbytes + sum(120 + len(text) for text in self.texts.values())
        return (
            self.agents.nbytes
            + self.cells.nbytes
            + self.cell_hashes.nbytes
            + self.ground.nbytes
            + self.prospects.nbytes
            + self.row_of.nbytes
            + minds
        )

    def to_bytes(self) -> bytes:
        """Return the canonical bytes of this state: what a snapshot keeps, before compression.

        Living rows only, by id, so equal states give equal bytes.
        """
        n = self.population
        head = _HEAD.pack(_MAGIC, STATE_VERSION, self.width, self.height, self.tick, n, self.next_agent, n)
        parts: list[Any] = [head, pack(self._living(self.agents[:N_STATE_COLUMNS]), n).data]
        parts.append(pack(self.cells, self.cells.shape[1]).data)
        if self.minds is not None:
            minds = pack(self._living(self.minds[:N_MIND_STATE]), n)
            texts = json.dumps(sorted(self.texts_in_mind().values()), separators=(",", ":")).encode("ascii")
            parts += [_MINDS_HEAD.pack(_MINDS_MAGIC, N_MIND_STATE, len(texts)), minds.data, texts]
        return b"".join(parts)

    def _living(self, columns: NDArray[Any]) -> NDArray[Any]:
        """Return columns that begin with the rows of the living: these very ones where all are."""
        if self.n == self.population:
            return columns
        return columns[:, : self.n].compress(self.agents[ALIVE, : self.n] != 0, axis=1)

    @classmethod
    def from_bytes(cls, data: bytes) -> World:
        """Restore a state from `to_bytes`.

        Raises
        ------
        CorruptHistory
            If the bytes are not a state, or one of another version.
        """
        if len(data) < _HEAD.size or data[:8] not in (_MAGIC, _PLAIN_MAGIC):
            raise CorruptHistory(-1, -1, "these bytes are not a state")
        magic, version, width, height, tick, n, next_agent, population = _HEAD.unpack_from(data)
        if version != STATE_VERSION:
            raise CorruptHistory(tick, -1, f"state version {version}, this release reads {STATE_VERSION}")
        counted = population == n and 0 <= n <= next_agent < 1 << 31
        # Before there is room made for so many: ids differ, so each takes a byte at least.
        if not 1 <= min(width, height) <= max(width, height) <= MAX_SIDE or not counted or n > len(data):
            raise CorruptHistory(tick, -1, "the counters of the state contradict its rows")
        take = _take_packed if magic == _MAGIC else _take_plain
        world = cls(width, height)
        try:
            world.agents = agents_of_capacity(max(64, n * 5 // 4))
            at = take(data, _HEAD.size, world.agents[:N_STATE_COLUMNS, :n])
            at = take(data, at, world.cells)
            world.agents[ALIVE, :n] = 1
            ids = world.agents[ID, :n]
            if n and not (ids[0] >= 0 and ids[-1] < next_agent and bool((np.diff(ids) > 0).all())):
                raise ValueError("its counters contradict its rows")
            world.tick, world.n, world.population, world.next_agent = tick, n, population, next_agent
            if len(data) > at:
                world._restore_minds(data, at, take)
        except (struct.error, ValueError, KeyError) as error:
            raise CorruptHistory(tick, -1, f"the state can't be read: {error}") from None
        world.ground = ground_of(world.cells[ELEVATION], world.cells[BIOME])
        world.prospects = all_prospects(world.cells)
        world.row_of = np.full(next_agent + 64, _NO_ROW, np.int32)
        world.row_of[ids] = np.arange(n, dtype=np.int32)
        world.rehash_whole()
        return world

    def _restore_minds(self, data: bytes, at: int, take: _Take) -> None:
        magic, columns, size = _MINDS_HEAD.unpack_from(data, at)
        if magic != _MINDS_MAGIC or columns != N_MIND_STATE:
            raise ValueError("it has bytes to spare")
        self.begin_minds()
        assert self.minds is not None
        at = take(data, at + _MINDS_HEAD.size, self.minds[:N_MIND_STATE, : self.n])
        if len(data) != at + size:
            raise ValueError("its minds are cut short, or have bytes to spare")
        self.texts = {text_hash(text): text for text in json.loads(data[at:])}
        self.texts_in_mind()  # each that is named is there


_Take = Callable[[bytes, int, NDArray[Any]], int]
"""Reads columns at a place of the bytes of a state into where they belong, and returns the place behind them."""


def _take_packed(data: bytes, at: int, columns: NDArray[Any]) -> int:
    return at + unpack(np.frombuffer(data, np.uint8, offset=at), columns)


def _take_plain(data: bytes, at: int, columns: NDArray[Any]) -> int:
    """Read columns as snapshots kept them at first: each number in all of its bytes."""
    kept = np.frombuffer(data, columns.dtype.newbyteorder("<"), columns.size, at)
    columns[:] = kept.reshape(columns.shape)
    return at + kept.nbytes
