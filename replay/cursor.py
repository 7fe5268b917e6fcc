"""Cursor: a place in a run's history that moves both ways, as cheaply one way as the other.

Stepping forward folds the next tick's events, which were read ahead. There is no folding backwards, so
states near the place are kept, and others at a distance from each other: on a step back to where none is,
a few ticks are folded from the one before. What is kept is bounded in bytes.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from domain.advance import new_world
from domain.errors import BeyondHead, CorruptHistory
from domain.events import EventBatch
from domain.fold import fold
from domain.given import whole
from domain.ports import HistoryReader, Run
from domain.state import World
from replay.passages import Passage, Passages
from replay.seek import nearest_snapshot, not_as_recorded
from replay.states import States

_MIB = 1 << 20
_NEAR = 512
"""A move over fewer ticks is a step: what comes next in its direction is got ready."""
_EVENTS_AHEAD, _EVENTS_AT_ONCE = 65_536, 131_072
_EVENTS_OF_A_SNAPSHOT = 16_384
"""To decode a snapshot takes about as long as to read and fold so many events."""


class Cursor:
    """A place in a run's history that moves both ways; keeps the states near it, bounded in bytes.

    Threads may share one: each call has the cursor for itself.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    cache_mib : int, how much memory states and events may take together, at least one
    on_problem : callable, told of each snapshot that is passed over because it is bad

    Attributes
    ----------
    tick : where it stands; -1 before it was first moved

    Raises
    ------
    WrongUsage
        Here and below, of what is no whole number.
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
        cache_mib = whole("cache_mib", cache_mib, least=1)
        # What the thread that reads ahead has folded and nobody has come to yet takes an eighth at most.
        self._states = States(cache_mib * _MIB * 5 // 8)
        self._passages = Passages(reader, run, most_bytes=cache_mib * _MIB // 4)
        self._ready: deque[World] = deque()
        self._shown: World | None = None
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
            tick = self._required(tick)
            while self._ready:
                self._states.keep(self._ready.popleft())
            world = self._states.get(tick)
            if world is None:
                world = self._fold_to(tick)
            if self._shown is not None and self._shown is not world:
                self._shown.let_society_go()  # it may be larger than the state, and is counted nowhere
            self._shown = world
            moved, self.tick = tick - self.tick, tick
            if 0 < abs(moved) <= _NEAR:
                self._get_ready(tick, moved)
            return world

    def step(self, by: int = 1) -> World:
        """Move by so many ticks, backwards if negative, and return the state there."""
        return self.at(self.tick + whole("by", by))

    def events(self, tick: int) -> EventBatch:
        """Return the events of a tick, as today's definitions have them; the cursor stays where it is.

        Raises
        ------
        BeyondHead, CorruptHistory
        """
        with self._mutex:
            tick = self._required(tick)
            self._passages.need(tick, tick)
            return self._passages.here(tick).events(tick)

    @property
    def nbytes(self) -> int:
        """Bytes that states and events take now."""
        return self._states.nbytes + self._passages.nbytes

    def close(self) -> None:
        """End the thread that reads ahead; a cursor that moves again makes another."""
        with self._mutex:
            self._passages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- within --------------------------------------------------------------------------------------

    def _required(self, tick: int) -> int:
        tick = whole("tick", tick)
        if not 0 <= tick <= self._head:  # what was below the head once is so for ever
            head = self.reader.head(self.run)
            self._head = -1 if head is None else head.tick
        if not 0 <= tick <= self._head:
            raise BeyondHead(self.run.name, tick, self._head)
        return tick

    def _fold_to(self, tick: int) -> World:
        """Fold to a tick from the nearest state or snapshot before it, keeping some states on the way."""
        near = abs(tick - self.tick) <= _NEAR
        base = self._base(tick)
        distance = tick - base.tick
        gap = self._gap(distance, base)
        world = base.copy() if distance else base
        beyond = min(self._head, tick + self._passages.ticks_of_size() if near else tick)
        for t in range(base.tick + 1, tick + 1):
            passage = self._passages.at(t)
            if passage is None:  # without snapshots it may be a long way: not all of it at once
                last = min(tick, t + self._passages.ticks_of_size(_EVENTS_AT_ONCE) - 1)
                self._passages.need(t, last, beyond=beyond if last == tick else last)
                passage = self._passages.here(t)
            fold(world, passage.events(t))
            if t == tick or (tick - t) % gap == 0 or (near and tick - t < gap):
                if world.state_hash != passage.state_hash(t):
                    raise CorruptHistory(t, -1, not_as_recorded(self.run))
                self._states.keep(world.copy() if t < tick else world)
        return world

    def _gap(self, distance: int, world: World) -> int:
        """Return how far apart to keep states: to fold through a gap then costs as much as to fold to each of them."""
        return max(1, math.isqrt(distance), 5 * distance * world.nbytes // self._states.most_bytes)

    def _base(self, tick: int) -> World:
        """Return the nearest state before a tick that there is: one that is kept, else one from a snapshot."""
        kept = self._states.before(tick)
        close = kept >= 0 and tick - kept <= self._passages.ticks_of_size(_EVENTS_OF_A_SNAPSHOT)
        if not close and self._snapshot_before(tick) > kept and not self._is_read(kept + 1, tick):
            world, _ = nearest_snapshot(self.reader, self.run, tick, self.on_problem)
            if world.tick > kept:
                self._states.keep(world)
                return world
        near = self._states.get(kept) if kept >= 0 else None
        return new_world(self.run.configuration) if near is None else near

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
        if not self._snapshot_ticks or self._snapshot_ticks[-1] < tick:
            self._snapshot_ticks = self.reader.snapshot_ticks(self.run)
        at = bisect_right(self._snapshot_ticks, tick) - 1
        return self._snapshot_ticks[at] if at >= 0 else -1

    # -- what comes next -------------------------------------------------------------------------------

    def _get_ready(self, tick: int, moved: int) -> None:
        """Have what comes next in the direction of a move read ahead, in a thread."""
        passage = self._passages.at(tick, wait=False)
        most = self._passages.ticks_of_size(_EVENTS_AT_ONCE)
        size = min(max(self._passages.ticks_of_size(_EVENTS_AHEAD), 4 * abs(moved)), most)
        if moved > 0:
            edge = tick if passage is None else passage.last
            if edge - tick < size and edge < self._head:
                self._passages.read_ahead(edge + 1, min(self._head, edge + size))
            return
        edge = tick if passage is None else passage.first
        if tick - edge < size and edge > 1:
            # The state at edge - 1 may be a snapshot's; those before it are folded from the one before that.
            first = max(self._snapshot_before(edge - 2) + 1, edge - most)
            self._passages.read_ahead(first, edge - 1, self._fold_ready)

    def _fold_ready(self, passage: Passage) -> None:
        """Fold what was read ahead backwards, and keep some of its states for those who come there; in a thread."""
        world, _ = nearest_snapshot(self.reader, self.run, passage.first - 1)
        if world.tick != passage.first - 1:
            return  # whoever comes there is told why
        gap = self._gap(passage.last - world.tick, world)
        for tick in range(passage.first, passage.last + 1):
            fold(world, passage.events(tick))
            if (passage.last - tick) % gap == 0 and world.state_hash == passage.state_hash(tick):
                self._ready.append(world.copy())
