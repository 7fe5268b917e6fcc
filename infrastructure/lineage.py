"""What a run reads: its own history, and that of each ancestor up to where it was forked."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from domain.ports import Run
from infrastructure import schema
from infrastructure.database import Database
from infrastructure.leaves import Leaves, Segment, require_earlier


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

    def require_lineages(self) -> None:
        """Refuse to ask the view `lineage`, or one that is made of it, where it would not end.

        Raises
        ------
        CorruptHistory
            If somebody made a run its own ancestor.
        """
        t = schema.runs
        with self.database.lend() as connection:
            row = connection.execute(select(t).where(t.c.parent >= t.c.run).order_by(t.c.run).limit(1)).one_or_none()
        if row is not None:
            require_earlier(row.parent, row.run, told=row.name)
