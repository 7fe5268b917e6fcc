"""Scenario: what decides the ticks of a run, and which one decides which tick.

A run is decided by its seed and configuration from tick 0 on. A fork may have others: its own decide from the
tick after the fork on, those of its ancestors the ticks before. What changes there is told as the first event of that
tick, `ScenarioChanged`; where nothing changes, nothing is told.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain.configuration import CAME_LATER, Configuration


@dataclass(frozen=True)
class Scenario:
    """What decides a tick, besides the state that it begins with."""

    seed: int
    configuration: Configuration


class Scenarios:
    """Which scenario decides which tick of a run.

    Parameters
    ----------
    stretches : (first tick, Scenario), the first at tick 0, in rising order
    """

    def __init__(self, stretches: Iterable[tuple[int, Scenario]]) -> None:
        self._stretches = list(stretches)
        self._firsts = [first for first, _ in self._stretches]
        if not self._firsts or self._firsts[0] != 0 or sorted(set(self._firsts)) != self._firsts:
            raise ValueError("scenarios begin at tick 0 and rise")

    @classmethod
    def only(cls, seed: int, configuration: Configuration) -> Scenarios:
        """Return those of a run that is no fork."""
        return cls([(0, Scenario(seed, configuration))])

    @property
    def root(self) -> Scenario:
        """The one of the genesis: it made terrain and founders, and who people are."""
        return self._stretches[0][1]

    @property
    def firsts(self) -> tuple[int, ...]:
        """The first tick of each, rising from 0."""
        return tuple(self._firsts)

    def at(self, tick: int) -> Scenario:
        """Return the scenario that decides a tick; that of tick 0 for one before it."""
        return self._stretches[max(0, bisect_right(self._firsts, tick) - 1)][1]

    def change_at(self, tick: int) -> tuple[Scenario, Scenario] | None:
        """Return (before, after) if a tick is decided by another scenario than the tick before it."""
        if tick < 1 or tick not in self._firsts:
            return None
        before, after = self.at(tick - 1), self.at(tick)
        return None if before == after else (before, after)


def changes_between(before: Scenario, after: Scenario) -> dict[str, Any]:
    """Return what differs, as the payload of `ScenarioChanged` tells it.

    Returns
    -------
    dict, {"settings": {name: {"before", "after"}}, "seed": {"before", "after"} or None}
    """
    old, new = (CAME_LATER | json.loads(s.configuration.canonical()) for s in (before, after))
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    seeds = None if before.seed == after.seed else {"before": before.seed, "after": after.seed}
    return {
        "settings": {name: {"before": old.get(name), "after": new.get(name)} for name in names},
        "seed": seeds,
    }
