"""Project the memories of a run from its events into an index, and wait for that.

Everything here may be done twice, by two at once, or be broken off: what is there already stays, and the index says
that ticks are covered only after all of them are in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from domain.errors import MemoryBehind, MemoryUnavailable
from domain.memories import memories_in
from domain.ports import HistoryReader, Memory, MemoryIndex, Run
from replay.seek import ticks_of

BATCH = 500
COVER_EVERY_TICKS = 5_000  # so that a long stretch without memories is not read again after a break
_ATTEMPTS = 3
_POLL_S = 0.05
_RETRY_S = 0.5

Progress = Callable[[int, int], None]
"""Is told the tick that is covered and how many memories have been taken in."""


def project(
    store: HistoryReader, index: MemoryIndex, run: Run, through: int, *, on_progress: Progress | None = None
) -> int:
    """Take the memories of a run up to tick `through` into the index, those of its ancestors included.

    Parameters
    ----------
    store, index, run
    through : a durable tick; what lies above the head is left for later
    on_progress : optional

    Returns
    -------
    int, how many memories were read and added; 0 if all was there

    Raises
    ------
    MemoryUnavailable
        If the index does not answer; what was done stays done.
    MemoryBehind
        If somebody else clears the index again and again.
    """
    head = store.head(run)
    if head is None:
        return 0
    return sum(
        _project_stretch(store, index, run, (source, first, min(last, through, head.tick)), on_progress)
        for source, first, last in store.lineage(run)
        if first <= min(through, head.tick)
    )


def rebuild(store: HistoryReader, index: MemoryIndex, run: Run, *, on_progress: Progress | None = None) -> int:
    """Clear the index of a run and its ancestors and project them anew; return how many memories were added.

    Raises
    ------
    MemoryUnavailable
    """
    head = store.head(run)
    for source, _, _ in store.lineage(run):
        index.drop(source)
    return 0 if head is None else project(store, index, run, head.tick, on_progress=on_progress)


def wait_until_covered(
    store: HistoryReader, index: MemoryIndex, run: Run, tick: int, *, timeout_s: float, patience_s: float = 0.5
) -> None:
    """Return when all that a run remembers up to a tick can be found; project it, if nobody else does.

    Parameters
    ----------
    store, index, run
    tick : a durable tick
    timeout_s : when to give up; a batch that is under way then is finished first
    patience_s : how long somebody else may take before we do it ourselves

    Raises
    ------
    MemoryBehind, MemoryUnavailable
        If it takes longer than that, with what was in the way.
    """
    began, lineage = time.monotonic(), store.lineage(run)
    while True:
        problem: MemoryUnavailable | None
        try:
            problem = _lacking(index, lineage, tick)
        except MemoryUnavailable as error:
            problem = error
        waited_s = time.monotonic() - began
        if problem is None:
            return
        if waited_s > timeout_s:
            raise problem
        if not isinstance(problem, MemoryBehind):
            time.sleep(_RETRY_S)
        elif waited_s < patience_s or not _projected(store, index, run, tick):
            time.sleep(_POLL_S)


def coverage(store: HistoryReader, index: MemoryIndex, run: Run) -> list[tuple[int, int, int, int]]:
    """Return (source run, first tick, last tick that there is, tick covered) of every stretch that a run reads."""
    head = store.head(run)
    if head is None:
        return []
    return [
        (source, first, min(last, head.tick), index.covered(source))
        for source, first, last in store.lineage(run)
        if first <= head.tick
    ]


def _projected(store: HistoryReader, index: MemoryIndex, run: Run, tick: int) -> bool:
    """Project; return whether there was anything to do. What is in the way shows when it is looked at again."""
    try:
        return project(store, index, run, tick) > 0
    except MemoryUnavailable:
        return False


def _lacking(index: MemoryIndex, lineage: Sequence[tuple[int, int, int]], tick: int) -> MemoryBehind | None:
    for source, first, last in lineage:
        wanted = min(last, tick)
        if first <= tick and (there := index.covered(source)) < wanted:
            return MemoryBehind(source, wanted, there)
    return None


def _project_stretch(
    store: HistoryReader, index: MemoryIndex, run: Run, stretch: tuple[int, int, int], on_progress: Progress | None
) -> int:
    source, first, last = stretch
    added = 0
    for _ in range(_ATTEMPTS):
        done = index.covered(source)
        if done >= last:
            return added
        for upto, memories, forgotten in _pieces(store, run, max(first, done + 1), last):
            # Marks come after what they mark and before the claim that all is in: whoever reads in between, or
            # projects the same at another pace, then takes no memory for kept that is forgotten.
            index.add(source, memories, through=done)
            index.forget(source, forgotten)
            index.add(source, [], through=upto)
            added += len(memories)
            done = upto
            if on_progress is not None:
                on_progress(upto, added)
        # Somebody may have cleared the index meanwhile; what we added then counts for nothing.
    done = index.covered(source)
    if done < last:
        raise MemoryBehind(source, last, done)
    return added


def _pieces(
    store: HistoryReader, run: Run, first: int, last: int
) -> Iterator[tuple[int, list[Memory], list[tuple[str, int]]]]:
    """Yield (last tick, memories, what was forgotten) of stretches of whole ticks, from first to last."""
    memories: list[Memory] = []
    forgotten: list[tuple[str, int]] = []
    told = tick = first - 1
    for tick, events in enumerate(ticks_of(store, run, first, last), start=first):
        made, lost = memories_in(events)
        memories += made
        forgotten += lost
        if len(memories) + len(forgotten) >= BATCH or tick - told >= COVER_EVERY_TICKS:
            yield tick, memories, forgotten
            memories, forgotten, told = [], [], tick
    if tick > told:
        yield tick, memories, forgotten
