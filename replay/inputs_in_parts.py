"""Inputs of a run, some thousand ticks at a time: those of a long run with minds would fill the memory."""

from __future__ import annotations

from collections.abc import Iterator

from domain.inputs import NO_INPUTS, Inputs
from domain.ports import HistoryReader, Run

_TICKS_AT_ONCE = 4_096


def in_parts(reader: HistoryReader, run: Run, last: int) -> Iterator[dict[int, Inputs]]:
    """Yield the inputs of ticks 0 … last by tick, and at the end those of later ticks."""
    for first in range(0, last + 1, _TICKS_AT_ONCE):
        yield reader.inputs_after(run, first - 1, last=min(last, first + _TICKS_AT_ONCE - 1))
    yield reader.inputs_after(run, last)


class InputsInParts:
    """Gives the inputs of ticks that are asked for in order.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    """

    def __init__(self, reader: HistoryReader, run: Run) -> None:
        self._reader, self._run = reader, run
        self._last = -1
        self._here: dict[int, Inputs] = {}

    def at(self, tick: int) -> Inputs:
        """Return the inputs that take effect at a tick, none before the last that was asked for.

        Raises
        ------
        CorruptHistory
            If one of the next ticks is not as it was recorded.
        """
        if tick > self._last:
            self._last = tick + _TICKS_AT_ONCE - 1
            self._here = self._reader.inputs_after(self._run, tick - 1, last=self._last)
        return self._here.get(tick, NO_INPUTS)
