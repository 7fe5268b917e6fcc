"""The fold of what agents have in mind: part of `domain.fold`, and like it without rules or refusals.

One handler a kind, named for it; they take the world, the record and its payload. What happens to an agent's body
also stays in its working memory for a while: `fold_lives`, after everything else of the tick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from domain import events as ev
from domain.codes import Act, Good, Intention
from domain.columns import (
    ACTED,
    ALIVE,
    ASKED,
    COMPANY,
    ENERGY,
    N_TIES,
    SATIETY,
    THOUGHT_DUE,
    TIE_OTHER,
    TIE_STRENGTH,
    TOUCHED,
    TOUCHED_AGENT,
    TOUCHED_TIES,
)
from domain.errors import CorruptHistory
from domain.events import ABSENT, good_of, pack_cause, packed_address
from domain.minds import columns as m
from domain.minds.columns import Minds, pack_good_quantity, pack_recent, push

if TYPE_CHECKING:
    from domain.state import World

Terms = dict[str, Any]


def packed_terms(terms: Terms | None) -> tuple[int, int, int]:
    """Return (given, taken, work) of terms as state keeps them, -1 for what is not there."""
    if not terms:
        return ABSENT, ABSENT, ABSENT
    if "work" in terms:
        return ABSENT, ABSENT, int(Intention[terms["work"].upper()])
    given = pack_good_quantity(int(Good[terms["give"].upper()]), int(terms["quantity"]))
    return given, pack_good_quantity(int(Good[terms["take"].upper()]), int(terms["taken"])), ABSENT


def _minds(world: World, record: Any) -> Minds:
    """Return the minds of a world that has to have them."""
    if world.minds is None:
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), "this society has no minds")
    return world.minds


def _row(world: World, record: Any, agent: int) -> int:
    """Return the row of somebody who has to be alive, in a world that has minds."""
    _minds(world, record)
    row = world.row(agent)
    if row is None:
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), f"agent {agent} is not alive")
    world.touched_minds.add(row)
    return row


def _address(record: Any) -> int:
    return int(pack_cause(int(record["tick"]), int(record["ordinal"])))


def fold_speech_made(world: World, record: Any, payload: dict[str, Any]) -> None:
    """The speaker's tie and needs; the words in the other's inbox; the conversation of both; what is on offer."""
    who, other = int(record["agent"]), int(record["target"])
    row, there = _row(world, record, who), _row(world, record, other)
    a, minds, at, tick = world.agents, world.minds, _address(record), int(record["tick"])
    assert minds is not None
    slot, needs = int(record["detail"]) >> 16, int(record["needs"])
    if not 0 <= slot < N_TIES:
        raise CorruptHistory(tick, int(record["ordinal"]), f"there is no tie {slot}")
    a[TIE_OTHER + slot, row], a[TIE_STRENGTH + slot, row] = other, int(record["detail"]) & 0xFFFF
    a[ENERGY, row], a[SATIETY, row], a[COMPANY, row] = needs >> 32 & 0xFFFF, needs >> 16 & 0xFFFF, needs & 0xFFFF
    a[ACTED, row] = at
    a[TOUCHED, row] |= TOUCHED_AGENT | TOUCHED_TIES
    act = Act[payload["act"].upper()]
    push(minds, there, m.INBOX_FROM, m.INBOX_SLOTS, who)
    push(minds, there, m.INBOX_AT, m.INBOX_SLOTS, at)
    push(minds, there, m.INBOX_ACT, m.INBOX_SLOTS, int(act))
    push(minds, there, m.INBOX_TEXT, m.INBOX_SLOTS, world.keep_text(payload["text"]))
    minds[m.REASON, there], minds[m.REASON_TICK, there] = 0, tick  # Reason.SPOKEN_TO
    _fold_nobody_waits(minds, row)
    talk = packed_address(payload["conversation"])
    count = 1 if talk == at else int(minds[m.TALK_COUNT, row]) + 1
    for one, partner in ((row, other), (there, who)):
        minds[m.TALK, one], minds[m.TALK_WITH, one], minds[m.TALK_TURN, one] = talk, partner, other
        minds[m.TALK_LAST, one], minds[m.TALK_COUNT, one], minds[m.TALK_SPEECH, one] = tick, count, at
    if act == Act.PROPOSE:
        given, taken, work = packed_terms(payload.get("terms"))
        minds[m.OFFER_FROM, there], minds[m.OFFER_AT, there] = who, at
        minds[m.OFFER_GIVE, there], minds[m.OFFER_TAKE, there], minds[m.OFFER_WORK, there] = given, taken, work
    elif act in (Act.ACCEPT, Act.REFUSE):
        minds[m.OFFER_FROM : m.OFFER_WORK + 1, row] = ABSENT


def _fold_nobody_waits(minds: Minds, row: int) -> None:
    if minds[m.REASON, row] == 0:  # Reason.SPOKEN_TO
        minds[m.REASON, row], minds[m.REASON_TICK, row] = ABSENT, ABSENT


def fold_conversation_closed(world: World, record: Any, payload: dict[str, Any]) -> None:
    """Neither is in that conversation any more, nor has an offer of the other's."""
    minds, talk = _minds(world, record), packed_address(payload["conversation"])
    for who in (int(record["agent"]), int(record["target"])):
        row = world.row(who)
        if row is None or minds[m.TALK, row] != talk:
            continue
        world.touched_minds.add(row)
        other = int(minds[m.TALK_WITH, row])
        minds[m.TALK : m.TALK_SPEECH + 1, row] = ABSENT
        minds[m.TALK_COUNT, row] = 0
        _fold_nobody_waits(minds, row)
        if minds[m.OFFER_FROM, row] == other:
            minds[m.OFFER_FROM : m.OFFER_WORK + 1, row] = ABSENT


def fold_pledge_made(world: World, record: Any, payload: dict[str, Any]) -> None:
    """Both owe the other what was agreed; work that is shared begins at once and is owed no longer."""
    row, there = _row(world, record, int(record["agent"])), _row(world, record, int(record["target"]))
    minds = world.minds
    assert minds is not None
    given, taken, work = packed_terms(payload["terms"])
    if work != ABSENT:
        return
    for one, partner, gives, takes in (
        (row, int(record["target"]), given, taken),
        (there, int(record["agent"]), taken, given),
    ):
        minds[m.PLEDGE_WITH, one], minds[m.PLEDGE_AT, one] = partner, _address(record)
        minds[m.PLEDGE_GIVE, one], minds[m.PLEDGE_TAKE, one] = gives, takes
        minds[m.PLEDGE_LEADS, one] = int(one == row)


def _fold_pledge_over(world: World, record: Any, payload: dict[str, Any], reason: int) -> None:
    minds, pledge = _minds(world, record), packed_address(payload["pledge"])
    for who in (int(record["agent"]), int(record["target"])):
        row = world.row(who)
        if row is None or minds[m.PLEDGE_AT, row] != pledge:
            continue
        world.touched_minds.add(row)
        minds[m.PLEDGE_WITH : m.PLEDGE_TAKE + 1, row] = ABSENT
        minds[m.PLEDGE_LEADS, row] = 0
        if minds[m.REASON, row] < 0:
            minds[m.REASON, row], minds[m.REASON_TICK, row] = reason, int(record["tick"])


def fold_pledge_kept(world: World, record: Any, payload: dict[str, Any]) -> None:
    """Nothing is owed any more, and there is something to think about."""
    _fold_pledge_over(world, record, payload, 2)  # Reason.MILESTONE


def fold_pledge_lapsed(world: World, record: Any, payload: dict[str, Any]) -> None:
    """Nothing is owed any more, and there is something to think about."""
    _fold_pledge_over(world, record, payload, 2)  # Reason.MILESTONE


def fold_news_heard(world: World, record: Any, payload: dict[str, Any]) -> None:
    """The agent knows the news and who told it."""
    row = _row(world, record, int(record["agent"]))
    minds = world.minds
    assert minds is not None
    push(minds, row, m.NEWS, m.NEWS_SLOTS, packed_address(payload["news"]))
    push(minds, row, m.NEWS_TEXT, m.NEWS_SLOTS, world.keep_text(payload["text"]))
    push(minds, row, m.NEWS_FROM, m.NEWS_SLOTS, int(record["target"]))
    if minds[m.REASON, row] < 0:
        minds[m.REASON, row], minds[m.REASON_TICK, row] = 2, int(record["tick"])  # Reason.MILESTONE


def fold_memory_formed(world: World, record: Any, payload: dict[str, Any]) -> None:
    """A slot holds the memory; its weight counts towards the next reflection, unless it is one itself."""
    row = _row(world, record, int(record["agent"]))
    minds = world.minds
    assert minds is not None
    weight = int(record["detail"]) & 0xFFFF
    free = np.flatnonzero(minds[m.MEMORY : m.MEMORY + m.MEMORY_SLOTS, row] < 0)
    if not len(free):
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), "there is no room for another memory")
    minds[m.MEMORY + free[0], row], minds[m.MEMORY_WEIGHT + free[0], row] = _address(record), weight
    if int(record["detail"]) >> 16 != 2:  # MemoryKind.REFLECTION
        minds[m.IMPORTANCE, row] += weight


def fold_memory_forgotten(world: World, record: Any, payload: dict[str, Any]) -> None:
    """The memory's slot is free."""
    row = _row(world, record, int(record["agent"]))
    minds = world.minds
    assert minds is not None
    held = np.flatnonzero(minds[m.MEMORY : m.MEMORY + m.MEMORY_SLOTS, row] == packed_address(payload["memory"]))
    if not len(held):
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), "it forgets what it does not remember")
    minds[m.MEMORY + held[0], row], minds[m.MEMORY_WEIGHT + held[0], row] = ABSENT, 0


def fold_reflection_made(world: World, record: Any, payload: dict[str, Any]) -> None:
    """Nothing is awaited any more, and importance comes together anew."""
    row = _row(world, record, int(record["agent"]))
    minds = world.minds
    assert minds is not None
    world.agents[THOUGHT_DUE, row], world.agents[ASKED, row] = ABSENT, ABSENT
    world.agents[TOUCHED, row] |= TOUCHED_AGENT
    minds[m.PURPOSE, row], minds[m.IMPORTANCE, row] = ABSENT, 0


IN_MIND: dict[int, Callable[[Any, Any, dict[str, Any]], None]] = {
    ev.SPEECH_MADE.number: fold_speech_made,
    ev.CONVERSATION_CLOSED.number: fold_conversation_closed,
    ev.PLEDGE_MADE.number: fold_pledge_made,
    ev.PLEDGE_KEPT.number: fold_pledge_kept,
    ev.PLEDGE_LAPSED.number: fold_pledge_lapsed,
    ev.NEWS_HEARD.number: fold_news_heard,
    ev.MEMORY_FORMED.number: fold_memory_formed,
    ev.MEMORY_FORGOTTEN.number: fold_memory_forgotten,
    ev.REFLECTION_MADE.number: fold_reflection_made,
}
"""Number of a kind → its handler."""

RECENT_KINDS = (
    ev.GOODS_TRADED, ev.GOODS_GIVEN, ev.GIFT_RECEIVED, ev.CHILD_BORNE, ev.GOODS_INHERITED, ev.TOOL_CRAFTED,
)  # fmt: skip
"""What an agent keeps in its working memory, by kind of its own event."""
_RECENT = {kind.number for kind in RECENT_KINDS}
_MILESTONES = {k.number for k in (ev.CHILD_BORNE, ev.GOODS_INHERITED, ev.GIFT_RECEIVED)}
_THOUGHTS = {k.number for k in (ev.THOUGHT_REQUESTED, ev.THOUGHT_TAKEN, ev.THOUGHT_REFUSED)}
_LIVES = np.array(sorted(_RECENT | _THOUGHTS | {ev.AGENT_DIED.number}), np.int16)


def fold_lives(world: World, records: NDArray[np.void], rows: NDArray[np.int32]) -> None:
    """Let minds follow what the compiled fold did: who was asked and answered, what happened to whom, who died.

    Parameters
    ----------
    records : all the events of the tick
    rows : the rows that their agents had before it; -1 for those who were not there yet
    """
    minds = world.minds
    assert minds is not None
    for at in np.flatnonzero(np.isin(records["kind"], _LIVES)).tolist():
        e, row = records[at], int(rows[at])
        kind = int(e["kind"])
        if row < 0:
            continue
        world.touched_minds.add(row)
        if kind == ev.AGENT_DIED.number or world.agents[ALIVE, row] == 0:
            continue
        if kind == ev.THOUGHT_REQUESTED.number:
            minds[m.PURPOSE, row], minds[m.LAST_ASKED, row] = int(e["target"]), int(e["tick"])
            if int(e["target"]) != 1:  # Purpose.REFLECTION: that is about something else
                minds[m.REASON, row], minds[m.REASON_TICK, row] = ABSENT, ABSENT
        elif kind == ev.THOUGHT_TAKEN.number:
            minds[m.PURPOSE, row] = ABSENT
        elif kind == ev.THOUGHT_REFUSED.number:
            if minds[m.PURPOSE, row] == 1:  # Purpose.REFLECTION: it begins anew, rather than asking for ever
                minds[m.IMPORTANCE, row] = 0
            minds[m.PURPOSE, row] = ABSENT
        else:
            given, taken = (-1 if int(e[c]) == ABSENT else int(good_of(int(e[c]))) for c in ("given", "taken"))
            push(minds, row, m.RECENT_AT, m.RECENT_SLOTS, _address(e))
            push(minds, row, m.RECENT_WHAT, m.RECENT_SLOTS, pack_recent(kind, int(e["target"]), given, taken))
            if kind in _MILESTONES and minds[m.REASON, row] < 0:
                minds[m.REASON, row], minds[m.REASON_TICK, row] = 2, int(e["tick"])  # Reason.MILESTONE
