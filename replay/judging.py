"""Whether an expression holds, tick after tick: by folding, or over series of measures at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from domain.events import EventBatch
from domain.expressions import AtSeries, AtTick, Expression
from domain.measures import MEASURES, NO_VALUE, SO_FAR, Look
from domain.ports import MeasuredHistory, Run
from domain.state import World
from replay.measures import series


class Judge:
    """Says whether an expression holds, and keeps the running totals that it uses up to date.

    Parameters
    ----------
    expression : Expression
    totals : the running totals up to the tick before the first that is judged; see `totals_before`
    """

    def __init__(self, expression: Expression, totals: dict[str, float] | None = None) -> None:
        self.expression = expression
        self._look = Look()
        self._totals = dict(totals or {name: 0.0 for name in expression.measures if name.endswith(SO_FAR)})

    def look(self, world: World, events: EventBatch) -> AtTick:
        """Look at the tick after the one looked at before."""
        self._look.at(world, events)
        for name in self._totals:
            measure = MEASURES[name.removesuffix(SO_FAR)]
            amount = measure.of(self._look)
            self._totals[name] += 0 if amount == NO_VALUE else amount / measure.divisor
        return AtTick(self._look, self._totals)

    def __call__(self, world: World, events: EventBatch) -> bool:
        """Return whether the expression holds at the tick that `world` has just folded."""
        return self.expression.holds(self.look(world, events))


def totals_before(store: MeasuredHistory, run: Run, expression: Expression, tick: int) -> dict[str, float]:
    """Return the running totals that an expression uses, as they are before a tick."""
    names = [name for name in expression.measures if name.endswith(SO_FAR)]
    if tick == 0 or not names:
        return dict.fromkeys(names, 0.0)
    found = series(store, run, names, tick - 1, tick - 1)
    return {name: int(found[name][0]) / MEASURES[name.removesuffix(SO_FAR)].divisor for name in names}


def where_it_holds(
    store: MeasuredHistory, run: Run, expression: Expression, first: int, last: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.bool_]:  # fmt: skip
    """Return at which of ticks first … last an expression over measures alone holds."""
    assert not expression.uses_state
    ticks = last - first + 1
    found = {}
    if expression.measures:
        found = series(store, run, expression.measures, first, last, on_progress=on_progress)
    return expression.where(AtSeries(first, found, ticks), ticks)
