"""The plan of a tick: what the rules have decided so far, one row an agent. Scratch, never kept.

Laid out like state (see `domain.columns`): ``p[P_ACTION, row]``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain._jit import kernel
from domain.codes import N_GOODS, N_RESOURCES
from domain.columns import ALIVE, GOAL, GOODS, INTENDED, INTENTION, THOUGHT_DUE, columns_of_zeros, padded

# The first start as copies of state; they take what inputs change this tick and what actions use up,
# so that an heir inherits what is left after the day's work.
P_GOODS = 0  # and the next N_GOODS - 1
P_INTENTION, P_GOAL, P_INTENDED = N_GOODS, N_GOODS + 1, N_GOODS + 2
P_ACTION = N_GOODS + 3  # REST … DIE of `constants`
P_FORMED = P_ACTION + 1  # 1: the intention is new and becomes an event
P_BECAUSE = P_ACTION + 2  # CauseOfDeath
P_STEP = P_ACTION + 3  # cell to move to
P_QUANTITY = P_ACTION + 4  # allotted of a stock
P_OPEN = P_ACTION + 5  # 1: ready to meet somebody
P_PARTNER = P_ACTION + 6  # row, or -1
P_MEETING = P_ACTION + 7  # TALK, TRADE or GIVE
P_LEADS = P_ACTION + 8  # 1 on the initiator's row
P_GIVE_GOOD, P_GIVE_QUANTITY = P_ACTION + 9, P_ACTION + 10  # on the initiator's row
P_TAKE_GOOD, P_TAKE_QUANTITY = P_ACTION + 11, P_ACTION + 12
P_NEXT_GATHERER = P_ACTION + 13  # a linked list of rows
N_PLAN_COLUMNS = P_ACTION + 14


class Board(NamedTuple):
    """Scratch by cell: who stands there, who gathers, what is left."""

    first_here: NDArray[np.int32]  # (n_cells,)
    first_gatherer: NDArray[np.int32]  # (N_RESOURCES * n_cells,)
    left: NDArray[np.int64]  # (N_RESOURCES * n_cells,)


def plan_of_capacity(capacity: int) -> NDArray[np.int64]:
    """Return plan columns of zeros, shape (N_PLAN_COLUMNS, capacity)."""
    return columns_of_zeros(N_PLAN_COLUMNS, padded(capacity))


def board_of(n_cells: int) -> Board:
    """Return an empty board."""
    return Board(
        first_here=np.full(n_cells, -1, np.int32),
        first_gatherer=np.full(N_RESOURCES * n_cells, -1, np.int32),
        left=columns_of_zeros(1, N_RESOURCES * n_cells)[0],
    )


@kernel
def begin_plan(a, n, p, tick):  # type: ignore[no-untyped-def]
    """Copy what the plan starts from; return how many answers are due at the tick."""
    due = 0
    for i in range(n):
        for g in range(N_GOODS):
            p[P_GOODS + g, i] = a[GOODS + g, i]
        p[P_INTENTION, i] = a[INTENTION, i]
        p[P_GOAL, i] = a[GOAL, i]
        p[P_INTENDED, i] = a[INTENDED, i]
        due += 1 if (a[THOUGHT_DUE, i] == tick) & (a[ALIVE, i] != 0) else 0
    return due
