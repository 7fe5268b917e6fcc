"""The columns of area `minds`: what an agent has in mind, one row an agent, beside `domain.columns`.

A matrix of its own, made only where agents think: `World.minds`, int64, shape (N_MIND_COLUMNS, capacity), whose
rows are those of `World.agents`. Texts are kept once in `World.texts` by the first 63 bits of their SHA-256, which
is what stands here.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Minds = NDArray[np.int64]

INBOX_SLOTS, NEWS_SLOTS, RECENT_SLOTS, MEMORY_SLOTS = 3, 3, 4, 40

# -- when it is asked ------------------------------------------------------------------------------
PURPOSE = 0  # of the answer that is awaited, or -1
LAST_ASKED = 1  # tick, -1 before the first
REASON, REASON_TICK = 2, 3  # why it ought to be asked, and since when; -1
IMPORTANCE = 4  # milli, come together since the last reflection
# -- the conversation that it is in ------------------------------------------------------------------
TALK = 5  # packed address of the speech that opened it, or -1
TALK_WITH, TALK_TURN = 6, 7  # agents: the other, and who is to speak next
TALK_LAST, TALK_COUNT = 8, 9  # tick of the newest speech; how many there were
TALK_SPEECH = 10  # packed address of the newest speech
# -- a proposal that it may accept -------------------------------------------------------------------
OFFER_FROM, OFFER_AT = 11, 12  # agent, packed address of the speech; -1
OFFER_GIVE, OFFER_TAKE = 13, 14  # packed good and quantity that the proposer gives and takes; -1
OFFER_WORK = 15  # intention to share, or -1
# -- a trade that it is pledged to -------------------------------------------------------------------
PLEDGE_WITH, PLEDGE_AT = 16, 17  # agent, packed address of PledgeMade; -1
PLEDGE_GIVE, PLEDGE_TAKE = 18, 19  # packed good and quantity that this agent gives and takes
PLEDGE_LEADS = 20  # 1 on the proposer's row
# -- what was said to it, oldest first -----------------------------------------------------------------
INBOX_FROM = 21
INBOX_AT = INBOX_FROM + INBOX_SLOTS  # packed address
INBOX_ACT = INBOX_AT + INBOX_SLOTS
INBOX_TEXT = INBOX_ACT + INBOX_SLOTS
# -- news that it knows, oldest first --------------------------------------------------------------------
NEWS = INBOX_TEXT + INBOX_SLOTS  # packed address that the news began with, or -1
NEWS_TEXT = NEWS + NEWS_SLOTS
NEWS_FROM = NEWS_TEXT + NEWS_SLOTS  # who told it, or -1
# -- working memory: what happened to it lately, oldest first ----------------------------------------------
RECENT_AT = NEWS_FROM + NEWS_SLOTS  # packed address, or -1
RECENT_WHAT = RECENT_AT + RECENT_SLOTS  # see `pack_recent`
# -- memories that are not forgotten -----------------------------------------------------------------------
MEMORY = RECENT_WHAT + RECENT_SLOTS  # packed address of MemoryFormed, or -1
MEMORY_WEIGHT = MEMORY + MEMORY_SLOTS  # importance, milli
# -- not state -----------------------------------------------------------------------------------------------
HASH_MINDS = MEMORY_WEIGHT + MEMORY_SLOTS
N_MIND_COLUMNS = HASH_MINDS + 1
N_MIND_STATE = HASH_MINDS

_ZERO = (IMPORTANCE, TALK_COUNT, PLEDGE_LEADS, *range(MEMORY_WEIGHT, HASH_MINDS + 1))

EMPTY = np.full(N_MIND_COLUMNS, -1, np.int64)
"""The row of somebody who has just come."""
EMPTY[list(_ZERO)] = 0


def minds_of_capacity(capacity: int) -> Minds:
    """Return rows of nobody."""
    return np.repeat(EMPTY[:, None], capacity, axis=1)


def text_hash(text: str) -> int:
    """Return the first 63 bits of a text's SHA-256: how state names it."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def pack_good_quantity(good: int, quantity: int) -> int:
    """Pack a good and how much of it."""
    return good << 32 | quantity


def unpack_good_quantity(packed: int) -> tuple[int, int]:
    """Return the good and the quantity."""
    return packed >> 32, packed & 0xFFFFFFFF


def pack_recent(kind: int, other: int, given: int, taken: int) -> int:
    """Pack what happened: kind of event, the other agent (-1: none), the goods given and taken (-1: none)."""
    return kind << 48 | (given + 1) << 44 | (taken + 1) << 40 | (other + 1)


def unpack_recent(packed: int) -> tuple[int, int, int, int]:
    """Return (kind, other agent, good given, good taken)."""
    return packed >> 48, (packed & 0xFFFFFFFFFF) - 1, (packed >> 44 & 0xF) - 1, (packed >> 40 & 0xF) - 1


def push(minds: Minds, row: int, first: int, slots: int, value: int) -> None:
    """Add a value at the young end of a row's slots; the oldest falls out."""
    minds[first : first + slots - 1, row] = minds[first + 1 : first + slots, row]
    minds[first + slots - 1, row] = value
