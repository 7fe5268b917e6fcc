"""Questions about a history: measures over time, causes, the first tick at which something held, differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray

from chronopolis.causes import everything
from chronopolis.errors import WrongUsage
from chronopolis.naming import names_in
from chronopolis.record import kinds_named
from chronopolis.sentences import parts, sentence
from chronopolis.web.api.described import Described
from chronopolis.web.api.models import Freely, Series, WhereAnswer
from chronopolis.web.api.parameters import TICK_MAX, First, Found, Last, Ordinal, Tick, TickInPath, Told, span
from chronopolis.web.services import Using
from domain.measures import ALIASES, MEASURES, NO_VALUE, Measure, measure_named, over_stretches, with_parts
from domain.ports import Run
from replay import watch
from replay.bisect import bisect as find_first
from replay.diff import diff as compare
from replay.measures import series as measured
from replay.why import BREADTH, DEPTH, HORIZON
from replay.why import why as explain

router = APIRouter(tags=["questions"], route_class=Described)

_POINTS_MAX = 4_000
_NAMES_MAX = 200
RunName = Annotated[str, Query(max_length=63)]


@router.get("/api/runs/{run}/measures")
async def measures(
    run: Found,
    using: Using,
    names: Annotated[str | None, Query(max_length=8000, description="With commas between; all if left out.")] = None,
    first: First = 0,
    last: Last = None,
    points: Annotated[int, Query(ge=1, le=_POINTS_MAX)] = 400,
) -> Series:
    """Return measures over time: the sum over each bin of what flows, else the last value in it; null if there is none.

    A price in a bin is what was paid in it over what was bought for that.

    `polis measures --list` says what there is; a flow's name with `_so_far` is its running total. What is computed once
    is kept beside the run.
    """
    wanted = list(MEASURES) if names is None else [name.strip() for name in names.split(",") if name.strip()]
    if not 0 < len(wanted) <= _NAMES_MAX:
        raise WrongUsage(f"{len(wanted)} measures; ask for 1 to {_NAMES_MAX} at a time")
    known = {name: measure_named(name, MEASURES, ALIASES) for name in wanted}
    histories = using.histories
    low, high = span(first, last, await histories.head(run))
    if low > high:
        return Series(first=low, last=high, width=1, ticks=[], series={})
    asked = with_parts(wanted, MEASURES, ALIASES)
    found = await histories.alone(("measures", run.id), lambda: measured(using.store, run, asked, low, high))
    width = max(1, -(-(high - low + 1) // points))
    ends = np.minimum(np.arange(low, high + 1, width) + width - 1, high)
    series = {
        name: _binned(found, name, m, width, summed=m.is_summed and not so_far) for name, (m, so_far) in known.items()
    }
    about = {
        name: {
            "unit": m.unit, "meaning": m.meaning, "milli": m.milli, "kind": "level" if so_far else m.kind,
            "summed": m.is_summed and not so_far,
        }
        for name, (m, so_far) in known.items()
    }  # fmt: skip
    return Series(first=low, last=high, width=width, ticks=ends.tolist(), series=series, about=about)


def _binned(
    found: Mapping[str, NDArray[np.float64]], name: str, measure: Measure, width: int, *, summed: bool
) -> list[float | int | None]:
    bins = -(-len(found[name]) // width)
    if measure.paid_for:
        values = over_stretches(measure, found[name], found, np.arange(bins) * width)
    else:
        table = np.full(bins * width, NO_VALUE)
        table[: len(found[name])] = found[name]
        table = table.reshape(bins, width)
        there = ~np.isnan(table)
        newest = table[np.arange(bins), width - 1 - np.argmax(there[:, ::-1], axis=1)]
        values = np.where(there, table, 0).sum(axis=1) if summed else newest
    kind = float if measure.fraction else int
    return [None if np.isnan(value) else kind(value) for value in values.tolist()]


@router.get("/api/runs/{run}/why/{tick}/{ordinal}")
async def why(
    run: Found,
    tick: TickInPath,
    ordinal: Ordinal,
    using: Using,
    depth: Annotated[int, Query(ge=1, le=50, description="How many steps back and forward.")] = DEPTH,
    breadth: Annotated[int, Query(ge=1, le=50, description="How many links of each event.")] = BREADTH,
    horizon: Annotated[int, Query(ge=1, le=10_000, description="How many ticks forwards.")] = HORIZON,
    told: Told = False,
) -> Freely:
    """Return why an event happened, and what came of it, as `polis why --json` does."""
    await using.histories.tick(run, tick)

    def explained() -> dict[str, Any]:
        found = explain(using.store, run, tick, ordinal, depth=depth, breadth=breadth, horizon=horizon)
        for event in everything(found) if told else ():
            event["told"] = parts(event)
        return found.as_dict()

    return Freely(**await using.histories.slow.do(explained))


@router.get("/api/runs/{run}/bisect")
async def bisect(
    run: Found,
    using: Using,
    expression: Annotated[str, Query(min_length=1, max_length=1000, description="Such as gini_coins > 0.5.")],
    first: First = 0,
    last: Last = None,
    told: Told = False,
) -> Freely:
    """Return the first tick at which an expression held, and what caused it, as `polis bisect --json` does."""
    low, high = span(first, last, await using.histories.head(run))
    found = await using.histories.slow.do(
        lambda: find_first(using.store, run, expression, first=low, last=high).as_dict()
    )
    if told:
        found["causes"] = [event | {"told": parts(event)} for event in found["causes"]]
    return Freely(**found)


@router.get("/api/runs/{run}/where")
async def where(
    run: Found,
    using: Using,
    expression: Annotated[str | None, Query(min_length=1, max_length=1000, description="Such as deaths > 0.")] = None,
    event: Annotated[list[str] | None, Query(max_length=40, description="One of these kinds happens.")] = None,
    agent: Annotated[int | None, Query(ge=0, le=TICK_MAX, description="It happens to this agent.")] = None,
    direction: Annotated[Literal["first", "last"], Query(description="Which of those ticks is wanted.")] = "first",
    first: First = 0,
    last: Last = None,
) -> WhereAnswer:
    """Return the first or the last of these ticks at which something holds, as `polis watch` does; null if none is.

    An expression, a kind of event, an agent, or several of them at once.
    """
    if expression is None and not event and agent is None:
        raise WrongUsage("say what to look for", "An expression, such as hungry > 0.3, an event, or an agent.")
    predicate = watch.Predicate.of(expression, kinds=kinds_named(event or ()), agent=agent)
    low, high = span(first, last, await using.histories.head(run))
    look = watch.first_where if direction == "first" else watch.last_where
    found = await using.histories.slow.do(lambda: look(using.store, run, predicate, first=low, last=high))
    return WhereAnswer(tick=found, expression=expression, first=low, last=high)


@router.get("/api/diff")
async def diff(
    using: Using,
    a: RunName,
    b: RunName,
    tick_a: Tick = None,
    tick_b: Tick = None,
    limit: Annotated[int | None, Query(ge=1, le=100_000, description="Most differences told of each area.")] = None,
    agent: Annotated[
        int | None, Query(ge=0, le=TICK_MAX, description="Of agents, only this one's; counts are of all.")
    ] = None,
) -> Freely:
    """Return where two runs, or two ticks, differ, as `polis diff --json` does.

    The event of either side with which histories part is told in words besides, as `told`.
    """
    one, other = await using.histories.run(a), await using.histories.run(b)
    for run, tick in ((one, tick_a), (other, tick_b)):
        await using.histories.tick(run, tick)

    def compared() -> dict[str, Any]:
        found = compare(using.store, one, other, tick_a=tick_a, tick_b=tick_b, state=using.histories.state)
        return _in_words(found.as_dict(limit=limit, agent=agent), using.store, {"a": one, "b": other})

    return Freely(**await using.histories.slow.do(compared))


def _in_words(values: dict[str, Any], store: Any, runs: dict[str, Run]) -> dict[str, Any]:
    """Add sentences for the events with which two histories part, as `polis diff` tells them."""
    parted = values["first_divergence"]
    event = parted and parted.get("event")
    if not event:
        return values
    told = {
        side: event[side] and sentence(event[side], names_in(store, run, [event[side]])) for side, run in runs.items()
    }
    return values | {"first_divergence": parted | {"event": event | {"told": told}}}
