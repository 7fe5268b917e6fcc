"""Whom a change of the schema waits for, said while it waits and when it gives up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from domain.errors import PolisError
from infrastructure.database import Database

_SAY_AFTER_S = 1.0

_IN_THE_WAY = """
SELECT format('session %%s of the database, as %%s', pid, coalesce(usename, 'nobody'))
    || coalesce(' (' || nullif(application_name, '') || ')', '')
    || coalesce(to_char(xact_start AT TIME ZONE 'UTC', '", in a transaction since "HH24:MI:SS" UTC"'), ''), pid
FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%s)) ORDER BY xact_start, pid LIMIT 1
"""


class LockWait:
    """Whom a session waits for: looked for from another one, and said once it takes longer than a second.

    Parameters
    ----------
    database : Database
    patience_s : for how long the session waits for one lock; only told here
    """

    def __init__(self, database: Database, patience_s: float) -> None:
        self._database, self._patience_s = database, patience_s
        self._ended = threading.Event()
        self._whom, self._pid = "", 0

    @contextmanager
    def watched(self, pid: int) -> Iterator[None]:
        """Watch the session `pid` meanwhile."""
        watching = threading.Thread(target=self._watch, args=(pid,), name="polis-migration", daemon=True)
        watching.start()
        try:
            yield
        finally:
            self._ended.set()
            watching.join()

    def given_up(self) -> str:
        """Return what to say of a lock that could not be had."""
        had = f"had locks in its way for {self._patience_s:g} s"
        if not self._whom:
            return f"somebody {had}\nTry again when all that use it are through."
        end = f"SELECT pg_terminate_backend({self._pid})"
        return f"{self._whom}, {had}\nTry again when that is through, or end it: {end}"

    def _watch(self, pid: int) -> None:
        if self._ended.wait(_SAY_AFTER_S):
            return
        try:
            with self._database.connect_as_owner() as connection:
                while True:
                    row = connection.execute(_IN_THE_WAY, (pid,)).fetchone()
                    if row is not None and row[0] != self._whom:
                        self._whom, self._pid = row
                        self._database.say(f"the schema waits for {self._whom}; {self._patience_s:g} s at most")
                    if self._ended.wait(_SAY_AFTER_S):
                        return
        except (psycopg.Error, PolisError):
            return  # it waits all the same, and can't say for whom
