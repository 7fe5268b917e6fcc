"""What an agent has in mind, as people read it: talk, offers, pledges, inbox, news, memories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.codes import Act, Good, Intention, Purpose
from domain.columns import ASKED, THOUGHT_DUE
from domain.events import KIND_BY_NUMBER, address_of
from domain.minds import columns as m
from domain.state import World

Somebody = Callable[[int], dict[str, Any] | None]
"""Says of an id who that is, None of a negative one."""


def mind_of(world: World, row: int, somebody: Somebody) -> dict[str, Any] | None:
    """Return what the agent of a row has in mind, lists oldest first; None in a society without minds."""
    if world.minds is None:
        return None
    mind = world.minds[:, row].tolist()
    return {
        "awaits": _awaited(mind, asked=int(world.agents[ASKED, row]), due=int(world.agents[THOUGHT_DUE, row])),
        "conversation": _conversation(mind, somebody),
        "offer": _offer(mind, somebody),
        "pledge": _pledge(mind, somebody),
        "inbox": [
            {
                "speech": address_of(mind[m.INBOX_AT + k]),
                "from": somebody(mind[m.INBOX_FROM + k]),
                "act": Act(mind[m.INBOX_ACT + k]).name.lower(),
                "text": world.texts[mind[m.INBOX_TEXT + k]],
            }
            for k in range(m.INBOX_SLOTS)
            if mind[m.INBOX_AT + k] >= 0
        ],
        "news": [
            {
                "news": address_of(mind[m.NEWS + k]),
                "text": world.texts[mind[m.NEWS_TEXT + k]],
                "from": somebody(mind[m.NEWS_FROM + k]),
            }
            for k in range(m.NEWS_SLOTS)
            if mind[m.NEWS + k] >= 0
        ],
        "recent": [
            _recent(mind[m.RECENT_AT + k], mind[m.RECENT_WHAT + k], somebody)
            for k in range(m.RECENT_SLOTS)
            if mind[m.RECENT_AT + k] >= 0
        ],
        "memories": sorted(
            (
                {"memory": address_of(mind[m.MEMORY + k]), "importance_milli": mind[m.MEMORY_WEIGHT + k]}
                for k in range(m.MEMORY_SLOTS)
                if mind[m.MEMORY + k] >= 0
            ),
            key=lambda kept: [int(part) for part in kept["memory"].split(":")],
        ),
        "importance_milli": mind[m.IMPORTANCE],
    }


def _awaited(mind: list[int], *, asked: int, due: int) -> dict[str, Any] | None:
    if due < 0:
        return None
    return {"purpose": Purpose(max(0, mind[m.PURPOSE])).name.lower(), "asked": address_of(asked), "due": due}


def _conversation(mind: list[int], somebody: Somebody) -> dict[str, Any] | None:
    if mind[m.TALK] < 0:
        return None
    return {
        "conversation": address_of(mind[m.TALK]),
        "with": somebody(mind[m.TALK_WITH]),
        "turn": mind[m.TALK_TURN],
        "speeches": mind[m.TALK_COUNT],
        "newest": address_of(mind[m.TALK_SPEECH]),
    }


def _offer(mind: list[int], somebody: Somebody) -> dict[str, Any] | None:
    if mind[m.OFFER_FROM] < 0:
        return None
    give, take, work = mind[m.OFFER_GIVE], mind[m.OFFER_TAKE], mind[m.OFFER_WORK]
    terms = {"work": Intention(work).name.lower()} if work >= 0 else _goods(give, take) if give >= 0 else None
    return {"from": somebody(mind[m.OFFER_FROM]), "proposal": address_of(mind[m.OFFER_AT]), "terms": terms}


def _pledge(mind: list[int], somebody: Somebody) -> dict[str, Any] | None:
    if mind[m.PLEDGE_WITH] < 0:
        return None
    return {
        "with": somebody(mind[m.PLEDGE_WITH]),
        "pledge": address_of(mind[m.PLEDGE_AT]),
        "terms": _goods(mind[m.PLEDGE_GIVE], mind[m.PLEDGE_TAKE]),
    }


def _goods(give: int, take: int) -> dict[str, Any]:
    (give, quantity), (take, taken) = m.unpack_good_quantity(give), m.unpack_good_quantity(take)
    return {"give": Good(give).name.lower(), "quantity": quantity, "take": Good(take).name.lower(), "taken": taken}


def _recent(at: int, what: int, somebody: Somebody) -> dict[str, Any]:
    kind, other, given, taken = m.unpack_recent(what)
    return {
        "event": address_of(at),
        "kind": KIND_BY_NUMBER[kind].name,
        "with": somebody(other),
        "given": None if given < 0 else Good(given).name.lower(),
        "taken": None if taken < 0 else Good(taken).name.lower(),
    }


__all__ = ["Somebody", "mind_of"]
