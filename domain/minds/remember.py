"""Remember: which of a tick's events become memories, whose, and what they make room for.

What an agent witnesses and what matters becomes a `MemoryFormed`; everything else is forgotten with the working
memory. An agent keeps `MEMORY_SLOTS` of them: the least important, and of those the oldest, is marked as forgotten.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from domain import events as ev
from domain.codes import Act, CauseOfDeath, Good, Intention, MemoryKind
from domain.columns import ALIVE, FAMILY_NAME, GIVEN_NAME, ID, N_TIES, TIE_OTHER, TIE_STRENGTH
from domain.draws import draw
from domain.events import EventBatch, address_of, good_of, pack_cause
from domain.minds import columns as m
from domain.minds.telling import Telling
from domain.names import full_name
from domain.state import World

TEXT_MAX = 240
_OF_ACT = {
    Act.GREET: 100, Act.INFORM: 350, Act.ASK: 300, Act.PROPOSE: 500, Act.ACCEPT: 600, Act.REFUSE: 450, Act.THANK: 200,
    Act.GOSSIP: 500,
}  # fmt: skip
_DONE = {
    Act.GREET: "greeted me", Act.INFORM: "told me something", Act.ASK: "asked me something",
    Act.PROPOSE: "made me an offer", Act.ACCEPT: "took my offer", Act.REFUSE: "refused my offer",
    Act.THANK: "thanked me", Act.GOSSIP: "passed on some news",
}  # fmt: skip
_CLOSE_TIE = 60
_MOURNERS = 8
_WITNESSED = np.array(
    [k.number for k in (ev.SPEECH_MADE, ev.PLEDGE_KEPT, ev.PLEDGE_LAPSED, ev.NEWS_HEARD, ev.THOUGHT_TAKEN,
                        ev.CHILD_BORNE, ev.GIFT_RECEIVED, ev.AGENT_DIED)], np.int16
)  # fmt: skip


def name_of(world: World, agent: int) -> str:
    """Return the name of somebody who lives."""
    row = world.row(agent)
    if row is None:
        return "somebody"
    return full_name(int(world.agents[GIVEN_NAME, row]), int(world.agents[FAMILY_NAME, row]))


class Remembering:
    """What is remembered of one tick.

    Parameters
    ----------
    world : World, as the tick before left it; read only
    dying : agents that die in this tick: they remember no more
    seed : of the run
    """

    def __init__(self, world: World, dying: set[int], *, seed: int) -> None:
        self.world, self.dying, self.seed = world, dying, seed
        self._slots: dict[int, list[tuple[int, int]]] = {}  # agent → (weight, address)

    def remember(
        self, telling: Telling, agent: int, cause: int, kind: MemoryKind, importance: int, text: str,
        cites: list[str] | None = None,
    ) -> None:  # fmt: skip
        """Tell that an agent remembers something, and what it forgets for it."""
        row, minds = self.world.row(agent), self.world.minds
        if row is None or agent in self.dying or minds is None:
            return
        if agent not in self._slots:
            kept = zip(
                minds[m.MEMORY_WEIGHT : m.MEMORY_WEIGHT + m.MEMORY_SLOTS, row].tolist(),
                minds[m.MEMORY : m.MEMORY + m.MEMORY_SLOTS, row].tolist(), strict=True,
            )  # fmt: skip
            self._slots[agent] = [(weight, at) for weight, at in kept if at >= 0]
        slots = self._slots[agent]
        if len(slots) >= m.MEMORY_SLOTS:
            least = min(slots)
            slots.remove(least)
            telling.tell(ev.MEMORY_FORGOTTEN, agent, cause, {"memory": address_of(least[1])})
        payload = {"text": text[:TEXT_MAX], "cites": cites or []}
        at = telling.tell(ev.MEMORY_FORMED, agent, cause, payload, detail=int(kind) << 16 | importance)
        slots.append((importance, at))

    def witness(self, events: EventBatch, telling: Telling) -> None:
        """Tell what of a tick's events is remembered, and which deaths become news."""
        for at in np.flatnonzero(np.isin(events.records["kind"], _WITNESSED)).tolist():
            record = events.records[at]
            payload = json.loads(events.payload(at) or b"{}")
            self._witness_one(record, payload, telling)

    def _witness_one(self, e: Any, payload: dict[str, Any], telling: Telling) -> None:
        kind, who, other = int(e["kind"]), int(e["agent"]), int(e["target"])
        cause = int(pack_cause(int(e["tick"]), int(e["ordinal"])))
        world, observed, talked = self.world, MemoryKind.OBSERVATION, MemoryKind.CONVERSATION
        if kind == ev.SPEECH_MADE.number:
            act = Act[payload["act"].upper()]
            name = name_of(world, who)
            text = f'{name} said to me: "{payload["text"]}"' if payload["text"] else f"{name} {_DONE[act]}."
            self.remember(telling, other, cause, talked, _OF_ACT[act], text)
        elif kind == ev.NEWS_HEARD.number:
            teller = f"{name_of(world, other)} told me: " if other >= 0 else ""
            self.remember(telling, who, cause, observed, 800, teller + payload["text"])
        elif kind in (ev.PLEDGE_KEPT.number, ev.PLEDGE_LAPSED.number):
            kept = kind == ev.PLEDGE_KEPT.number
            word = "kept our agreement" if kept else "did not come to what we agreed"
            for one, partner in ((who, other), (other, who)):
                self.remember(telling, one, cause, observed, 600, f"{name_of(world, partner)} and I {word}.")
        elif kind == ev.THOUGHT_TAKEN.number:
            intention = Intention(int(e["detail"])).name.lower().replace("_", " ")
            self.remember(telling, who, cause, MemoryKind.PLAN, 150, f"I made up my mind to {intention}.")
        elif kind == ev.CHILD_BORNE.number:
            self.remember(telling, who, cause, observed, 800, "I had a child.")
        elif kind == ev.GIFT_RECEIVED.number:
            good = Good(int(good_of(int(e["taken"])))).name.lower()
            text = f"{name_of(world, other)} gave me {good} when I needed it."
            self.remember(telling, who, cause, observed, 550, text)
        elif kind == ev.AGENT_DIED.number:
            self._mourn(who, int(e["detail"]), cause, telling)

    def _mourn(self, dead: int, because: int, cause: int, telling: Telling) -> None:
        """Let those who were close remember the death; to them it is news that they can pass on."""
        world = self.world
        a, n = world.agents, world.n
        near = (a[TIE_OTHER : TIE_OTHER + N_TIES, :n] == dead) & (
            a[TIE_STRENGTH : TIE_STRENGTH + N_TIES, :n] >= _CLOSE_TIE
        )
        rows = np.flatnonzero(near.any(axis=0) & (a[ALIVE, :n] != 0))
        # The dearest mourn; among equals the draw decides, since rows are in the order of ids.
        strength = np.where(near, a[TIE_STRENGTH : TIE_STRENGTH + N_TIES, :n], 0).max(axis=0)[rows]
        chance = draw(a[ID, rows], seed=self.seed, stream="mourn", tick=telling.tick, index=dead)
        rows = rows[np.lexsort((chance, -strength))]
        why = CauseOfDeath(because).name.lower().replace("_", " ")
        ended = "went away" if because == CauseOfDeath.REMOVED else f"died of {why}"
        text = f"{name_of(world, dead)} {ended}."
        for agent in [who for who in a[ID, rows].tolist() if who not in self.dying][:_MOURNERS]:
            telling.tell(ev.NEWS_HEARD, agent, cause, {"news": address_of(cause), "text": text})
            self.remember(telling, agent, cause, MemoryKind.OBSERVATION, 700, text)
