"""What an expression is evaluated in: one tick, or the series of measures of many ticks at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.expressions.vocabulary import ASPECTS, COLUMNS
from domain.measures import ALIASES, MEASURES, SO_FAR, Look, measure_named, natural

NOTHING = float("nan")
"""The value of what is not there. It compares false with everything."""


class Surroundings(Protocol):
    """Where names get their values. A value is a number, or an array with one a tick or one an agent."""

    @property
    def tick(self) -> Any:
        """The tick, or all of them."""

    def measure(self, name: str) -> Any:
        """Return a measure in its unit."""

    def column(self, name: str) -> NDArray[np.float64]:
        """Return something of every living agent."""

    def total(self, name: str) -> tuple[int, int, int]:
        """Return the sum of something over the living, what to divide it by to have it in units, and how many live."""

    def agent(self, who: int, what: str) -> float:
        """Return something of one agent; nothing if it does not live."""

    def cell(self, cell: int, what: str) -> float:
        """Return something of one cell; nothing if there is none of that number."""


class AtTick:
    """One tick, by a look at it.

    Parameters
    ----------
    look : Look
    totals : running totals by name, such as `deaths_so_far`, for expressions that use them
    """

    def __init__(self, look: Look, totals: Mapping[str, float] | None = None) -> None:
        self.look, self.totals = look, totals or {}

    @property
    def tick(self) -> int:
        """The tick."""
        return self.look.tick

    def measure(self, name: str) -> float:
        """Return a measure in its unit."""
        if name.endswith(SO_FAR):
            return float(self.totals[name])
        measure = MEASURES[name]
        return measure.of(self.look) / measure.divisor

    def column(self, name: str) -> NDArray[np.float64]:
        """Return something of every living agent."""
        column = COLUMNS[name]
        values: NDArray[np.float64] = column.of(self.look) / column.divisor
        return values

    def total(self, name: str) -> tuple[int, int, int]:
        """Return the sum of something over the living, what to divide it by, and how many they are."""
        column = COLUMNS[name]
        return int(column.of(self.look).sum()), column.divisor, self.look.population

    def agent(self, who: int, what: str) -> float:
        """Return something of one agent."""
        row = self.look.row_of.get(who)
        if what == "alive":
            return float(row is not None)
        if what == "dead":
            return float(row is None and 0 <= who < self.look.world.next_agent)
        return NOTHING if row is None else float(self.column(what)[row])

    def cell(self, cell: int, what: str) -> float:
        """Return something of one cell."""
        world = self.look.world
        if not 0 <= cell < world.cells.shape[1]:
            return NOTHING
        return ASPECTS[what].of(world, cell, self.look.tick) / ASPECTS[what].divisor


class AtSeries:
    """Many ticks at once, by series of measures alone.

    Parameters
    ----------
    first : the first tick
    amounts : by the names that the expression uses, as `replay.measures.series` returns them
    """

    def __init__(self, first: int, amounts: Mapping[str, NDArray[np.float64]], ticks: int) -> None:
        self.tick = np.arange(first, first + ticks, dtype=np.float64)
        self._values = {
            name: natural(measure_named(name, MEASURES, ALIASES)[0], values) for name, values in amounts.items()
        }

    def measure(self, name: str) -> NDArray[np.float64]:
        """Return a measure at every tick."""
        return self._values[name]

    def column(self, name: str) -> NDArray[np.float64]:
        """Series know nothing of single agents."""
        raise AssertionError(name)

    def total(self, name: str) -> tuple[int, int, int]:
        """Series know nothing of single agents."""
        raise AssertionError(name)

    def agent(self, who: int, what: str) -> float:
        """Series know nothing of single agents."""
        raise AssertionError(who)

    def cell(self, cell: int, what: str) -> float:
        """Series know nothing of cells."""
        raise AssertionError(cell)


__all__ = ["NOTHING", "AtSeries", "AtTick", "Surroundings"]
