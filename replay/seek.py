"""Seek: the state at a tick, from the nearest good snapshot before it and the events since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np

from domain.advance import new_world
from domain.errors import BeyondHead, CorruptHistory
from domain.events import EventBatch, empty_records
from domain.fold import fold
from domain.ports import Headers, HistoryReader, Run
from domain.state import World
from domain.upcast import to_current

_HEADERS_AT_ONCE = 8_192
_NO_EVENTS = EventBatch.of(empty_records(0))


def at(reader: HistoryReader, run: Run, tick: int, *, on_problem: Callable[[str], None] | None = None) -> World:
    """Return the state that a tick left.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    tick : int, from 0 to the head
    on_problem : callable, told of each snapshot that is passed over because it is bad

    Raises
    ------
    BeyondHead
        If that tick has not happened.
    CorruptHistory
        If what comes out does not have the hash that the tick's header records.
    """
    if tick < 0:
        raise _beyond(reader, run, tick)
    world, headers = nearest_snapshot(reader, run, tick, on_problem)
    if not len(headers) or headers.ticks[-1] != tick:
        raise _beyond(reader, run, tick)
    for events in ticks_of(reader, run, world.tick + 1, tick, headers=headers):
        fold(world, events)
    if world.tick != tick or headers.state_hash[-1] != world.state_hash:
        raise damaged(reader, run, tick, not_as_recorded(run))
    return world


def _beyond(reader: HistoryReader, run: Run, tick: int) -> BeyondHead:
    reader.find(str(run.id))  # or somebody has dropped it meanwhile
    head = reader.head(run)
    return BeyondHead(run.name, tick, -1 if head is None else head.tick)


def where_to_look(run: Run) -> str:
    """Return what to do about a history that was changed."""
    return f"`polis verify {run.name}` names what differs first"


def damaged(reader: HistoryReader, run: Run, tick: int, because: str) -> CorruptHistory:
    """Return what is wrong with a tick of a run, unless it is that somebody has dropped the run meanwhile.

    Raises
    ------
    RunDropped
    """
    reader.find(str(run.id))
    return CorruptHistory(tick, -1, because)


def not_as_recorded(run: Run) -> str:
    """Return what is wrong where a state comes out that was not recorded."""
    return f"run {run.name}: the events do not fold to the recorded state; {where_to_look(run)}"


def at_head(reader: HistoryReader, run: Run, *, on_problem: Callable[[str], None] | None = None) -> World:
    """Return the newest state, or the empty world of a run that has no tick yet."""
    head = reader.head(run)
    if head is None:
        return new_world(run.configuration)
    return at(reader, run, head.tick, on_problem=on_problem)


def ticks_of(
    reader: HistoryReader, run: Run, first: int, last: int, *, headers: Headers | None = None
) -> Iterator[EventBatch]:
    """Yield the events of each tick, brought to today's definitions, one batch a tick.

    `headers` are those of these ticks, and may be of some before, if the caller has read them.

    Raises
    ------
    CorruptHistory
        If a tick in between has no header, or not the events that it counts.
    """
    if first > last:
        return
    low = first
    if headers is None:
        here = reader.headers(run, low, min(last, low + _HEADERS_AT_ONCE - 1))
    else:
        here = headers
        low = int(headers.ticks[0]) if len(headers) else first
    if low > first:
        raise damaged(reader, run, first, f"its header is missing; {where_to_look(run)}")
    due = first
    for tick, events in by_tick(reader.read(run, first, last, headers=headers), first, last):
        if headers is None and not low <= tick < low + _HEADERS_AT_ONCE:  # of a long run not all at once
            low = tick
            here = reader.headers(run, low, min(last, low + _HEADERS_AT_ONCE - 1))
        at = tick - low
        if at >= len(here) or here.ticks[at] != tick:
            raise damaged(reader, run, tick, f"its header is missing; {where_to_look(run)}")
        counted = int(here.events[at])
        # What is too much of a tick may come after all others; as many as its header counts were handed on before.
        stored = len(events) + (counted if tick < due else 0)
        if stored != counted:
            because = f"{stored} events are stored, its header counts {counted}; {where_to_look(run)}"
            raise damaged(reader, run, tick, because)
        due = tick + 1
        yield to_current(events, int(here.catalogues[at]))


def by_tick(batches: Iterable[EventBatch], first: int, last: int) -> Iterator[tuple[int, EventBatch]]:
    """Yield (tick, its events) for ticks first … last; no events where none are stored, as when all have died."""
    expected = first
    for batch in batches:
        ticks = batch.records["tick"]
        edges = [0, *(np.flatnonzero(np.diff(ticks)) + 1).tolist(), len(batch)] if len(batch) else []
        for start, stop in pairwise(edges):
            tick = int(ticks[start])
            yield from ((t, _NO_EVENTS) for t in range(expected, tick))
            yield tick, batch.slice(start, stop)
            expected = tick + 1
    yield from ((t, _NO_EVENTS) for t in range(expected, last + 1))


def nearest_snapshot(
    reader: HistoryReader, run: Run, tick: int, on_problem: Callable[[str], None] | None = None
) -> tuple[World, Headers]:
    """Return the newest good snapshot up to a tick and the headers from there to that tick.

    Without one it is the empty world, and the headers are those from tick 0. Each that is passed over is told of.
    """
    for snapshot in reader.snapshots(run, tick):
        problem = snapshot.problem
        if snapshot.world is not None:
            headers = reader.headers(run, snapshot.tick, tick)
            if len(headers) and (headers.ticks[0], headers.state_hash[0]) == (snapshot.tick, snapshot.state_hash):
                return snapshot.world, headers
            problem = "it does not have the hash of its tick's header"
        if on_problem:
            on_problem(f"run {run.name}: the snapshot at tick {snapshot.tick} is passed over: {problem}")
    return new_world(run.configuration), reader.headers(run, 0, tick)
