"""Series of measures for people: as frames, thinned out, as small pictures of a few characters, as plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def means_of(name: str, found: Amounts, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a measure was in stretches of ticks, in its unit: the mean of those ticks that have a value.

    Of a price it is what was paid in a stretch over what was bought, so that a large barter counts for more.

    Parameters
    ----------
    found : amounts by name, one a tick; of a price its parts, too (`domain.measures.with_parts`)
    starts : where stretches begin, rising from 0; the last one ends with the series
    """
    measure = _definition(name)
    if measure.paid_for:
        return over_stretches(measure, found[name], found, starts)
    values = natural(measure, found[name])
    return np.array([_mean(values[a:b]) for a, b in pairwise([*starts.tolist(), len(values)])])


def sparkline(name: str, found: Amounts, width: int) -> str:
    """Return a measure as a line of small bars, one a stretch as `means_of` has it; a dot where there is no value."""
    n = len(found[name])
    if not n:
        return ""
    means = means_of(name, found, np.unique(np.linspace(0, n, min(width, n) + 1).astype(np.int64))[:-1])
    there = [m for m in means if not np.isnan(m)]
    low, high = (min(there), max(there)) if there else (0.0, 0.0)
    span = high - low or 1.0
    return "".join("·" if np.isnan(m) else _BARS[min(7, int(8 * (m - low) / span))] for m in means)


def plot(names: Sequence[str], found: Amounts, first: int, path: Path, *, title: str) -> None:
    """Write a picture with a panel a measure; each axis says its unit.

    Parameters
    ----------
    names : of the measures
    found : their amounts, and the parts of prices, from tick `first` on

    Raises
    ------
    WrongUsage
        As `chronopolis.panels` does.
    """
    with panels(names, path, title=title, height=2.1) as axes:
        for axis, name in zip(axes, names, strict=True):
            measure, so_far = measure_named(name, MEASURES, ALIASES)
            flow = measure.is_summed and not so_far
            ticks, shown = drawn(name, found, first)
            # A price stands where something was bought: dots, since lines would tell of times between.
            scattered = {"marker": ".", "linestyle": "none", "markersize": 4} if measure.paid_for else {}
            axis.plot(ticks, shown, linewidth=1.1, drawstyle="steps-post" if flow else "default", **scattered)


def drawn(name: str, found: Amounts, first: int) -> tuple[list[int], list[float]]:
    """Return what a picture shows, as `means_of` has it: a thousand points in a panel are not seen apart."""
    measure, so_far = measure_named(name, MEASURES, ALIASES)
    n = len(found[name])
    starts = np.arange(0, n, max(1, n // (150 if measure.is_summed and not so_far else 1_500)))
    return (starts + first).tolist(), means_of(name, found, starts).tolist()


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
