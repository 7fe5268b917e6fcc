"""The database: where it is, who connects as whom, and that its schema is ours.

The embedded Postgres by default, any Postgres of version 15 or later by POLIS_DATABASE_URL. The
application works as `polis_app`, which can add to history and not change it; only migrations use the
rights of the owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

import psycopg
from psycopg.adapt import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.datetime import TimestamptzLoader
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from domain.errors import StoreUnavailable
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.errors import (
    DatabaseTooOld,
    DatabaseUnreachable,
    LoginOnlyReads,
    NoConnectionLeft,
    PoolerInBetween,
    TakesNoWrites,
)
from infrastructure.read_connections import ReadConnections
from infrastructure.settings import Settings

OLDEST_POSTGRES = 150_000
_CONNECT_TIMEOUT_S = 10

FORM = (
    "datestyle=ISO,MDY", "intervalstyle=postgres", "timezone=UTC", "client_encoding=UTF8", "bytea_output=hex",
    "extra_float_digits=1", "standard_conforming_strings=on",
)  # fmt: skip
"""Settings of every session, as they follow ``-c``: what we send and read has one form, whatever a role, a database or
a server has for others. pg_dump does the same."""

# Who counts the inputs of a tick has to see what was committed while it waited for the lease's row; and an input is
# durable when that is said.
_SESSION = (*FORM, "default_transaction_isolation=read\\ committed", "synchronous_commit=on")

# No time-out of a role's ends the reading of a whole run, the session that holds its lock, or one that thinks of its
# next question.
_LASTING = ("statement_timeout=0", "idle_in_transaction_session_timeout=0", "idle_session_timeout=0")
_LASTING_SINCE_17 = ("transaction_timeout=0",)
_KNOWS_TRANSACTION_TIMEOUT = 170_000

_ASKED = "polis.session"
"""A setting that no server has, by which a session tells whether what it was to begin with has reached the server."""


DriverError = psycopg.Error
"""What goes wrong on a connection that `Database` hands out."""


class Database:
    """One database, with a share in the embedded server if that is where it is.

    Parameters
    ----------
    settings : Settings
    progress : callable, optional, told what takes longer than a second; as `say`, also for who works with it
    embedded : EmbeddedPostgres, optional, for tests that share one
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Callable[[str], None] | None = None,
        embedded: EmbeddedPostgres | None = None,
    ) -> None:
        self.settings = settings
        self.say = progress or (lambda sentence: None)
        self.embedded = embedded
        if embedded is None and settings.database_url is None:
            self.embedded = EmbeddedPostgres(settings.home, progress=progress)
        self._engine: Engine | None = None
        self._version = 0
        self.readers = ReadConnections(self.connect)

    def open(self) -> Self:
        """Take a share in the embedded server, or see that the external one answers.

        Raises
        ------
        DatabaseUnreachable, PoolerInBetween, DatabaseTooOld, EmbeddedPostgresFailed, DataFolderUnusable
        """
        if self.embedded is not None:
            self.embedded.attach()
        with self._connect(self.admin_conninfo()) as connection:
            self._version = connection.info.server_version
            if self._version < OLDEST_POSTGRES:
                raise DatabaseTooOld(self.admin_conninfo(), self._version)
            if connection.execute(f"SELECT current_setting('{_ASKED}', true)").fetchone() != ("ours",):
                raise PoolerInBetween(self.admin_conninfo(), "the server was told none of the settings of a session")
        return self

    def close(self) -> None:
        """Close connections and give up the share."""
        self.readers.close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        if self.embedded is not None:
            self.embedded.leave()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def lasting(self) -> tuple[str, ...]:
        """Settings, as they follow ``-c``, of a session that no time-out of a role's ends; known once it is open."""
        return _LASTING + (_LASTING_SINCE_17 if self._version >= _KNOWS_TRANSACTION_TIMEOUT else ())

    # -- who connects as whom ----------------------------------------------------------------------

    def admin_conninfo(self) -> str:
        """Return how the schema's owner connects."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        assert self.embedded is not None
        return self.embedded.url("postgres", over="socket")

    def app_conninfo(self) -> str:
        """Return how the application connects: as `polis_app`, in schema `polis`."""
        if self.settings.database_url is not None:
            known = self.settings.database_url
            return with_options(known, *_SESSION, *self.lasting, "role=polis_app", "search_path=polis")
        assert self.embedded is not None
        known = self.embedded.url("polis_app", over="socket")
        return with_options(known, *_SESSION, *self.lasting, "search_path=polis")

    def app_conninfo_uri(self) -> str:
        """Return `app_conninfo` as a URI, which is the form that ADBC takes."""
        known = conninfo_to_dict(self.app_conninfo())
        return "postgresql:///?" + urlencode({k: str(v) for k, v in known.items()}, quote_via=quote)

    def public_url(self, role: str = "polis_read") -> str:
        """Return a URL for psql and other clients; reading only, unless another role is asked for."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        assert self.embedded is not None
        return self.embedded.url(role)  # type: ignore[arg-type]

    def url_for_others(self, role: str = "polis_read") -> str:
        """Return `public_url` for a client that knows nothing of us: it puts on the role, and finds the tables."""
        url = self.public_url(role)
        if self.settings.database_url is None or role not in ("polis_read", "polis_app"):
            return url  # each has a login of its own there, and settings that come with it
        settings = (f"role={role}", "search_path=polis,public")
        if "://" not in url:
            return with_options(url, *settings)
        options = conninfo_to_dict(with_options(url, *settings))[
            "options"
        ]  # with those that the URL has: the last counts
        return f"{url}{'&' if '?' in url else '?'}options={quote(str(options))}"

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Open a connection as the application.

        Raises
        ------
        StoreUnavailable
            If the server does not answer now, or, `NoConnectionLeft`, has no room for another session.
        LoginOnlyReads
            If the login may not become `polis_app`.
        """
        try:
            connection = psycopg.connect(self.app_conninfo(), autocommit=autocommit, connect_timeout=_CONNECT_TIMEOUT_S)
        except psycopg.OperationalError as error:
            if may_not_set_role(error):
                raise LoginOnlyReads(self.admin_conninfo()) from None
            raise away(error) from None
        # A plan for 13 columns gains nothing from workers or from being kept.
        connection.prepare_threshold = None
        connection.adapters.register_loader("timestamptz", _Moment)
        return connection

    def connect_as_owner(self) -> psycopg.Connection[Any]:
        """Open a connection with the rights of the schema's owner, for migrations and maintenance."""
        return self._connect(self.admin_conninfo())

    def _connect(self, conninfo: str) -> psycopg.Connection[Any]:
        try:
            full = with_options(conninfo, *_SESSION, *self.lasting, f"{_ASKED}=ours")
            return psycopg.connect(full, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
        except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
            if "unsupported startup parameter" in str(error):
                raise PoolerInBetween(conninfo, in_one_line(error)) from None
            raise DatabaseUnreachable(conninfo, in_one_line(error)) from None

    @property
    def engine(self) -> Engine:
        """SQLAlchemy over the application's connections, each statement its own transaction."""
        if self._engine is None:
            self._engine = create_engine(
                "postgresql+psycopg://", creator=self.connect, isolation_level="AUTOCOMMIT",
                pool_pre_ping=True, pool_size=4,
            )  # fmt: skip
        return self._engine

    @contextmanager
    def lend(self, *, isolation_level: Literal["AUTOCOMMIT", "READ COMMITTED"] = "AUTOCOMMIT") -> Iterator[Connection]:
        """Lend a connection of `engine`; a server that is gone or only reads, then or meanwhile: `StoreUnavailable`."""
        try:
            with self.engine.connect().execution_options(isolation_level=isolation_level) as connection:
                yield connection
        except (OperationalError, InterfaceError) as error:
            said = str(error.orig).strip().splitlines()
            raise StoreUnavailable(said[0] if said else "the connection broke") from None
        except InternalError as error:
            if not isinstance(error.orig, psycopg.errors.ReadOnlySqlTransaction):
                raise
            raise TakesNoWrites(in_one_line(error.orig)) from None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection as `lend` does, and commit all that was done with it, or nothing."""
        with self.lend(isolation_level="READ COMMITTED") as connection, connection.begin():
            yield connection

    def ensure_running(self) -> None:
        """Start the embedded server again if it is gone; an external one is somebody else's to start."""
        if self.embedded is not None:
            self.embedded.ensure_running()


class _Moment(TimestamptzLoader):
    """Takes a time that Python has none like, such as infinity, for the last or the first that it has.

    Nothing is computed from a time in the store, so a row that somebody gave such a one is to keep no other from being
    read.
    """

    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            early = bytes(data).endswith(b" BC") or bytes(data) == b"-infinity"
            return (datetime.min if early else datetime.max).replace(tzinfo=UTC)


def may_not_set_role(error: psycopg.OperationalError) -> bool:
    """Whether a login may not put on the role that its connection asked for."""
    # The driver gives no SQLSTATE for what happens while it connects.
    return "permission denied to set role" in str(error)


def away(error: psycopg.OperationalError) -> StoreUnavailable:
    """Return what to raise of a connection that could not be opened."""
    said = in_one_line(error)
    # The driver gives no SQLSTATE for what happens while it connects.
    if any(words in said for words in ("too many clients", "too many connections", "connection slots are reserved")):
        return NoConnectionLeft(said.rpartition("FATAL:")[2].strip())
    return StoreUnavailable(said)


def with_options(url: str, *settings: str) -> str:
    """Return a URL as keywords and values that also set these; they win over what the URL sets."""
    known = str(conninfo_to_dict(url).get("options", ""))
    return make_conninfo(url, options=" ".join([known, *(f"-c {setting}" for setting in settings)]).strip())


def in_one_line(error: BaseException) -> str:
    """Return what is wrong in one line: of the database's errors without where in its code, or in ours, that was."""
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    lines = (said or str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
