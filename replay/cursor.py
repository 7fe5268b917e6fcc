"""Cursor: a place in a run's history that moves both ways, as cheaply one way as the other.

Stepping forward folds the next tick's events, which were read ahead. There is no folding backwards, so
states near the place are kept, and others at a distance from each other: on a step back to where none is,
a few ticks are folded from the one before. What is kept is bounded in bytes.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Callable
from types import TracebackType
from typing import Self

from domain.advance import new_world
from domain.errors import BeyondHead, CorruptHistory
from domain.events import EventBatch
from domain.fold import fold
from domain.ports import HistoryReader, Run
from domain.state import World
from replay.passages import Passages
from replay.seek import nearest_snapshot

_MIB = 1 << 20
_NEAR = 512
"""A move over fewer ticks is a step: what comes next in its direction is got ready."""


class Cursor:
    """A place in a run's history that moves both ways; keeps the states near it, bounded in bytes.

    Threads may share one: each call has the cursor for itself.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    cache_mib : int, how much memory states and events may take together
    on_problem : callable, told of each snapshot that is passed over because it is bad

    Attributes
    ----------
    tick : where it stands; -1 before it was first moved
    """

    def __init__(
        self,
        reader: HistoryReader,
        run: Run,
        *,
        cache_mib: int = 256,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        self.reader, self.run, self.on_problem = reader, run, on_problem
        self.tick = -1
        self._most_bytes = cache_mib * _MIB * 3 // 4
        self._passages = Passages(reader, run, most_bytes=cache_mib * _MIB // 4)
        self._states: dict[int, World] = {}  # by tick, the one used longest ago first
        self._bytes = 0
        self._snapshot_ticks: list[int] = []
        self._head = -1
        self._mutex = threading.RLock()

    def at(self, tick: int) -> World:
        """Move to a tick and return the state that it left.

        The state is shared with the cursor and with whoever asks next: only look at it; `copy()` before changing.

        Raises
        ------
        BeyondHead
            If that tick has not happened.
        CorruptHistory
            If what comes out does not have the hash that the tick's header records.
        """
        with self._mutex:
            self._require(tick)
            world = self._states.pop(tick, None)
            if world is None:
                world = self._fold_to(tick)
            else:
                self._states[tick] = world
            moved, self.tick = tick - self.tick, tick
            if 0 < abs(moved) <= _NEAR:
                self._get_ready(tick, 1 if moved > 0 else -1)
            return world

    def step(self, by: int = 1) -> World:
        """Move by so many ticks, backwards if negative, and return the state there."""
        return self.at(self.tick + by)

    def events(self, tick: int) -> EventBatch:
        """Return the events of a tick, as today's definitions have them; the cursor stays where it is.

        Raises
        ------
        BeyondHead, CorruptHistory
        """
        with self._mutex:
            self._require(tick)
            self._passages.need(tick, tick)
            passage = self._passages.at(tick)
            assert passage is not None
            return passage.events(tick)

    @property
    def nbytes(self) -> int:
        """Bytes that states and events take now."""
        return self._bytes + self._passages.nbytes

    def close(self) -> None:
        """End the thread that reads ahead; the cursor can still be used, without one until it moves again."""
        with self._mutex:
            self._passages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- within --------------------------------------------------------------------------------------

    def _require(self, tick: int) -> None:
        if tick > self._head:  # what was below the head once is so for ever
            head = self.reader.head(self.run)
            self._head = -1 if head is None else head.tick
        if not 0 <= tick <= self._head:
            raise BeyondHead(self.run.name, tick, self._head)

    def _fold_to(self, tick: int) -> World:
        """Fold to a tick from the nearest state or snapshot before it, keeping some states on the way."""
        near = abs(tick - self.tick) <= _NEAR
        base = self._base(tick)
        first, distance = base.tick + 1, tick - base.tick
        if distance:
            beyond = tick + self._passages.ticks_of_size() if near else tick
            self._passages.need(first, tick, beyond=min(beyond, self._head))
        # So far apart that going back through them costs as much as going through a gap between two.
        gap = max(1, math.isqrt(distance), 2 * distance * base.nbytes // self._most_bytes)
        world = base.copy() if distance else base
        for t in range(first, tick + 1):
            passage = self._passages.at(t)
            assert passage is not None
            fold(world, passage.events(t))
            if world.state_hash != passage.state_hash(t):
                because = f"run {self.run.name}: the events do not fold to the recorded state; `polis verify`"
                raise CorruptHistory(t, -1, because)
            if t < tick and ((tick - t) % gap == 0 or (near and tick - t < gap)):
                self._keep(world.copy())
        self._keep(world)
        return world

    def _base(self, tick: int) -> World:
        """Return the nearest state before a tick that there is: one that is kept, else one from a snapshot."""
        kept = max((t for t in self._states if t <= tick), default=-1)
        if self._snapshot_before(tick) > kept and not self._is_read(kept + 1, tick):
            world = nearest_snapshot(self.reader, self.run, tick, self.on_problem)
            if world.tick > kept:
                if world.tick not in self._states:
                    self._keep(world)
                return world
        return self._states[kept] if kept >= 0 else new_world(self.run.configuration)

    def _is_read(self, first: int, last: int) -> bool:
        """Whether the events of ticks first … last are in memory, and few enough to be folded at once."""
        if first == 0 or last - first > _NEAR:
            return False
        while first <= last:
            passage = self._passages.at(first)
            if passage is None:
                return False
            first = passage.last + 1
        return True

    def _snapshot_before(self, tick: int) -> int:
        ticks = self._snapshot_ticks
        if not ticks or ticks[-1] < tick:
            ticks = self._snapshot_ticks = self.reader.snapshot_ticks(self.run)
        at = bisect_right(ticks, tick) - 1
        return ticks[at] if at >= 0 else -1

    def _get_ready(self, tick: int, direction: int) -> None:
        """Have what comes next in a direction read ahead."""
        size = self._passages.ticks_of_size(65_536)
        passage = self._passages.at(tick)
        if direction > 0:
            edge = passage.last if passage is not None else tick
            if edge - tick < size // 2 and edge < self._head:
                self._passages.read_ahead(edge + 1, min(self._head, edge + size))
            return
        edge = passage.first if passage is not None else tick
        if tick - edge < size // 2 and edge > 0:
            first = max(0, min(edge - size // 2, self._snapshot_before(edge - 1) + 1))
            self._passages.read_ahead(max(first, edge - 4 * size), edge - 1)

    def _keep(self, world: World) -> None:
        if world.tick < 0:
            return
        self._states[world.tick] = world
        self._bytes = sum(w.nbytes for w in self._states.values())
        while self._bytes > self._most_bytes and len(self._states) > 1:
            oldest = next(iter(self._states))
            self._bytes -= self._states.pop(oldest).nbytes
