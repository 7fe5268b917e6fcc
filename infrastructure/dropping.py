"""Dropping a run: whole, with its rollups and measures, and a tombstone for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import Connection

from domain.errors import RunDropped, RunIsHeld, UnknownRun
from domain.ports import DamagedRun, Run
from infrastructure.database import Database
from infrastructure.errors import DropRefused, ReadByFork, TakesNoWrites

# Dropping a partition keeps out whoever asks for its table, of whatever run, and waits for those who read it. Ticks of
# other runs wait behind a try, so the first are short; but among readers who come and go only a longer one gets in.
_TRIES_S = (*10 * (0.1,), *5 * (0.2,), *5 * (0.5,), *8 * (1.0,))
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Belongings:
    """What goes with a run, its parent's share of its history not counted, and the forks that would miss it.

    `claimants` are runs that say they are forks of it and were there before it, which only damage makes.
    """

    events: int
    bytes: int
    forks: tuple[str, ...]
    claimants: tuple[str, ...] = ()

    def require_unread(self, run: str) -> None:
        """Refuse to drop a run that another one names as its parent.

        Raises
        ------
        ReadByFork, DropRefused
        """
        if self.forks:
            raise ReadByFork(run, self.forks)
        if self.claimants:
            first = self.claimants[0]
            why = f"polis.runs says that run {first}, which was there before it, is a fork of it"
            raise DropRefused(run, why, f"A superuser has to mend what that row of {first} says first.")


@dataclass(frozen=True)
class Tombstone:
    """What stays of a run; `head_tick` and `head_hash` are None if it had no tick of its own.

    `missing` is what of a damaged run was not as it should be when it was dropped; whoever drops it is told, once.
    """

    run: int
    name: str
    seed: int
    head_tick: int | None
    head_hash: bytes | None
    because: str
    dropped_at: datetime
    missing: tuple[str, ...] = ()

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


def belongings_of(database: Database, run: Run | DamagedRun) -> Belongings:
    """Return what dropping a run would take away."""
    with database.connect() as connection:
        events = _one(connection, "SELECT coalesce(sum(events), 0)::int8 FROM polis.ticks WHERE run = %s", run.id)
        size = _one(
            connection,
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 FROM pg_class c WHERE c.relkind = 'r' AND "
            "(c.relnamespace = 'polis'::regnamespace "
            "AND (c.relname IN (SELECT leaf FROM polis.stretches WHERE run = %s) "
            "OR c.relname ~ ('^events_r' || %s || '_t[0-9]+$') "
            "OR c.relname ~ ('^(ticks|inputs|snapshots|texts)_r' || %s || '$')) "
            "OR c.relnamespace = 'polis_rollup'::regnamespace AND c.relname ~ ('_r' || %s || '$'))",
            run.id, run.id, run.id, run.id,
        )  # fmt: skip
        named = connection.execute(
            "SELECT name, run > parent FROM polis.runs WHERE parent = %s AND run <> parent ORDER BY run", (run.id,)
        ).fetchall()
    forks = tuple(name for name, later in named if later)
    return Belongings(events, size, forks, tuple(name for name, later in named if not later))


def drop_run(
    database: Database,
    run: Run | DamagedRun,
    because: str,
    *,
    on_wait: Callable[[str], None] = lambda what: None,
) -> Tombstone:
    """Drop a run and return its tombstone; all of it goes, or nothing. `on_wait` is told whom it waits for.

    A damaged one goes too, as far as its rows tell what is its own.

    Raises
    ------
    ReadByFork, RunIsHeld, UnknownRun, DropRefused, TakesNoWrites
    RunDropped
        If somebody else dropped it meanwhile.
    """
    with database.connect_as_owner() as connection:
        connection.execute("SET search_path = polis")
        missing: list[str] = []
        waited_for = hint = ""
        for try_s in _TRIES_S:
            connection.execute(f"SET lock_timeout = {int(try_s * 1000)}")
            try:
                with connection.transaction():
                    connection.execute("SET LOCAL ROLE polis_maintenance")
                    missing = make_droppable(connection, run)
                    connection.execute("SELECT polis.drop_run(%s, %s)", (run.id, because))
                break
            except (
                psycopg.errors.DependentObjectsStillExist,
                psycopg.errors.ForeignKeyViolation,
            ):  # also of a moment ago
                belongings_of(database, run).require_unread(run.name)
                raise DropRefused(run.name, "somebody was making a fork of it", "Try again.") from None
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
                waited_for, hint = _in_the_way(connection)
                on_wait(f"{waited_for}; trying again")
                time.sleep(_PAUSE_S)
        else:
            raise DropRefused(run.name, f"{waited_for} all the time", hint)
        stone = _tombstone(connection, run)
    assert stone is not None
    return replace(stone, missing=tuple(missing))


def _in_the_way(connection: psycopg.Connection[Any]) -> tuple[str, str]:
    """Return whom dropping waits for, and what to do about it: people who read, or a run that stopped within a tick."""
    row = connection.execute(
        "SELECT r.name FROM pg_locks k JOIN leases l ON l.backend = k.pid JOIN runs r USING (run) "
        "WHERE k.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND k.relation = 'stored_events'::regclass AND k.granted AND k.mode = 'RowExclusiveLock' AND NOT EXISTS "
        "(SELECT FROM pg_locks WHERE database = k.database AND relation = k.relation AND granted "
        "AND mode = 'AccessShareLock' AND pid <> pg_backend_pid()) ORDER BY r.run LIMIT 1"
    ).fetchone()
    if row is None:
        return "somebody reads history", "Try again when long questions are through."
    return f"run {row[0]} is in the middle of a tick", "If its process was stopped, let it go on, or end it."


@contextmanager
def _putting_right(connection: psycopg.Connection[Any], run: Run | DamagedRun, what: str) -> Iterator[None]:
    """Let go of the role that drops runs for a moment, since it changes nothing else.

    Raises
    ------
    DropRefused
        If the login may not change it either.
    """
    connection.execute("SET LOCAL ROLE NONE")
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        why = f"{what}, and that can't be put right: {error.diag.message_primary}"
        raise DropRefused(run.name, why, "The owner of these tables can drop it, or a superuser.") from None
    connection.execute("SET LOCAL ROLE polis_maintenance")


def make_droppable(connection: psycopg.Connection[Any], run: Run | DamagedRun) -> list[str]:
    """Put right what of a damaged run keeps it from being dropped, in the transaction that drops it; say what it was.

    The server's own function takes a run away by its row, its lease and its stretches. Where these don't say what the
    tables say, somebody changed them; what is put right here goes in the same moment, or stays as it was.
    """
    told: list[str] = []

    def putting_right(what: str) -> AbstractContextManager[None]:
        told.append(what)
        return _putting_right(connection, run, what)

    has_lease = "SELECT EXISTS (SELECT FROM leases WHERE run = %s) OR NOT EXISTS (SELECT FROM runs WHERE run = %s)"
    if not _one(connection, has_lease, run.id, run.id):
        with putting_right("its row in polis.leases was gone"):
            connection.execute("INSERT INTO leases (run, target) VALUES (%s, 0) ON CONFLICT DO NOTHING", (run.id,))
    if _one(connection, "SELECT count(*) FROM runs WHERE run = %s AND parent = run", run.id):
        with putting_right("polis.runs said that it was a fork of itself"):
            connection.execute("SET LOCAL polis.dropping_run = 'on'")
            connection.execute("UPDATE runs SET parent = NULL, fork_tick = NULL WHERE run = %s", (run.id,))
            connection.execute("SET LOCAL polis.dropping_run = 'off'")
    unlisted = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'polis.stored_events'::regclass AND c.relname ~ ('^events_r' || %s || '_t[0-9]+$') "
        "AND c.relname NOT IN (SELECT leaf FROM stretches WHERE run = %s) ORDER BY c.relname",
        (run.id, run.id),
    ).fetchall()
    for (leaf,) in unlisted:
        with putting_right(f"polis.stretches had no row any more for the table of its events polis.{leaf}"):
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(leaf)))
    torn = connection.execute(
        "SELECT tick_first, leaf FROM stretches WHERE run = %s AND to_regclass(format('polis.%%I', leaf)) IS NULL "
        "ORDER BY tick_first",
        (run.id,),
    ).fetchall()
    for first, leaf in torn:
        with putting_right(f"the table of its events polis.{leaf} was gone"):
            connection.execute("DELETE FROM stretches WHERE run = %s AND tick_first = %s", (run.id, first))
    return told


def _tombstone(connection: psycopg.Connection[Any], run: Run | DamagedRun) -> Tombstone | None:
    row = connection.execute(
        "SELECT run, name, seed, head_tick, head_hash, why, dropped_at FROM tombstones WHERE run = %s", (run.id,)
    ).fetchone()
    return None if row is None else Tombstone(*row)


def _gone(connection: psycopg.Connection[Any], run: Run | DamagedRun) -> UnknownRun:
    """Return what to say of a run that is not there: what its tombstone tells, if somebody has dropped it meanwhile."""
    stone = _tombstone(connection, run)
    if stone is None:
        return UnknownRun(run.name)
    return stone.as_error()


def _one(connection: psycopg.Connection[Any], query: str, *values: object) -> int:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])
