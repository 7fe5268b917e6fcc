"""The lease: one writer a run.

Liveness is an advisory lock that dies with its connection; what fences a writer that was taken over is
the epoch in the lease row, which every tick's transaction checks.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import Any

import psycopg
from psycopg import sql

from domain.errors import LeaseLost, RunIsHeld
from domain.ports import Run

LOCK_CLASS = 20_814
"""First key of the advisory lock that a run's writer holds; the second is the run."""

# A killed runner's connection is noticed by the server within milliseconds, or when its COPY is done.
_PATIENCE_S = 5.0


def acquire(connection: psycopg.Connection[Any], run: Run, *, target: int | None, take_over: bool) -> int:
    """Take a run's lease on this connection and return its new epoch.

    Raises
    ------
    RunIsHeld
        If another living writer has it and it is not to be taken over.
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
    assert row is not None
    return int(row[0])


def reacquire(connection: psycopg.Connection[Any], run: Run, *, epoch: int, tick: int) -> None:
    """Take the lock again after the connection was lost, without raising the epoch.

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
            return
        if time.monotonic() > deadline:
            raise LeaseLost(run.name, tick, epoch)
        time.sleep(0.05)


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
    row = connection.execute("SELECT holder FROM polis.leases WHERE run = %s", (run.id,)).fetchone()
    return str(row[0]) if row and row[0] else "another process"


def _end_holder(connection: psycopg.Connection[Any], run: Run) -> None:
    # On somebody's own database `polis_app` is a role put on over their login, and may not end that login's sessions.
    role = connection.execute("SELECT current_user").fetchone()
    connection.execute("SET ROLE NONE")
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
        "AND classid = %s AND objid = %s AND pid <> pg_backend_pid() "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (LOCK_CLASS, run.id),
    )
    assert role is not None
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role[0])))
