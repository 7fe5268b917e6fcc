"""Headers of a run, some thousand ticks at a time: those of a run of a million ticks are half a gigabyte."""

from __future__ import annotations

import numpy as np

from domain.ports import Headers, HistoryReader, Run

_TICKS_AT_ONCE = 16_384


class HeadersInParts:
    """Gives the headers of ticks that are asked for nearly in order.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    last : the last tick that is asked for
    """

    def __init__(self, reader: HistoryReader, run: Run, last: int) -> None:
        self._reader, self._run, self._last = reader, run, last
        self._low = self._end = 0
        self._here: Headers | None = None

    def find(self, tick: int) -> tuple[Headers, int] | None:
        """Return some headers and where among them is that of a tick; None if it has none."""
        here = self._here
        if here is None or not self._low <= tick < self._end:
            here = self._read_from(tick)
        ticks, at = here.ticks, tick - self._low
        if not (at < len(ticks) and ticks[at] == tick):
            at = int(np.searchsorted(ticks, tick))  # one before it is missing, or this one is
        return (here, at) if at < len(ticks) and ticks[at] == tick else None

    def first_missing(self) -> int | None:
        """Return the first tick up to the last that has no header; None if all have one.

        Headers of a run that is longer than one part are read twice for that: a hundredth of the time of folding it.
        """
        for first in range(0, self._last + 1, _TICKS_AT_ONCE):
            ticks = self._read_from(first).ticks
            differing = np.flatnonzero(ticks != np.arange(first, first + len(ticks)))
            if len(differing) or len(ticks) < self._end - first:
                return first + (int(differing[0]) if len(differing) else len(ticks))
        return None

    def _read_from(self, tick: int) -> Headers:
        self._low, self._end = tick, min(self._last + 1, tick + _TICKS_AT_ONCE)
        self._here = here = self._reader.headers(self._run, tick, self._end - 1)
        return here
