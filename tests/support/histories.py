"""Histories to test against: short runs of small worlds, and events made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain import events as ev
from domain.advance import Header, advance, genesis_hash, header_of, new_world
from domain.codes import Good, Intention, Skill
from domain.configuration import Configuration
from domain.decide import Decider
from domain.events import EventBatch, EventKind, as_json, payload_of
from domain.fold import fold
from domain.founding import found_world
from domain.inputs import NO_INPUTS, Input, InputKey, Inputs
from domain.state import World

# -- runs ------------------------------------------------------------------------------------------

_SMALL = {"width": 12, "height": 12}
SCENARIOS: dict[str, tuple[int, int, dict[str, Any]]] = {
    # name: (seed, ticks, configuration)
    "calm": (1, 160, {**_SMALL, "agents": 40}),
    "harsh": (2, 400, {**_SMALL, "agents": 40, "hunger": 200, "lifespan": 300, "adulthood": 20, "birth_interval": 60,
                       "homes": 60}),
    "doomed": (3, 400, {**_SMALL, "agents": 60, "hunger": 200, "lifespan": 300, "meal": 800, "adulthood": 20,
                        "birth_interval": 40, "homes": 80, "regrowth_percent": 400}),
    "fertile": (4, 300, {**_SMALL, "agents": 20, "hunger": 90, "lifespan": 400, "adulthood": 20, "birth_interval": 40,
                         "homes": 60, "regrowth_percent": 800}),
}  # fmt: skip


@dataclass(frozen=True)
class History:
    """A run from tick 0: what was given, what happened and the header of every tick."""

    seed: int
    configuration: Configuration
    batches: tuple[EventBatch, ...]
    headers: tuple[Header, ...]

    @property
    def ticks(self) -> int:
        return len(self.batches)

    def replayed(self, ticks: int | None = None) -> World:
        """Return the world after so many batches, folded from nothing."""
        world = new_world(self.configuration)
        for batch in self.batches[:ticks]:
            fold(world, batch)
        return world

    def whole(self) -> NDArray[np.void]:
        """Return the records of all ticks."""
        return np.concatenate([b.records for b in self.batches])


def run(seed: int, ticks: int, configuration: Configuration, *, threads: int = 1) -> History:
    """Run from tick 0 to `ticks`."""
    decider, world = Decider(seed, configuration, threads=threads), new_world(configuration)
    chain, batches, headers = genesis_hash(seed, configuration), [], []
    for _ in range(ticks + 1):
        batch, header = advance(world, decider, chain)
        chain = header.chain_hash
        batches.append(batch)
        headers.append(header)
    decider.close()
    return History(seed, configuration, tuple(batches), tuple(headers))


@cache
def scenario(name: str) -> History:
    """Return the run of a named scenario, made once."""
    seed, ticks, settings = SCENARIOS[name]
    return run(seed, ticks, Configuration(**settings))


# -- events by hand --------------------------------------------------------------------------------


def event(
    kind: EventKind, *, cause: tuple[int, int] | None = None, payload: dict[str, Any] | None = None, **values: Any
) -> tuple[NDArray[np.void], bytes]:
    """Return a record and payload of a kind from values by the names of its fields; tick and ordinal come later."""
    record = ev.empty_records(1)
    record["kind"] = kind.number
    by_column: dict[str, int] = {}
    named = {f.name: f for f in kind.fields}
    for name, value in values.items():
        f = named[name]
        code = f.codes[value.upper()] if f.codes and isinstance(value, str) else value  # type: ignore[index]
        shift = ev.PART_SHIFTS[f.part][0] if f.part else 0
        by_column[f.column] = by_column.get(f.column, 0) + (int(code) << shift)
    for column, value in by_column.items():
        record[column] = value
    if cause is not None:
        record["cause"] = ev.pack_cause(*cause)
    return record, payload_of(**payload) if payload is not None else b""


def batch_of(tick: int, *events: tuple[NDArray[np.void], bytes]) -> EventBatch:
    """Return events as the batch of a tick."""
    records = np.concatenate([record for record, _ in events]) if events else ev.empty_records(0)
    records["tick"], records["ordinal"] = tick, np.arange(len(records))
    return EventBatch.of(records, [(i, payload) for i, (_, payload) in enumerate(events) if payload])


def persona(**changes: Any) -> dict[str, Any]:
    """Return the payload of an arrival."""
    return {
        "name": "Ada Alder", "given": 0, "family": 0, "occupation": "farmer", "born": -5_000, "lifespan": 30_000,
        "traits": [500, 500, 500, 500, 500], "skills": [400, 100, 100, 100], **changes,
    }  # fmt: skip


NEEDS = {"energy": 9_000, "satiety": 9_000, "company": 9_500}


def every_kind() -> History:
    """Return a history of a 4x4 world in which every kind occurs, each on a tick of its own and changing much."""
    configuration = Configuration(agents=3, width=4, height=4)
    founding = found_world(configuration, seed=5)
    wood = {"good": "wood", "quantity": 300, "holding": 1_301}
    tool = {"taken_good": "tool", "taken_quantity": 1, "taken_holding": 29}
    tie = {"tie_slot": 3, "tie_strength": 15}

    def needs(n: int) -> dict[str, int]:
        return {"energy": 7_000 + n, "satiety": 6_000 + n, "company": 5_000 + n}

    told: list[list[tuple[NDArray[np.void], bytes]]] = [
        [event(ev.INTENTION_FORMED, agent=0, intention="mine", goal=5, cause=(0, 17))],
        [event(ev.AGENT_MOVED, agent=0, cell=7, from_cell=int(founding.records["cell"][17]), **needs(1))],
        [event(ev.GOODS_GATHERED, agent=1, cell=6, stock=77, **wood, **tool, **needs(2))],
        [event(ev.GOODS_GATHERED, agent=2, cell=9, stock=78, good="ore", quantity=5, holding=5, **needs(3))],
        [event(ev.SKILL_IMPROVED, agent=1, skill="forestry", level=911, cause=(3, 0))],
        [event(ev.MEAL_EATEN, agent=0, good="food", quantity=1_000, holding=3_000, **needs(4))],
        [event(ev.AGENT_RESTED, agent=2, **needs(5))],
        [event(ev.TOOL_CRAFTED, agent=2, good="wood", quantity=500, holding=500, taken_good="ore", taken_quantity=1,
               taken_holding=4, tool_uses=80, **needs(6))],
        [event(ev.AGENTS_MET, agent=0, target=1, **tie)],
        [event(ev.WORDS_SPOKEN, agent=1, target=0, **tie, **needs(7), payload={"text": "Well met."})],
        [event(ev.GOODS_TRADED, agent=0, target=2, good="wood", quantity=1, holding=999, taken_good="stone",
               taken_quantity=1, taken_holding=1, tie_slot=0, tie_strength=25, **needs(8))],
        [event(ev.GOODS_GIVEN, agent=1, target=2, good="food", quantity=1, holding=3_999, tie_slot=1, tie_strength=60,
               **needs(9))],
        [event(ev.GIFT_RECEIVED, agent=2, target=1, taken_good="food", taken_quantity=1, taken_holding=4_001,
               tie_slot=2, tie_strength=61, **needs(10))],
        [event(ev.CHILD_BORNE, agent=1, target=3, good="food", quantity=2_000, holding=1_999, **needs(11))],
        [event(ev.AGENT_BORN, agent=3, target=1, cell=6, household=1, good="food", quantity=2_000, holding=2_000,
               **needs(12), cause=(14, 0), payload=persona(born=15, name="Bo Ash", given=7, family=2))],
        [event(ev.THOUGHT_REQUESTED, agent=0, due=17)],
        [event(ev.THOUGHT_TAKEN, agent=0, intention="explore", goal=11, cause=(16, 0),
               payload={"asked": 16, "purpose": "intention", "call": 0, "answer": "0" * 64})],
        [event(ev.THOUGHT_REQUESTED, agent=2, due=19)],
        [event(ev.THOUGHT_REFUSED, agent=2, cause=(18, 0),
               payload={"asked": 18, "purpose": "intention", "call": 0, "because": "timed out", "answer": "1" * 64})],
        [event(ev.INTERVENTION_MADE, agent=3,
               payload={"by": "a test", "why": "to see", "asked": 19, "call": 0, "answer": "2" * 64, "refused": None})],
        [event(ev.GOODS_ENDOWED, agent=3, good="coin", quantity=9, holding=9, cause=(20, 0))],
        [event(ev.AGENT_DIED, agent=1, target=0, cell=6, because="old_age", **needs(11))],
        [event(ev.GOODS_INHERITED, agent=0, target=1, taken_good="coin", taken_quantity=20, taken_holding=40)],
        [],
        # A cell that rises anew: no release does that yet, but the fold does not judge.
        [event(ev.CELL_FORMED, cell=3, elevation=41, payload={"biome": "marsh", "capacity": [9, 8, 7, 6],
               "regrowth": [5, 4, 3, 2], "stock": [1, 2, 3, 4]})],
    ]  # fmt: skip
    batches = [founding, *(batch_of(tick, *events) for tick, events in enumerate(told, start=1))]
    world, headers, chain = new_world(configuration), [], genesis_hash(5, configuration)
    for batch in batches:
        headers.append(header_of(fold(world, batch), batch.hash(), len(batch), chain))
        chain = headers[-1].chain_hash
    return History(5, configuration, tuple(batches), tuple(headers))


# -- small scenes ----------------------------------------------------------------------------------


class Scene:
    """A world set up by hand: cells, agents and what they hold, told as the events of tick 0.

    Land is flat grassland with nothing on it unless said otherwise.
    """

    def __init__(self, *, width: int = 8, height: int = 8, seed: int = 1, threads: int = 1, **settings: Any) -> None:
        self.configuration = Configuration(width=width, height=height, agents=1, **{"homes": 1, **settings})
        self.decider = Decider(seed, self.configuration, threads=threads)
        size = {"width": width, "height": height}
        self._told = [event(ev.WORLD_FOUNDED, payload=size)]
        self._cells: dict[int, dict[str, Any]] = {c: {} for c in range(width * height)}
        self._agents: list[tuple[NDArray[np.void], bytes]] = []
        self._n = 0
        self._world: World | None = None

    def land(self, cell: int, *, biome: str = "grassland", elevation: int = 0, **stocks: int) -> None:
        """Form a cell; `food=5_000` is a stock and its capacity."""
        stock = [stocks.get(Good(g).name.lower(), 0) for g in range(4)]
        self._cells[cell] = {"biome": biome, "elevation": elevation, "stock": stock}

    def agent(
        self, cell: int, *, goods: dict[str, int] | None = None, intention: str | None = None, goal: int | None = None,
        energy: int = 9_000, satiety: int = 9_000, company: int = 9_500, **about: Any,
    ) -> int:  # fmt: skip
        """Let somebody join; return its id."""
        who, self._n = self._n, self._n + 1
        needs = {"energy": energy, "satiety": satiety, "company": company}
        self._agents.append(
            event(ev.AGENT_JOINED, agent=who, cell=cell, household=who, **needs, payload=persona(**about))
        )
        for good, quantity in (goods or {}).items():
            self._agents.append(event(ev.GOODS_ENDOWED, agent=who, good=good, quantity=quantity, holding=quantity))
        if intention:
            at = cell if goal is None else goal
            self._agents.append(event(ev.INTENTION_FORMED, agent=who, intention=intention, goal=at))
        return who

    @property
    def world(self) -> World:
        """The world, begun when first asked for."""
        if self._world is None:
            cells = [
                event(
                    ev.CELL_FORMED, cell=c, elevation=about.get("elevation", 0),
                    payload={"biome": about.get("biome", "grassland"), "capacity": about.get("stock", [0] * 4),
                             "regrowth": [0] * 4, "stock": about.get("stock", [0] * 4)},
                )
                for c, about in self._cells.items()
            ]  # fmt: skip
            self._world = fold(new_world(self.configuration), batch_of(0, *self._told, *cells, *self._agents))
        return self._world

    def decide(self, *inputs: Input) -> EventBatch:
        """Return what would happen next."""
        return self.decider.decide(self.world, Inputs(inputs) if inputs else NO_INPUTS)

    def step(self, *inputs: Input) -> list[dict[str, Any]]:
        """Let one tick happen; return its events as people read them."""
        batch = self.decide(*inputs)
        fold(self.world, batch)
        return list(batch)

    def fold(self, *events: tuple[NDArray[np.void], bytes]) -> None:
        """Let a tick made by hand happen."""
        fold(self.world, batch_of(self.world.tick + 1, *events))


def answer(agent: int, *, asked: int, effect: int, call: int = 0, purpose: str = "intention", **given: Any) -> Input:
    """Return an input."""
    return Input(InputKey(asked, agent, purpose, call), effect, given)


__all__ = [
    "NEEDS", "SCENARIOS", "Good", "History", "Intention", "Scene", "Skill", "answer", "as_json", "batch_of", "event",
    "every_kind", "persona", "run", "scenario",
]  # fmt: skip
