"""Bisect: the first tick at which something became true, and the events that made it so.

By seeking where the expression can only go one way, so that a score of looks settle it; by a scan otherwise, over
series of measures where it uses nothing else, else over the states themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from domain.advance import new_world
from domain.expressions import Expression, parse
from domain.fold import fold
from domain.ports import MeasuredHistory, Run
from replay.blame import blame
from replay.judging import Judge, OnProgress, look_at, require_there, totals_before, totals_of, where_it_holds
from replay.measures import BLOCK
from replay.seek import at, ticks_of

_CHUNK = 8 * BLOCK
_PROGRESS_EVERY = 200


@dataclass(frozen=True)
class Bisection:
    """What bisecting found.

    Attributes
    ----------
    tick : the first tick at which it is true; None if it never is
    already : it was true at the first tick that was looked at, so that this need not be where it became so
    settled : whether the answer is certain; not if it was taken for granted that once true it stays true
    value_before, value_after : of what the expression looks at: one value, or one a term if there are several
    causes : events of the tick that moved it, those that moved it most first
    method : "seek" or "scan"
    looked_at : how many ticks were looked at
    """

    run: str
    expression: str
    tick: int | None
    first: int
    last: int
    method: str
    looked_at: int
    already: bool = False
    settled: bool = True
    value_before: Any = None
    value_after: Any = None
    causes: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(self.__dict__)


def bisect(
    store: MeasuredHistory,
    run: Run,
    expression: str | Expression,
    *,
    first: int = 0,
    last: int | None = None,
    method: str | None = None,
    limit: int = 10,
    on_progress: OnProgress | None = None,
) -> Bisection:
    """Find the first tick at which an expression is true.

    Parameters
    ----------
    store : MeasuredHistory
    run : Run
    expression : see `domain.expressions`
    first, last : the ticks to look at; up to the head if `last` is None
    method : "seek" takes it for granted that once true it stays true; "scan" looks at every tick; None: whichever
        is right
    limit : how many causes at most
    on_progress : callable, told (tick, last tick)

    Raises
    ------
    InvalidExpression, BeyondHead
    """
    assert method in (None, "seek", "scan") and limit >= 0, f"method {method!r}, limit {limit}"
    wanted = parse(expression) if isinstance(expression, str) else expression
    last = run.require_range(first, last, head=store.head(run))
    require_there(store, run, wanted, last)
    trend = wanted.trend(run.configuration.agents)
    if method is None:
        method = "seek" if trend is not None else "scan"
    settled = method == "scan" or trend is not None
    if method == "seek":
        found, looked_at = _by_seeking(store, run, wanted, first, last, on_progress, only_the_first=trend in (0, -1))
    elif wanted.uses_state:
        found, looked_at = _by_folding(store, run, wanted, first, last, on_progress)
    else:
        found, looked_at = _over_series(store, run, wanted, first, last, on_progress)
    if found is None:
        return Bisection(run.name, wanted.text, None, first, last, method, looked_at, settled=settled)
    plain = Bisection(run.name, wanted.text, found, first, last, method, looked_at, found == first > 0, settled)
    return _explained(store, run, wanted, found, plain, limit)


def _by_seeking(
    store: MeasuredHistory, run: Run, wanted: Expression, first: int, last: int, on_progress: OnProgress | None,
    *, only_the_first: bool,
) -> tuple[int | None, int]:  # fmt: skip
    looked_at = 0

    def tell(tick: int, _: int) -> None:
        if on_progress:
            on_progress(tick, last)  # of the measures that are yet to be made, and not of those for this look alone

    def holds(tick: int) -> bool:
        nonlocal looked_at
        looked_at += 1
        if wanted.uses_state or set(wanted.measures) != set(totals_of(wanted)):
            return wanted.holds(look_at(store, run, wanted, tick, on_progress=tell))
        return bool(where_it_holds(store, run, wanted, tick, tick, tell)[0])

    if holds(first):
        return first, looked_at
    if only_the_first or first == last:
        return None, looked_at
    # Running totals are made of all ticks before: not far beyond the answer, if they are not kept yet.
    low, stride = first, BLOCK if totals_of(wanted) else last
    high = min(first + stride, last)
    while not holds(high):
        if high == last:
            return None, looked_at
        low, stride = high, 2 * stride
        high = min(high + stride, last)
    while high - low > 1:  # false at low, true at high
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high, looked_at


def _over_series(
    store: MeasuredHistory, run: Run, wanted: Expression, first: int, last: int, on_progress: OnProgress | None
) -> tuple[int | None, int]:
    start = first
    while start <= last:
        stop = min(last, start - start % BLOCK + _CHUNK - 1)
        true = where_it_holds(store, run, wanted, start, stop, on_progress)
        if true.any():
            found = start + int(np.argmax(true))
            return found, found - first + 1
        start = stop + 1
    return None, last - first + 1


def _by_folding(
    store: MeasuredHistory, run: Run, wanted: Expression, first: int, last: int, on_progress: OnProgress | None
) -> tuple[int | None, int]:
    judge = Judge(wanted, totals_before(store, run, wanted, first, on_progress))
    world = new_world(run.configuration) if first == 0 else at(store, run, first - 1)
    for events in ticks_of(store, run, first, last):
        if judge(fold(world, events), events):
            return world.tick, world.tick - first + 1
        if on_progress and world.tick % _PROGRESS_EVERY == 0:
            on_progress(world.tick, last)
    return None, last - first + 1


def _explained(
    store: MeasuredHistory, run: Run, wanted: Expression, tick: int, found: Bisection, limit: int
) -> Bisection:
    """Return it with values before and after, and with causes."""
    before = new_world(run.configuration) if tick == 0 else at(store, run, tick - 1)
    events = next(iter(ticks_of(store, run, tick, tick)))
    after = fold(before.copy(), events)
    values = [wanted.values(look_at(store, run, wanted, world.tick, world=world)) for world in (before, after)]
    told = [next(iter(v.values())) if len(v) == 1 else v or None for v in values]
    causes = blame(wanted, before, events, totals_before(store, run, wanted, tick), limit=limit)
    return replace(found, value_before=told[0] if tick else None, value_after=told[1], causes=causes)
