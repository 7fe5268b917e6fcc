"""Questions about a history: measures over time, causes, the first tick at which something held, differences."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray

from chronopolis.errors import WrongUsage
from chronopolis.web.api.models import Freely, Series
from chronopolis.web.api.parameters import First, Found, Last, Ordinal, Tick, TickInPath, span
from chronopolis.web.errors import NotBuilt, built
from chronopolis.web.services import Using

router = APIRouter(tags=["questions"])

_POINTS_MAX = 4_000
_NAMES_MAX = 40
RunName = Annotated[str, Query(max_length=63)]


@router.get("/api/runs/{run}/measures")
async def measures(
    run: Found,
    using: Using,
    names: Annotated[str | None, Query(max_length=1000, description="With commas between; all if left out.")] = None,
    first: First = 0,
    last: Last = None,
    points: Annotated[int, Query(ge=1, le=_POINTS_MAX)] = 400,
) -> Series:
    """Return measures over time: the sum over each bin of what flows, the last value of what stands."""
    part = built("replay.measures", "measure a run")
    known: dict[str, Any] = getattr(built("domain.measures", "measure a run"), "MEASURES", {})
    wanted = None if names is None else [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        raise WrongUsage(f"no measure {', '.join(unknown)}", f"There are {', '.join(known)}.")
    if wanted is not None and len(wanted) > _NAMES_MAX:
        raise WrongUsage(f"more than {_NAMES_MAX} measures at a time")
    histories = using.histories
    low, high = span(first, last, await histories.head(run))
    if low > high:
        return Series(first=low, last=high, width=1, ticks=[], series={})
    found = await histories.slow.do(lambda: part.series(using.store, run, wanted, low, high))
    width = max(1, -(-(high - low + 1) // points))
    ends = np.minimum(np.arange(low, high + 1, width) + width - 1, high)
    series = {name: _binned(values, width, flow=known[name].kind == "flow") for name, values in found.items()}
    about = {name: _about(known[name]) for name in found}
    return Series(first=low, last=high, width=width, ticks=ends.tolist(), series=series, about=about)


def _about(measure: Any) -> dict[str, Any]:
    return {name: getattr(measure, name) for name in ("unit", "meaning", "milli", "kind")}


def _binned(values: NDArray[np.int64], width: int, *, flow: bool) -> list[int | None]:
    starts = np.arange(0, len(values), width)
    if flow:
        return [int(v) for v in np.add.reduceat(values, starts)] if len(values) else []
    return [int(v) for v in values[np.minimum(starts + width, len(values)) - 1]]


@router.get("/api/runs/{run}/why/{tick}/{ordinal}")
async def why(
    run: Found,
    tick: TickInPath,
    ordinal: Ordinal,
    using: Using,
    depth: Annotated[int | None, Query(ge=1, le=100, description="How far back and forward.")] = None,
    breadth: Annotated[int | None, Query(ge=1, le=100, description="How many branches of each event.")] = None,
) -> Freely:
    """Return why an event happened, and what came of it, as `polis why --json` does."""
    asked = getattr(built("replay.why", "say why something happened"), "why", None)
    if asked is None:
        raise NotBuilt("say why something happened")
    await using.histories.tick(run, tick)
    given = {name: value for name, value in (("depth", depth), ("breadth", breadth)) if value is not None}
    return Freely(**await using.histories.slow.do(lambda: asked(using.store, run, tick, ordinal, **given).as_dict()))


@router.get("/api/runs/{run}/bisect")
async def bisect(
    run: Found,
    using: Using,
    expression: Annotated[str, Query(min_length=1, max_length=1000, description="Such as gini_coins > 0.5.")],
    first: First = 0,
    last: Last = None,
) -> Freely:
    """Return the first tick at which an expression held, and what caused it, as `polis bisect --json` does."""
    part = built("replay.bisect", "bisect a run")
    low, high = span(first, last, await using.histories.head(run))
    found = await using.histories.slow.do(
        lambda: part.bisect(using.store, run, expression, first=low, last=high).as_dict()
    )
    return Freely(**found)


@router.get("/api/diff")
async def diff(
    using: Using,
    a: RunName,
    b: RunName,
    tick_a: Tick = None,
    tick_b: Tick = None,
    limit: Annotated[int | None, Query(ge=1, le=100_000, description="Most differences told of each area.")] = None,
) -> Freely:
    """Return where two runs, or two ticks, differ, as `polis diff --json` does."""
    part = built("replay.diff", "compare runs")
    one, other = await using.histories.run(a), await using.histories.run(b)
    for run, tick in ((one, tick_a), (other, tick_b)):
        await using.histories.tick(run, tick)
    found = await using.histories.slow.do(
        lambda: part.diff(using.store, one, other, tick_a=tick_a, tick_b=tick_b).as_dict(limit=limit)
    )
    return Freely(**found)
