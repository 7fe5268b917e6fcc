"""The base figures of a state, for summaries: the very measures, by names that summaries have always had."""

from __future__ import annotations

from math import isnan

from domain.codes import Good
from domain.events import EventBatch, empty_records
from domain.measures.base import MEASURES
from domain.measures.look import Look
from domain.state import World

_PIECES = {Good.COIN: "coins", Good.TOOL: "tools"}
FIGURES = {name: name for name in ("population", "energy", "satiety", "company", "gini_coins", "gini_food", "ties")} | {
    good.name.lower(): _PIECES.get(good, good.name.lower()) for good in Good
}
"""Figure → the measure that it is."""


def society_figures(world: World) -> dict[str, float | int]:
    """Return the base figures of a state in their units: means over the living, 0 where nobody lives, and sums."""
    look = Look().at(world, EventBatch.of(empty_records(0)))
    figures: dict[str, float | int] = {}
    for name, measure in ((name, MEASURES[measure]) for name, measure in FIGURES.items()):
        amount = measure.of(look)
        whole = not (measure.fraction or measure.milli)
        figures[name] = int(amount) if whole else 0.0 if isnan(amount) else amount / measure.divisor
    return figures
