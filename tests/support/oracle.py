"""A second fold, as plain as can be: one event at a time, in dicts and dataclasses.

It shares nothing with `domain.fold`: it takes columns by name, unpacks them itself, has its own tables
of kinds and codes, and keeps one object an agent and a cell. Where the two disagree, one is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

BIOMES = ("water", "grassland", "forest", "marsh", "hills", "mountain")
OCCUPATIONS = ("farmer", "woodcutter", "mason", "miner", "trader")
GOODS = ("food", "wood", "stone", "ore", "coin", "tool")
RESOURCES = GOODS[:4]
SKILLS = ("farming", "forestry", "masonry", "mining")
TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
INTENTIONS = ("forage", "cut_wood", "quarry", "mine", "rest", "socialise", "explore", "craft")
ACTS = ("greet", "inform", "ask", "propose", "accept", "refuse", "thank", "gossip")
N_TIES = 8
INBOX, NEWS, RECENT, MEMORIES = 3, 3, 4, 40  # how many of each somebody has in mind
SPOKEN_TO, MILESTONE = 0, 2  # reasons to think
REFLECTION = 1  # a purpose of thinking
A_REFLECTION = 2  # a kind of memory


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


@dataclass
class Talk:
    """A conversation, as one of its sides has it in mind."""

    opened: int
    partner: int
    turn: int
    last: int
    count: int
    speech: int


@dataclass
class Offer:
    """A proposal that may be accepted; goods as (good, quantity)."""

    proposer: int
    at: int
    give: tuple[int, int] | None = None
    take: tuple[int, int] | None = None
    work: int = -1


@dataclass
class Pledge:
    """A trade that is owed, as one of its sides sees it."""

    partner: int
    at: int
    give: tuple[int, int] | None
    take: tuple[int, int] | None
    leads: bool


@dataclass
class Mind:
    """What an agent has in mind; lists are oldest first."""

    purpose: int = -1
    last_asked: int = -1
    reason: int = -1
    reason_tick: int = -1
    importance: int = 0
    talk: Talk | None = None
    offer: Offer | None = None
    pledge: Pledge | None = None
    inbox: list[tuple[int, int, int, str]] = field(default_factory=list)  # from, address, act, text
    news: list[tuple[int, str, int]] = field(default_factory=list)  # where it began, text, who told it
    recent: list[tuple[int, int, int, int, int]] = field(default_factory=list)  # address, kind, other, given, taken
    memories: list[tuple[int, int] | None] = field(default_factory=lambda: [None] * MEMORIES)  # address, weight

    def nobody_waits(self) -> None:
        """Note that no words wait for an answer."""
        if self.reason == SPOKEN_TO:
            self.reason, self.reason_tick = -1, -1

    def matters(self, reason: int, tick: int) -> None:
        """Note a reason to think, unless there is one already."""
        if self.reason < 0:
            self.reason, self.reason_tick = reason, tick


def address_in(text: str) -> int:
    """Return the packed address that "tick:ordinal" stands for."""
    tick, ordinal = text.split(":")
    return int(tick) * 2**32 + int(ordinal)


def bargain(terms: dict[str, Any] | None) -> tuple[tuple[int, int] | None, tuple[int, int] | None, int]:
    """Return (given, taken, work) of terms."""
    if not terms:
        return None, None, -1
    if "work" in terms:
        return None, None, INTENTIONS.index(terms["work"])
    return (GOODS.index(terms["give"]), terms["quantity"]), (GOODS.index(terms["take"]), terms["taken"]), -1


class OracleWorld:
    """The state that `domain.state.World` should be in."""

    def __init__(self) -> None:
        self.tick, self.next_agent = -1, 0
        self.agents: dict[int, Agent] = {}
        self.cells: dict[int, Cell] = {}
        self.size = (0, 0)
        self.minds: dict[int, Mind] | None = None
        self._handlers: dict[int, Callable[[Event, dict[str, Any]], None]] = {
            1: self._world_founded, 2: self._cell_formed, 3: self._agent_joined, 4: self._goods_endowed,
            5: self._intention_formed, 6: self._agent_moved, 7: self._goods_gathered, 8: self._skill_improved,
            9: self._meal_eaten, 10: self._agent_rested, 11: self._tool_crafted, 12: self._agents_met,
            13: self._words_spoken, 14: self._goods_traded, 15: self._goods_given, 16: self._gift_received,
            17: self._child_borne, 18: self._agent_born, 19: self._agent_died, 20: self._goods_inherited,
            21: self._thought_requested, 22: self._thought_taken, 23: self._thought_refused,
            24: self._intervention_made, 25: self._speech_made, 26: self._conversation_closed, 27: self._pledge_made,
            28: self._pledge_kept, 29: self._pledge_lapsed, 30: self._news_heard, 31: self._memory_formed,
            32: self._memory_forgotten, 33: self._reflection_made, 34: self._intervention_made, 35: self._stock_changed,
        }  # fmt: skip

    def fold(self, events: Iterable[tuple[dict[str, int], bytes]]) -> None:
        """Fold the events of one tick, given as their columns by name and their payload."""
        self.tick += 1
        here, told = set(self.agents), []
        for columns, payload in events:
            event = Event(**columns)
            told.append(event)
            self._handlers[event.kind](event, json.loads(payload) if payload else {})
        if self.minds is not None:
            for event in told:
                # Who came in this tick has no part in it yet, and who is gone has no more.
                if event.agent in here and event.agent in self.agents:
                    self._live(event, self.minds[event.agent])

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
        if self.minds is not None:
            self.minds[e.agent] = Mind()
        self.next_agent = max(self.next_agent, e.agent + 1)
        return agent

    # -- one method a kind -------------------------------------------------------------------------

    def _world_founded(self, e: Event, payload: dict[str, Any]) -> None:
        self.size = (payload["width"], payload["height"])
        if payload.get("minds"):
            self.minds = {}

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
        if self.minds is not None:
            del self.minds[e.agent]

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

    def _stock_changed(self, e: Event, payload: dict[str, Any]) -> None:
        cell = self.cells[e.cell]
        cell.stock[e.target], cell.since[e.target] = e.detail, e.tick
        if e.needs >= 0:
            cell.regrowth[e.target] = e.needs

    # -- minds -------------------------------------------------------------------------------------

    def _mind(self, agent: int) -> Mind:
        assert self.minds is not None, "a society without minds"
        return self.minds[agent]

    def _minds_of_both(self, e: Event) -> list[Mind]:
        """Return the minds of those two who live."""
        assert self.minds is not None, "a society without minds"
        return [self.minds[who] for who in (e.agent, e.target) if who in self.minds]

    def _speech_made(self, e: Event, payload: dict[str, Any]) -> None:
        at, speaker, listener = self._address(e), self._mind(e.agent), self._mind(e.target)
        self._tie(self.agents[e.agent], e)
        self._need(self.agents[e.agent], e)
        act = ACTS.index(payload["act"])
        listener.inbox = [*listener.inbox, (e.agent, at, act, payload["text"])][-INBOX:]
        listener.reason, listener.reason_tick = SPOKEN_TO, e.tick
        speaker.nobody_waits()
        opened = address_in(payload["conversation"])
        count = 1
        if opened != at:
            count += speaker.talk.count if speaker.talk else 0
        speaker.talk = Talk(opened, e.target, e.target, e.tick, count, at)
        listener.talk = Talk(opened, e.agent, e.target, e.tick, count, at)
        if payload["act"] == "propose":
            listener.offer = Offer(e.agent, at, *bargain(payload.get("terms")))
        elif payload["act"] in ("accept", "refuse"):
            speaker.offer = None

    def _conversation_closed(self, e: Event, payload: dict[str, Any]) -> None:
        for mind in self._minds_of_both(e):
            if mind.talk and mind.talk.opened == address_in(payload["conversation"]):
                if mind.offer and mind.offer.proposer == mind.talk.partner:
                    mind.offer = None
                mind.talk = None
                mind.nobody_waits()

    def _pledge_made(self, e: Event, payload: dict[str, Any]) -> None:
        give, take, work = bargain(payload["terms"])
        if work < 0:
            self._mind(e.agent).pledge = Pledge(e.target, self._address(e), give, take, True)
            self._mind(e.target).pledge = Pledge(e.agent, self._address(e), take, give, False)

    def _pledge_kept(self, e: Event, payload: dict[str, Any]) -> None:
        for mind in self._minds_of_both(e):
            if mind.pledge and mind.pledge.at == address_in(payload["pledge"]):
                mind.pledge = None
                mind.matters(MILESTONE, e.tick)

    _pledge_lapsed = _pledge_kept

    def _news_heard(self, e: Event, payload: dict[str, Any]) -> None:
        mind = self._mind(e.agent)
        mind.news = [*mind.news, (address_in(payload["news"]), payload["text"], e.target)][-NEWS:]
        mind.matters(MILESTONE, e.tick)

    def _memory_formed(self, e: Event, payload: dict[str, Any]) -> None:
        mind, sort, weight = self._mind(e.agent), e.detail // 2**16, e.detail % 2**16
        mind.memories[mind.memories.index(None)] = (self._address(e), weight)
        if sort != A_REFLECTION:
            mind.importance += weight

    def _memory_forgotten(self, e: Event, payload: dict[str, Any]) -> None:
        mind, memory = self._mind(e.agent), address_in(payload["memory"])
        (slot,) = (k for k, kept in enumerate(mind.memories) if kept and kept[0] == memory)
        mind.memories[slot] = None

    def _reflection_made(self, e: Event, payload: dict[str, Any]) -> None:
        agent, mind = self.agents[e.agent], self._mind(e.agent)
        agent.thought_due, agent.asked = -1, -1
        mind.purpose, mind.importance = -1, 0

    def _live(self, e: Event, mind: Mind) -> None:
        """Let a mind follow what its body did, after everything else of the tick."""
        if e.kind == 21:  # ThoughtRequested
            mind.purpose, mind.last_asked = e.target, e.tick
            if e.target != REFLECTION:
                mind.reason, mind.reason_tick = -1, -1
        elif e.kind == 22:  # ThoughtTaken
            mind.purpose = -1
        elif e.kind == 23:  # ThoughtRefused
            mind.importance = 0 if mind.purpose == REFLECTION else mind.importance
            mind.purpose = -1
        elif e.kind in (11, 14, 15, 16, 17, 20):  # crafts, trades, gifts given and received, births given, inheritances
            given, taken = (packed // 2**56 if packed >= 0 else -1 for packed in (e.given, e.taken))
            mind.recent = [*mind.recent, (self._address(e), e.kind, e.target, given, taken)][-RECENT:]
            if e.kind in (16, 17, 20):
                mind.matters(MILESTONE, e.tick)

    # -- for comparison ------------------------------------------------------------------------------

    def areas(self) -> dict[str, dict[int, dict[str, Any]]]:
        """Return each area of state: rows by id, values by the names that people see."""
        names = ("personas", "agents", "goods", "ties", "cells", "minds")
        areas: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in names}
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
        for who, mind in (self.minds or {}).items():
            areas["minds"][who] = asdict(mind)
        return areas
