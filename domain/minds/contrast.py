"""In what the minds of two states differ: who waits for what, who talks with whom, what was heard and remembered.

Of lists (inbox, news, what happened lately, memories) only what one side has and the other has not is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.codes import Act, Good, Intention, Purpose, Reason
from domain.differing import Differing
from domain.events import KIND_BY_NUMBER, address_of
from domain.minds import columns as m
from domain.state import World

Ints = NDArray[np.int64]
_Told = Callable[[World, Any], Any]


def contrast_minds(a: World, b: World, ids: Ints, rows_a: Ints, rows_b: Ints) -> Iterator[Differing]:
    """Yield the differences of area `minds` between agents that live in both states, one a group of columns."""
    assert a.minds is not None and b.minds is not None
    differing = a.minds[: m.N_MIND_STATE, rows_a] != b.minds[: m.N_MIND_STATE, rows_b]
    for what, columns, tell in _GROUPS:
        at = np.flatnonzero(differing[columns].any(axis=0))
        if not len(at):
            continue
        ours = [tell(a, a.minds[columns, row]) for row in rows_a[at]]
        theirs = [tell(b, b.minds[columns, row]) for row in rows_b[at]]
        by = np.ones(len(at), np.int64)
        for i, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            if isinstance(left, list):
                ours[i], theirs[i] = [v for v in left if v not in right], [v for v in right if v not in left]
                by[i] = max(1, len(ours[i]) + len(theirs[i]))
        yield Differing("minds", what, "agent", ids[at], ours, theirs, by, "items", word=lambda value: value)


def _address(packed: int) -> str | None:
    return None if packed < 0 else address_of(packed)


def _somebody(agent: int) -> int | None:
    return None if agent < 0 else agent


def _goods(packed: int) -> dict[str, Any] | None:
    if packed < 0:
        return None
    good, quantity = m.unpack_good_quantity(packed)
    return {"good": Good(good).name.lower(), "quantity": quantity}


def _asked(world: World, v: Ints) -> dict[str, Any]:
    purpose, last, reason, since, importance = v.tolist()
    return {
        "awaits": None if purpose < 0 else Purpose(purpose).name.lower(),
        "last_asked": None if last < 0 else last,
        "reason": None if reason < 0 else Reason(reason).name.lower(),
        "since": None if since < 0 else since,
        "importance_milli": importance,
    }


def _talk(world: World, v: Ints) -> dict[str, Any] | None:
    talk, other, turn, last, count, speech = v.tolist()
    if talk < 0:
        return None
    return {
        "conversation": address_of(talk), "with": other, "turn": turn, "last": last, "speeches": count,
        "newest": _address(speech),
    }  # fmt: skip


def _offer(world: World, v: Ints) -> dict[str, Any] | None:
    proposer, at, give, take, work = v.tolist()
    if proposer < 0:
        return None
    work = None if work < 0 else Intention(work).name.lower()
    return {"from": proposer, "proposal": _address(at), "give": _goods(give), "take": _goods(take), "work": work}


def _pledge(world: World, v: Ints) -> dict[str, Any] | None:
    other, at, give, take, leads = v.tolist()
    if other < 0:
        return None
    return {"with": other, "pledge": _address(at), "give": _goods(give), "take": _goods(take), "leads": bool(leads)}


def _inbox(world: World, v: Ints) -> list[dict[str, Any]]:
    senders, at, acts, texts = v.reshape(4, -1).tolist()
    return [
        {"speech": address_of(p), "from": s, "act": Act(k).name.lower(), "text": world.texts.get(t)}
        for s, p, k, t in zip(senders, at, acts, texts, strict=True)
        if p >= 0
    ]


def _news(world: World, v: Ints) -> list[dict[str, Any]]:
    news, texts, tellers = v.reshape(3, -1).tolist()
    return [
        {"news": address_of(p), "from": _somebody(s), "text": world.texts.get(t)}
        for p, t, s in zip(news, texts, tellers, strict=True)
        if p >= 0
    ]


def _recent(world: World, v: Ints) -> list[dict[str, Any]]:
    at, what = v.reshape(2, -1).tolist()
    told = []
    for packed, happened in zip(at, what, strict=True):
        if packed >= 0:
            kind, other, _, _ = m.unpack_recent(happened)
            told.append({"event": address_of(packed), "kind": KIND_BY_NUMBER[kind].name, "with": _somebody(other)})
    return told


def _memories(world: World, v: Ints) -> list[dict[str, Any]]:
    at, weights = v.reshape(2, -1).tolist()
    return [{"memory": address_of(p), "importance_milli": w} for p, w in zip(at, weights, strict=True) if p >= 0]


_GROUPS: tuple[tuple[str, slice, _Told], ...] = (
    ("asked", slice(m.PURPOSE, m.TALK), _asked),
    ("talk", slice(m.TALK, m.OFFER_FROM), _talk),
    ("offer", slice(m.OFFER_FROM, m.PLEDGE_WITH), _offer),
    ("pledge", slice(m.PLEDGE_WITH, m.INBOX_FROM), _pledge),
    ("inbox", slice(m.INBOX_FROM, m.NEWS), _inbox),
    ("news", slice(m.NEWS, m.RECENT_AT), _news),
    ("recent", slice(m.RECENT_AT, m.MEMORY), _recent),
    ("memories", slice(m.MEMORY, m.HASH_MINDS), _memories),
)
"""Every column of a mind belongs to one group, in the order of `domain.minds.columns`."""
