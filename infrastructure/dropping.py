"""Dropping a run: whole, with its rollups and measures, and a tombstone for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import Connection

from domain.errors import RunDropped, RunIsHeld, UnknownRun
from domain.ports import Run
from infrastructure.database import Database
from infrastructure.errors import DropRefused, ReadByFork, TakesNoWrites

# Dropping a partition keeps out whoever asks for its table, of whatever run, and waits for those who read it: each
# try is short, so that nobody has to wait behind it.
_TRY_S, _PAUSE_S, _TRIES = 1.0, 0.5, 10


@dataclass(frozen=True)
class Belongings:
    """What goes with a run, its parent's share of its history not counted, and the forks that would miss it."""

    events: int
    bytes: int
    forks: tuple[str, ...]


@dataclass(frozen=True)
class Tombstone:
    """What stays of a run; `head_tick` and `head_hash` are None if it had no tick of its own."""

    run: int
    name: str
    seed: int
    head_tick: int | None
    head_hash: bytes | None
    because: str
    dropped_at: datetime

    def as_error(self) -> RunDropped:
        """Return what whoever asks for the run is told."""
        at = self.dropped_at.astimezone(UTC).isoformat(timespec="seconds")
        return RunDropped(self.name, self.run, self.head_tick, self.head_hash, self.because, at)


def refuse_dropped(connection: Connection, name: str) -> None:
    """Raise `RunDropped` if a run of that name or number was dropped: the latest, where names were used again."""
    query = text(
        "SELECT run, name, seed, head_tick, head_hash, why, dropped_at FROM polis.tombstones "
        "WHERE name = :name OR CAST(run AS text) = :name ORDER BY dropped_at DESC, run DESC LIMIT 1"
    )
    row = connection.execute(query, {"name": name}).one_or_none()
    if row is not None:
        raise Tombstone(*row).as_error()


def belongings_of(database: Database, run: Run) -> Belongings:
    """Return what dropping a run would take away."""
    with database.connect() as connection:
        events = _one(connection, "SELECT coalesce(sum(events), 0)::int8 FROM polis.ticks WHERE run = %s", run.id)
        size = _one(
            connection,
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 FROM pg_class c WHERE c.relkind = 'r' AND "
            "(c.relnamespace = 'polis'::regnamespace "
            "AND (c.relname IN (SELECT leaf FROM polis.stretches WHERE run = %s) "
            "OR c.relname ~ ('^(ticks|inputs|snapshots|texts)_r' || %s || '$')) "
            "OR c.relnamespace = 'polis_rollup'::regnamespace AND c.relname ~ ('_r' || %s || '$'))",
            run.id, run.id, run.id,
        )  # fmt: skip
        forks = connection.execute("SELECT name FROM polis.runs WHERE parent = %s ORDER BY run", (run.id,)).fetchall()
    return Belongings(events, size, tuple(name for (name,) in forks))


def drop_run(
    database: Database, run: Run, because: str, *, on_wait: Callable[[str], None] = lambda what: None
) -> Tombstone:
    """Drop a run and return its tombstone; all of it goes, or nothing. `on_wait` is told whom it waits for.

    Raises
    ------
    ReadByFork, RunIsHeld, UnknownRun, DropRefused, TakesNoWrites
    RunDropped
        If somebody else dropped it meanwhile.
    """
    with database.connect_as_owner() as connection:
        connection.execute("SET search_path = polis")
        connection.execute(f"SET lock_timeout = {int(_TRY_S * 1000)}")
        for _ in range(_TRIES):
            try:
                with connection.transaction():
                    connection.execute("SET LOCAL ROLE polis_maintenance")
                    connection.execute("SELECT polis.drop_run(%s, %s)", (run.id, because))
                break
            except (
                psycopg.errors.DependentObjectsStillExist,
                psycopg.errors.ForeignKeyViolation,
            ):  # also of a moment ago
                raise ReadByFork(run.name, belongings_of(database, run).forks) from None
            except psycopg.errors.ObjectInUse:
                holder = connection.execute("SELECT holder FROM leases WHERE run = %s", (run.id,)).fetchone()
                raise RunIsHeld(run.name, str(holder[0]) if holder and holder[0] else "another process") from None
            except psycopg.errors.NoDataFound:
                raise _gone(connection, run) from None
            except psycopg.errors.InsufficientPrivilege as error:
                raise DropRefused(
                    run.name, str(error.diag.message_primary), "The role polis_maintenance may; grant it to your login."
                ) from None
            except psycopg.errors.ReadOnlySqlTransaction as error:
                raise TakesNoWrites(str(error.diag.message_primary)) from None
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                on_wait("somebody reads history; trying again")
                time.sleep(_PAUSE_S)
        else:
            raise DropRefused(
                run.name, "somebody reads history all the time", "Try again when long questions are through."
            )
        stone = _tombstone(connection, run)
    assert stone is not None
    return stone


def _tombstone(connection: psycopg.Connection[Any], run: Run) -> Tombstone | None:
    row = connection.execute(
        "SELECT run, name, seed, head_tick, head_hash, why, dropped_at FROM tombstones WHERE run = %s", (run.id,)
    ).fetchone()
    return None if row is None else Tombstone(*row)


def _gone(connection: psycopg.Connection[Any], run: Run) -> UnknownRun:
    """Return what to say of a run that is not there: what its tombstone tells, if somebody has dropped it meanwhile."""
    stone = _tombstone(connection, run)
    if stone is None:
        return UnknownRun(run.name)
    return stone.as_error()


def _one(connection: psycopg.Connection[Any], query: str, *values: object) -> int:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])
