"""What measures are computed from: the living at a tick as one dense matrix, and its events as counts.

Both are made by one compiled pass, so that a measure costs a look into an array and ten more of them cost nothing
that one would feel. The scratch is kept from tick to tick.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain._jit import kernel
from domain.codes import N_GOODS, N_RESOURCES
from domain.columns import ALIVE, BORN, ID, N_STATE_COLUMNS, padded
from domain.events import ABSENT, GOODS_TRADED, KIND_BY_NUMBER, EventBatch, EventKind, good_of, quantity_of
from domain.measures.quotient import quotient
from domain.rules.gather import stock_at
from domain.state import World

_KINDS, _DETAILS = 64, 16
assert max(KIND_BY_NUMBER) < _KINDS, "events of the newest kind would not be counted"
_TRADED = GOODS_TRADED.number


@kernel
def take_living(a, n, out):  # type: ignore[no-untyped-def]
    """Copy the state columns of the living side by side into `out`; return how many they are."""
    for k in range(N_STATE_COLUMNS):
        m = 0
        for i in range(n):
            if a[ALIVE, i] != 0:
                out[k, m] = a[k, i]
                m += 1
    m = 0
    for i in range(n):
        if a[ALIVE, i] != 0:
            m += 1
    return m


@kernel
def tally(records, counts, given, taken, bartered):  # type: ignore[no-untyped-def]
    """Count events by kind and by small detail, and what moved by good.

    `counts` is (kinds, 1 + details): all, then those of each detail below 16. `given` and `taken` are
    (kinds, goods). `bartered` is (good given, good taken, 2): how much was given, how much came for it.
    """
    counts[:] = 0
    given[:] = 0
    taken[:] = 0
    bartered[:] = 0
    for i in range(records.shape[0]):
        e = records[i]
        k = e.kind
        if k < 0 or k >= _KINDS:
            continue
        counts[k, 0] += 1
        if e.detail >= 0 and e.detail < _DETAILS:
            counts[k, 1 + e.detail] += 1
        x, y = np.int64(-1), np.int64(-1)
        if e.given != ABSENT:
            x = good_of(e.given)
            if x >= 0 and x < N_GOODS:
                given[k, x] += quantity_of(e.given)
        if e.taken != ABSENT:
            y = good_of(e.taken)
            if y >= 0 and y < N_GOODS:
                taken[k, y] += quantity_of(e.taken)
        if k == _TRADED and x >= 0 and x < N_GOODS and y >= 0 and y < N_GOODS:
            bartered[x, y, 0] += quantity_of(e.given)
            bartered[x, y, 1] += quantity_of(e.taken)


@kernel
def stock_of(c, good, tick):  # type: ignore[no-untyped-def]
    """Return how much of a resource lies in all cells, grown to a tick."""
    total = np.int64(0)
    for cell in range(c.shape[1]):
        total += stock_at(c, good, cell, tick)
    return total


class Look:
    """A look at one tick: the state that it left, and its events. Made once, used for tick after tick.

    Attributes
    ----------
    tick, population : of the state looked at
    living : ndarray of int64, shape (N_STATE_COLUMNS, population), the columns of `domain.columns`, by id
    """

    def __init__(self) -> None:
        self._living = np.zeros((N_STATE_COLUMNS, padded(64)), np.int64)
        self._counts = np.zeros((_KINDS, 1 + _DETAILS), np.int64)
        self._given = np.zeros((_KINDS, N_GOODS), np.int64)
        self._taken = np.zeros((_KINDS, N_GOODS), np.int64)
        self._bartered = np.zeros((N_GOODS, N_GOODS, 2), np.int64)

    def at(self, world: World, events: EventBatch) -> Look:
        """Look at a state and at the events of its tick; return this very object."""
        if world.n > self._living.shape[1]:
            self._living = np.zeros((N_STATE_COLUMNS, padded(2 * world.n)), np.int64)
        self.world, self.tick, self.events = world, world.tick, events
        found = take_living(world.agents, world.n, self._living)
        tally(events.records, self._counts, self._given, self._taken, self._bartered)
        self.show(self._living[:, :found])
        return self

    def show(self, living: NDArray[np.int64]) -> None:
        """Take these for the living; for those who ask what would be without one of them."""
        self.living, self.population = living, living.shape[1]
        self._sums = living.sum(axis=1)
        self.__dict__.pop("row_of", None)

    # -- the living ----------------------------------------------------------------------------------

    def __getitem__(self, column: int) -> NDArray[np.int64]:
        """Return a column of the living."""
        values: NDArray[np.int64] = self.living[column]
        return values

    def total(self, column: int, n: int = 1) -> int:
        """Return the sum of a column, or of `n` columns side by side, over the living."""
        return int(self._sums[column]) if n == 1 else int(self._sums[column : column + n].sum())

    def mean(self, column: int) -> float:
        """Return the mean over the living of a column of thousandths, in units; no value if nobody lives."""
        return quotient(self.total(column), 1000 * self.population)

    def share(self, those: NDArray[np.bool_]) -> float:
        """Return which part of the living these are; no value if nobody lives."""
        return quotient(np.count_nonzero(those), self.population)

    @property
    def ages(self) -> NDArray[np.int64]:
        """How many ticks ago each of the living was born."""
        ages: NDArray[np.int64] = self.tick - self.living[BORN]
        return ages

    @cached_property
    def row_of(self) -> dict[int, int]:
        """Where each agent stands among the living."""
        return {int(who): at for at, who in enumerate(self.living[ID])}

    # -- the land ------------------------------------------------------------------------------------

    def in_cells(self, good: int) -> int:
        """Return how much of a resource lies in all cells, grown to this tick."""
        assert 0 <= good < N_RESOURCES
        return int(stock_of(self.world.cells, good, self.tick))

    def minds(self, column: int, n: int = 1) -> NDArray[np.int64]:
        """Return columns of what the living have in mind, shape (n, population); (n, 0) in a society without minds."""
        world = self.world
        if world.minds is None:
            return np.empty((n, 0), np.int64)
        alive = world.agents[ALIVE, : world.n] != 0
        return world.minds[column : column + n, : world.n][:, alive]

    # -- the events of the tick ------------------------------------------------------------------------

    def count(self, kind: EventKind, detail: int | None = None) -> int:
        """Return how many events of a kind there are, or of those with a small `detail`."""
        return int(self._counts[kind.number, 0 if detail is None else 1 + detail])

    def given(self, kind: EventKind, good: int) -> int:
        """Return how much of a good is the `given` of events of a kind."""
        return int(self._given[kind.number, good])

    def taken(self, kind: EventKind, good: int) -> int:
        """Return how much of a good is the `taken` of events of a kind."""
        return int(self._taken[kind.number, good])

    def bartered(self, good: int, other: int) -> tuple[int, int]:
        """Return how much of a good was given for another in barters, and how much of the other came for it."""
        return int(self._bartered[good, other, 0]), int(self._bartered[good, other, 1])
