"""Measures of a run, tick by tick: read from the projection, which is filled by folding where it has gaps.

Blocks of ticks belong to the run whose own ticks they are, so forks share those of their parents. A block is kept as
far as its run has come; the next who asks extends it. Nothing above the newest header is ever looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from domain.advance import new_world
from domain.fold import fold
from domain.measures import ALIASES, MEASURES, NO_VALUE, Look, Measure, measure_named
from domain.ports import Block, MeasuredHistory, Run
from domain.state import World
from replay.seek import at, ticks_of

BLOCK = 1_000
"""Ticks of a block; they begin at multiples of it, and where a fork begins."""

_PROGRESS_EVERY = 200

Amounts = NDArray[np.float64]


def series(
    store: MeasuredHistory,
    run: Run,
    names: Sequence[str] | None,
    first: int,
    last: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Amounts]:
    """Return measures at ticks first … last, one amount a tick; fill the projection where it has gaps.

    Parameters
    ----------
    store : MeasuredHistory
    run : Run
    names : of measures, of aliases, or of running totals (a flow's name and `_so_far`); None: all measures
    first, last : int, from 0 to the head
    on_progress : callable, told (tick, last tick) while ticks are folded

    Returns
    -------
    dict of ndarray of float64, shape (last - first + 1,), by the names given; NaN where there is no value, and
    `domain.measures.natural` brings them into their unit

    Raises
    ------
    UnknownMeasure, BeyondHead
    """
    wanted = {name: measure_named(name, MEASURES, ALIASES) for name in (MEASURES if names is None else names)}
    run.require_range(first, last, head=store.head(run))
    plain = list({m.name: m for m, so_far in wanted.values() if not so_far}.values())
    totals = list({m.name: m for m, so_far in wanted.values() if so_far}.values())
    levels = _plain_series(store, run, plain, first, last, on_progress) if plain else {}
    flows = _plain_series(store, run, totals, 0, last, on_progress) if totals else {}
    sums = {name: np.cumsum(flow)[first:] for name, flow in flows.items()}  # whole numbers: exact
    return {name: (sums if so_far else levels)[m.name] for name, (m, so_far) in wanted.items()}


def rebuild(store: MeasuredHistory, run: Run, *, on_progress: Callable[[int, int], None] | None = None) -> int:
    """Throw away what is kept of a run's own ticks and make it anew; return how many ticks."""
    store.forget_measures(run.id)
    head = store.head(run)
    first = 0 if run.fork_tick is None else run.fork_tick + 1
    if head is None or head.tick < first:
        return 0
    series(store, run, None, first, head.tick, on_progress=on_progress)
    return head.tick - first + 1


def lacking(store: MeasuredHistory, run: Run) -> int:
    """Return of how many ticks of a run, its ancestors' share included, not every measure is kept."""
    return sum(min(last, _end_of(start)) - start + 1 for _, starts, last in _gaps(store, run) for start in starts)


def fill(store: MeasuredHistory, run: Run, *, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Have every measure of every tick kept, up to the newest; what is kept already is not made again."""
    for source, starts, _ in _gaps(store, run):
        for _ in _fill(store, run, source, starts, on_progress):
            pass


def _gaps(store: MeasuredHistory, run: Run) -> Iterator[tuple[int, list[int], int]]:
    """Yield (run whose own ticks they are, where blocks begin that are not kept whole, the last tick that is read)."""
    head = store.head(run)
    if head is None:
        return
    versions = {m.name: m.version for m in MEASURES.values()}
    for source, own_first, own_last in store.lineage(run):
        last = min(head.tick, own_last)
        starts = [_start_of(tick, own_first) for tick in range(own_first - own_first % BLOCK, last + 1, BLOCK)]
        # A block at a time, since its amounts come along: of a long run all of them would be a hundred megabytes.
        yield source, [at for at in starts if len(_kept(store, source, versions, [at], last)[at]) < len(versions)], last


def _plain_series(
    store: MeasuredHistory, run: Run, measures: Sequence[Measure], first: int, last: int,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, Amounts]:  # fmt: skip
    found = {m.name: np.full(last - first + 1, NO_VALUE) for m in measures}
    for source, own_first, own_last in store.lineage(run):
        low, high = max(first, own_first), min(last, own_last)
        if low > high:
            continue
        for block in _blocks(store, run, source, own_first, measures, low, high, on_progress):
            start, stop = max(low, block.first), min(high + 1, block.first + len(block.amounts))
            if start < stop:
                found[block.name][start - first : stop - first] = block.amounts[
                    start - block.first : stop - block.first
                ]
    return found


def _blocks(
    store: MeasuredHistory, run: Run, source: int, own_first: int, measures: Sequence[Measure], low: int, high: int,
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[Block]:  # fmt: skip
    """Yield the blocks of one run's own ticks low … high, as far as wanted; what is not kept is made first."""
    versions = {m.name: m.version for m in measures}
    starts = [_start_of(tick, own_first) for tick in range(low - low % BLOCK, high + 1, BLOCK)]
    good = _kept(store, source, versions, starts, high)
    missing = [start for start in starts if len(good[start]) < len(versions)]
    for start in starts:
        if start not in missing:
            yield from good[start]
    if missing:
        for block in _fill(store, run, source, missing, on_progress):
            if block.name in versions:
                yield block


def _kept(
    store: MeasuredHistory, source: int, versions: dict[str, int], starts: Sequence[int], high: int
) -> dict[int, list[Block]]:
    """Return the blocks that are kept of these measures, by where they begin: of today's version, and up to `high`."""
    good: dict[int, list[Block]] = {start: [] for start in starts}
    for block in store.measure_blocks(source, list(versions), starts[0], starts[-1]):
        needed = min(high, _end_of(block.first)) - block.first + 1
        if block.version == versions[block.name] and block.first in good and len(block.amounts) >= needed:
            good[block.first].append(block)
    return good


def _start_of(tick: int, own_first: int) -> int:
    return max(tick - tick % BLOCK, own_first)


def _end_of(start: int) -> int:
    return start - start % BLOCK + BLOCK - 1


def _fill(
    store: MeasuredHistory, run: Run, source: int, starts: Sequence[int], on_progress: Callable[[int, int], None] | None
) -> Iterator[Block]:
    """Fold the blocks that begin at these ticks, of all measures, as far as their run has come; keep and yield them."""
    owner = run if source == run.id else store.find(str(source))
    head = store.head(owner)
    assert head is not None, "whoever asks has seen its ticks"
    measures, look = list(MEASURES.values()), Look()
    # Blocks that follow each other are folded in one go: only the first needs a seek.
    for _, group in groupby(enumerate(starts), lambda pair: pair[1] // BLOCK - pair[0]):
        run_of_blocks = [start for _, start in group]
        end = min(_end_of(run_of_blocks[-1]), head.tick)
        world = new_world(owner.configuration) if run_of_blocks[0] == 0 else at(store, owner, run_of_blocks[0] - 1)
        rows: list[list[float]] = []
        for events in ticks_of(store, owner, run_of_blocks[0], end):
            fold(world, events)
            look.at(world, events)
            rows.append([m.of(look) for m in measures])
            if on_progress and world.tick % _PROGRESS_EVERY == 0:
                on_progress(world.tick, end)
            if world.tick == min(_end_of(world.tick), end):
                blocks = _cut(measures, world, rows)
                store.keep_measures(source, blocks)
                yield from blocks
                rows = []


def _cut(measures: Sequence[Measure], world: World, rows: list[list[float]]) -> list[Block]:
    table = np.array(rows, np.float64).T
    first = world.tick - len(rows) + 1
    return [Block(m.name, m.version, first, table[k]) for k, m in enumerate(measures)]
