"""A second fold, as plain as can be: one event at a time, in dicts and dataclasses.

It shares nothing with `domain.fold`: it takes columns by name, unpacks them itself, has its own tables
of kinds and codes, and keeps one object an agent and a cell. Where the two disagree, one is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

BIOMES = ("water", "grassland", "forest", "marsh", "hills", "mountain")
OCCUPATIONS = ("farmer", "woodcutter", "mason", "miner", "trader")
GOODS = ("food", "wood", "stone", "ore", "coin", "tool")
RESOURCES = GOODS[:4]
SKILLS = ("farming", "forestry", "masonry", "mining")
TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
N_TIES = 8


class Event(NamedTuple):
    """The stored columns of one event."""

    tick: int
    ordinal: int
    kind: int
    agent: int
    target: int
    cell: int
    detail: int
    given: int
    taken: int
    needs: int
    cause: int


@dataclass
class Agent:
    persona: dict[str, int]
    skills: dict[str, int]
    cell: int
    energy: int
    satiety: int
    company: int
    address: int  # of the event that brought it here
    intention: int = -1
    goal: int = -1
    intended: int = -1
    acted: int = -1
    last_birth: int = -1
    asked: int = -1
    thought_due: int = -1

    def __post_init__(self) -> None:
        self.goal, self.intended, self.acted = self.cell, self.address, self.address
        self.goods = dict.fromkeys(GOODS, 0)
        self.ties: list[tuple[int, int]] = [(-1, 0)] * N_TIES


@dataclass
class Cell:
    elevation: int
    biome: int
    capacity: list[int]
    regrowth: list[int]
    stock: list[int]
    since: list[int]


class OracleWorld:
    """The state that `domain.state.World` should be in."""

    def __init__(self) -> None:
        self.tick, self.next_agent = -1, 0
        self.agents: dict[int, Agent] = {}
        self.cells: dict[int, Cell] = {}
        self.size = (0, 0)
        self._handlers: dict[int, Callable[[Event, dict[str, Any]], None]] = {
            1: self._world_founded, 2: self._cell_formed, 3: self._agent_joined, 4: self._goods_endowed,
            5: self._intention_formed, 6: self._agent_moved, 7: self._goods_gathered, 8: self._skill_improved,
            9: self._meal_eaten, 10: self._agent_rested, 11: self._tool_crafted, 12: self._agents_met,
            13: self._words_spoken, 14: self._goods_traded, 15: self._goods_given, 16: self._gift_received,
            17: self._child_borne, 18: self._agent_born, 19: self._agent_died, 20: self._goods_inherited,
            21: self._thought_requested, 22: self._thought_taken, 23: self._thought_refused,
            24: self._intervention_made,
        }  # fmt: skip

    def fold(self, events: Iterable[tuple[dict[str, int], bytes]]) -> None:
        """Fold the events of one tick, given as their columns by name and their payload."""
        self.tick += 1
        for columns, payload in events:
            event = Event(**columns)
            self._handlers[event.kind](event, json.loads(payload) if payload else {})

    # -- what several kinds share ------------------------------------------------------------------

    @staticmethod
    def _address(e: Event) -> int:
        return e.tick * 2**32 + e.ordinal

    def _hold(self, agent: Agent, packed: int) -> None:
        if packed >= 0:
            agent.goods[GOODS[packed // 2**56]] = packed % 2**28

    def _need(self, agent: Agent, e: Event) -> None:
        agent.energy, agent.satiety, agent.company = e.needs // 2**32, e.needs // 2**16 % 2**16, e.needs % 2**16
        agent.acted = self._address(e)

    def _tie(self, agent: Agent, e: Event) -> None:
        agent.ties[e.detail // 2**16] = (e.target, e.detail % 2**16)

    def _newcomer(self, e: Event, payload: dict[str, Any], parent: int) -> Agent:
        assert e.agent not in self.agents
        persona = {name: int(payload[name]) for name in ("born", "lifespan")}
        persona |= {"given_name": payload["given"], "family_name": payload["family"], "parent": parent}
        persona |= {"occupation": OCCUPATIONS.index(payload["occupation"]), "household": e.detail}
        persona |= dict(zip(TRAITS, payload["traits"], strict=True))
        agent = Agent(
            persona,
            dict(zip(SKILLS, payload["skills"], strict=True)),
            e.cell,
            e.needs // 2**32,
            e.needs // 2**16 % 2**16,
            e.needs % 2**16,
            self._address(e),
        )
        self.agents[e.agent] = agent
        self.next_agent = max(self.next_agent, e.agent + 1)
        return agent

    # -- one method a kind -------------------------------------------------------------------------

    def _world_founded(self, e: Event, payload: dict[str, Any]) -> None:
        self.size = (payload["width"], payload["height"])

    def _cell_formed(self, e: Event, payload: dict[str, Any]) -> None:
        biome = BIOMES.index(payload["biome"])
        stocks = (payload["capacity"], payload["regrowth"], list(payload["stock"]))
        self.cells[e.cell] = Cell(e.detail, biome, *stocks, [e.tick] * len(RESOURCES))

    def _agent_joined(self, e: Event, payload: dict[str, Any]) -> None:
        self._newcomer(e, payload, -1)

    def _agent_born(self, e: Event, payload: dict[str, Any]) -> None:
        self._hold(self._newcomer(e, payload, e.target), e.given)

    def _goods_endowed(self, e: Event, payload: dict[str, Any]) -> None:
        self._hold(self.agents[e.agent], e.given)

    def _intention_formed(self, e: Event, payload: dict[str, Any]) -> None:
        agent = self.agents[e.agent]
        agent.intention, agent.goal, agent.intended = e.detail, e.cell, self._address(e)

    def _agent_moved(self, e: Event, payload: dict[str, Any]) -> None:
        agent = self.agents[e.agent]
        assert agent.cell == e.detail, "it left a cell that it did not stand on"
        agent.cell = e.cell
        self._need(agent, e)

    def _goods_gathered(self, e: Event, payload: dict[str, Any]) -> None:
        agent, cell, good = self.agents[e.agent], self.cells[e.cell], e.given // 2**56
        self._hold(agent, e.given)
        self._hold(agent, e.taken)
        cell.stock[good], cell.since[good] = e.detail, e.tick
        self._need(agent, e)

    def _skill_improved(self, e: Event, payload: dict[str, Any]) -> None:
        self.agents[e.agent].skills[SKILLS[e.detail // 2**16]] = e.detail % 2**16

    def _meal_eaten(self, e: Event, payload: dict[str, Any]) -> None:
        self._hold(self.agents[e.agent], e.given)
        self._need(self.agents[e.agent], e)

    def _agent_rested(self, e: Event, payload: dict[str, Any]) -> None:
        self._need(self.agents[e.agent], e)

    def _tool_crafted(self, e: Event, payload: dict[str, Any]) -> None:
        agent = self.agents[e.agent]
        self._hold(agent, e.given)
        self._hold(agent, e.taken)
        agent.goods["tool"] = e.detail
        self._need(agent, e)

    def _agents_met(self, e: Event, payload: dict[str, Any]) -> None:
        self._tie(self.agents[e.agent], e)

    def _words_spoken(self, e: Event, payload: dict[str, Any]) -> None:
        assert payload["text"]
        self._tie(self.agents[e.agent], e)
        self._need(self.agents[e.agent], e)

    def _goods_traded(self, e: Event, payload: dict[str, Any]) -> None:
        agent = self.agents[e.agent]
        self._hold(agent, e.given)
        self._hold(agent, e.taken)
        self._tie(agent, e)
        self._need(agent, e)

    _goods_given = _gift_received = _goods_traded

    def _child_borne(self, e: Event, payload: dict[str, Any]) -> None:
        agent = self.agents[e.agent]
        self._hold(agent, e.given)
        agent.last_birth = e.tick
        self._need(agent, e)

    def _agent_died(self, e: Event, payload: dict[str, Any]) -> None:
        del self.agents[e.agent]

    def _goods_inherited(self, e: Event, payload: dict[str, Any]) -> None:
        self._hold(self.agents[e.agent], e.taken)

    def _thought_requested(self, e: Event, payload: dict[str, Any]) -> None:
        agent = self.agents[e.agent]
        agent.thought_due, agent.asked = e.detail, self._address(e)

    def _thought_taken(self, e: Event, payload: dict[str, Any]) -> None:
        self._intention_formed(e, payload)
        self._thought_refused(e, payload)

    def _thought_refused(self, e: Event, payload: dict[str, Any]) -> None:
        agent = self.agents[e.agent]
        agent.thought_due, agent.asked = -1, -1

    def _intervention_made(self, e: Event, payload: dict[str, Any]) -> None:
        pass

    # -- for comparison ------------------------------------------------------------------------------

    def areas(self) -> dict[str, dict[int, dict[str, int]]]:
        """Return each area of state: rows by id, values by the names that people see."""
        areas: dict[str, dict[int, dict[str, int]]] = {n: {} for n in ("personas", "agents", "goods", "ties", "cells")}
        for who, a in self.agents.items():
            areas["personas"][who] = dict(a.persona)
            areas["agents"][who] = a.skills | {
                name: getattr(a, name)
                for name in (
                    "cell", "energy", "satiety", "company", "intention", "goal", "intended", "acted", "last_birth",
                    "asked", "thought_due",
                )
            }  # fmt: skip
            areas["goods"][who] = dict(a.goods)
            areas["ties"][who] = {f"tie_{k}": other for k, (other, _) in enumerate(a.ties)} | {
                f"tie_{k}_strength": strength for k, (_, strength) in enumerate(a.ties)
            }
        for where, c in self.cells.items():
            areas["cells"][where] = {"elevation": c.elevation, "biome": c.biome} | {
                f"{name}_{r}": getattr(c, name)[i]
                for name in ("capacity", "regrowth", "stock", "since")
                for i, r in enumerate(RESOURCES)
            }
        return areas
