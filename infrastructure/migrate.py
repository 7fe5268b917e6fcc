"""Migrations, run from Python: upgrade, downgrade, and whether the schema is the one that this release knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from infrastructure import failpoints
from infrastructure.database import Database
from infrastructure.errors import LoginOnlyReads, MigrationFailed, SchemaTooNew, SchemaTooOld
from infrastructure.lock_wait import LockWait

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FOLDER = Path(__file__).parent.parent / "migrations"
# Two processes that migrate one database at once: the second waits here, then finds nothing to do.
LOCK = 20_815
"""Key of the advisory lock that whoever changes the schema holds."""
# For one lock. Whoever asks for a table that a migration waits for, even to read it, waits behind the migration.
_PATIENCE_S = 60.0
_RIGHTS = (
    "It takes the database's owner with CREATEROLE, or ADMIN OPTION on polis_app, polis_read and polis_maintenance "
    "where another login made these, or a superuser: docs/keeping.md has it."
)


@dataclass(frozen=True)
class SchemaStatus:
    """Revision of the database (None: empty) and of this release."""

    current: str | None
    wanted: str

    @property
    def is_current(self) -> bool:
        """Whether they are the same."""
        return self.current == self.wanted

    @property
    def is_later(self) -> bool:
        """Whether a later release made it: nothing here can bring it to this one."""
        return self.current is not None and self.current not in _known_revisions()


def _known_revisions() -> list[str]:
    """Return the revisions of this release, the newest first, by their files: asked at every start, without Alembic."""
    return sorted((f.name[:4] for f in (_FOLDER / "versions").glob("[0-9]*_*.py")), reverse=True)


def require_known(revision: str, what: str) -> None:
    """Refuse the schema of a later release; `what` has it.

    Raises
    ------
    SchemaTooNew
    """
    known = _known_revisions()
    if revision not in known:
        raise SchemaTooNew(revision, known[0], what)


def schema_status(database: Database) -> SchemaStatus:
    """Return where the schema stands."""
    with database.connect_as_owner() as connection:
        there = connection.execute("SELECT to_regclass('polis.alembic_version')").fetchone()
        row = None
        if there is not None and there[0] is not None:
            row = connection.execute("SELECT version_num FROM polis.alembic_version").fetchone()
    return SchemaStatus(None if row is None else row[0], _known_revisions()[0])


def known_status(database: Database) -> SchemaStatus:
    """Return where the schema stands, of a database that we may read.

    Raises
    ------
    SchemaTooNew, LoginOnlyReads
    """
    try:
        status = schema_status(database)
    except psycopg.errors.InsufficientPrivilege:  # it may connect, and not even look
        raise LoginOnlyReads(database.admin_conninfo()) from None
    if status.is_later:
        raise SchemaTooNew(status.current, status.wanted)
    return status


def require_schema(database: Database) -> None:
    """Refuse a database whose schema is not ours.

    Raises
    ------
    SchemaTooOld, SchemaTooNew, LoginOnlyReads
    """
    status = known_status(database)
    if not status.is_current:
        raise SchemaTooOld(status.current, status.wanted)


def upgrade(database: Database) -> SchemaStatus:
    """Bring the schema to this release; does nothing if it is there. One transaction: all of it or nothing.

    Raises
    ------
    SchemaTooNew, MigrationFailed
    """
    status = schema_status(database)
    if status.is_current:
        return status
    if status.is_later:
        raise SchemaTooNew(status.current, status.wanted)
    if status.current is None:
        _require_all_characters(database)
    _run(database, "upgrade", "head")
    return schema_status(database)


def _require_all_characters(database: Database) -> None:
    """Say at once what a revision, or the first word of a name or a mind that is not ASCII, would."""
    with database.connect_as_owner() as connection:
        encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise MigrationFailed(
            "upgrade",
            f"the database is in {encoding}, and texts of histories are in UTF8\n"
            "Make one that is: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )


def downgrade(database: Database, revision: str = "base") -> SchemaStatus:
    """Take the schema back; refused while it holds runs that the one before does not know, and to base any run.

    Raises
    ------
    SchemaTooNew, MigrationFailed
    """
    status = schema_status(database)
    if status.is_later:
        raise SchemaTooNew(status.current, status.wanted)
    if revision == "base" and status.current is not None:
        _require_no_runs(database)
    _run(database, "downgrade", revision)
    return schema_status(database)


def _require_no_runs(database: Database) -> None:
    """Say at once what the first revision would: those before it name only the runs that they are about."""
    try:
        with database.connect_as_owner() as connection:
            (runs,) = connection.execute("SELECT count(*) FROM polis.runs").fetchone() or (0,)
    except psycopg.Error as error:
        raise MigrationFailed("downgrade", _said(error)) from None
    if runs:
        raise MigrationFailed(
            "downgrade",
            f"the schema holds {runs:,} run{'' if runs == 1 else 's'}, and history can not be made again\n"
            "Drop each run first, with `polis drop`.",
        )


def _run(database: Database, direction: str, revision: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))  # it is read as a template
    engine = create_engine("postgresql+psycopg://", creator=database.connect_as_owner)
    waiting = LockWait(database, _PATIENCE_S)
    try:
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            # connect_as_owner hands out autocommit; Alembic's work is one transaction.
            driver.autocommit = False
            connection.execute(text(f"SET LOCAL lock_timeout = {int(_PATIENCE_S * 1000)}"))
            with waiting.watched(driver.info.backend_pid):
                connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
                connection.execute(text("CREATE SCHEMA IF NOT EXISTS polis"))
                config.attributes["connection"] = connection
                getattr(command, direction)(config, revision)
                _make_run_views(connection)
            failpoints.reach("in_migration")
    except (psycopg.Error, DBAPIError) as error:
        original = getattr(error, "orig", error)
        if isinstance(original, psycopg.errors.LockNotAvailable):
            raise MigrationFailed(direction, waiting.given_up()) from None
        if isinstance(original, psycopg.errors.InsufficientPrivilege):
            raise MigrationFailed(direction, f"{_said(original).partition(chr(10))[0]}\n{_RIGHTS}") from None
        raise MigrationFailed(direction, _said(original)) from None
    finally:
        engine.dispose()


def _make_run_views(connection: Connection) -> None:
    """Make the views of one run anew, so that no revision has to think of it, nor to drop the one of a view it drops.

    A view of schema `polis` without its like in `polis_run` would answer `polis sql RUN` too: over all runs.
    """
    from sqlalchemy import text

    made_by = "polis.make_run_views()"  # since 0006
    if connection.execute(text(f"SELECT to_regprocedure('{made_by}') IS NOT NULL")).scalar_one():
        connection.execute(text(f"SELECT {made_by}"))


def _said(error: BaseException) -> str:
    """Return what the database says is wrong and what to do, without where in its code that was."""
    diag = error.diag if isinstance(error, psycopg.Error) else None
    if diag is None or diag.message_primary is None:
        return str(error).strip()
    return diag.message_primary + (f"\n{diag.message_hint}" if diag.message_hint else "")
