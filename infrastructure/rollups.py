"""What questions over long runs would have to gather anew each time, kept in schema `polis_rollup`: a cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from domain.errors import StoreUnavailable
from domain.ports import Run
from infrastructure.database import Database, in_one_line
from infrastructure.errors import TakesNoWrites

BLOCK = 1_000
"""Ticks that are rolled up as a whole; an open one is read from the events."""


@dataclass(frozen=True)
class Standing:
    """How far the rollups of a run have come: the newest tick of whole blocks, and of samples; -1 before the first."""

    through: int
    sampled: int


class Rollups:
    """The rollups of a store.

    Parameters
    ----------
    database : Database, open
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, run: Run) -> Standing:
        """Return how far they have come."""
        with self._connect() as connection:
            query = "SELECT through, sampled FROM polis_rollup.progress WHERE run = %s"
            row = connection.execute(query, (run.id,)).fetchone()
        return Standing(-1, -1) if row is None else Standing(*row)

    def open(self, run: Run) -> Standing:
        """Make what a run is rolled up into, if it is not there; a fork begins with its parent's."""
        with self._connect() as connection:
            connection.execute("SELECT polis.open_rollup(%s)", (run.id,))
        return self.standing(run)

    def roll_up(self, run: Run, to_tick: int) -> int:
        """Roll up the whole blocks to a tick, in one transaction, and return the newest tick that is in."""
        with self._connect() as connection:
            row = connection.execute("SELECT polis.roll_up(%s, %s)", (run.id, to_tick)).fetchone()
        assert row is not None
        return int(row[0])

    def add_samples(self, run: Run, *, after: int, through: int, columns: NDArray[np.int64]) -> bool:
        """Add samples of ticks `after` + 1 … `through`; False if they are there already.

        Parameters
        ----------
        columns : shape (12, n): tick, agent, cell, three needs, six goods
        """
        arguments = ", ".join(["%s::int4[]"] * len(columns))
        with self._connect() as connection:
            row = connection.execute(
                f"SELECT polis.add_samples(%s, %s, %s, {arguments})",  # only placeholders are put in
                (run.id, after, through, *(column.tolist() for column in columns)),
            ).fetchone()
        return bool(row and row[0])

    def gather_statistics(self, run: Run) -> None:
        """Have the planner know what there is to read."""
        with self._connect() as connection:
            # The function asks the view `lineage`, which does not end where any run is damaged so. Without statistics
            # a question takes longer, and its answer is the same.
            where = "NOT EXISTS (SELECT FROM polis.runs WHERE parent >= run)"
            connection.execute(f"SELECT polis.gather_statistics(%s) WHERE {where}", (run.id,))

    def forget(self, run: Run) -> None:
        """Drop the rollups of a run."""
        with self._connect() as connection:
            connection.execute("SELECT polis.forget_rollup(%s)", (run.id,))

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with self._database.connect() as connection:
                yield connection
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise TakesNoWrites(in_one_line(error)) from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise StoreUnavailable((str(error).strip().splitlines() or ["the connection broke"])[0]) from None
