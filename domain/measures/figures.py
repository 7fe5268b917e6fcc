"""The base figures of a state, for summaries: some of the measures, by their names."""

from __future__ import annotations

from math import isnan

from domain.events import EventBatch, empty_records
from domain.measures.base import MEASURES
from domain.measures.look import Look
from domain.state import World

FIGURES = (
    "population", "energy", "satiety", "company", "gini_coins", "gini_food", "ties",
    "food", "wood", "stone", "ore", "coins", "tools",
)  # fmt: skip
"""The measures that they are. A good is `coin` or `tool`; what all hold of it is the measure `coins` or `tools`."""


def society_figures(world: World) -> dict[str, float | int | None]:
    """Return the base figures of a state in their units: sums, and means over the living, None where nobody lives."""
    look = Look().at(world, EventBatch.of(empty_records(0)))
    figures: dict[str, float | int | None] = {}
    for name in FIGURES:
        measure = MEASURES[name]
        amount = measure.of(look)
        whole = not (measure.fraction or measure.milli)
        figures[name] = int(amount) if whole else None if isnan(amount) else amount / measure.divisor
    return figures
