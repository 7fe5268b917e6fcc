"""Meet: agents that are ready for company pair up with somebody in their cell or the next ones.

Who looks first is decided by a fresh draw each tick; a pair is out of the game. So conflicts over one
partner are settled without regard to ids.
"""

from __future__ import annotations

import numpy as np

from domain._jit import inline, kernel
from domain.codes import Good
from domain.columns import ALIVE, CELL, COMPANY, ID, N_TIES, SATIETY, TIE_OTHER, TIE_STRENGTH, TRAITS
from domain.draws import draw_one, sort_by_draw
from domain.hexgrid import neighbour_of
from domain.rules.barter import best_barter, weigh_store
from domain.rules.constants import (
    CARRY,
    GATHER,
    GIFT,
    GIFT_RESERVE,
    GIVE,
    MOVE,
    PAIR,
    REST,
    SOCIABLE,
    STARVING,
    TALK,
    TRADE,
)
from domain.rules.plan import (
    P_ACTION,
    P_GIVE_GOOD,
    P_GIVE_QUANTITY,
    P_GOODS,
    P_LEADS,
    P_MEETING,
    P_NEXT_HERE,
    P_OPEN,
    P_PARTNER,
    P_TAKE_GOOD,
    P_TAKE_QUANTITY,
)

_FOOD = int(Good.FOOD)
_AGREEABLENESS = 3
_CANDIDATES = 12  # how many others one looks at
_UNWEIGHED = 0  # as the worth of food: its place in `worths` is never 0 once the store was weighed


@inline
def tie_slot(a, row, other):  # type: ignore[no-untyped-def]
    """Return the slot of the tie to `other`, or -1."""
    for k in range(N_TIES):
        if a[TIE_OTHER + k, row] == other:
            return k
    return -1


@inline
def _is_free(a, p, row):  # type: ignore[no-untyped-def]
    action = p[P_ACTION, row]
    ready = (action == REST) | (action == MOVE) | (action == GATHER)
    return (a[ALIVE, row] != 0) & (p[P_OPEN, row] != 0) & ready


@inline
def _needs_help(a, p, row):  # type: ignore[no-untyped-def]
    return a[SATIETY, row] < STARVING and p[P_GOODS + _FOOD, row] < GIFT


@inline
def _would_give(a, p, giver, needy):  # type: ignore[no-untyped-def]
    """Return whether the giver can spare a gift and is kind enough, or close enough, to make it."""
    if p[P_GOODS + _FOOD, giver] < GIFT_RESERVE or p[P_GOODS + _FOOD, needy] + GIFT > CARRY:
        return False
    slot = tie_slot(a, giver, a[ID, needy])
    closeness = a[TIE_STRENGTH + slot, giver] if slot >= 0 else 0
    return a[TRAITS + _AGREEABLENESS, giver] + closeness >= 400


@inline
def _appeal(a, p, worths, i, j):  # type: ignore[no-untyped-def]
    """Return (score, kind of meeting, barter) of i meeting j; a score of 0 is no reason to meet."""
    none = (np.int64(0), 0, 0, 0, 0)
    if (_needs_help(a, p, j) and _would_give(a, p, i, j)) or (_needs_help(a, p, i) and _would_give(a, p, j, i)):
        return np.int64(1 << 40), GIVE, none
    if worths[j, 0] == _UNWEIGHED:
        weigh_store(p, j, worths)
    barter = best_barter(worths, i, j)
    if barter[0] > 0:
        return np.int64(1 << 20) + barter[0], TRADE, barter
    if a[COMPANY, i] < SOCIABLE and a[COMPANY, j] < SOCIABLE:
        slot = tie_slot(a, i, a[ID, j])
        strength = a[TIE_STRENGTH + slot, i] if slot >= 0 else 0
        return np.int64(1 + strength + (SOCIABLE - a[COMPANY, j])), TALK, none
    return np.int64(0), TALK, none


@kernel
def find_seekers(a, n, p, tick, stream, rows, draws, starts, seekers):  # type: ignore[no-untyped-def]
    """List the rows that are free to meet somebody, in the order of their draws; return how many.

    `draws` takes each one's draw at its row, `rows` and `starts` are scratch. Finding them and drawing are two loops,
    because a draw takes a while, and a processor that has guessed wrong who is free would wait for it.
    """
    count = 0
    for i in range(n):
        rows[count] = i
        count += 1 if _is_free(a, p, i) else 0
    for k in range(count):
        draws[rows[k]] = draw_one(a[ID, rows[k]], stream, tick, 0)
    sort_by_draw(rows, count, draws, starts, seekers)
    return count


@kernel
def pair_up(a, p, worths, board, width, height, seekers, draws):  # type: ignore[no-untyped-def]
    """Match seekers into pairs, in the order of their draws, and note what each pair is about.

    `worths` is scratch: nobody's goods change here, so a store is weighed once, and only if somebody looks at it.
    """
    board.first_here[:] = -1
    count = seekers.shape[0]
    # Those of a cell are looked at in the order of the draw too: in a crowd not everybody is looked at,
    # and in the order of rows those with low ids would be.
    for k in range(count - 1, -1, -1):
        i = seekers[k]
        p[P_NEXT_HERE, i] = board.first_here[a[CELL, i]]
        board.first_here[a[CELL, i]] = i
        worths[i, 0] = _UNWEIGHED
    for k in range(count):
        i = seekers[k]
        if p[P_PARTNER, i] >= 0:
            continue
        best, kind, looked = np.int64(0), 0, 0
        match = -1
        deal = (np.int64(0), 0, 0, 0, 0)
        at = a[CELL, i]
        row, column = at // width, at % width
        for d in range(-1, 6):
            cell = at if d < 0 else neighbour_of(row, column, d, width, height)
            if cell < 0:
                continue
            j = board.first_here[cell]
            while j >= 0 and looked < _CANDIDATES:
                if j != i and p[P_PARTNER, j] < 0:
                    if looked == 0 and worths[i, 0] == _UNWEIGHED:
                        weigh_store(p, i, worths)
                    looked += 1
                    score, about, barter = _appeal(a, p, worths, i, j)
                    if score > best or (score == best and match >= 0 and draws[j] < draws[match]):
                        best, kind, match, deal = score, about, j, barter
                j = p[P_NEXT_HERE, j]
        if match < 0:
            continue
        lead, follow = i, match
        if kind == GIVE and not (_needs_help(a, p, match) and _would_give(a, p, i, match)):
            lead, follow = match, i
        p[P_PARTNER, lead], p[P_PARTNER, follow] = follow, lead
        p[P_ACTION, lead], p[P_ACTION, follow] = PAIR, PAIR
        p[P_LEADS, lead], p[P_LEADS, follow] = 1, 0
        p[P_MEETING, lead], p[P_MEETING, follow] = kind, kind
        if kind == GIVE:
            p[P_GIVE_GOOD, lead], p[P_GIVE_QUANTITY, lead] = _FOOD, GIFT
        elif kind == TRADE:
            p[P_GIVE_GOOD, lead], p[P_GIVE_QUANTITY, lead] = deal[1], deal[2]
            p[P_TAKE_GOOD, lead], p[P_TAKE_QUANTITY, lead] = deal[3], deal[4]
