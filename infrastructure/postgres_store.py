"""The event store on Postgres: its runs, who writes them, and their measures.

What runs recorded is read next door: ticks in `recorded_history`, inputs in `recorded_inputs`.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import psycopg
from sqlalchemy import delete, func, insert, select
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from domain.advance import Header
from domain.configuration import RELEASE, Configuration, genesis_hash, require_name, require_target
from domain.errors import InvalidConfiguration, KeyTaken, RunExists, UnknownRun
from domain.inputs import Input
from domain.ports import Block, DamagedRun, Lease, Run
from infrastructure import measure_blocks, schema
from infrastructure.dropping import refuse_dropped
from infrastructure.input_rows import row_of
from infrastructure.lease import ALIVE, gone
from infrastructure.recorded_history import RecordedHistory
from infrastructure.recorded_inputs import RecordedInputs
from infrastructure.standings import Standing, lease_of, run_of, standings
from infrastructure.tick_writer import TickWriter


class PostgresStore(RecordedHistory, RecordedInputs):
    """Implements `domain.ports.EventStore`, with what it inherits.

    Parameters
    ----------
    database : Database, open
    """

    @cached_property
    def identity(self) -> str:
        """What tells this store from any other, whatever its URL: run numbers mean something only within it."""
        query = sql(
            "SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "FROM pg_control_system()"
        )
        with self.database.lend() as connection:
            return hashlib.sha256(str(connection.execute(query).scalar_one()).encode()).hexdigest()[:12]

    def takes_writes(self) -> bool:
        """Whether anything can be kept: not on a standby, nor where whoever administers it lets all only read."""
        with self.database.lend() as connection:
            return _takes_writes(connection)

    # -- runs ----------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        *,
        seed: int,
        configuration: Configuration,
        target: int,
        parent: Run | None = None,
        fork_tick: int | None = None,
        engines: dict[str, Any] | None = None,
        inputs: Sequence[Input] = (),
    ) -> Run:
        """Make a run and its partitions in one transaction; see `domain.ports.EventStore.create`."""
        if not -(2**63) <= seed < 2**63:
            raise InvalidConfiguration("seed", seed, "must fit in 64 bits, signed")
        require_target(target)
        values = {
            "name": name,
            "seed": seed,
            "configuration": configuration.canonical(),
            "genesis_hash": genesis_hash(seed, configuration),
            "parent": None if parent is None else parent.id,
            "fork_tick": fork_tick,
            "engines": engines or {"mind": configuration.mind},
            "release": RELEASE,
        }
        run = Run(0, name, seed, configuration, values["genesis_hash"])  # type: ignore[arg-type]
        values |= {
            "rules_version": run.rules_version,
            "state_version": run.state_version,
            "hashing_version": run.hashing_version,
        }
        require_name(name)
        rows = [row_of(given, configuration) for given in inputs]
        with self.database.transaction() as connection:
            # Looked at before: a row that is refused uses up a number all the same.
            if connection.execute(select(schema.runs.c.run).where(schema.runs.c.name == name)).first() is not None:
                raise RunExists(name)
            try:
                number = connection.execute(
                    insert(schema.runs).values(**values).returning(schema.runs.c.run)
                ).scalar_one()
            except IntegrityError:  # somebody else dropped the parent, or took the name, in this very moment
                if parent is not None:
                    self.find(str(parent.id))
                raise RunExists(name) from None
            if parent is not None and inputs:
                self._require_free(connection, name, parent, fork_tick, inputs)
            connection.execute(insert(schema.leases).values(run=number, target=target))
            connection.execute(select(func.polis.open_run(number)))
            for row in rows:
                connection.execute(insert(schema.inputs).values(run=number, **row))
        return self.find(str(number))

    def _require_free(
        self, connection: Connection, name: str, parent: Run, fork_tick: int | None, inputs: Sequence[Input]
    ) -> None:
        """Refuse inputs of a fork whose keys its parent has by now; none comes in before this transaction ends."""
        t = schema.leases
        connection.execute(select(t.c.run).where(t.c.run == parent.id).with_for_update(read=True))
        for key in (given.key for given in inputs):
            if key.asked_tick <= (-1 if fork_tick is None else fork_tick) and self._is_taken(
                connection, parent, key, ()
            ):
                raise KeyTaken(name, key.as_tuple())

    def find(self, name: str) -> Run:
        """Return the run of that name or number, or the only one whose name begins so.

        A whole name wins over a beginning even if its run was dropped: no other is to pass for it.

        Raises
        ------
        UnknownRun, RunDropped
        CorruptHistory
            If what it is made of can't be read, or its lineage leads back to itself.
        """
        if "\0" in name or not name.isascii():  # no name of a run has these, and some could not even be asked for
            raise UnknownRun(name)
        t = schema.runs
        with self.database.lend() as connection:
            row = connection.execute(select(t).where(t.c.name == name)).one_or_none()
            if row is None and re.fullmatch("[0-9]{1,10}", name) and int(name) < 2**31:
                row = connection.execute(select(t).where(t.c.run == int(name))).one_or_none()
            if row is None:
                refuse_dropped(connection, name)
            if row is None and name:
                rows = connection.execute(select(t).where(t.c.name.startswith(name, autoescape=True)).limit(9)).all()
                if len(rows) > 1:
                    raise UnknownRun(name, tuple(sorted(r.name for r in rows)))
                row = rows[0] if rows else None
        if row is None:
            raise UnknownRun(name)
        found = run_of(row)
        self.lineage(found)  # or it is damaged
        return found

    def names(self) -> set[str]:
        """Return the names in use."""
        with self.database.lend() as connection:
            return set(connection.execute(select(schema.runs.c.name)).scalars())

    def runs(self) -> list[tuple[Run, Lease, Header | None]]:
        """Return runs with where they stand, all but those that are damaged."""
        found = []
        for each in standings(self, order="oldest"):
            with contextlib.suppress(UnknownRun):  # somebody drops it in this very moment
                if isinstance(each, Standing):
                    found.append((each.run, each.lease, self.head(each.run)))
        return found

    def damaged_runs(self) -> list[DamagedRun]:
        """Return the runs that `runs` leaves out, since somebody changed what says where they stand."""
        return [each for each in standings(self, order="oldest") if isinstance(each, DamagedRun)]

    def lease(self, run: Run) -> Lease:
        """Return where a run stands. "running" without a living writer is "paused".

        Raises
        ------
        UnknownRun, RunDropped
            If somebody has dropped it meanwhile.
        CorruptHistory
            If only its lease is gone.
        """
        query = sql(f"SELECT l.*, {ALIVE} AS alive FROM polis.leases l WHERE l.run = :run")
        with self.database.lend() as connection:
            row = connection.execute(query, {"run": run.id}).one_or_none()
        if row is None:
            self.find(str(run.id))
            raise gone(run.name)
        return lease_of(row)

    def size_bytes(self, run: Run) -> int:
        """Return the bytes that a run takes on disk, indexes included; of a table that is gone, none."""
        query = sql(
            "SELECT coalesce(sum(pg_total_relation_size(to_regclass(format('polis.%I', leaf)))), 0)::int8 "
            "FROM (SELECT leaf FROM polis.stretches WHERE run = :run UNION ALL "
            "SELECT p || '_r' || :run FROM unnest(ARRAY['ticks', 'inputs', 'snapshots', 'texts']) p) AS l (leaf)"
        )
        with self.database.lend() as connection:
            return int(connection.execute(query, {"run": run.id}).scalar_one())

    # -- who writes them -----------------------------------------------------------------------------

    def writer(
        self,
        run: Run,
        *,
        durability: str,
        target: int | None = None,
        take_over: bool = False,
        say: Callable[[str], None] | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[TickWriter]:
        """Return the one writer of a run; entering it takes the lease."""
        how: dict[str, Any] = {"durability": durability, "target": target, "take_over": take_over}
        return TickWriter(self.database, run, **how, say=say, on_wait=on_wait)

    def request_pause(self, run: Run, *, tick: int, because: str) -> bool:
        """Ask whoever writes a run now to stop once a tick is reached; False if nobody does."""
        lease = self.lease(run)
        if lease.status != "running":
            return False
        t = schema.pause_requests
        asked = {"epoch": lease.epoch, "tick": tick, "because": because, "asked_at": func.now()}
        with self.database.lend() as connection:
            added = pg_insert(t).values(run=run.id, **asked)
            connection.execute(added.on_conflict_do_update(index_elements=["run"], set_=asked))
        return True

    # -- measures ------------------------------------------------------------------------------------

    def measure_blocks(self, source: int, names: Sequence[str], first: int, last: int) -> list[Block]:
        """Return blocks of measures that begin in ticks first … last."""
        with self.database.lend() as connection:
            return measure_blocks.read(connection, source, names, first, last)

    def keep_measures(self, source: int, blocks: Sequence[Block]) -> None:
        """Keep blocks of measures, in one transaction; where nothing can be kept, whoever asks next counts again."""
        try:
            with self.database.transaction() as connection:
                if _takes_writes(connection):
                    measure_blocks.keep(connection, source, blocks)
        except psycopg.errors.ForeignKeyViolation:
            self.find(str(source))  # somebody has dropped it
            raise

    def forget_measures(self, source: int) -> None:
        """Let go of a run's blocks of measures."""
        t = schema.measure_blocks
        with self.database.lend() as connection:
            connection.execute(delete(t).where(t.c.source == source))


def _takes_writes(connection: Connection) -> bool:
    return str(connection.execute(sql("SHOW transaction_read_only")).scalar_one()) == "off"
