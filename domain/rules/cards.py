"""Cards: what agents look at in one another when they meet, side by side in 128 bytes. Scratch, never kept.

Seekers are taken in the order of their draws, and whom they look at stands anywhere in the columns: to find a dozen
columns of such a row takes a dozen waits for memory, to find its card one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline
from domain.rules.plan import P_CELL, P_COMPANY, P_GOODS, P_ID, P_SATIETY

MAX_PRICE = 4
LOTS = 4 + MAX_PRICE
"""What can change hands: a unit of each good, or one coin to `MAX_PRICE`."""
TRADABLE = 5
"""Goods that can be bartered; the coin is the last."""

WORTH = 0  # of each lot to get, then of each to give: see `domain.rules.barter.weigh_store`
HELD = WORTH + 2 * LOTS  # and the next TRADABLE - 1
CARD_CELL, CARD_ID = HELD + TRADABLE, HELD + TRADABLE + 1
CARD_SATIETY, CARD_COMPANY = CARD_CELL + 2, CARD_CELL + 3
CARD_PARTNER = CARD_CELL + 4  # row of who was found, or -1
CARD_NEXT = CARD_CELL + 5  # row of the next in the same cell, or -1
CARD_COLUMNS = 32


def cards_of_capacity(capacity: int) -> NDArray[np.int32]:
    """Return cards for so many rows, shape (capacity, CARD_COLUMNS)."""
    return np.empty((capacity, CARD_COLUMNS), np.int32)


@inline
def fill_card(p, row, cards):  # type: ignore[no-untyped-def]
    """Write down what others see of the agent; its store is weighed when somebody looks at it."""
    card = cards[row]
    card[WORTH] = 0
    for good in range(TRADABLE):
        card[HELD + good] = p[P_GOODS + good, row]
    card[CARD_CELL], card[CARD_ID] = p[P_CELL, row], p[P_ID, row]
    card[CARD_SATIETY], card[CARD_COMPANY] = p[P_SATIETY, row], p[P_COMPANY, row]
    card[CARD_PARTNER] = -1
