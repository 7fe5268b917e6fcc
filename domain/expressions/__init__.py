"""Expressions over measures and state, such as ``gini > 0.5 and count(energy < 2) >= 10``.

A language of its own, small enough that nothing can be done in it but look: numbers, words, comparisons, `and`, `or`,
`not`, `+ - * /`, the names of measures, and what `domain.expressions.vocabulary` lists of agents and cells.
"""

from domain.expressions.parser import parse
from domain.expressions.surroundings import AtSeries, AtTick
from domain.expressions.tree import Expression, Term

__all__ = ["AtSeries", "AtTick", "Expression", "Term", "parse"]
