"""Taking the rollups of a run further: on demand, from where they stand, beside whatever goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import replay
from domain.advance import new_world
from domain.codes import N_GOODS
from domain.columns import ALIVE, CELL, COMPANY, ENERGY, GOODS, ID, SATIETY
from domain.fold import fold
from domain.ports import Run
from domain.state import World
from replay.seek import ticks_of
from workers.bootstrap import ROLLUP_BLOCK, PostgresStore, open_rollups

SAMPLE_EVERY = 100
"""Ticks from one sample to the next."""

_EVENTS_AT_ONCE = 2_000_000
_ROWS_AT_ONCE = 50_000
_COLUMNS = (ID, CELL, ENERGY, SATIETY, COMPANY, *range(GOODS, GOODS + N_GOODS))

Progress = Callable[[int, int], None]


def events_behind(store: PostgresStore, run: Run) -> int:
    """Return about how many events the rollups of a run have not taken in; 0 if there is nothing worth the while."""
    head = store.head(run)
    if head is None:
        return 0
    standing = open_rollups(store).standing(run)
    ticks = max(
        _whole_blocks(head.tick) - standing.through, head.tick // SAMPLE_EVERY * SAMPLE_EVERY - standing.sampled
    )
    return 0 if ticks <= 0 else store.total_events(run) * ticks // (head.tick + 1)


def events_unmeasured(store: PostgresStore, run: Run) -> int:
    """Return about how many events have to be folded before the view `measures` has all ticks of a run."""
    head = store.head(run)
    ticks = 0 if head is None else replay.measures_lacking(store, run)
    return 0 if head is None else -(-store.total_events(run) * ticks // (head.tick + 1))


def refresh(
    store: PostgresStore, run: Run, *, anew: bool = False, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Take the rollups of a run to its head.

    Parameters
    ----------
    anew : whether to forget them first
    on_progress : told how many ticks are done and how many there are, less one each; each tick is gone through twice,
        which is half of it each time
    """
    rollups = open_rollups(store)
    if anew:
        rollups.forget(run)
    head = store.head(run)
    last = -1 if head is None else head.tick
    standing = rollups.open(run)

    def progress(gone_through: int) -> None:
        if on_progress is not None:
            on_progress(min(last, gone_through // 2), last)

    through, target = standing.through, _whole_blocks(last)
    step = _step(store.total_events(run), last + 1)
    while through < target:
        through = rollups.roll_up(run, min(target, through + step))
        progress(through + 1)
    sampled = _sample(store, run, standing.sampled, last, lambda tick: progress(target + tick + 2))
    if last >= 0:
        progress(2 * last)
    rollups.gather_statistics(run)
    return {"run": run.name, "head_tick": last, "rolled_through": through, "sampled_through": sampled}


def _whole_blocks(tick: int) -> int:
    return (tick + 1) // ROLLUP_BLOCK * ROLLUP_BLOCK - 1


def _step(events: int, ticks: int) -> int:
    """Return how many ticks to roll up in a transaction: whole blocks."""
    wanted = _EVENTS_AT_ONCE * max(1, ticks) // max(1, events)
    return max(ROLLUP_BLOCK, wanted // ROLLUP_BLOCK * ROLLUP_BLOCK)


def _sample(store: PostgresStore, run: Run, sampled: int, last: int, progress: Callable[[int], None]) -> int:
    """Fold on from the newest sample, and add one of every hundredth tick; return the newest."""
    last = last // SAMPLE_EVERY * SAMPLE_EVERY if last >= 0 else -1
    if sampled >= last:
        return sampled
    rollups = open_rollups(store)
    world = new_world(run.configuration) if sampled < 0 else replay.at(store, run, sampled)
    waiting: list[NDArray[np.int64]] = []
    for events in ticks_of(store, run, world.tick + 1, last):
        fold(world, events)
        if world.tick % SAMPLE_EVERY:
            continue
        waiting.append(_rows(world))
        if world.tick == last or sum(rows.shape[1] for rows in waiting) >= _ROWS_AT_ONCE:
            if not rollups.add_samples(run, after=sampled, through=world.tick, columns=np.concatenate(waiting, axis=1)):
                return rollups.standing(run).sampled  # somebody else is at it
            sampled, waiting = world.tick, []
        progress(world.tick)
    return sampled


def _rows(world: World) -> NDArray[np.int64]:
    """Return the living as columns of a sample."""
    living = np.flatnonzero(world.agents[ALIVE, : world.n])
    state = world.agents[list(_COLUMNS)][:, living]
    return np.vstack([np.full(len(living), world.tick, np.int64), state])
