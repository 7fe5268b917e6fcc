"""What came of a sweep: how its runs fared at the end, and how the seeds of a setting lie about their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import replay
from chronopolis.measured import drawn, value_of
from chronopolis.sweep.ending import COMPLETE, FAILED, Ending
from chronopolis.sweep.plan import Setting, Sweep
from domain.errors import CorruptHistory, UnknownRun
from domain.measures import ALIASES, MEASURES, with_parts
from domain.ports import EventStore

Value = float | int | None


@dataclass(frozen=True)
class Fared:
    """A run of a sweep, and its measures at the last tick; none of one that is not complete."""

    ending: Ending
    measures: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """The complete runs of one combination of settings, and how each measure of them lies, as `spread_of` says."""

    settings: Mapping[str, Setting]
    runs: int
    of: int
    measures: Mapping[str, Mapping[str, float | int | None]]


def fared(
    store: EventStore,
    sweep: Sweep,
    endings: Iterable[Ending],
    names: Sequence[str],
    *,
    on_progress: Callable[[int, int], None] = lambda tick, last: None,
) -> Iterator[Fared]:
    """Give each run its measures at the sweep's last tick; they are computed once and kept beside the run.

    One that turns out to be damaged, or that somebody drops meanwhile, has failed: the others are told all the same.
    """
    for ending in endings:
        if ending.status != COMPLETE or ending.run is None:
            yield Fared(ending)
            continue
        try:
            amounts = replay.measure_series(
                store, ending.run, list(names), sweep.ticks, sweep.ticks, on_progress=on_progress
            )
        except (CorruptHistory, UnknownRun) as error:
            yield Fared(replace(ending, status=FAILED, problem=str(error)))
            continue
        yield Fared(ending, {name: value_of(name, float(amounts[name][0])) for name in names})


def groups_of(sweep: Sweep, runs: Sequence[Fared]) -> list[Group]:
    """Return what came of each combination of settings, in the order of the plan."""
    by_settings: dict[tuple[Setting, ...], list[Fared]] = {}
    for run in runs:
        by_settings.setdefault(tuple(run.ending.member.settings.values()), []).append(run)
    groups = []
    for values, those in by_settings.items():
        complete = [run for run in those if run.measures]
        names = complete[0].measures if complete else ()
        measures = {name: spread_of([run.measures[name] for run in complete]) for name in names}
        settings = dict(zip(sweep.varied, values, strict=True))
        groups.append(Group(settings, len(complete), len(those), measures))
    return groups


def spread_of(values: Iterable[Value]) -> dict[str, float | int | None]:
    """Return how values lie: their number, mean, standard deviation of a sample (n - 1), least and most.

    A run without a value (a price where nothing was sold) is left out; what there are too few values for is None.
    """
    there = [value for value in values if value is not None]
    n = len(there)
    if n == 0:
        return {"n": 0, "mean": None, "sd": None, "least": None, "most": None}
    mean = sum(there) / n
    deviation = sqrt(sum((value - mean) ** 2 for value in there) / (n - 1)) if n > 1 else None
    return {"n": n, "mean": mean, "sd": deviation, "least": min(there), "most": max(there)}


def frame_of(runs: Sequence[Fared], names: Sequence[str]) -> pl.DataFrame:
    """Return one row a run: who it is, what was set, how it ended, and its measures, null where there are none."""
    rows: list[dict[str, Any]] = []
    for run in runs:
        ending = run.ending
        rows.append({
            "name": ending.member.name, "run": None if ending.run is None else ending.run.id,
            "seed": ending.member.seed, **ending.member.settings, "status": ending.status,
            "head_tick": ending.head_tick, "head_hash": ending.head_hash,
            **{name: run.measures.get(name) for name in names},
        })  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


@dataclass(frozen=True)
class Course:
    """How a measure went in the runs of one setting: mean and standard deviation at some ticks, NaN where unknown."""

    ticks: Sequence[int]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    runs: int


def courses(
    store: EventStore,
    sweep: Sweep,
    runs: Sequence[Fared],
    names: Sequence[str],
    *,
    on_progress: Callable[[int], None] = lambda done: None,
) -> dict[str, dict[tuple[Setting, ...], Course]]:
    """Return the course of each measure for each combination of settings, for a picture."""
    found: dict[str, dict[tuple[Setting, ...], list[list[float]]]] = {name: {} for name in names}
    ticks: dict[str, list[int]] = {}
    asked = with_parts(names, MEASURES, ALIASES)
    for done, run in enumerate(runs):
        on_progress(done)
        if not run.measures or run.ending.run is None:
            continue
        key = tuple(run.ending.member.settings.values())
        amounts = replay.measure_series(store, run.ending.run, asked, sweep.origin.tick, sweep.ticks)
        for name in names:
            ticks[name], values = drawn(name, amounts, sweep.origin.tick)
            found[name].setdefault(key, []).append(values)
    return {
        name: {key: _course(ticks[name], np.array(rows)) for key, rows in by_setting.items()}
        for name, by_setting in found.items()
    }


def _course(ticks: list[int], rows: NDArray[np.float64]) -> Course:
    there = ~np.isnan(rows)
    n = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, rows, 0).sum(axis=0) / n
        sd = np.sqrt((np.where(there, rows - mean, 0) ** 2).sum(axis=0) / (n - 1))
    return Course(ticks, mean, np.where(n > 1, sd, 0.0), len(rows))


__all__ = ["Course", "Fared", "Group", "courses", "fared", "frame_of", "groups_of", "spread_of"]
