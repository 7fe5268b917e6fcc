"""Meet: agents that are ready for company pair up with somebody in their cell or the next ones.

Who looks first is decided by a fresh draw each tick; a pair is out of the game. So conflicts over one
partner are settled without regard to ids.
"""

from __future__ import annotations

import numpy as np

from domain._jit import inline, kernel
from domain._prefetch import FAR, prefetch
from domain.codes import Good
from domain.columns import N_TIES, TIE_OTHER, TIE_STRENGTH, TRAITS
from domain.draws import draw_one, sort_by_draw
from domain.hexgrid import neighbour_of
from domain.rules.barter import best_barter, weigh_store
from domain.rules.cards import (
    CARD_CELL,
    CARD_COMPANY,
    CARD_ID,
    CARD_NEXT,
    CARD_PARTNER,
    CARD_SATIETY,
    HELD,
    WORTH,
    fill_card,
)
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
    P_ALIVE,
    P_GIVE_GOOD,
    P_GIVE_QUANTITY,
    P_ID,
    P_LEADS,
    P_MEETING,
    P_OPEN,
    P_PARTNER,
    P_TAKE_GOOD,
    P_TAKE_QUANTITY,
    ask_for_row,
)

_FOOD = int(Good.FOOD)
_AGREEABLENESS = 3
_CANDIDATES = 12  # how many others one looks at
_AHEAD = 6  # seekers
_UNWEIGHED = 0  # as the worth of food: its place on a card is never 0 once the store was weighed


@inline
def tie_slot(a, row, other):  # type: ignore[no-untyped-def]
    """Return the slot of the tie to `other`, or -1."""
    for k in range(N_TIES):
        if a[TIE_OTHER + k, row] == other:
            return k
    return -1


@inline
def _is_free(p, row):  # type: ignore[no-untyped-def]
    action = p[P_ACTION, row]
    ready = (action == REST) | (action == MOVE) | (action == GATHER)
    return (p[P_ALIVE, row] != 0) & (p[P_OPEN, row] != 0) & ready


@inline
def _needs_help(card):  # type: ignore[no-untyped-def]
    return card[CARD_SATIETY] < STARVING and card[HELD + _FOOD] < GIFT


@inline
def _would_give(a, cards, giver, needy):  # type: ignore[no-untyped-def]
    """Return whether the giver can spare a gift and is kind enough, or close enough, to make it."""
    if cards[giver, HELD + _FOOD] < GIFT_RESERVE or cards[needy, HELD + _FOOD] + GIFT > CARRY:
        return False
    slot = tie_slot(a, giver, cards[needy, CARD_ID])
    closeness = a[TIE_STRENGTH + slot, giver] if slot >= 0 else 0
    return a[TRAITS + _AGREEABLENESS, giver] + closeness >= 400


@inline
def _appeal(a, cards, i, j):  # type: ignore[no-untyped-def]
    """Return (score, kind of meeting, barter) of i meeting j; a score of 0 is no reason to meet."""
    none = (np.int64(0), 0, 0, 0, 0)
    mine, other = cards[i], cards[j]
    if (_needs_help(other) and _would_give(a, cards, i, j)) or (_needs_help(mine) and _would_give(a, cards, j, i)):
        return np.int64(1 << 40), GIVE, none
    if other[WORTH] == _UNWEIGHED:
        weigh_store(cards, j)
    barter = best_barter(cards, i, j)
    if barter[0] > 0:
        return np.int64(1 << 20) + barter[0], TRADE, barter
    if mine[CARD_COMPANY] < SOCIABLE and other[CARD_COMPANY] < SOCIABLE:
        slot = tie_slot(a, i, other[CARD_ID])
        strength = a[TIE_STRENGTH + slot, i] if slot >= 0 else 0
        return np.int64(1 + strength + (SOCIABLE - other[CARD_COMPANY])), TALK, none
    return np.int64(0), TALK, none


@kernel
def find_seekers(n, p, tick, stream, rows, draws, starts, seekers, cards):  # type: ignore[no-untyped-def]
    """List the rows that are free to meet somebody, in the order of their draws; return how many.

    `draws` and `cards` take each one's draw and card at its row, `rows` and `starts` are scratch. Finding them and
    drawing are two loops, because a draw takes a while, and a processor that has guessed wrong who is free would wait
    for it.
    """
    count = 0
    for i in range(n):
        rows[count] = i
        count += 1 if _is_free(p, i) else 0
    far = p.shape[1] > FAR
    for k in range(count):
        if far:
            ahead = rows[min(k + _AHEAD, count - 1)]
            ask_for_row(p, ahead)
            prefetch(cards, ahead, WORTH)
            prefetch(cards, ahead, CARD_CELL)
        draws[rows[k]] = draw_one(p[P_ID, rows[k]], stream, tick, 0)
        fill_card(p, rows[k], cards)
    sort_by_draw(rows, count, draws, starts, seekers)
    return count


@inline
def _ask_for_those_near(cards, board, row, width, height):  # type: ignore[no-untyped-def]
    """Have the cards of those who stand in the agent's cell or next to it fetched."""
    at = cards[row, CARD_CELL]
    grid_row, column = at // width, at % width
    for d in range(-1, 6):
        cell = at if d < 0 else neighbour_of(grid_row, column, d, width, height)
        if cell >= 0 and board.first_here[cell] >= 0:
            prefetch(cards, board.first_here[cell], WORTH)
            prefetch(cards, board.first_here[cell], CARD_CELL)


@kernel
def pair_up(a, p, cards, board, width, height, seekers, draws):  # type: ignore[no-untyped-def]
    """Match seekers into pairs, in the order of their draws, and note what each pair is about.

    Nobody's goods change here, so a store is weighed once, and only if somebody looks at it.
    """
    board.first_here[:] = -1
    count = seekers.shape[0]
    far = a.shape[1] > FAR
    # Those of a cell are looked at in the order of the draw too: in a crowd not everybody is looked at,
    # and in the order of rows those with low ids would be.
    for k in range(count - 1, -1, -1):
        if far:
            prefetch(cards, seekers[max(k - 2 * _AHEAD, 0)], CARD_CELL)
            prefetch(board.first_here, cards[seekers[max(k - _AHEAD, 0)], CARD_CELL])
        card = cards[seekers[k]]
        card[CARD_NEXT] = board.first_here[card[CARD_CELL]]
        board.first_here[card[CARD_CELL]] = seekers[k]
    for k in range(count):
        if far:
            prefetch(cards, seekers[min(k + 3 * _AHEAD, count - 1)], WORTH)
            prefetch(cards, seekers[min(k + 3 * _AHEAD, count - 1)], CARD_CELL)
            cell = cards[seekers[min(k + 2 * _AHEAD, count - 1)], CARD_CELL]
            for beside in (-width, 0, width):
                prefetch(board.first_here, cell + beside)
            _ask_for_those_near(cards, board, seekers[min(k + _AHEAD, count - 1)], width, height)
        i = seekers[k]
        if cards[i, CARD_PARTNER] >= 0:
            continue
        best, kind, looked = np.int64(0), 0, 0
        match = -1
        deal = (np.int64(0), 0, 0, 0, 0)
        at = cards[i, CARD_CELL]
        row, column = at // width, at % width
        for d in range(-1, 6):
            cell = at if d < 0 else neighbour_of(row, column, d, width, height)
            if cell < 0:
                continue
            j = board.first_here[cell]
            while j >= 0 and looked < _CANDIDATES:
                if j != i and cards[j, CARD_PARTNER] < 0:
                    if looked == 0 and cards[i, WORTH] == _UNWEIGHED:
                        weigh_store(cards, i)
                    looked += 1
                    score, about, barter = _appeal(a, cards, i, j)
                    if score > best or (score == best and match >= 0 and draws[j] < draws[match]):
                        best, kind, match, deal = score, about, j, barter
                j = cards[j, CARD_NEXT]
        if match < 0:
            continue
        lead, follow = i, match
        if kind == GIVE and not (_needs_help(cards[match]) and _would_give(a, cards, i, match)):
            lead, follow = match, i
        cards[i, CARD_PARTNER], cards[match, CARD_PARTNER] = match, i
        p[P_PARTNER, lead], p[P_PARTNER, follow] = follow, lead
        p[P_ACTION, lead], p[P_ACTION, follow] = PAIR, PAIR
        p[P_LEADS, lead], p[P_LEADS, follow] = 1, 0
        p[P_MEETING, lead], p[P_MEETING, follow] = kind, kind
        if kind == GIVE:
            p[P_GIVE_GOOD, lead], p[P_GIVE_QUANTITY, lead] = _FOOD, GIFT
        elif kind == TRADE:
            p[P_GIVE_GOOD, lead], p[P_GIVE_QUANTITY, lead] = deal[1], deal[2]
            p[P_TAKE_GOOD, lead], p[P_TAKE_QUANTITY, lead] = deal[3], deal[4]
