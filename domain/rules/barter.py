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


@inline
def worth_of_next(good, holding):  # type: ignore[no-untyped-def]
    """Return what one more unit (or coin) is worth to somebody who holds so much."""
    held = np.int64(holding) * _COIN_SCALE if good == _COIN else np.int64(holding)
    return _WORTH[good] * 4_000 // (held + 4_000)


@inline
def _can_spare(p, row, good, quantity):  # type: ignore[no-untyped-def]
    reserve = LARDER // 2 if good == 0 else 0
    return p[P_GOODS + good, row] - quantity >= reserve


@inline
def best_barter(p, i, j):  # type: ignore[no-untyped-def]
    """Return (gain, good given by i, its quantity, good given by j, its quantity); gain 0 if there is none."""
    best = np.int64(0)
    found = (0, 0, 0, 0)
    for x in range(5):
        for y in range(5):
            if x == y:
                continue
            most = _MAX_PRICE if x == _COIN or y == _COIN else 1
            for price in range(1, most + 1):
                qx = price if x == _COIN else _UNIT
                qy = price if y == _COIN else _UNIT
                if not _can_spare(p, i, x, qx) or not _can_spare(p, j, y, qy):
                    break
                if (y != _COIN and p[P_GOODS + y, i] + qy > CARRY) or (x != _COIN and p[P_GOODS + x, j] + qx > CARRY):
                    break
                nx, ny = (price if x == _COIN else 1), (price if y == _COIN else 1)
                gain_i = ny * worth_of_next(y, p[P_GOODS + y, i]) - nx * worth_of_next(x, p[P_GOODS + x, i] - qx)
                gain_j = nx * worth_of_next(x, p[P_GOODS + x, j]) - ny * worth_of_next(y, p[P_GOODS + y, j] - qy)
                gain = min(gain_i, gain_j)
                if gain > best and gain >= _MARGIN:
                    best = gain
                    found = (x, qx, y, qy)
    return best, found[0], found[1], found[2], found[3]


@kernel
def barter_between(goods, i, j):  # type: ignore[no-untyped-def]
    """Return what `best_barter` does, over the holdings of state: what two agents could agree on now."""
    return best_barter(goods, i, j)
