"""Measures: figures of a society at a tick, read from its state and events. Looking changes nothing."""

from domain.measures.base import ALIASES, MEASURES
from domain.measures.figures import gini, society_figures
from domain.measures.look import Look
from domain.measures.registry import NO_VALUE, SO_FAR, Measure, measure_named, natural

__all__ = [
    "ALIASES", "MEASURES", "NO_VALUE", "SO_FAR", "Look", "Measure", "gini", "measure_named", "natural",
    "society_figures",
]  # fmt: skip
