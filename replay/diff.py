"""Diff: where two histories part, and in what two states differ.

Two runs or forks, at one tick or each at its own; or two ticks of one run.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from domain.contrast import contrast
from domain.errors import BeyondHead
from domain.events import EventBatch, empty_records
from domain.measures import MEASURES, Look
from domain.ports import HistoryReader, Run
from domain.state import World
from replay import seek
from replay.diff_result import Difference
from replay.divergence import first_change, first_divergence
from replay.scenario import apart_from, lineage_of, scenarios_of


def diff(
    reader: HistoryReader,
    a: Run,
    b: Run,
    *,
    tick_a: int | None = None,
    tick_b: int | None = None,
    state: Callable[[Run, int], World] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Difference:
    """Compare two runs, or two ticks of one.

    Parameters
    ----------
    reader : HistoryReader
    a, b : the runs; the same one twice to compare two of its ticks
    tick_a, tick_b : whose states to compare; the last tick that both have if neither is given, the other run's
        if one is
    state : gives the state of a run at a tick, for whoever has it at hand; by default it is sought
    on_progress : callable, told (tick, last tick) where headers have to be scanned

    Raises
    ------
    BeyondHead
        If a tick has not happened.
    """
    tick_a, tick_b = _ticks(reader, a, b, tick_a, tick_b)
    of = state or (lambda run, tick: seek.at(reader, run, tick))
    if a.id == b.id:
        low, high = sorted((tick_a, tick_b))
        parted = first_change(reader, a, low, high)
    else:
        parted = first_divergence(reader, a, b, min(tick_a, tick_b), on_progress=on_progress)
    world_a, world_b = of(a, tick_a), of(b, tick_b)
    same = world_a.state_hash == world_b.state_hash
    figures_a, figures_b = levels_of(world_a), levels_of(world_b)
    return Difference(
        a=a,
        b=b,
        world_a=world_a,
        world_b=world_b,
        identical=(parted is None and same) if tick_a == tick_b else same,
        first_divergence=parted,
        differing=() if same else tuple(contrast(world_a, world_b)),
        figures={n: (v, figures_b[n]) for n, v in figures_a.items() if v != figures_b[n]},
        configuration_from=apart_from(scenarios_of(reader, a), scenarios_of(reader, b)),
        notes=tuple(_notes(reader, a, b, world_a, world_b, parted is not None and same)),
    )


def levels_of(world: World) -> dict[str, float | None]:
    """Return every measure of a state (those that are levels) in its unit; None where it has no value."""
    look = Look().at(world, EventBatch.of(empty_records(0)))
    levels = {name: (m.of(look), m.divisor) for name, m in MEASURES.items() if m.kind == "level"}
    return {
        name: None if math.isnan(value) else value if divisor == 1 else value / divisor
        for name, (value, divisor) in levels.items()
    }


# -- within ------------------------------------------------------------------------------------------


def _ticks(reader: HistoryReader, a: Run, b: Run, tick_a: int | None, tick_b: int | None) -> tuple[int, int]:
    heads = []
    for run in (a, b):
        head = reader.head(run)
        heads.append(-1 if head is None else head.tick)
    if tick_a is None and tick_b is None:
        tick_a = tick_b = max(0, min(heads))
    elif a.id == b.id:
        tick_a, tick_b = (heads[0] if tick is None else tick for tick in (tick_a, tick_b))
    tick_a = tick_b if tick_a is None else tick_a
    tick_b = tick_a if tick_b is None else tick_b
    assert tick_a is not None and tick_b is not None
    for run, tick, head_tick in ((a, tick_a, heads[0]), (b, tick_b, heads[1])):
        if not 0 <= tick <= head_tick:
            raise BeyondHead(run.name, tick, head_tick)
    return tick_a, tick_b


def _notes(reader: HistoryReader, a: Run, b: Run, world_a: World, world_b: World, again: bool) -> list[str]:
    notes = []
    sizes = [f"{w.width}×{w.height}" for w in (world_a, world_b)]
    if sizes[0] != sizes[1]:
        notes.append(f"the worlds have other sizes, {sizes[0]} and {sizes[1]} cells: cells are not compared")
    # A fork with another seed has the people of its root all the same.
    root_a, root_b = (lineage_of(reader, run)[0] for run in (a, b))
    if root_a.id != root_b.id and root_a.seed != root_b.seed:
        notes.append("the runs have other seeds: an agent of the same number is somebody else in each")
    if (world_a.minds is None) != (world_b.minds is None):
        notes.append(f"only in {(b if world_a.minds is None else a).name} do agents think: minds are not compared")
    if again and world_a.tick == world_b.tick:
        notes.append(f"the histories differ, and yet the states at tick {world_a.tick:,} are the same")
    return notes
