"""What a run reads: its own history, and that of each ancestor up to where it was forked."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from domain.ports import Run
from infrastructure import schema
from infrastructure.database import Database
from infrastructure.leaves import Leaves, Segment


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
        t = schema.lineage
        rows = connection.execute(select(t).where(t.c.run == run.id).order_by(t.c.tick_first, t.c.tick_last)).all()
        return [(r.source, r.tick_first - 1, r.tick_last) for r in rows]
