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
from domain.rules.constants import CARRY, LARDER
from domain.rules.plan import P_GOODS

_UNIT = 1_000
_COIN = 4
_WORTH = np.array([4_000, 2_500, 1_500, 2_500, 600], np.int64)  # of a first unit; coins apiece
_COIN_SCALE = 100  # a coin weighs in one's store as a tenth of a unit
_MAX_PRICE = 4
_MARGIN = 60  # gains below this are not worth the trouble
_LOTS = 4 + _MAX_PRICE  # what can change hands: a unit of each good, or so many coins
_NEVER = 1 << 20
WORTHS = 2 * _LOTS
"""Columns of the scratch matrix `worths`, int32, shape (rows, WORTHS): a row is one cache line."""


@inline
def worth_of_next(good, holding):  # type: ignore[no-untyped-def]
    """Return what one more unit (or coin) is worth to somebody who holds so much."""
    held = np.int64(holding) * _COIN_SCALE if good == _COIN else np.int64(holding)
    return _WORTH[good] * 4_000 // (held + 4_000)


@inline
def weigh_store(p, row, worths):  # type: ignore[no-untyped-def]
    """Fill the agent's row of `worths`: what each lot is worth to it, first to get, then to give.

    The lots are a unit of each good, then one to `_MAX_PRICE` coins. What it can't carry is worth
    nothing to get, what it can't spare more than anybody has. Dividing once for each agent instead of
    for each pair is what makes looking at a dozen candidates cheap.
    """
    w = worths[row]
    for good in range(4):
        held = p[P_GOODS + good, row]
        reserve = LARDER // 2 if good == 0 else 0
        w[good] = worth_of_next(good, held) if held + _UNIT <= CARRY else -_NEVER
        w[_LOTS + good] = worth_of_next(good, held - _UNIT) if held - _UNIT >= reserve else _NEVER
    coins = p[P_GOODS + _COIN, row]
    for price in range(1, _MAX_PRICE + 1):
        w[3 + price] = price * worth_of_next(_COIN, coins)
        w[_LOTS + 3 + price] = price * worth_of_next(_COIN, coins - price) if coins >= price else _NEVER


@inline
def _smaller_gain(mine, other, x, y):  # type: ignore[no-untyped-def]
    """Return what lot x for lot y brings to the one of both who gains less by it."""
    return min(mine[y] - mine[_LOTS + x], other[x] - other[_LOTS + y])


@inline
def best_barter(worths, i, j):  # type: ignore[no-untyped-def]
    """Return (gain, good given by i, its quantity, good given by j, its quantity); gain 0 if there is none.

    Both rows of `worths` must have been filled. First only the largest gain is computed: that compiles to
    a few vector instructions, and in nineteen pairs of twenty there is nothing to gain. A lot for itself
    needs no exclusion, since the next unit is never worth more than the last one; coins for coins are left out.
    """
    mine, other = worths[i], worths[j]
    best = np.int32(0)
    for x in range(4):
        for y in range(_LOTS):
            best = max(best, _smaller_gain(mine, other, x, y))
    for y in range(4):
        for x in range(4, _LOTS):
            best = max(best, _smaller_gain(mine, other, x, y))
    if best < _MARGIN:
        return np.int64(0), 0, 0, 0, 0
    # The first of equal gains is taken: by good given, then by good taken, then by price.
    for x in range(4):
        for y in range(_LOTS):
            if _smaller_gain(mine, other, x, y) == best:
                return np.int64(best), x, _UNIT, min(y, _COIN), (_UNIT if y < 4 else y - 3)
    for y in range(4):
        for x in range(4, _LOTS):
            if _smaller_gain(mine, other, x, y) == best:
                return np.int64(best), _COIN, x - 3, y, _UNIT
    return np.int64(0), 0, 0, 0, 0  # not reached


@kernel
def barter_between(goods, i, j, worths):  # type: ignore[no-untyped-def]
    """Return what `best_barter` does, over the holdings of state: what two agents could agree on now."""
    weigh_store(goods, i, worths)
    weigh_store(goods, j, worths)
    return best_barter(worths, i, j)
