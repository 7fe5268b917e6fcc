"""Questions in SQL, asked by a role that only reads, in transactions that only read, and never for ever.

One statement at a time goes through the extended protocol, which takes no second one. The server is told a
`statement_timeout`; since a query may change that for itself, a clock of ours stands beside it, cancels the query, and
ends the whole session if that does not help.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import make_conninfo

from domain.errors import StoreUnavailable
from infrastructure.database import FORM, Database, away, in_one_line, may_not_set_role, with_options
from infrastructure.errors import BadQuery, LoginMayNot, QueryTimedOut, SessionEnded

ROLE = "polis_read"
_CHUNK = 1_000  # rows that come at once
_GRACE_S = 1.0  # how much later than the server our own clock strikes
_CONNECT_TIMEOUT_S = 10
_PROTOCOL_VIOLATION = "08P01"


@dataclass(frozen=True)
class AnswerColumn:
    """A column of an answer: its name, and its type as Postgres calls it, such as ``int4`` or ``text[]``."""

    name: str
    type: str


class Answer:
    """Rows of a query, as they come.

    Attributes
    ----------
    columns : tuple of AnswerColumn, known once the first chunk has come
    cut, seconds : whether there were more rows than the limit, and how long it took; known at the end
    """

    def __init__(self, chunks: Iterator[list[tuple[Any, ...]]]) -> None:
        self.columns: tuple[AnswerColumn, ...] = ()
        self.cut, self.seconds = False, 0.0
        self._chunks = chunks

    def __iter__(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield rows in chunks, the first of which may be empty."""
        return self._chunks


class Analyst:
    """A session that can only ask.

    Parameters
    ----------
    database : Database, open
    run : str, optional
        Name of the run whose views are shown, lineage resolved (schema `polis_run`); without one the views of
        schema `polis` show all runs, told apart by their column `run`.
    timeout_s : float
        How long a query may take in all, the fetching of its rows included.

    Raises
    ------
    StoreUnavailable, LoginMayNot
    """

    def __init__(self, database: Database, run: str | None = None, *, timeout_s: float = 30.0) -> None:
        self._database, self._timeout_s = database, timeout_s
        try:
            self._connection = psycopg.connect(_conninfo(database, run), connect_timeout=_CONNECT_TIMEOUT_S)
        except psycopg.OperationalError as error:
            if may_not_set_role(error):
                raise LoginMayNot(database.admin_conninfo(), ROLE) from None
            raise away(error) from None
        self._connection.read_only = True
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for name in ("numeric", "json", "jsonb", "bytea"):
            self._connection.adapters.register_loader(name, _LOADERS[name])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def ask(self, query: str, *, limit: int | None = None) -> Answer:
        """Ask one question; its rows come as the answer is iterated over, at most `limit` of them.

        The caller has made sure that it begins with a word that reads, such as SELECT.

        Raises
        ------
        BadQuery, QueryTimedOut, SessionEnded, StoreUnavailable
            Then, or while the rows come.
        """
        answer = Answer(iter(()))
        answer._chunks = self._rows(answer, query, limit)
        return answer

    def _described(self, query: str) -> tuple[AnswerColumn, ...]:
        """Return the columns of a query's answer, which an answer without rows would not tell."""
        pgconn = self._connection.pgconn
        for result in (pgconn.prepare(b"", query.encode()), pgconn.describe_prepared(b"")):
            if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result, self._connection.info.encoding)
        found = []
        for i in range(result.nfields):
            info = self._connection.adapters.types.get(result.ftype(i))
            is_array = info is not None and result.ftype(i) == info.array_oid
            kind = "text" if info is None else f"{info.name}[]" if is_array else info.name
            found.append(AnswerColumn((result.fname(i) or b"").decode(), kind))
        return tuple(found)

    def _rows(self, answer: Answer, query: str, limit: int | None) -> Iterator[list[tuple[Any, ...]]]:
        began, clock = time.monotonic(), _Clock(self._connection, self._database, self._timeout_s + _GRACE_S)
        try:
            with clock, self._connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {math.ceil(self._timeout_s * 1000)}")
                answer.columns = self._described(query)
                rows: Any = cursor.stream(query, size=_CHUNK)
                chunk: list[tuple[Any, ...]] = []
                for number, row in enumerate(rows):
                    if number == limit:
                        answer.cut = True
                        break
                    chunk.append(row)
                    if len(chunk) == _CHUNK:
                        yield chunk
                        chunk = []
                yield chunk
                if answer.cut:
                    rows.close()  # which cancels the query
        except psycopg.Error as error:
            raise _named(error, query, struck=clock.struck, timeout_s=self._timeout_s) from None
        finally:
            # What the query set for its session is undone with its transaction.
            if not self._connection.closed:
                with contextlib.suppress(psycopg.Error):
                    self._connection.rollback()
            answer.seconds = time.monotonic() - began


class _Clock:
    """Cancels what a connection does when its time is up, and ends its session if that does not help."""

    def __init__(self, connection: psycopg.Connection[Any], database: Database, seconds: float) -> None:
        self._connection, self._database, self._seconds = connection, database, seconds
        self._pid = connection.info.backend_pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="polis-sql-clock", daemon=True)
        self.struck = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._over.set()
        self._thread.join()

    def _wait(self) -> None:
        if self._over.wait(self._seconds):
            return
        self.struck = True
        with contextlib.suppress(psycopg.Error, OSError):
            self._connection.cancel_safe(timeout=2.0)
        if self._over.wait(2.0):
            return
        with contextlib.suppress(psycopg.Error, OSError, StoreUnavailable), self._database.connect_as_owner() as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (self._pid,))


def _conninfo(database: Database, run: str | None) -> str:
    """Return how an analyst connects: as the reading role, to the views of one run or of all."""
    path = "polis" if run is None else "polis_run,polis"
    options = [*FORM, *database.lasting, f"search_path={path}", "default_transaction_read_only=on"]
    options += ["client_connection_check_interval=2s"]
    # Views upon views leave the planner guessing that a join gives one row; a nested loop over a whole run for each of
    # the many that there are then takes minutes. Hash and merge joins are never far from the best.
    options += ["enable_nestloop=off", "jit=off", "work_mem=64MB"]
    # One helper halves the time of reading everything, and leaves the other cores to a run that goes on meanwhile.
    options += ["max_parallel_workers_per_gather=1"]
    if run is not None:
        options.append(f"polis.run={run}")
    if database.embedded is None:
        options.insert(0, f"role={ROLE}")
    return make_conninfo(with_options(database.public_url(ROLE), *options), application_name="polis sql")


# -- values ------------------------------------------------------------------------------------------


class _Number(Loader):
    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class _Text(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class _Hex(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode().removeprefix("\\x")


_LOADERS: dict[str, type[Loader]] = {"numeric": _Number, "json": _Text, "jsonb": _Text, "bytea": _Hex}


def _named(error: psycopg.Error, query: str, *, struck: bool, timeout_s: float) -> Exception:
    """Return the error as ours: what was wrong with the query, or that its time was up, or that the server is gone."""
    said = in_one_line(error)
    if struck or (isinstance(error, psycopg.errors.QueryCanceled) and "timeout" in said):
        return QueryTimedOut(timeout_s)
    if isinstance(error, psycopg.errors.AdminShutdown):
        return SessionEnded(said)
    # The server gave a value, and Python has none like it.
    if error.sqlstate is None and isinstance(error, psycopg.DataError):
        return BadQuery(said, query, None, "Cast it to text, as in column::text.")
    # A parameter that nobody gives, such as $1, is told as if the protocol were broken.
    if error.sqlstate is None or (error.sqlstate[:2] in ("08", "57") and error.sqlstate != _PROTOCOL_VIOLATION):
        return StoreUnavailable(said)
    position = int(error.diag.statement_position) if error.diag.statement_position else None
    return BadQuery(said, query, position, error.diag.message_hint or "")
