"""Barter: an exchange of one unit that leaves both better off, or none.

What one more unit is worth falls with what one already holds (diminishing marginal utility), so two
agents with different stores value goods differently, and both can gain. Among all exchanges, that
with the largest smaller gain is taken (the egalitarian bargain [1]_).

References
----------
.. [1] Kalai (1977), Proportional solutions to bargaining situations, Econometrica 45, 1623-1630.
"""

from __future__ import annotations

import numpy as np

from domain._jit import inline, kernel
from domain.rules.cards import HELD, LOTS, MAX_PRICE, TRADABLE
from domain.rules.constants import CARRY, LARDER

_UNIT = 1_000
_COIN = 4
_WORTH = np.array([4_000, 2_500, 1_500, 2_500, 600], np.int64)  # of a first unit; coins apiece
_COIN_SCALE = 100  # a coin weighs in one's store as a tenth of a unit
_MARGIN = 60  # gains below this are not worth the trouble
_NEVER = 1 << 20


@inline
def worth_of_next(good, holding):  # type: ignore[no-untyped-def]
    """Return what one more unit (or coin) is worth to somebody who holds so much."""
    held = np.int64(holding) * _COIN_SCALE if good == _COIN else np.int64(holding)
    return _WORTH[good] * 4_000 // (held + 4_000)


@inline
def weigh_store(cards, row):  # type: ignore[no-untyped-def]
    """Note on the agent's card what each lot is worth to it, first to get, then to give.

    The lots are a unit of each good, then one to `MAX_PRICE` coins. What it can't carry is worth
    nothing to get, what it can't spare more than anybody has. Dividing once for each agent instead of
    for each pair is what makes looking at a dozen candidates cheap.
    """
    w = cards[row]
    for good in range(4):
        held = np.int64(w[HELD + good])
        reserve = LARDER // 2 if good == 0 else 0
        w[good] = worth_of_next(good, held) if held + _UNIT <= CARRY else -_NEVER
        w[LOTS + good] = worth_of_next(good, held - _UNIT) if held - _UNIT >= reserve else _NEVER
    coins = np.int64(w[HELD + _COIN])
    for price in range(1, MAX_PRICE + 1):
        w[3 + price] = price * worth_of_next(_COIN, coins)
        w[LOTS + 3 + price] = price * worth_of_next(_COIN, coins - price) if coins >= price else _NEVER


@inline
def _smaller_gain(mine, other, x, y):  # type: ignore[no-untyped-def]
    """Return what lot x for lot y brings to the one of both who gains less by it."""
    return min(mine[y] - mine[LOTS + x], other[x] - other[LOTS + y])


@inline
def best_barter(cards, i, j):  # type: ignore[no-untyped-def]
    """Return (gain, good given by i, its quantity, good given by j, its quantity); gain 0 if there is none.

    Both stores must have been weighed. First only the largest gain is computed: that compiles to
    a few vector instructions, and in nineteen pairs of twenty there is nothing to gain. A lot for itself
    needs no exclusion, since the next unit is never worth more than the last one; coins for coins are left out.
    """
    mine, other = cards[i], cards[j]
    best = np.int32(0)
    for x in range(4):
        for y in range(LOTS):
            best = max(best, _smaller_gain(mine, other, x, y))
    for y in range(4):
        for x in range(4, LOTS):
            best = max(best, _smaller_gain(mine, other, x, y))
    if best < _MARGIN:
        return np.int64(0), 0, 0, 0, 0
    # The first of equal gains is taken: by good given, then by good taken, then by price.
    for x in range(4):
        for y in range(LOTS):
            if _smaller_gain(mine, other, x, y) == best:
                return np.int64(best), x, _UNIT, min(y, _COIN), (_UNIT if y < 4 else y - 3)
    for y in range(4):
        for x in range(4, LOTS):
            if _smaller_gain(mine, other, x, y) == best:
                return np.int64(best), _COIN, x - 3, y, _UNIT
    return np.int64(0), 0, 0, 0, 0  # not reached


@kernel
def barter_between(goods, i, j, cards):  # type: ignore[no-untyped-def]
    """Return what `best_barter` does, over the holdings of state: what two agents could agree on now."""
    for good in range(TRADABLE):
        cards[0, HELD + good], cards[1, HELD + good] = goods[good, i], goods[good, j]
    weigh_store(cards, 0)
    weigh_store(cards, 1)
    return best_barter(cards, 0, 1)
