"""Series of measures for people: as frames, thinned out, as small pictures of a few characters, as plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chronopolis.panels import panels
from domain.measures import ALIASES, MEASURES, Measure, measure_named, natural, over_stretches

_BARS = "▁▂▃▄▅▆▇█"

Amounts = Mapping[str, NDArray[np.float64]]


def measures_frame(found: Amounts, first: int) -> pl.DataFrame:
    """Return series as a frame: `tick`, and a column a measure, in its unit, null where there is no value.

    What is counted is an integer; fractions, and what is kept in thousandths, are floats.
    """
    n = len(next(iter(found.values()), ()))
    columns: dict[str, Any] = {"tick": np.arange(first, first + n)}
    for name, amounts in found.items():
        definition = _definition(name)
        values = pl.Series(natural(definition, amounts)).fill_nan(None)
        columns[name] = values if _is_float(definition) else values.cast(pl.Int64)
    return pl.DataFrame(columns)


def thinned(
    found: Amounts, first: int, every: int, names: Iterable[str]
) -> tuple[list[int], dict[str, list[float | int | None]]]:
    """Return every so many ticks and the values there: a level as it is at that tick, a flow over the ticks from it on.

    Parameters
    ----------
    found : amounts of these names, and if `every` is above 1 of the parts of prices (`domain.measures.with_parts`)
    """
    series: dict[str, list[float | int | None]] = {}
    n = len(next(iter(found.values()), ()))
    starts = np.arange(0, n, every)
    for name in names:
        definition, so_far = measure_named(name, MEASURES, ALIASES)
        if definition.kind == "flow" and not so_far and every > 1:
            values = over_stretches(definition, found[name], found, starts)
        else:
            values = natural(definition, found[name])[starts]
        series[name] = [_plain(definition, v) for v in values.tolist()]
    return (starts + first).tolist(), series


def stretches_frame(ticks: list[int], series: Mapping[str, list[float | int | None]]) -> pl.DataFrame:
    """Return what `thinned` gives as a frame, of the types that `measures_frame` has."""
    types = {name: pl.Float64 if _is_float(_definition(name)) else pl.Int64 for name in series}
    return pl.DataFrame({"tick": ticks, **series}, schema_overrides=types)


def value_of(name: str, amount: float) -> float | int | None:
    """Return one amount in its measure's unit; None if it is no value."""
    definition = _definition(name)
    return _plain(definition, float(amount) / definition.divisor)


def unit_of(name: str) -> str:
    """Return the unit of a measure."""
    return _definition(name).unit


def sparkline(values: NDArray[np.float64], width: int) -> str:
    """Return values as a line of small bars, each the mean of its stretch; a dot where there is no value."""
    if not len(values):
        return ""
    edges = np.unique(np.linspace(0, len(values), min(width, len(values)) + 1).astype(np.int64))
    means = [_mean(values[a:b]) for a, b in pairwise(edges)]
    there = [m for m in means if not np.isnan(m)]
    low, high = (min(there), max(there)) if there else (0.0, 0.0)
    span = high - low or 1.0
    return "".join("·" if np.isnan(m) else _BARS[min(7, int(8 * (m - low) / span))] for m in means)


def plot(found: Amounts, first: int, path: Path, *, title: str) -> None:
    """Write a picture with a panel a measure; each axis says its unit.

    Raises
    ------
    WrongUsage
        As `chronopolis.panels` does.
    """
    with panels(list(found), path, title=title, height=2.1) as axes:
        for axis, (name, amounts) in zip(axes, found.items(), strict=True):
            measure, so_far = measure_named(name, MEASURES, ALIASES)
            flow = measure.is_summed and not so_far
            ticks, shown = drawn(natural(measure, amounts), first, flow=flow)
            # A price stands where something was bought: dots, since lines would tell of times between.
            scattered = {"marker": ".", "linestyle": "none", "markersize": 4} if measure.paid_for else {}
            axis.plot(ticks, shown, linewidth=1.1, drawstyle="steps-post" if flow else "default", **scattered)


def drawn(values: NDArray[np.float64], first: int, *, flow: bool) -> tuple[list[int], list[float]]:
    """Return what a picture shows: means of stretches, since a thousand points in a panel are not seen apart."""
    step = max(1, len(values) // (150 if flow else 1_500))
    edges = range(0, len(values), step)
    return [first + at for at in edges], [_mean(values[at : at + step]) for at in edges]


def _definition(name: str) -> Measure:
    return measure_named(name, MEASURES, ALIASES)[0]


def _is_float(measure: Measure) -> bool:
    return measure.fraction or measure.milli


def _plain(measure: Measure, value: float) -> float | int | None:
    if np.isnan(value):
        return None
    return value if measure.fraction else round(value, 6) if measure.milli else int(value)


def _mean(values: NDArray[np.float64]) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
