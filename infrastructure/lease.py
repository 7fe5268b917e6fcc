"""The lease: one writer a run.

Liveness is an advisory lock that dies with its connection, held by the session that the lease row names: of anybody
else's it says nothing. What fences a writer that was taken over is the epoch in that row, which every tick's
transaction checks.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import Any

import psycopg
from psycopg import sql

from domain.errors import CorruptHistory, LeaseLost, RunIsHeld, UnknownRun
from domain.ports import Run
from infrastructure.errors import TakeOverRefused

LOCK_CLASS = 20_814
"""First key of the advisory lock that a run's writer holds; the second is the run."""

_HOLDERS = """
FROM pg_locks k WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 2
AND k.classid = {lock_class} AND k.objid = {run}
AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
ALIVE = "EXISTS (SELECT " + _HOLDERS.format(lock_class=LOCK_CLASS, run="l.run") + " AND k.pid = l.backend)"
"""SQL that says of a row `l` of leases whether its writer lives."""

# A killed runner's connection is noticed by the server within milliseconds, or when its COPY is done.
_PATIENCE_S = 5.0


def acquire(connection: psycopg.Connection[Any], run: Run, *, target: int | None, take_over: bool) -> int:
    """Take a run's lease on this connection and return its new epoch.

    Raises
    ------
    RunIsHeld
        If another living writer has it and it is not to be taken over.
    TakeOverRefused
        If the database does not let us end whoever has it.
    UnknownRun
        If it was dropped a moment ago.
    CorruptHistory
        If only its lease is gone.
    """
    if not _lock(connection, run, patience_s=0.0 if take_over else _PATIENCE_S):
        if not take_over:
            raise RunIsHeld(run.name, _holder(connection, run))
        # The other writer may be stopped in the middle of a transaction that shares the lease row, which would
        # make the update below wait for ever: its connection is ended first. Should it wake up and connect
        # again, the new epoch refuses it.
        _end_holder(connection, run)
        if not _lock(connection, run, patience_s=_PATIENCE_S):
            raise RunIsHeld(run.name, _holder(connection, run))
    row = connection.execute(
        "UPDATE polis.leases SET epoch = epoch + 1, status = 'running', problem = NULL, holder = %s, "
        "backend = pg_backend_pid(), target = coalesce(%s, target), updated_at = now() WHERE run = %s RETURNING epoch",
        (f"process {os.getpid()} on {socket.gethostname()}", target, run.id),
    ).fetchone()
    if row is None:
        there = connection.execute("SELECT FROM polis.runs WHERE run = %s", (run.id,)).fetchone() is not None
        raise gone(run.name) if there else UnknownRun(run.name)
    return int(row[0])


def reacquire(connection: psycopg.Connection[Any], run: Run, *, epoch: int, tick: int) -> None:
    """Take the lock again after the connection was lost, without raising the epoch; the lease names the new session.

    Raises
    ------
    LeaseLost
        If somebody took the run over meanwhile.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        row = connection.execute("SELECT epoch FROM polis.leases WHERE run = %s", (run.id,)).fetchone()
        if row is None or row[0] != epoch:
            raise LeaseLost(run.name, tick, epoch)
        if _try_lock(connection, run):
            connection.execute(
                "UPDATE polis.leases SET backend = pg_backend_pid() WHERE run = %s AND epoch = %s", (run.id, epoch)
            )
            return
        if time.monotonic() > deadline:
            raise LeaseLost(run.name, tick, epoch)
        time.sleep(0.05)


def gone(run: str) -> CorruptHistory:
    """Return what is wrong with a run that is there, and whose lease somebody took away."""
    can = "its history can be read and verified, and nobody can go on with it"
    return CorruptHistory(-1, -1, f"run {run}: its row in polis.leases is gone: {can}")


def release(connection: psycopg.Connection[Any]) -> None:
    """Let the lock go now, and not when the server notices that the connection is closed."""
    with contextlib.suppress(psycopg.Error):
        connection.execute("SELECT pg_advisory_unlock_all()")


def _lock(connection: psycopg.Connection[Any], run: Run, *, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not _try_lock(connection, run):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _try_lock(connection: psycopg.Connection[Any], run: Run) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, run.id)).fetchone()
    return bool(row and row[0])


def _holder(connection: psycopg.Connection[Any], run: Run) -> str:
    """Say who has the lock: the writer as its lease names it, else the session, which need not be a writer's."""
    query = (
        "SELECT k.pid, a.usename, l.holder, k.pid = l.backend "
        "FROM polis.leases l, LATERAL (SELECT k.pid " + _HOLDERS.format(lock_class="%s", run="l.run") + ") k "
        "LEFT JOIN pg_stat_activity a ON a.pid = k.pid WHERE l.run = %s"
    )
    row = connection.execute(query, (LOCK_CLASS, run.id)).fetchone()
    if row is None:
        return "another process"
    pid, role, holder, is_writer = row
    return str(holder) if is_writer and holder else f"session {pid} of the database, as {role}"


def _end_holder(connection: psycopg.Connection[Any], run: Run) -> None:
    # On somebody's own database `polis_app` is a role put on over their login, and may not end that login's sessions.
    role = connection.execute("SELECT current_user").fetchone()
    assert role is not None
    connection.execute("SET ROLE NONE")
    query = "SELECT k.pid " + _HOLDERS.format(lock_class="%s", run="%s") + " AND k.pid <> pg_backend_pid()"
    for (pid,) in connection.execute(query, (LOCK_CLASS, run.id)).fetchall():
        try:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        except psycopg.errors.InsufficientPrivilege:
            raise TakeOverRefused(run.name, _holder(connection, run), pid) from None
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role[0])))
