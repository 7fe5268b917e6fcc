"""Measures: figures of a society at a tick, read from its state and events. Looking changes nothing."""

from domain.measures.base import ALIASES, MEASURES, gini
from domain.measures.figures import society_figures
from domain.measures.look import Look
from domain.measures.quotient import NO_VALUE, quotient
from domain.measures.registry import SO_FAR, Measure, measure_named, natural, over_stretches, with_parts

__all__ = [
    "ALIASES", "MEASURES", "NO_VALUE", "SO_FAR", "Look", "Measure", "gini", "measure_named", "natural",
    "over_stretches", "quotient", "society_figures", "with_parts",
]  # fmt: skip
