"""What an expression is judged by: a look at one tick, by seeking or by folding, or series of measures at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from domain.configuration import Configuration
from domain.errors import InvalidExpression
from domain.events import EventBatch, empty_records
from domain.expressions import AtSeries, AtTick, Expression, Term
from domain.measures import MEASURES, SO_FAR, Look
from domain.ports import HistoryReader, MeasuredHistory, Run
from domain.state import World
from replay.measures import series
from replay.seek import at, ticks_of

NO_EVENTS = EventBatch.of(empty_records(0))

OnProgress = Callable[[int, int], None]
Totals = dict[str, float]
"""Running totals by name, as amounts: whole numbers, so that the order in which they are summed makes no difference."""


class Judge:
    """Says whether an expression holds, and keeps the running totals that it uses up to date.

    Parameters
    ----------
    expression : Expression
    totals : the running totals up to the tick before the first that is judged; see `totals_before`
    """

    def __init__(self, expression: Expression, totals: Totals | None = None) -> None:
        self.expression = expression
        self._look = Look()
        self._totals = dict(totals or dict.fromkeys(totals_of(expression), 0.0))

    def look(self, world: World, events: EventBatch) -> AtTick:
        """Look at the tick after the one looked at before."""
        self._look.at(world, events)
        for name in self._totals:
            self._totals[name] += MEASURES[name.removesuffix(SO_FAR)].of(self._look)
        return AtTick(self._look, in_units(self._totals))

    def __call__(self, world: World, events: EventBatch) -> bool:
        """Return whether the expression holds at the tick that `world` has just folded."""
        return self.expression.holds(self.look(world, events))


def look_at(
    store: MeasuredHistory, run: Run, expression: Expression, tick: int, *, world: World | None = None,
    on_progress: OnProgress | None = None,
) -> AtTick:  # fmt: skip
    """Return what an expression is evaluated in at one tick, by seeking; -1 is before anything was.

    Parameters
    ----------
    world : the state at that tick, for whoever has it at hand
    """
    judge = Judge(expression, totals_before(store, run, expression, max(tick, 0), on_progress))
    flows = any(MEASURES[name.removesuffix(SO_FAR)].kind == "flow" for name in expression.measures)
    events = next(iter(ticks_of(store, run, tick, tick))) if flows and tick >= 0 else NO_EVENTS
    return judge.look(at(store, run, tick) if world is None else world, events)


def require_there(store: MeasuredHistory, run: Run, expression: Expression, last: int | None) -> None:
    """Refuse an expression about a cell that the map doesn't have, or an agent that hadn't come by tick `last`.

    Parameters
    ----------
    last : None where agents may still come

    Raises
    ------
    InvalidExpression
    """
    require_cells(expression, run.configuration)
    if last is None:
        return
    named = [n for n in expression.root.walk() if isinstance(n, Term) and n.agent is not None]
    newest = max(named, key=lambda term: term.agent or 0, default=None)
    because = None if newest is None else why_nobody(store, run, newest.agent or 0, last)
    if newest is not None and because is not None:
        raise InvalidExpression(expression.text, newest.start, because)


def why_nobody(store: HistoryReader, run: Run, agent: int, last: int) -> str | None:
    """Return why an agent is nobody: it hadn't come by tick `last`; None if it had."""
    if agent < run.configuration.agents:  # a founder
        return None
    come = at(store, run, last).next_agent
    return None if agent < come else f"there is no agent {agent}: by tick {last:,}, 0 to {come - 1:,} have come"


def require_cells(expression: Expression, configuration: Configuration) -> None:
    """Refuse an expression about a cell that the map doesn't have.

    Raises
    ------
    InvalidExpression
    """
    cells = configuration.width * configuration.height
    for term in expression.root.walk():
        if isinstance(term, Term) and term.cell is not None and term.cell >= cells:
            because = f"there is no cell {term.cell}: they are 0 to {cells - 1:,}"
            raise InvalidExpression(expression.text, term.start, because)


def totals_of(expression: Expression) -> list[str]:
    """Return the running totals that an expression uses."""
    return [name for name in expression.measures if name.endswith(SO_FAR)]


def in_units(totals: Mapping[str, float]) -> Totals:
    """Return running totals in their units."""
    return {name: amount / MEASURES[name.removesuffix(SO_FAR)].divisor for name, amount in totals.items()}


def totals_before(
    store: MeasuredHistory, run: Run, expression: Expression, tick: int, on_progress: OnProgress | None = None
) -> Totals:
    """Return the running totals that an expression uses, as they are before a tick."""
    names = totals_of(expression)
    if tick == 0 or not names:
        return dict.fromkeys(names, 0.0)
    found = series(store, run, names, tick - 1, tick - 1, on_progress=on_progress)
    return {name: float(found[name][0]) for name in names}


def where_it_holds(
    store: MeasuredHistory, run: Run, expression: Expression, first: int, last: int,
    on_progress: OnProgress | None = None,
) -> NDArray[np.bool_]:  # fmt: skip
    """Return at which of ticks first … last an expression over measures alone holds."""
    assert not expression.uses_state
    ticks = last - first + 1
    found = {}
    if expression.measures:
        found = series(store, run, expression.measures, first, last, on_progress=on_progress)
    return expression.where(AtSeries(first, found, ticks), ticks)
