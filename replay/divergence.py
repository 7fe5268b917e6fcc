"""Divergence: the first tick in which two histories differ, found without folding.

What two runs read from the same ancestor is equal by definition. From there on the chain of hashes says
whether two pasts are equal, so once it differs it differs for ever, and the tick is found by bisection. Runs of
another genesis have no hash of the chain in common: of these the headers are scanned for events or states that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from domain.advance import Header
from domain.columns import AREAS
from domain.events import EventBatch
from domain.ports import HistoryReader, Run
from replay.differing_event import event_at, first_differing
from replay.seek import ticks_of

_HEADERS_AT_ONCE = 4_096


def shared_ticks(reader: HistoryReader, a: Run, b: Run) -> int:
    """Return the last tick that two runs read from the same place; -1 if there is none."""
    shared = -1
    for ours, theirs in zip(reader.lineage(a), reader.lineage(b), strict=False):
        if ours[:2] != theirs[:2]:
            break
        shared = min(ours[2], theirs[2])
        if ours[2] != theirs[2]:
            break
    return shared


def first_divergence(
    reader: HistoryReader, a: Run, b: Run, last: int, *, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, Any] | None:
    """Return where two histories first differ up to tick `last`, and in what; None if they don't.

    Returns
    -------
    dict
        tick ; area : the first area of state that differs, or "events" if only these do ; areas : all that differ ;
        events : the number of either side's ; event : the first that differs, with its ordinal, the columns that
        differ and the event of either side ; state : tick and areas where the states first differ, if not at once
    """
    tick = _first_tick(reader, a, b, last, on_progress)
    if tick is None:
        return None
    ours, theirs = _header(reader, a, tick), _header(reader, b, tick)
    areas = _areas(ours, theirs)
    found: dict[str, Any] = {
        "tick": tick,
        "area": areas[0] if areas else "events" if ours.events_hash != theirs.events_hash else "chain",
        "areas": areas,
        "events": [ours.events, theirs.events],
        "event": _first_event(reader, a, b, tick),
    }
    if not areas:
        found["state"] = _first_state(reader, a, b, tick + 1, last)
    return found


def first_change(reader: HistoryReader, run: Run, first: int, last: int) -> dict[str, Any] | None:
    """Return the first tick after `first`, up to `last`, whose state is another than that of `first`."""
    origin = np.array(_header(reader, run, first).areas, np.uint64)
    for low in range(first + 1, last + 1, _HEADERS_AT_ONCE):
        headers = reader.headers(run, low, min(last, low + _HEADERS_AT_ONCE - 1))
        differing = headers.areas != origin
        at = np.flatnonzero(differing.any(axis=1))
        if len(at):
            tick = int(headers.ticks[at[0]])
            areas = [AREAS[i] for i in np.flatnonzero(differing[at[0]])]
            events = EventBatch.concat(ticks_of(reader, run, tick, tick))
            event = {"ordinal": 0, "columns": [], "a": None, "b": event_at(events, 0)}
            return {"tick": tick, "area": areas[0], "areas": areas, "events": [0, len(events)], "event": event}
    return None


# -- within ------------------------------------------------------------------------------------------


def _header(reader: HistoryReader, run: Run, tick: int) -> Header:
    return reader.headers(run, tick, tick).at(0)


def _areas(ours: Header, theirs: Header) -> list[str]:
    return [name for name, x, y in zip(AREAS, ours.areas, theirs.areas, strict=True) if x != y]


def _first_tick(
    reader: HistoryReader, a: Run, b: Run, last: int, on_progress: Callable[[int, int], None] | None
) -> int | None:
    shared = shared_ticks(reader, a, b)
    if shared >= last:
        return None
    if shared < 0 and a.genesis_hash != b.genesis_hash:
        return _scan(reader, a, b, last, on_progress)

    def parted(tick: int) -> bool:
        return _header(reader, a, tick).chain_hash != _header(reader, b, tick).chain_hash

    if not parted(last):
        return None
    same, other = shared, last
    while other - same > 1:
        middle = (same + other) // 2
        if parted(middle):
            other = middle
        else:
            same = middle
    return other


def _scan(
    reader: HistoryReader, a: Run, b: Run, last: int, on_progress: Callable[[int, int], None] | None
) -> int | None:
    for low in range(0, last + 1, _HEADERS_AT_ONCE):
        high = min(last, low + _HEADERS_AT_ONCE - 1)
        ours, theirs = reader.headers(a, low, high), reader.headers(b, low, high)
        for i in range(high - low + 1):
            if (ours.events_hash[i], ours.state_hash[i]) != (theirs.events_hash[i], theirs.state_hash[i]):
                return low + i
        if on_progress:
            on_progress(high, last)
    return None


def _first_event(reader: HistoryReader, a: Run, b: Run, tick: int) -> dict[str, Any] | None:
    ours, theirs = (EventBatch.concat(ticks_of(reader, run, tick, tick)) for run in (a, b))
    found = first_differing(ours, theirs)
    if found is None:
        return None
    at, columns = found
    return {"ordinal": at, "columns": columns, "a": event_at(ours, at), "b": event_at(theirs, at)}


def _first_state(reader: HistoryReader, a: Run, b: Run, first: int, last: int) -> dict[str, Any] | None:
    """Return the first tick whose states differ: a change of the scenario shows only once a rule asks for it."""
    for low in range(first, last + 1, _HEADERS_AT_ONCE):
        high = min(last, low + _HEADERS_AT_ONCE - 1)
        ours, theirs = reader.headers(a, low, high), reader.headers(b, low, high)
        at = np.flatnonzero((ours.areas != theirs.areas).any(axis=1))
        if len(at):
            i = int(at[0])
            return {"tick": low + i, "areas": _areas(ours.at(i), theirs.at(i))}
    return None
