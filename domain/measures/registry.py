"""What a measure is: a name, a unit, a meaning, and one expression that computes it from a look at a tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from domain.errors import UnknownMeasure
from domain.events import EventKind
from domain.measures.look import Look
from domain.measures.quotient import NO_VALUE

SO_FAR = "_so_far"
"""Ends the name of a flow's running total: `deaths_so_far` is how many died in all ticks up to this one."""


@dataclass(frozen=True)
class Measure:
    """A figure of a society at every tick.

    Its amount is a whole number, or a fraction: the float64 nearest to the quotient of two whole numbers, which is the
    same on every machine. Amounts are kept as float64; whole ones are exact up to 2**53.

    Attributes
    ----------
    name : as people and expressions call it
    unit : of the value as people see it; with `milli` the amount counts thousandths of it
    meaning : in a sentence
    kind : "level" (what is at the end of a tick) or "flow" (what happened within it)
    of : computes the amount from a look at a tick
    fraction : whether it is a fraction, in its unit, and not a whole number
    moved_by : kinds of event that can change it; empty: every action of an agent
    rising : whether it never falls from a tick to the next
    paid_for : of a price, the flows whose quotient it is, in its unit: what was paid, and what was bought for that
    source : where the formula is from
    version : raised when `of` changes, so that what was kept of the older one is made anew
    """

    name: str
    unit: str
    meaning: str
    kind: str
    of: Callable[[Look], float]
    milli: bool = False
    fraction: bool = False
    moved_by: tuple[EventKind, ...] = ()
    rising: bool = False
    paid_for: tuple[str, str] | None = None
    source: str = ""
    version: int = 1

    @property
    def is_summed(self) -> bool:
        """Whether its sum over ticks means something."""
        return self.kind == "flow" and self.paid_for is None

    @property
    def divisor(self) -> int:
        """What the amount is divided by to be in `unit`."""
        return 1000 if self.milli else 1


def measure_named(name: str, measures: dict[str, Measure], aliases: dict[str, str]) -> tuple[Measure, bool]:
    """Return the measure of that name, and whether its running total is meant.

    Raises
    ------
    UnknownMeasure
        Which names those that are spelt nearly so.
    """
    wanted = aliases.get(name, name)
    if wanted in measures:
        return measures[wanted], False
    base = aliases.get(name.removesuffix(SO_FAR), name.removesuffix(SO_FAR))
    if name.endswith(SO_FAR) and base in measures and measures[base].is_summed:
        return measures[base], True
    raise UnknownMeasure(name, tuple(get_close_matches(name, [*measures, *aliases], n=3, cutoff=0.5)))


def with_parts(names: Iterable[str], measures: dict[str, Measure], aliases: dict[str, str]) -> list[str]:
    """Return names, and after them what the prices among them are quotients of: `over_stretches` asks for these."""
    names = list(names)
    prices = (measure_named(name, measures, aliases)[0].paid_for or () for name in names)
    return list(dict.fromkeys((*names, *(part for parts in prices for part in parts))))


def over_stretches(
    measure: Measure, amounts: NDArray[np.float64], found: Mapping[str, NDArray[np.float64]], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return what a flow came to in stretches of ticks, in its unit: the sum, or what was paid over what was bought.

    Parameters
    ----------
    amounts : of the measure, one a tick
    found : amounts by name; of a price only its parts are looked at
    starts : where stretches begin, rising from 0; the last one ends with the series
    """
    if measure.paid_for is None:
        return natural(measure, np.add.reduceat(amounts, starts))
    coins, thousandths = (np.add.reduceat(found[name], starts) for name in measure.paid_for)
    # Whole numbers, so this is the float64 nearest to the exact quotient, as in a single tick.
    prices: NDArray[np.float64] = 1000 * coins / np.where(thousandths > 0, thousandths, NO_VALUE)
    return prices


def natural(measure: Measure, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return amounts in the measure's unit, NaN where there is none."""
    return amounts / measure.divisor
