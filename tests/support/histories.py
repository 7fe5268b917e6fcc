"""Histories to test against: short runs of small worlds, and events made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain import events as ev
from domain.advance import Header, advance, genesis_hash, header_of, new_world
from domain.codes import Good, Intention, Skill
from domain.columns import ALIVE, ID, N_TIES, PARENT, TIE_OTHER
from domain.configuration import Configuration
from domain.decide import Decider
from domain.events import EventBatch, EventKind, as_json, payload_of
from domain.fold import fold
from domain.founding import found_world
from domain.inputs import NO_INPUTS, Input, InputKey, Inputs
from domain.state import World
from tests.support.minds import think

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
    "minded": (5, 600, {**_SMALL, "agents": 50, "hunger": 120, "lifespan": 400, "adulthood": 20, "birth_interval": 50,
                        "homes": 60, "regrowth_percent": 200, "mind": "scripted", "think_delay": 2,
                        "think_budget": 2_500, "hearing": 3, "reflect_at": 1_200}),
}  # fmt: skip


@dataclass(frozen=True)
class History:
    """A run from tick 0: what was given, what happened and the header of every tick."""

    seed: int
    configuration: Configuration
    batches: tuple[EventBatch, ...]
    headers: tuple[Header, ...]
    inputs: Mapping[int, Inputs] = field(default_factory=dict)

    def inputs_of(self, tick: int) -> Inputs:
        """Return the inputs that took effect at a tick."""
        return self.inputs.get(tick, NO_INPUTS)

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


Think = Callable[[World, EventBatch], Iterable[Input]]


def run(
    seed: int, ticks: int, configuration: Configuration, *, threads: int = 1, mind: Think = think,
    given: Iterable[Input] = (), restored_every: int | None = None,
) -> History:  # fmt: skip
    """Run from tick 0 to `ticks`.

    `mind` answers what is asked; `given` are inputs that nobody asked for. With `restored_every` the world goes
    through its bytes, and the rules start afresh, after every so many ticks.
    """
    decider, world = Decider(seed, configuration, threads=threads), new_world(configuration)
    chain, batches, headers = genesis_hash(seed, configuration), [], []
    owed: dict[int, list[Input]] = {}
    for one in given:
        owed.setdefault(one.effect_tick, []).append(one)
    used = {}
    for tick in range(ticks + 1):
        inputs = Inputs(owed.pop(tick, ()))
        if len(inputs):
            used[tick] = inputs
        batch, header = advance(world, decider, chain, inputs)
        chain = header.chain_hash
        batches.append(batch)
        headers.append(header)
        for one in mind(world, batch):
            owed.setdefault(one.effect_tick, []).append(one)
        if restored_every and tick % restored_every == 0:
            decider.close()
            decider, world = Decider(seed, configuration, threads=threads), World.from_bytes(world.to_bytes())
    decider.close()
    return History(seed, configuration, tuple(batches), tuple(headers), used)


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
    configuration = Configuration(agents=3, width=4, height=4, mind="scripted")
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
        [event(ev.THOUGHT_REQUESTED, agent=0, due=17, purpose="intention", reason="silence")],
        [event(ev.THOUGHT_TAKEN, agent=0, intention="explore", goal=11, cause=(16, 0),
               payload={"asked": 16, "purpose": "intention", "call": 0, "answer": "0" * 64})],
        [event(ev.THOUGHT_REQUESTED, agent=2, due=19, purpose="intention", reason="crisis")],
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
    assert len(told) == 25, "addresses of what follows are counted from here"
    told += _in_minds(needs)
    told += [
        [event(ev.SCENARIO_CHANGED, payload={"settings": {"meal": {"before": 2_500, "after": 99}}, "seed": None})],
        [event(ev.STOCK_CHANGED, cell=5, good="wood", stock=1_234, cause=(61, 0))],
        [event(ev.STOCK_CHANGED, cell=0, good="stone", stock=0, regrowth=17, cause=(61, 0))],
        [event(ev.STOCK_CHANGED, cell=5, good="food", stock=31_000, cause=(61, 0))],  # more than can grow there
    ]
    batches = [founding, *(batch_of(tick, *events) for tick, events in enumerate(told, start=1))]
    world, headers, chain = new_world(configuration), [], genesis_hash(5, configuration)
    for batch in batches:
        headers.append(header_of(fold(world, batch), batch.hash(), len(batch), chain))
        chain = headers[-1].chain_hash
    return History(5, configuration, tuple(batches), tuple(headers))


def _in_minds(needs: Callable[[int], dict[str, int]]) -> list[list[tuple[NDArray[np.void], bytes]]]:
    """Return the part of `every_kind` that happens in minds, from tick 26 on; agents 0, 2 and 3 live."""
    trade = {"give": "food", "quantity": 7, "take": "coin", "taken": 3}
    other_trade = {"give": "stone", "quantity": 1, "take": "ore", "taken": 2}
    work = {"work": "quarry"}

    def speech(who: int, to: int, act: str, talk: str, n: int, **more: Any) -> list[tuple[NDArray[np.void], bytes]]:
        about = {"act": act, "text": f"{act.title()} {n}.", "conversation": talk, **more}
        tie = {"tie_slot": 4 + n % 3, "tie_strength": 100 + n}
        return [event(ev.SPEECH_MADE, agent=who, target=to, **tie, **needs(100 + n), payload=about)]

    def asked(who: int, due: int, purpose: str, reason: str) -> list[tuple[NDArray[np.void], bytes]]:
        return [event(ev.THOUGHT_REQUESTED, agent=who, due=due, purpose=purpose, reason=reason)]

    def answered(tick: int, purpose: str, **more: Any) -> dict[str, Any]:
        return {"asked": tick, "purpose": purpose, "call": 0, "answer": "3" * 64, **more}

    def closed(who: int, to: int, because: str, talk: str) -> list[tuple[NDArray[np.void], bytes]]:
        return [event(ev.CONVERSATION_CLOSED, agent=who, target=to, because=because, payload={"conversation": talk})]

    def pledge(who: int, to: int, terms: dict[str, Any], proposal: str) -> list[tuple[NDArray[np.void], bytes]]:
        return [event(ev.PLEDGE_MADE, agent=who, target=to, payload={"terms": terms, "proposal": proposal})]

    def kept(who: int, to: int, made: str) -> list[tuple[NDArray[np.void], bytes]]:
        return [event(ev.PLEDGE_KEPT, agent=who, target=to, payload={"pledge": made})]

    def memory(who: int, sort: str, weight: int, *cites: str) -> list[tuple[NDArray[np.void], bytes]]:
        about = {"text": f"A {sort} of {weight}.", "cites": list(cites)}
        return [event(ev.MEMORY_FORMED, agent=who, memory_kind=sort, importance=weight, payload=about)]

    def news(who: int, **more: int) -> list[tuple[NDArray[np.void], bytes]]:
        return [event(ev.NEWS_HEARD, agent=who, **more, payload={"news": "20:0", "text": "Gold in the hills!"})]

    told = {
        26: speech(0, 2, "greet", "26:0", 1),
        27: speech(2, 0, "propose", "26:0", 2, terms=trade),
        28: speech(0, 2, "accept", "26:0", 3, terms=trade),
        29: pledge(2, 0, trade, "27:0"),
        # Rules let nobody break into a conversation; the fold does not judge.
        30: speech(3, 0, "propose", "30:0", 4, terms=work),
        31: closed(2, 0, "left", "26:0"),  # one side of it is in another already
        32: pledge(3, 0, work, "30:0"),
        33: kept(3, 0, "32:0"),  # shared work is never owed
        34: asked(2, 36, "intention", "spoken_to"),
        35: kept(2, 0, "29:0"),
        36: [event(ev.THOUGHT_TAKEN, agent=2, intention="craft", goal=3, cause=(34, 0),
                   payload=answered(34, "intention", instead_of="rest", unsaid=None))],
        37: asked(2, 39, "reflection", "reflection"),
        38: memory(2, "conversation", 600),
        39: [event(ev.REFLECTION_MADE, agent=2, cause=(37, 0), payload=answered(37, "reflection"))],
        40: memory(2, "reflection", 700, "38:0"),
        41: memory(2, "plan", 150),
        42: [event(ev.MEMORY_FORGOTTEN, agent=2, payload={"memory": "38:0"})],
        43: memory(2, "observation", 800),
        44: asked(2, 45, "reflection", "reflection"),
        45: [event(ev.THOUGHT_REFUSED, agent=2, cause=(44, 0), payload=answered(44, "reflection", because="no"))],
        46: news(3),
        47: speech(3, 2, "gossip", "47:0", 5, news="20:0"),
        48: news(2, target=3),
        49: speech(2, 3, "propose", "47:0", 6, terms=trade),
        50: closed(2, 3, "length", "47:0"),
        51: speech(3, 2, "propose", "51:0", 7),  # whatever that may be
        52: speech(2, 3, "refuse", "51:0", 8),
        53: speech(3, 2, "propose", "51:0", 9, terms=other_trade),
        54: speech(2, 3, "accept", "51:0", 10, terms=other_trade),
        55: pledge(3, 2, other_trade, "53:0"),
        56: [event(ev.AGENT_DIED, agent=3, target=2, cell=6, because="hunger", **needs(12))],
        57: [event(ev.PLEDGE_LAPSED, agent=3, target=2, because="death", payload={"pledge": "55:0"})],
        58: closed(2, 3, "death", "51:0"),
        59: asked(2, 70, "intention", "milestone"),
        60: [event(ev.GIFT_RECEIVED, agent=2, target=0, taken_good="wood", taken_quantity=1, taken_holding=501,
                   tie_slot=2, tie_strength=62, **needs(13))],
    }  # fmt: skip
    assert list(told) == list(range(26, 26 + len(told)))
    return list(told.values())


# -- small scenes ----------------------------------------------------------------------------------


class Scene:
    """A world set up by hand: cells, agents and what they hold, told as the events of tick 0.

    Land is flat grassland with nothing on it unless said otherwise.
    """

    def __init__(self, *, width: int = 8, height: int = 8, seed: int = 1, threads: int = 1, **settings: Any) -> None:
        self.configuration = Configuration(width=width, height=height, agents=1, **{"homes": 1, **settings})
        self.decider = Decider(seed, self.configuration, threads=threads)
        size: dict[str, Any] = {"width": width, "height": height}
        if self.configuration.thinks:
            size["minds"] = True
        self._told = [event(ev.WORLD_FOUNDED, payload=size)]
        self._cells: dict[int, dict[str, Any]] = {c: {} for c in range(width * height)}
        self._agents: list[tuple[NDArray[np.void], bytes]] = []
        self.inputs: dict[int, list[Input]] = {}
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


def mourners(world: World) -> list[int]:
    """Return those who live and know, or are children of, somebody who died."""
    a = world.agents[:, : world.n]
    others = a[[PARENT, *range(TIE_OTHER, TIE_OTHER + N_TIES)]]
    dead = (others >= 0) & (world.rows_of(others) < 0)
    return [int(agent) for agent in a[ID, dead.any(0) & (a[ALIVE] != 0)]]
