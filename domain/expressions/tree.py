"""An expression once it is understood: nodes that evaluate, and say which way they can go as ticks pass.

A trend is 1 if a value never falls from tick to tick (a truth: once true it stays so), -1 if it never rises, 0 if it
never changes, and None if nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from domain.errors import InvalidExpression
from domain.expressions.surroundings import NOTHING, Surroundings

NUMBER, TRUTH, WORD, NUMBERS, TRUTHS, WORDS = "number", "truth", "word", "numbers", "truths", "words"
"""Types; the plural ones have a value for each agent."""

Trend = int | None


@dataclass(frozen=True)
class Node:
    """A part of an expression.

    Attributes
    ----------
    type : one of the types above
    start, stop : where it stands in the text
    of : evaluates it
    children : the parts that it is made of
    trend : which way it can go, given how many founders there are
    words : of a word, the names of its codes
    """

    type: str
    start: int
    stop: int
    of: Callable[[Surroundings], Any]
    children: tuple[Node, ...] = ()
    trend: Callable[[int], Trend] = lambda founders: None
    words: Any = None

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Term(Node):
    """A part whose value comes from the run: a measure, something of an agent or a cell, a figure over all agents.

    Attributes
    ----------
    measure : name of the measure, with `_so_far` if its running total is meant; else empty
    agent, cell : number of the agent or cell that it is about; else None
    column : what it is of every agent, if that
    """

    measure: str = ""
    agent: int | None = None
    cell: int | None = None
    is_tick: bool = False
    column: str = ""


@dataclass(frozen=True)
class Expression:
    """What somebody wants to be true.

    Attributes
    ----------
    text : as it was written
    root : Node, a truth
    measures : names of the measures that it uses, running totals by their own names
    uses_state : whether it looks at single agents or cells
    terms : its terms, the outermost ones, from left to right
    """

    text: str
    root: Node
    measures: tuple[str, ...] = field(init=False)
    uses_state: bool = field(init=False)
    terms: tuple[Term, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = [n for n in self.root.walk() if isinstance(n, Term)]
        set_ = object.__setattr__
        set_(self, "measures", tuple(dict.fromkeys(t.measure for t in found if t.measure)))
        set_(self, "uses_state", any(not t.measure and not t.is_tick for t in found))
        set_(self, "terms", tuple(_outermost(self.root)))

    def require_change(self) -> None:
        """Refuse what looks at nothing, such as ``1 < 2``: the same at every tick, it never becomes true.

        Raises
        ------
        InvalidExpression
        """
        if not any(isinstance(node, Term) for node in self.root.walk()):
            because = (
                "this looks at nothing of the run, so it never becomes true; compare a measure, as in hungry > 0.3"
            )
            raise InvalidExpression(self.text, self.root.start, because)

    def holds(self, surroundings: Surroundings) -> bool:
        """Return whether it is true at one tick."""
        with np.errstate(all="ignore"):
            return bool(self.root.of(surroundings))

    def where(self, surroundings: Surroundings, ticks: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return at which of many ticks it is true."""
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(self.root.of(surroundings), np.bool_), (ticks,))

    def values(self, surroundings: Surroundings) -> dict[str, Any]:
        """Return the value of each term, by its text: a number, a truth, or a word; None for what is not there."""
        with np.errstate(all="ignore"):
            return {self.text_of(term): _shown(term, float(term.of(surroundings))) for term in self.terms}

    def text_of(self, node: Node) -> str:
        """Return a part as it was written."""
        return self.text[node.start : node.stop]

    def trend(self, founders: int) -> Trend:
        """Return which way its truth can go as ticks pass."""
        return self.root.trend(founders)


def _shown(term: Term, value: float) -> Any:
    if np.isnan(value):
        return None
    if term.type == WORD:
        return term.words(int(value)).name.lower()
    return bool(value) if term.type == TRUTH else value


def _outermost(node: Node) -> Iterator[Term]:
    if isinstance(node, Term):
        if not node.is_tick and node.type in (NUMBER, TRUTH, WORD):
            yield node
        return
    for child in node.children:
        yield from _outermost(child)


# -- trends ------------------------------------------------------------------------------------------


def together(*trends: Trend) -> Trend:
    """Return the trend of what rises with each of these."""
    moving = {t for t in trends if t != 0}
    if not moving:
        return 0
    return moving.pop() if len(moving) == 1 else None


def constant(*trends: Trend) -> Trend:
    """Return the trend of what is known to stay only if all of these do."""
    return 0 if set(trends) == {0} else None


def opposite(trend: Trend) -> Trend:
    """Return the trend of what falls as this rises."""
    return None if trend is None else -trend


# -- operators ---------------------------------------------------------------------------------------


def divide(a: Any, b: Any) -> Any:
    """Return a / b; nothing where b is 0."""
    return np.where(np.equal(b, 0), NOTHING, np.divide(a, np.where(np.equal(b, 0), 1, b)))


def differs(a: Any, b: Any) -> Any:
    """Return whether both are there and differ."""
    return np.not_equal(a, b) & ~np.isnan(a) & ~np.isnan(b)


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": divide,
}  # fmt: skip
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": differs,
}  # fmt: skip
