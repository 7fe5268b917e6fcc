"""Birth: who has a child this tick, if homes are free."""

from __future__ import annotations

import numpy as np

from domain._jit import kernel
from domain.codes import Good
from domain.columns import BORN, LAST_BIRTH
from domain.draws import below, draw_one
from domain.rules.constants import BIRTH_COST, BIRTH_FOOD, BIRTH_ODDS, BIRTH_SATIETY, MOVE, REST
from domain.rules.plan import P_ACTION, P_ALIVE, P_ENERGY, P_GOODS, P_ID, P_SATIETY

_FOOD = int(Good.FOOD)


@kernel
def find_parents(a, n, p, tick, stream, adulthood, interval, rows, ranks):  # type: ignore[no-untyped-def]
    """List the rows that would have a child this tick, and what each drew; return how many."""
    count = 0
    for i in range(n):
        if p[P_ALIVE, i] == 0 or (p[P_ACTION, i] != REST and p[P_ACTION, i] != MOVE):
            continue
        if p[P_SATIETY, i] < BIRTH_SATIETY or p[P_ENERGY, i] < 2 * BIRTH_COST or p[P_GOODS + _FOOD, i] < BIRTH_FOOD:
            continue
        if tick - a[BORN, i] < adulthood or (a[LAST_BIRTH, i] >= 0 and tick - a[LAST_BIRTH, i] < interval):
            continue
        dice = draw_one(p[P_ID, i], stream, tick, 0)
        if below(dice, BIRTH_ODDS) == 0:
            rows[count], ranks[count] = i, dice << np.uint64(32)
            count += 1
    return count
