"""Where the history of a run lies: its lineage and its leaves. Neither changes once it is there, so both are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from domain.ports import Run
from infrastructure import schema

_MOST_RUNS = 256

Segment = tuple[int, int, int]
"""Source run, first tick, last tick."""


class Leaves:
    """Remembers of some runs what each reads and where that is; of too many, the one known longest is forgotten."""

    def __init__(self) -> None:
        self._lineages: OrderedDict[int, list[Any]] = OrderedDict()  # run → segments
        self._stretches: OrderedDict[int, list[Any]] = OrderedDict()  # run → (first tick, end, leaf, closed)
        self._mutex = threading.Lock()

    def segments(self, connection: Connection, run: Run, first: int, last: int) -> list[Segment]:
        """Return what a run reads for ticks first … last, in the order of ticks."""
        if run.parent is None:
            return [(run.id, first, last)] if first <= last else []
        lineage = self._lineages.get(run.id)
        if lineage is None:
            t = schema.lineage
            rows = connection.execute(select(t).where(t.c.run == run.id).order_by(t.c.tick_first)).all()
            lineage = [(r.source, r.tick_first, r.tick_last) for r in rows]
            self._remember(self._lineages, run.id, lineage)
        cut = [(source, max(first, low), min(last, high)) for source, low, high in lineage]
        return [segment for segment in cut if segment[1] <= segment[2]]

    def leaves(self, connection: Connection, source: int, first: int, last: int) -> list[tuple[str, int, int]]:
        """Return (leaf, first tick, last tick) of a run's own events in ticks first … last."""
        known = self._stretches.get(source, [])
        if not known or known[-1][1] <= last:
            t = schema.stretches
            rows = connection.execute(select(t).where(t.c.run == source).order_by(t.c.tick_first)).all()
            known = [(r.tick_first, r.tick_end, r.leaf, r.closed) for r in rows]
            self._remember(self._stretches, source, known)
        inside = (s for s in known if s[0] <= last and s[1] > first)
        return [(leaf, max(first, low), min(last, end - 1)) for low, end, leaf, _ in inside]

    def is_hot(self, source: int, leaf: str) -> bool:
        """Whether a leaf had no indexes yet when it was last looked for."""
        return any(name == leaf and not closed for *_, name, closed in self._stretches.get(source, ()))

    def _remember(self, kept: OrderedDict[int, list[Any]], run: int, what: list[Any]) -> None:
        with self._mutex:
            kept[run] = what
            if len(kept) > _MOST_RUNS:
                kept.popitem(last=False)
