"""What an archive has of a run besides its ticks, as rows of a database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from domain.errors import RunExists
from domain.ports import Run
from infrastructure import schema
from infrastructure.archive_file import ArchivedRun, ArchiveFile
from infrastructure.errors import ArchiveRefused
from infrastructure.postgres_store import PostgresStore

_BESIDE = {"inputs": schema.inputs, "texts": schema.texts, "late_inputs": schema.late_inputs}


class IncomingArchive(ArchiveFile):
    """An archive, and the database that is to take it in.

    Parameters
    ----------
    path : Path
    store : PostgresStore

    Raises
    ------
    ArchiveRefused
    """

    def __init__(self, path: Path, store: PostgresStore) -> None:
        super().__init__(path)
        self.store = store

    def find_same(self, number: int, *, name: str, parent: Run | None) -> Run | None:
        """Return the run of a database that an archived one is, as far as both have come; None if none is called so.

        Parameters
        ----------
        number : of the run in the archive
        name : that it has in the database
        parent : its parent there

        Raises
        ------
        ArchiveRefused
            If there is another of that name.
        """
        wanted = self.runs[number]
        if name not in self.store.names():
            return None
        found = self.store.find(name)
        same = (found.seed, found.genesis_hash.hex(), found.parent, found.fork_tick, found.engines) == (
            wanted.seed, wanted.genesis_hash, None if parent is None else parent.id, wanted.fork_tick, wanted.engines,
        )  # fmt: skip
        if not same:
            raise self._another(wanted, name, "is made of something else")
        head = self.store.head(found)
        shared = min(wanted.last_tick, -1 if head is None else head.tick)
        if shared >= wanted.first_tick:
            ours, theirs = self.store.headers(found, shared, shared), self.headers(number)
            if ours.chain_hash != theirs.chain_hash[shared - wanted.first_tick :][:1]:
                raise self._another(wanted, name, f"has another history by tick {shared:,}")
        return found

    def begin_run(self, number: int, *, name: str, parent: Run | None) -> Run:
        """Make a run as an archive has it, with all its inputs and none of its ticks yet, or nothing.

        Raises
        ------
        RunExists
        """
        wanted, t = self.runs[number], schema.runs
        values = {
            "name": name, "seed": wanted.seed, "configuration": wanted.configuration,
            "genesis_hash": bytes.fromhex(wanted.genesis_hash), "rules_version": wanted.rules_version,
            "state_version": wanted.state_version, "hashing_version": wanted.hashing_version,
            "parent": None if parent is None else parent.id, "fork_tick": wanted.fork_tick, "engines": wanted.engines,
            "release": wanted.release, "created_at": datetime.fromisoformat(wanted.created_at),
        }  # fmt: skip
        with self.store.database.transaction() as connection:
            try:
                run = connection.execute(insert(t).values(**values).returning(t.c.run)).scalar_one()
            except IntegrityError:
                raise RunExists(name) from None
            connection.execute(insert(schema.leases).values(run=run, target=wanted.target))
            connection.execute(select(func.polis.open_run(run)))
            for table in _BESIDE:
                self._insert(connection, number, table, run)
        return self.store.find(str(run))

    def inputs_by_tick(self, run: Run) -> dict[int, int]:
        """Return how many inputs take effect at each tick, of all that a run reads; of ticks with none, nothing."""
        t = schema.inputs
        found: dict[int, int] = {}
        with self.store.database.lend() as connection:
            for source, low, high in self.store.askings(connection, run):
                where = t.c.run == source, t.c.asked_tick.between(low, high)
                for tick, many in connection.execute(
                    select(t.c.effect_tick, func.count()).where(*where).group_by(t.c.effect_tick)
                ):
                    found[tick] = found.get(tick, 0) + many
        return found

    def keep_snapshots(self, number: int, run: Run) -> None:
        """Keep the snapshots that an archive has of a run, all or none, once its ticks are there."""
        t = schema.snapshots
        with self.store.database.transaction() as connection:
            there = set(connection.execute(select(t.c.tick).where(t.c.run == run.id)).scalars())
            for rows in self.rows(number, "snapshots"):
                new = [_row(t, row, run.id) for row in rows if row["tick"] not in there]
                if new:
                    connection.execute(insert(t), new)

    def _insert(self, connection: Connection, number: int, table: str, run: int) -> None:
        for rows in self.rows(number, table):
            connection.execute(insert(_BESIDE[table]), [_row(_BESIDE[table], row, run) for row in rows])

    def _another(self, wanted: ArchivedRun, name: str, because: str) -> ArchiveRefused:
        return self.refusal(
            f"it has a run {wanted.name}, and the one that is called {name} here {because}",
            "Nothing was taken in. --prefix puts something before the names of those that come.",
        )


def _row(table: Any, row: Mapping[str, Any], run: int) -> dict[str, Any]:
    values = {column.name: row[column.name] for column in table.columns if column.name != "run"} | {"run": run}
    if values.get("retrieved") is not None:
        values["retrieved"] = json.loads(values["retrieved"])
    if "reused_from" in values:  # a number of the database that it came from
        values["reused_from"] = None
    return values


__all__ = ["IncomingArchive"]
