"""Where the history of a run lies: its lineage and its leaves. Neither changes once it is there, so both are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.engine import Connection

from domain.errors import CorruptHistory
from domain.ports import Run
from infrastructure import schema

_MOST_RUNS = 256

Segment = tuple[int, int, int]
"""Source run, first tick, last tick."""

# What the view `lineage` has of one run; the view asks for all runs at once. A parent has the lower number, since it
# was there before: no other way leads up, so this ends where somebody made a run its own ancestor.
LINEAGE = """
WITH RECURSIVE up AS (
    SELECT run AS source, parent, coalesce(fork_tick + 1, 0) AS tick_first, 2147483647 AS tick_last
    FROM polis.runs WHERE run = {run}
    UNION ALL
    SELECT r.run, r.parent, coalesce(r.fork_tick + 1, 0), least(up.tick_first - 1, up.tick_last)
    FROM up JOIN polis.runs r ON r.run = up.parent AND r.run < up.source
)
SELECT source, up.parent, tick_first, tick_last, up.parent IS NOT NULL AND p.run IS NULL AS orphaned
FROM up LEFT JOIN polis.runs p ON p.run = up.parent
WHERE tick_first - 1 <= tick_last OR up.parent >= source OR p.run IS NULL ORDER BY tick_first, tick_last
"""


def require_earlier(parent: int | None, run: int, *, told: str, there: bool = True) -> None:
    """Refuse a run, of the lineage of the one that is told of, that did not come after what it is a fork of.

    `there` says whether that has a row at all.

    Raises
    ------
    CorruptHistory
    """
    if parent is not None and (parent >= run or not there):
        why = "was not there before it" if parent >= run else "is not there"
        fork = f"run number {run} is a fork of run number {parent}, which {why}"
        raise CorruptHistory(-1, -1, f"run {told}: its lineage is damaged: polis.runs says that {fork}")


def require_ancestors(run: int, parents: Mapping[int, int | None], *, told: str) -> None:
    """Refuse a run whose lineage leads round and round, or to none that is there; `parents` has those of all runs.

    Raises
    ------
    CorruptHistory
    """
    while (parent := parents.get(run)) is not None:
        require_earlier(parent, run, told=told, there=parent in parents)
        run = parent


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
        cut = [(source, max(first, low), min(last, high)) for source, low, high in self.lineage(connection, run)]
        return [segment for segment in cut if segment[1] <= segment[2]]

    def lineage(self, connection: Connection, run: Run) -> list[Segment]:
        """Return what a run reads as the view `lineage` has it, in the order of ticks.

        A fork that was left at the very tick at which it began has no tick in it, and still a row.

        Raises
        ------
        CorruptHistory
            If somebody made one of them its own ancestor, or took an ancestor away.
        """
        lineage = self._lineages.get(run.id)
        if lineage is None:
            rows = connection.execute(sql(LINEAGE.format(run=run.id))).all()
            for row in rows:
                require_earlier(row.parent, row.source, told=run.name, there=not row.orphaned)
            lineage = [(r.source, r.tick_first, r.tick_last) for r in rows]
            self._remember(self._lineages, run.id, lineage)
        return lineage

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
