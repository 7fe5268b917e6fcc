"""Which events of a tick moved the terms of an expression, and by how much.

The events of the tick are folded one after another, in their order, into the state before it, and the term is looked at
after each: what it did then is what that event contributed. So nothing is guessed, and the contributions add up to all
that events did to the term in that tick. What time alone does, such as regrowth, comes before the first of them and is
no event's. Of two that only matter together, such as the legs of one barter, each has what the term did when it was
folded: of a total the giver's leg has the fall and the taker's the rise, and where both are needed to bring something
about, the later one has it. A flow, and its running total, is counted from nothing as the tick's events come; no value
counts as 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.events import EventBatch, as_json
from domain.expressions import AtTick, Expression, Term
from domain.expressions.tree import WORD
from domain.fold import apply_events
from domain.measures import MEASURES, SO_FAR, Look
from domain.state import World
from replay.judging import Totals, in_units

EVENTS_WEIGHED = 12_000
"""So many events are looked at one by one. A tick with more that can move a term would take many seconds: they are
listed in their order, and what they contributed is not told."""


@dataclass(frozen=True)
class Cause:
    """An event that moved a term.

    Attributes
    ----------
    ordinal : of the event within the tick
    term : the term, as it is written in the expression
    contribution : what the term did when the event was folded; None of a word, and of what was not looked at
    weighed : whether it was looked at
    """

    ordinal: int
    term: str
    contribution: float | None
    weighed: bool = True

    def as_dict(self, events: EventBatch) -> dict[str, Any]:
        """Return the event as plain values, with what it moved and by how much."""
        event = as_json(events.records[self.ordinal], events.payload(self.ordinal))
        own = {"term": self.term, "contribution": self.contribution}
        return event | own | ({} if self.weighed else {"weighed": False})


def blame(
    expression: Expression, before: World, events: EventBatch, totals: Totals, *, limit: int
) -> list[dict[str, Any]]:
    """Return the events of a tick that moved the terms of an expression, those that moved them most first.

    Parameters
    ----------
    before : World, the state that the tick before left
    events : EventBatch, the tick's
    totals : the running totals that the expression uses, as they are before the tick
    limit : how many events at most
    """
    found: list[tuple[float, Cause]] = []
    terms = {expression.text_of(term): term for term in expression.terms}
    movers = {text: _movers(term, events) for text, term in terms.items()}
    weighed = {text: term for text, term in terms.items() if len(movers[text]) <= EVENTS_WEIGHED}
    causes = list(_one_by_one(weighed, movers, before, events, totals))
    for text in terms:
        own = [c for c in causes if c.term == text]
        if text not in weighed:
            own = [Cause(int(at), text, None, weighed=False) for at in movers[text][:limit]]
        moved = sum(c.contribution or 0.0 for c in own)
        whole = sum(abs(c.contribution or 0.0) for c in own) or 1.0
        sign = math.copysign(1.0, moved)
        found += [(sign * (c.contribution or 0.0) / whole, c) for c in own]
    # What goes against the change comes last; among equals the earlier event is first.
    found.sort(key=lambda pair: (-pair[0], pair[1].ordinal))
    return [cause.as_dict(events) for _, cause in found[:limit]]


def _movers(term: Term, events: EventBatch) -> NDArray[np.int64]:
    """Return where the events are that can move a term."""
    records = events.records
    if term.agent is not None:
        return np.flatnonzero((records["agent"] == term.agent) | (records["target"] == term.agent))
    measure = MEASURES.get(term.measure.removesuffix(SO_FAR))
    if measure is not None and measure.moved_by:
        return np.flatnonzero(np.isin(records["kind"], [kind.number for kind in measure.moved_by]))
    return np.arange(len(records))


def _one_by_one(
    terms: dict[str, Term], movers: dict[str, NDArray[np.int64]], before: World, events: EventBatch, totals: Totals
) -> Iterator[Cause]:
    """Fold the events in their order, and yield what each did to each term that it can move."""
    world, look, folded = before.copy(), Look(), 0
    world.tick += 1  # time passes first

    def here() -> AtTick:
        look.at(world, events.slice(0, folded))
        sums = {name: total + MEASURES[name.removesuffix(SO_FAR)].of(look) for name, total in totals.items()}
        return AtTick(look, in_units(sums))

    start = here()
    values = {text: _value(term, start) for text, term in terms.items()}
    concerned = _concerned(terms, movers)
    for at in sorted(concerned):
        apply_events(world, events, folded, at + 1)
        folded = at + 1
        there = here()
        for text in concerned[at]:
            value, was = _value(terms[text], there), values[text]
            if value != was and not (math.isnan(value) and math.isnan(was)):
                values[text] = value
                yield Cause(at, text, None if terms[text].type == WORD else _rise(was, value))


def _concerned(terms: dict[str, Term], movers: dict[str, NDArray[np.int64]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for text in terms:
        for at in movers[text].tolist():
            found.setdefault(at, []).append(text)
    return found


def _value(term: Term, there: AtTick) -> float:
    with np.errstate(all="ignore"):
        return float(term.of(there))


def _rise(was: float, value: float) -> float:
    """Return by how much a value rose, without the last digits, which are those of the subtraction."""
    was, value = (0.0 if math.isnan(v) else v for v in (was, value))
    return round(value - was, 12)
