"""What a run reads: its own history, and that of each ancestor up to where it was forked."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.engine import Connection

from domain.errors import CorruptHistory
from domain.ports import Run
from infrastructure import schema
from infrastructure.database import Database
from infrastructure.dropping import refuse_dropped
from infrastructure.leaves import Leaves, Segment, require_ancestors


class LineageReader:
    """Tells where in a database lies what a run reads.

    Parameters
    ----------
    database : Database, open
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._leaves = Leaves()

    def lineage(self, run: Run) -> list[Segment]:
        """Return (source run, first tick, last tick) of every stretch that a run reads."""
        with self.database.lend() as connection:
            return self.segments(connection, run, 0, 2**31 - 1)

    def segments(self, connection: Connection, run: Run, first: int, last: int) -> list[Segment]:
        """Return (source run, first tick, last tick) of what a run reads, in the order of ticks."""
        return self._leaves.segments(connection, run, first, last)

    def askings(self, connection: Connection, run: Run) -> list[Segment]:
        """Return (source run, first, last asking tick) of the inputs that a run reads, in the order of ticks.

        A fork has its own from the tick of the fork on; so has one that was left at that very tick, without any tick
        of its own.
        """
        if run.parent is None:
            return [(run.id, -1, 2**31 - 1)]
        return [(source, first - 1, last) for source, first, last in self._leaves.lineage(connection, run)]

    def leaves(self, connection: Connection, run: Run, segment: Segment) -> list[tuple[str, int, int]]:
        """Return (leaf, first tick, last tick) of the events of a segment of what a run reads, none above its head.

        Raises
        ------
        CorruptHistory
            If a tick of it lies in none of the leaves that are known.
        """
        found = self._leaves.leaves(connection, *segment)
        self.require_listed(connection, run, segment, found)
        return found

    def require_listed(
        self, connection: Connection, run: Run, segment: Segment, leaves: Sequence[tuple[str, int, int]]
    ) -> None:
        """Refuse to read a segment from leaves that do not have all of it; those of a run that was dropped are gone."""
        _, due, last = segment
        for _, low, high in leaves:
            due = high + 1 if low <= due else due
        if due <= last:
            refuse_dropped(connection, str(run.id))
            lost = "polis.stretches has no row any more that says where the events of this tick lie"
            raise CorruptHistory(due, -1, f"run {run.name}: {lost}")

    def unlisted_tick(self, run: Run) -> int | None:
        """Return the first tick of a run's own for which there is a leaf that is not known as one."""
        query = sql(
            "SELECT min(substring(c.relname FROM '_t([0-9]+)$')::int4) FROM pg_inherits i "
            "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'polis.stored_events'::regclass "
            "AND c.relname ~ ('^events_r' || :run || '_t[0-9]+$') "
            "AND NOT EXISTS (SELECT FROM polis.stretches s WHERE s.leaf = c.relname)"
        )
        with self.database.lend() as connection:
            found = connection.execute(query, {"run": str(run.id)}).scalar_one()
        return None if found is None else int(found)

    def require_lineages(self, run: Run | None = None) -> None:
        """Refuse to ask for lineages, of a run or of all, where the view has not all that they are made of.

        Asked anew, and not from what is remembered of them.

        Raises
        ------
        CorruptHistory
            If somebody made a run its own ancestor, or took an ancestor away.
        """
        t = schema.runs
        with self.database.lend() as connection:
            rows = connection.execute(select(t.c.run, t.c.parent, t.c.name).order_by(t.c.run)).all()
        parents = {row.run: row.parent for row in rows}
        for row in rows:
            if run is None or row.run == run.id:
                require_ancestors(row.run, parents, told=row.name)
