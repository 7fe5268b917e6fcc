"""Why something happened, for the command, notebooks and the page: an event by its address, with names for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import replay
from chronopolis.errors import WrongUsage
from chronopolis.naming import names_in
from chronopolis.record import require_tick
from chronopolis.sentences import Names
from domain.errors import shown
from domain.given import whole
from domain.ports import EventStore, Run
from replay.why import BREADTH, DEPTH, HORIZON, Causes

_ADDRESS = re.compile(r"([0-9]{1,10})[:.]([0-9]{1,10})")


@dataclass(frozen=True)
class Explained(Causes):
    """What led to an event and what came of it, which a notebook shows as a picture.

    Attributes
    ----------
    naming : says how everybody in it is called; asked only when a picture is drawn
    """

    naming: Callable[[], Names] = field(repr=False, compare=False)

    def _repr_svg_(self) -> str:
        from chronopolis.causes_picture import svg

        return svg(self, names=self.naming())


def address(text: str) -> tuple[int, int]:
    """Return the tick and ordinal that "tick:ordinal" names.

    Raises
    ------
    WrongUsage
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        raise WrongUsage(
            f"{shown(text)} is no event",
            "Write TICK:ORDINAL, such as 1200:17; `polis events RUN --tick 1200` lists them.",
        )
    return int(found[1]), int(found[2])


def why(
    store: EventStore, run: Run, event: str, *, depth: int = DEPTH, breadth: int = BREADTH, horizon: int = HORIZON,
    effects: bool = True, naming: Callable[[Causes], Names] | None = None,
) -> Explained:  # fmt: skip
    """Return what led to an event and what came of it; see `replay.why`. `naming` says how all are called, later on.

    Raises
    ------
    WrongUsage, NoTicksYet, BeyondHead, UnknownEvent
    """
    depth, breadth = whole("depth", depth, least=1, most=50), whole("breadth", breadth, least=1, most=200)
    horizon = whole("horizon", horizon, least=1, most=20_000)
    tick, ordinal = address(event)
    require_tick(store, run, tick)
    found = replay.why(store, run, tick, ordinal, depth=depth, breadth=breadth, horizon=horizon, effects=effects)
    return Explained(**vars(found), naming=partial(naming or partial(names_for, store, run), found))


def names_for(store: EventStore, run: Run, found: Causes) -> Names:
    """Return how everybody of an answer is called, who died long before or came long after as well."""
    return names_in(store, run, everything(found))


def everything(found: Causes, *sides: str) -> Iterator[dict[str, Any]]:
    """Yield the events of an answer: the one asked about, then causes, then effects, the nearest of each first."""
    yield found.event
    for side in sides or ("causes", "effects"):
        waiting = list(getattr(found, side))
        while waiting:
            node = waiting.pop(0)
            yield node
            waiting += node.get(side, ())
