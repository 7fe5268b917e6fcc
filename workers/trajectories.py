"""Trajectories: how thoughts leave the store for training, with what came of them.

A trajectory is what one deliberation said and what followed in the world: the very messages, the very words that
came back, and the agent before and after. Whoever trains (Atropos and PEFT, docs/decisions/0009-atropos.md) scores
them; nothing here does, since what is good depends on what one wants of a society.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from domain.advance import new_world
from domain.codes import Good
from domain.columns import COMPANY, ENERGY, GOODS, INTENTION, SATIETY
from domain.fold import fold
from domain.ports import EventStore, Run
from domain.state import World
from replay.seek import ticks_of

HORIZON = 100


@dataclass(frozen=True)
class Standing:
    """An agent at a tick, in the integers of state.

    Attributes
    ----------
    tick : int
    energy, satiety, company : milli-units in [0, 10000]
    goods : by name; milli-units, coins and tool uses in pieces
    intention : code of `domain.codes.Intention`, -1 if none
    """

    tick: int
    energy: int
    satiety: int
    company: int
    goods: dict[str, int]
    intention: int


@dataclass(frozen=True)
class Trajectory:
    """One deliberation and what followed.

    Attributes
    ----------
    run, agent, asked_tick, effect_tick, purpose : which it is
    messages : what the engine was asked, role and content of each
    completion : what it said, as it came; None if it said nothing
    answer : what was recorded and used; {"refused": why} if it could not be
    engine, adapter, template : who answered, by name and hash
    tokens_in, tokens_out : as the engine counted them
    before : the agent when its answer was about to take effect; None if it was dead by then
    after : the agent `HORIZON` ticks later, or at the end of the run; None if it died meanwhile
    """

    run: str
    agent: int
    asked_tick: int
    effect_tick: int
    purpose: str
    messages: list[dict[str, str]]
    completion: str | None
    answer: dict[str, Any]
    engine: str | None
    adapter: str | None
    template: str | None
    tokens_in: int
    tokens_out: int
    before: Standing | None
    after: Standing | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def trajectories(store: EventStore, run: Run, *, horizon: int = HORIZON) -> Iterator[Trajectory]:
    """Yield the trajectories of a run in the order in which they were asked for; the history is folded once.

    Parameters
    ----------
    store : EventStore
    run : Run
    horizon : how many ticks after its effect a thought's outcome is looked at
    """
    head = store.head(run)
    if head is None:
        return
    rows = [row for row in store.deliberations(run) if row["effect_tick"] <= head.tick]
    wanted: dict[int, set[int]] = {}
    for row in rows:
        for tick in _when(row, horizon, head.tick):
            wanted.setdefault(tick, set()).add(row["agent"])
    seen: dict[tuple[int, int], Standing] = {}
    world = new_world(run.configuration)
    for events in ticks_of(store, run, 0, head.tick):
        fold(world, events)
        for agent in wanted.get(world.tick, ()):
            standing = _standing(world, agent)
            if standing is not None:
                seen[world.tick, agent] = standing
    for row in rows:
        before, after = (seen.get((tick, row["agent"])) for tick in _when(row, horizon, head.tick))
        yield Trajectory(
            run=run.name,
            agent=row["agent"],
            asked_tick=row["asked_tick"],
            effect_tick=row["effect_tick"],
            purpose=row["purpose"],
            messages=json.loads(row["prompt"]) if row["prompt"] else [],
            completion=row["raw"],
            answer=row["answer"],
            engine=row["engine"],
            adapter=row["adapter"],
            template=row["template"],
            tokens_in=row["tokens_in"] or 0,
            tokens_out=row["tokens_out"] or 0,
            before=before,
            after=after,
        )


def _when(row: dict[str, Any], horizon: int, last: int) -> tuple[int, int]:
    return row["effect_tick"] - 1, min(row["effect_tick"] + horizon, last)


def _standing(world: World, agent: int) -> Standing | None:
    row = world.row(agent)
    if row is None:
        return None
    a = world.agents
    goods = {g.name.lower(): int(a[GOODS + g, row]) for g in Good}
    return Standing(
        world.tick, int(a[ENERGY, row]), int(a[SATIETY, row]), int(a[COMPANY, row]), goods, int(a[INTENTION, row])
    )
