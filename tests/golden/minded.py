"""The golden run of a society with minds: who lives in it, and what is done to it from outside.

Its minds are `tests.support.minds` when it is recorded. From then on their answers are inputs in its file, so a mind
for tests that is rewritten changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from domain.configuration import Configuration
from domain.inputs import INTERVENTION, NOBODY, Input, InputKey

# Lives so short that rows of the dead are compacted, too little to eat, and words that are not heard far.
MINDED = Configuration(
    agents=70, width=12, height=12, homes=100, hunger=400, lifespan=180, adulthood=15, birth_interval=25,
    regrowth_percent=40, mind="scripted", think_delay=2, think_budget=2_500, hearing=3, reflect_at=600,
)  # fmt: skip
SEED, TICKS = 7, 200


def _done(tick: int, agent: int, *, call: int = 0, **deed: Any) -> Input:
    key = InputKey(tick - 1, agent, INTERVENTION, call)
    return Input(key, tick, {"by": "golden", "why": "to be recorded", **deed})


def interventions() -> Iterator[Input]:
    """Yield what is done from outside: everything that can be, to the living, the dead and the world."""
    for tick in range(30, 45):  # so much news that older memories make room
        for agent in (4, 9):
            for call in range(3):
                yield _done(tick, agent, call=call, news=f"News {call} of tick {tick}.")
    for agent in range(0, 60, 3):
        yield _done(45, agent, endow={"food": 18_000, "coin": 7})
    for agent in range(1, 60, 9):
        yield _done(40 + agent, agent, rest=True)
    for agent in range(0, 60, 7):
        yield _done(60 + agent, agent, remove=True)
    yield _done(50, NOBODY, add={"agents": 7})
    yield _done(90, NOBODY, add={"agents": 5, "cell": 60})
    yield _done(91, NOBODY, add={"agents": 900})  # more than there are homes for
    yield _done(80, NOBODY, stock={"good": "food", "cells": "all", "percent": 0})
    yield _done(100, NOBODY, stock={"good": "wood", "cells": [3, 5, 70], "amount": 9_000})
