"""Which events of a tick moved the terms of an expression, and by how much.

The share of an event in a change is found by leaving it out: for something of the state, the term is computed again
with the row of the event's agent as it was before the tick; for a flow, without the event. So it is exact for one event
at a time, and for a sum the shares add up; for what is no sum, such as a Gini coefficient, they need not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.events import ABSENT, KIND_BY_NUMBER, EventBatch, as_json
from domain.expressions import AtTick, Expression, Term
from domain.measures import MEASURES, SO_FAR, Look
from domain.state import World

EVENTS_WEIGHED = 4_000
"""So many events or agents are weighed by leaving out; more would take seconds, and are listed unweighed."""

_ACTIONS = {number for number, kind in KIND_BY_NUMBER.items() if any(f.name == "energy" for f in kind.fields)}


@dataclass(frozen=True)
class Cause:
    """An event that moved a term.

    Attributes
    ----------
    ordinal : of the event within the tick
    term : the term, as it is written in the expression
    contribution : how much of the term's value is due to the event; None if that can't be told
    """

    ordinal: int
    term: str
    contribution: float | None


def blame(
    expression: Expression, before: World, after: World, events: EventBatch, totals: dict[str, float], *, limit: int
) -> list[dict[str, Any]]:
    """Return the events of a tick that moved the terms of an expression, those that moved them most first.

    Parameters
    ----------
    before, after : World, the states around the tick
    events : EventBatch, the tick's
    totals : running totals that the expression uses, as they are at the tick
    limit : how many events at most
    """
    look_before = Look().at(before, EventBatch.of(events.records[:0]))
    found: list[tuple[float, Cause]] = []
    for term in expression.terms:
        causes = list(_causes(expression.text_of(term), term, look_before, Look().at(after, events), totals))
        whole = sum(abs(c.contribution) for c in causes if c.contribution) or 1.0
        look_after = Look().at(after, events)
        moved = _moved(term, AtTick(look_before, totals, fine=True), AtTick(look_after, totals, fine=True))
        for cause in causes:
            share = (cause.contribution or 0.0) / whole
            found.append((share * moved if moved else abs(share), cause))
    # What goes against the change comes last; among equals the earlier event is first.
    found.sort(key=lambda pair: (-pair[0], pair[1].ordinal))
    return [
        as_json(events.records[c.ordinal], events.payload(c.ordinal)) | {"term": c.term, "contribution": c.contribution}
        for _, c in found[:limit]
    ]


def _moved(term: Term, before: AtTick, after: AtTick) -> int:
    """Return 1 if a term rose, -1 if it fell, 0 if that can't be told."""
    try:
        change = float(term.of(after)) - float(term.of(before))
    except (ValueError, ZeroDivisionError):
        return 0
    return 0 if math.isnan(change) or change == 0 else int(math.copysign(1, change))


def _causes(text: str, term: Term, before: Look, after: Look, totals: dict[str, float]) -> Iterator[Cause]:
    records = after.events.records
    if term.agent is not None:
        own = records["agent"] == term.agent
        yield from (Cause(int(at), text, None) for at in np.flatnonzero(own))
        return
    if term.cell is not None:
        yield from (Cause(int(at), text, None) for at in np.flatnonzero(records["cell"] == term.cell))
        return
    measure = MEASURES.get(term.measure.removesuffix(SO_FAR))
    kinds = {k.number for k in measure.moved_by} if measure is not None else set()
    concerned = np.isin(records["kind"], list(kinds)) if kinds else np.ones(len(records), np.bool_)
    if measure is not None and measure.kind == "flow":
        weighed = list(_without_events(text, term, after, np.flatnonzero(concerned), totals))
    else:
        weighed = list(_without_agents(text, term, before, after, concerned, kinds or _ACTIONS, totals))
    if any(c.contribution for c in weighed):
        yield from (c for c in weighed if c.contribution)
    elif kinds:
        yield from (Cause(int(at), text, None) for at in np.flatnonzero(concerned))


def _without_events(
    text: str, term: Term, look: Look, positions: NDArray[np.int64], totals: dict[str, float]
) -> Iterator[Cause]:
    """Weigh the events of a flow, each by what the flow would be without it."""
    if term.measure.endswith(SO_FAR):
        name = term.measure.removesuffix(SO_FAR)
        measure = MEASURES[name]

        def value() -> float:
            return measure.of(look) / measure.divisor
    else:

        def value() -> float:
            return float(term.of(AtTick(look, totals, fine=True)))

    whole, events, world = value(), look.events, look.world
    for at in positions[:EVENTS_WEIGHED].tolist():
        look.at(world, EventBatch.of(np.delete(events.records, at)))
        without = value()
        yield Cause(at, text, _rounded(whole - (0.0 if math.isnan(without) else without)))
    look.at(world, events)


def _without_agents(
    text: str, term: Term, before: Look, after: Look, concerned: NDArray[np.bool_], kinds: set[int],
    totals: dict[str, float],
) -> Iterator[Cause]:  # fmt: skip
    """Weigh the agents that something happened to, each by what the term would be had its row stayed as it was."""
    records, living = after.events.records, after.living.copy()
    rows, rows_before = after.row_of, before.row_of
    whole = float(term.of(AtTick(after, totals, fine=True)))
    agents = np.unique(records["agent"][concerned & (records["agent"] != ABSENT)])
    for who in agents[:EVENTS_WEIGHED].tolist():
        now, was = rows.get(who), rows_before.get(who)
        with _row_as_it_was(after, living, now, None if was is None else before.living[:, was]):
            without = float(term.of(AtTick(after, totals, fine=True)))
        contribution = _rounded(whole - without)
        own = np.flatnonzero(concerned & (records["agent"] == who))
        moving = [int(at) for at in own if int(records["kind"][at]) in kinds]
        if contribution and moving:
            yield Cause(moving[0], text, contribution)


@contextmanager
def _row_as_it_was(
    look: Look, living: NDArray[np.int64], now: int | None, row: NDArray[np.int64] | None
) -> Iterator[None]:
    """Let one of the living be as it was, or be gone if it was not there, or be there if it has gone."""
    if now is None:
        look.show(living if row is None else np.column_stack((living, row)))
        yield
    elif row is None:
        look.show(np.delete(living, now, axis=1))
        yield
    else:
        kept = living[:, now].copy()
        living[:, now] = row
        look.show(living)
        yield
        living[:, now] = kept
    look.show(living)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 9)
