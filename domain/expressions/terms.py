"""The parts of an expression whose values come from the run."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum
from typing import Any

import numpy as np

from domain.expressions.surroundings import NOTHING
from domain.expressions.tokens import Token
from domain.expressions.tree import NUMBER, NUMBERS, TRUTH, WORD, WORDS, Node, Term, Trend
from domain.expressions.vocabulary import ASPECTS, COLUMNS, OVER_NUMBERS
from domain.measures import SO_FAR, Measure, quotient


def _share(truths: Any) -> float:
    return quotient(np.count_nonzero(truths), len(truths))


def _mean(values: Any) -> float:
    return _sum(values) / len(values) if len(values) else NOTHING


def _sum(values: Any) -> float:
    # Rounded once, whatever the order of the values: numpy's sums differ between machines.
    return fsum(values.tolist())


_OVER_AGENTS: dict[str, Callable[[Any], Any]] = {
    "count": np.count_nonzero,
    "share": _share,
    "any": np.any,
    "all": np.all,
    "mean": _mean,
    "sum": _sum,
    "total": _sum,
    "min": lambda values: np.min(values) if len(values) else NOTHING,
    "max": lambda values: np.max(values) if len(values) else NOTHING,
}


def tick_term(token: Token) -> Term:
    """Return the tick itself."""
    return Term(NUMBER, token.start, token.stop, lambda s: s.tick, trend=lambda founders: 1, is_tick=True)


def measure_term(token: Token, measure: Measure, so_far: bool) -> Term:
    """Return a measure, or its running total, which never falls: nothing that is counted is less than nothing."""
    name = measure.name + (SO_FAR if so_far else "")
    trend: Trend = 1 if so_far or measure.rising else None
    return Term(NUMBER, token.start, token.stop, lambda s: s.measure(name), trend=lambda founders: trend, measure=name)


def column_node(token: Token) -> Term:
    """Return something of every agent."""
    name, words = token.text, COLUMNS[token.text].words
    kind = NUMBERS if words is None else WORDS
    return Term(kind, token.start, token.stop, lambda s: _absent_is_nothing(s.column(name), words), words=words,
                column=name)  # fmt: skip


def over_agents(token: Token, name: str, one: Node, stop: int) -> Term:
    """Return a figure over all agents."""
    figure = _OVER_AGENTS[name]
    kind = TRUTH if name in ("any", "all") else NUMBER

    def of(s: Any) -> Any:
        return figure(one.of(s))

    def exactly(s: Any) -> float:
        # Of a column alone, from whole numbers, so that mean(satiety) is the very number that the measure satiety is.
        amount, divisor, population = s.total(column)
        return quotient(amount, divisor * population) if name == "mean" else quotient(amount, divisor)

    column = one.column if isinstance(one, Term) else ""
    return Term(kind, token.start, stop, exactly if column and name in OVER_NUMBERS else of, (one,))


def agent_term(token: Token, who: int, what: Token) -> Term:
    """Return something of one agent. Founders live from tick 0 on, so once dead they stay so; the dead always do."""
    name = what.text
    words = COLUMNS[name].words if name in COLUMNS else None
    life = name in ("alive", "dead")
    kind = TRUTH if life else NUMBER if words is None else WORD

    def trend(founders: int) -> Trend:
        if name == "dead":
            return 1
        return -1 if name == "alive" and who < founders else None

    def of(s: Any) -> Any:
        value = s.agent(who, name)
        return bool(value) if life else _absent_is_nothing(value, words)

    return Term(kind, token.start, what.stop, of, trend=trend, words=words, agent=who)


def cell_term(token: Token, cell: int, what: Token) -> Term:
    """Return something of one cell."""
    name, words = what.text, ASPECTS[what.text].words
    kind = NUMBER if words is None else WORD
    return Term(kind, token.start, what.stop, lambda s: s.cell(cell, name), words=words, cell=cell)


def _absent_is_nothing(values: Any, words: Any) -> Any:
    return values if words is None else np.where(np.less(values, 0), NOTHING, values)
