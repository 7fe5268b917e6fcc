"""Which catalogue of kinds each part of a run was written by, so that single events are read by today's."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np

from domain.errors import CorruptHistory
from domain.events import EventBatch
from domain.ports import HistoryReader, Run
from domain.upcast import to_current
from replay.seek import where_to_look


class Catalogues:
    """Brings events that were looked up, a few of many ticks, to today's definitions.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    first, last : ticks whose events these are
    """

    def __init__(self, reader: HistoryReader, run: Run, first: int, last: int) -> None:
        self.reader, self.run, self.first, self.last = reader, run, first, last

    def today(self, batch: EventBatch) -> EventBatch:
        """Return events of any of these ticks, in order, by today's definitions.

        Raises
        ------
        CorruptHistory
            If a header is missing that says by which definitions they were written.
        """
        ticks = batch.records["tick"]
        firsts = [first for first, _ in self._parts]
        edges = [0, *np.searchsorted(ticks, firsts[1:]).tolist(), len(batch)]
        parts = [
            to_current(batch.slice(start, stop), catalogue)
            for (start, stop), (_, catalogue) in zip(pairwise(edges), self._parts, strict=True) if start < stop
        ]  # fmt: skip
        return EventBatch.concat(parts) if parts else batch

    @cached_property
    def _parts(self) -> list[tuple[int, int]]:
        """First tick and number of each catalogue that wrote the run, found by halving: none is ever gone back to."""
        found = [(self.first, self._at(self.first))]
        while found[-1][1] != self._at(self.last):
            low, high = found[-1][0], self.last
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self._at(middle) == found[-1][1] else (low, middle)
            found.append((high, self._at(high)))
        return found

    def _at(self, tick: int) -> int:
        found = self.reader.headers(self.run, tick, tick)
        if not len(found):
            raise CorruptHistory(tick, -1, f"its header is missing; {where_to_look(self.run)}")
        return int(found.catalogues[0])
