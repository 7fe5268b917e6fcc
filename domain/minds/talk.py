"""Talk: what a mind's words do. Who hears them, whose turn it is, and what binds.

Conversations have two sides who take turns. A proposal that is accepted in words becomes a pledge: work that is
shared begins at once, a trade is done by `domain.minds.pledges` as soon as both can. News goes on along speeches, so
its whole way can be followed. What an agent says can do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from domain.codes import Act, Closing, Good, Intention
from domain.columns import BORN, CELL, ENERGY, ID, LIFESPAN, SATIETY
from domain.configuration import Configuration
from domain.events import (
    CONVERSATION_CLOSED,
    INTENTION_FORMED,
    NEWS_HEARD,
    PLEDGE_KEPT,
    PLEDGE_MADE,
    SPEECH_MADE,
    address_of,
    pack_tie,
)
from domain.hexgrid import hex_distance
from domain.minds import columns as m
from domain.minds.columns import unpack_good_quantity
from domain.minds.telling import Telling
from domain.rules.constants import TALK_COMPANY, TALK_COST, TIE_TALK
from domain.rules.emit import needs_after, tie_after
from domain.rules.plan import P_GOAL, P_INTENTION, Plan, intend
from domain.state import World

TURNS_MAX = 8
SILENCE_IN_DELAYS = 4  # so many thinking delays without a word end a conversation


def is_dying(world: World, row: int, tick: int) -> bool:
    """Return whether the rules let this agent die in this tick."""
    a = world.agents
    return bool((a[SATIETY, row] == 0 and a[ENERGY, row] == 0) or tick - a[BORN, row] >= a[LIFESPAN, row])


def terms_on_offer(world: World, row: int) -> dict[str, Any] | None:
    """Return the terms of the proposal that this agent may accept."""
    minds = world.minds
    assert minds is not None
    if minds[m.OFFER_WORK, row] >= 0:
        return {"work": Intention(int(minds[m.OFFER_WORK, row])).name.lower()}
    if minds[m.OFFER_GIVE, row] < 0:
        return None
    give, quantity = unpack_good_quantity(int(minds[m.OFFER_GIVE, row]))
    take, taken = unpack_good_quantity(int(minds[m.OFFER_TAKE, row]))
    return {"give": Good(give).name.lower(), "quantity": quantity, "take": Good(take).name.lower(), "taken": taken}


class Talk:
    """The talk of one tick.

    Parameters
    ----------
    world : World, as the tick before left it; read only
    plan : the plan of the tick; intentions that are agreed on are put there
    configuration : Configuration
    telling : Telling, which the events go to
    goal_of : returns the cell where an intention would lead the agent of a row
    """

    def __init__(
        self, world: World, plan: Plan, configuration: Configuration, telling: Telling,
        goal_of: Callable[[int, int], int],
    ) -> None:  # fmt: skip
        assert world.minds is not None
        self.world, self.minds, self.plan, self.configuration = world, world.minds, plan, configuration
        self.telling, self.tick, self.goal_of = telling, telling.tick, goal_of
        self.spoke: list[int] = []  # rows
        self._talk: dict[int, tuple[int, int, int, int]] = {}  # agent → conversation, with, turn, count: this tick's
        self._offers_gone: set[int] = set()  # agents whose offer of the state is answered or stands no more
        self._pledged: set[int] = set()
        self._told: set[tuple[int, int]] = set()  # agent, news

    # -- conversations -----------------------------------------------------------------------------

    def _in_talk(self, row: int) -> tuple[int, int, int, int]:
        """Return (conversation, with whom, whose turn, speeches so far); conversation -1 if there is none."""
        who = int(self.world.agents[ID, row])
        if who in self._talk:
            return self._talk[who]
        names = (m.TALK, m.TALK_WITH, m.TALK_TURN, m.TALK_COUNT)
        talk, partner, turn, count = (int(self.minds[name, row]) for name in names)
        return talk, partner, turn, count

    def _close(self, row: int, because: Closing, cause: int) -> None:
        talk, partner, _, _ = self._in_talk(row)
        who = int(self.world.agents[ID, row])
        self.telling.tell(
            CONVERSATION_CLOSED, who, cause, {"conversation": address_of(talk)}, target=partner, detail=int(because)
        )
        self._talk[who] = (-1, -1, -1, 0)
        self._offers_gone |= {who, partner}
        there = self.world.row(partner)
        if there is not None and self._in_talk(there)[0] == talk:
            self._talk[partner] = (-1, -1, -1, 0)

    def close_old(self, dying: set[int]) -> None:
        """Close conversations that have gone silent, or whose sides are out of hearing or dying."""
        a, minds, cfg = self.world.agents, self.minds, self.configuration
        silence = SILENCE_IN_DELAYS * cfg.think_delay
        for row in np.flatnonzero(minds[m.TALK, : self.world.n] >= 0).tolist():
            who, partner = int(a[ID, row]), int(minds[m.TALK_WITH, row])
            there = self.world.row(partner)
            if self.world.row(who) != row or who in dying or who in self._talk:
                continue
            if there is None or partner in dying:
                because = Closing.DEATH
            elif self.tick - int(minds[m.TALK_LAST, row]) > silence:
                because = Closing.SILENCE
            elif hex_distance(int(a[CELL, row]), int(a[CELL, there]), self.world.width) > 2 * cfg.hearing:
                because = Closing.DISTANCE
            else:
                continue
            self._close(row, because, int(minds[m.TALK_SPEECH, row]))

    # -- speaking ----------------------------------------------------------------------------------

    def why_unsaid(self, row: int, there: int | None, answer: dict[str, Any]) -> str | None:
        """Return why the words of an answer can't be said now; None if they can."""
        world = self.world
        if row in self.spoke:
            return "has spoken already"
        if there is None or is_dying(world, there, self.tick):
            return "the other is not alive"
        if is_dying(world, row, self.tick):
            return "dying"
        a = world.agents
        if hex_distance(int(a[CELL, row]), int(a[CELL, there]), world.width) > self.configuration.hearing:
            return "out of hearing"
        talk, partner, turn, _ = self._in_talk(row)
        if talk >= 0 and partner == int(a[ID, there]) and turn != int(a[ID, row]):
            return "it is the other's turn"
        other_talk, other_partner, _, _ = self._in_talk(there)
        if other_talk >= 0 and other_partner != int(a[ID, row]):
            return "the other is talking to somebody else"
        # To agree in words to what can't bind would be a pledge that nobody keeps and nobody hears of again.
        act = Act[answer["act"].upper()]
        if act == Act.ACCEPT and "work" not in (self._terms(row, there, act, answer) or {"work": None}):
            if self._is_pledged(row):
                return "pledged already"
            if self._is_pledged(there):
                return "the other is pledged already"
        return None

    def _is_pledged(self, row: int) -> bool:
        return bool(self.minds[m.PLEDGE_WITH, row] >= 0 or int(self.world.agents[ID, row]) in self._pledged)

    def speak(self, row: int, there: int, answer: dict[str, Any], cause: int) -> None:
        """Let somebody say something to somebody who hears it, with all that it does."""
        world, a = self.world, self.world.agents
        who, other = int(a[ID, row]), int(a[ID, there])
        act = Act[answer["act"].upper()]
        talk, partner, _, count = self._in_talk(row)
        if talk >= 0 and partner != other:
            self._close(row, Closing.LEFT, cause)
            talk, count = -1, 0
        terms = self._terms(row, there, act, answer)
        news = self._news_for(row, other) if act == Act.GOSSIP else None
        at = self.tick << 32 | self.telling.first + len(self.telling)
        talk = talk if talk >= 0 else at
        payload = {"act": act.name.lower(), "text": answer.get("say") or "", "conversation": address_of(talk)}
        if terms is not None:
            payload["terms"] = terms
        if news is not None:
            payload["news"] = address_of(news[0])
        slot, strength, _ = tie_after(a, row, other, TIE_TALK, world.row_of)
        needs = needs_after(self.plan, row, self.configuration.hunger, -TALK_COST, 0, TALK_COMPANY)
        tie = int(pack_tie(int(slot), int(strength)))
        self.telling.tell(SPEECH_MADE, who, cause, payload, target=other, detail=tie, needs=int(needs))
        self.spoke.append(row)
        self._talk[who], self._talk[other] = (talk, other, other, count + 1), (talk, who, other, count + 1)
        if act == Act.ACCEPT and terms is not None:
            self._bind(row, there, terms, at)
        if act in (Act.ACCEPT, Act.REFUSE):
            self._offers_gone.add(who)
        elif act == Act.PROPOSE:
            self._offers_gone.add(other)
        if news is not None:
            self._pass_on(news, row, there, at)
        if count + 1 >= TURNS_MAX:
            self._close(row, Closing.LENGTH, at)

    def _terms(self, row: int, there: int, act: Act, answer: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is proposed, accepted or refused: of an answer to an offer, always that of the offer."""
        if act == Act.PROPOSE:
            terms: dict[str, Any] | None = answer.get("terms")
            if terms is None and Intention[answer["intention"].upper()] < 4:
                terms = {"work": answer["intention"]}
            return terms
        who, other = int(self.world.agents[ID, row]), int(self.world.agents[ID, there])
        if act not in (Act.ACCEPT, Act.REFUSE) or who in self._offers_gone:
            return None
        return terms_on_offer(self.world, row) if self.minds[m.OFFER_FROM, row] == other else None

    def _bind(self, row: int, there: int, terms: dict[str, Any], cause: int) -> None:
        """Make the pledge that an acceptance is; `there` proposed. Who is pledged to trade did not get as far."""
        a, p, minds = self.world.agents, self.plan, self.minds
        who, other = int(a[ID, row]), int(a[ID, there])
        assert "work" in terms or not (self._is_pledged(row) or self._is_pledged(there)), "see why_unsaid"
        told = {"terms": terms, "proposal": address_of(int(minds[m.OFFER_AT, row]))}
        pledge = self.telling.tell(PLEDGE_MADE, other, cause, told, target=who)
        if "work" not in terms:
            self._pledged |= {who, other}
            return
        work = Intention[terms["work"].upper()]
        goal = int(p[P_GOAL, there]) if p[P_INTENTION, there] == work else self.goal_of(there, int(work))
        done = pledge
        for one in (there, row):
            done = self.telling.tell(INTENTION_FORMED, int(a[ID, one]), pledge, detail=int(work), cell=goal)
            p[P_INTENTION, one], p[P_GOAL, one] = int(work), goal
            intend(p, one, done)
        self.telling.tell(PLEDGE_KEPT, other, done, {"pledge": address_of(pledge)}, target=who)

    # -- news --------------------------------------------------------------------------------------

    def _news_for(self, row: int, other: int) -> tuple[int, str] | None:
        """Return (what it began with, text) of the newest news that did not come from the other; None if none."""
        minds = self.minds
        for k in range(m.NEWS_SLOTS - 1, -1, -1):
            if minds[m.NEWS + k, row] >= 0 and minds[m.NEWS_FROM + k, row] != other:
                return int(minds[m.NEWS + k, row]), self.world.texts[int(minds[m.NEWS_TEXT + k, row])]
        return None

    def _pass_on(self, news: tuple[int, str], row: int, there: int, cause: int) -> None:
        origin, text = news
        other = int(self.world.agents[ID, there])
        known = self.minds[m.NEWS : m.NEWS + m.NEWS_SLOTS, there]
        if origin in known.tolist() or (other, origin) in self._told:
            return
        self._told.add((other, origin))
        who = int(self.world.agents[ID, row])
        self.telling.tell(NEWS_HEARD, other, cause, {"news": address_of(origin), "text": text}, target=who)


__all__ = ["Talk", "is_dying", "terms_on_offer"]
