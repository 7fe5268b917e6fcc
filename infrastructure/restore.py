"""Histories from a file of `dump`, into a database that has none: all of them or nothing.

`pg_restore` turns the file to SQL and `psql` runs that in one transaction, which also takes the empty schema out of
the way. `pg_restore` alone could do neither that, nor restore into a Postgres before 17, since it sets what that does
not know (`transaction_timeout`).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from infrastructure.database import Database, in_one_line
from infrastructure.dump import SCHEMAS, heads_in
from infrastructure.errors import BackupFailed, BackupRefused, DatabaseUnreachable, MigrationFailed, TakesNoWrites
from infrastructure.files import says_disk_full
from infrastructure.migrate import LOCK, require_known, schema_status, upgrade
from infrastructure.postgres_programs import client_programs, end, login, what_went_wrong

Progress = Callable[[int, int], None]

_MAGIC = b"PGDMP"
_AT_ONCE = 1 << 18
_LOOK_EVERY_S = 0.2
_KNOWS_TRANSACTION_TIMEOUT = 170_000
_NOT_EMPTY = "the database has histories"
# Since the minor releases of November 2026 a server marks every column that it makes, for itself. Programs from before
# write that down as if somebody had set it, and servers from before refuse it.
_MARK_OF_SERVER = re.compile(rb"^ALTER TABLE ONLY \S+ ALTER COLUMN \S+ SET \(pg_attver='?\d+'?\);\n", re.MULTILINE)
_ROWS = re.compile(rb"^COPY \S+ \(.*\) FROM stdin;$", re.MULTILINE)

# An upgrade that somebody begins meanwhile waits for the lock, and then finds what was restored.
_BEFORE = f"""\
BEGIN;
SET LOCAL lock_timeout = '20s';
SET LOCAL client_min_messages = warning;
SELECT pg_advisory_xact_lock({LOCK});
LOCK TABLE polis.runs, polis.tombstones IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
    IF EXISTS (SELECT FROM polis.runs) OR EXISTS (SELECT FROM polis.tombstones) THEN
        RAISE EXCEPTION '{_NOT_EMPTY}';
    END IF;
END $$;
DROP SCHEMA {", ".join(SCHEMAS)} CASCADE;
"""
_AFTER = "COMMIT;\n"

# A run that somebody has made since, gone on with or dropped has a row that another transaction than psql's wrote.
# The schema's revision is always one of psql's, also where the dump has no run.
_UNTOUCHED = """
SELECT count(DISTINCT written_by) <= 1 FROM (
    SELECT xmin::text FROM polis.runs UNION ALL SELECT xmin::text FROM polis.leases UNION ALL
    SELECT xmin::text FROM polis.tombstones UNION ALL SELECT xmin::text FROM polis.alembic_version) AS r (written_by)
"""


@dataclass(frozen=True)
class DumpInfo:
    """What a file says of itself: its schema's revision, and the server that it was made from, such as "18.6"."""

    schema: str
    server: str


def restore_database(database: Database, file: Path, *, on_progress: Progress | None = None) -> dict[str, Any]:
    """Fill a database that has no histories from a file of `dump_database`, and return what came.

    Parameters
    ----------
    database : open; its schema may be there, be older, or be missing: the dump's is put in its place, and upgraded
    on_progress : told how many bytes of the file are read, and how many it has; again and again when all are, until
        its indexes are made

    Raises
    ------
    BackupRefused
        If the file is no dump of ours, or is cut off, or the database has histories.
    SchemaTooNew
        If a later release made the dump.
    BackupFailed, DatabaseUnreachable, TakesNoWrites, MigrationFailed
        If it could not be done: the database has no histories, as before, unless a `BackupFailed` says that it has.
    """
    file = file.absolute()
    with database.connect_as_owner() as connection:
        version = connection.info.server_version
        programs = client_programs(version)
        info = read_dump(file, programs)
        _require_empty(connection)
    # Roles, what each begins its sessions with, and what is taken from all of them belong to the server or the
    # database, so no dump has them: they are made as for a new database.
    upgrade(database)
    _restore(database, file, programs, version, info, on_progress)
    try:
        upgrade(database)
    except (MigrationFailed, DatabaseUnreachable, psycopg.Error) as error:
        raise _taken_away(database, file, info, error) from None
    size = file.stat().st_size
    with database.connect_as_owner() as connection:
        _gather_statistics(connection, lambda: on_progress(size, size) if on_progress is not None else None)
        heads = heads_in(connection)
    return {
        "file": str(file), "bytes": size, "dumped_schema": info.schema, "dumped_server": info.server,
        "schema": schema_status(database).current, "runs": heads,
    }  # fmt: skip


def read_dump(file: Path, programs: Path) -> DumpInfo:
    """Return what a file says of itself.

    Raises
    ------
    BackupRefused, BackupFailed, SchemaTooNew
    """
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(_MAGIC))
    except FileNotFoundError:
        raise BackupRefused(file, "there is no such file", "Name a file that `polis db dump` wrote.") from None
    except IsADirectoryError:
        raise BackupRefused(file, "it is a folder", "Name a file that `polis db dump` wrote.") from None
    except OSError as error:
        raise BackupRefused(file, str(error.strerror)) from None
    if magic != _MAGIC:
        raise BackupRefused(file, "it is no dump", "Name a file that `polis db dump` wrote.")
    listed = _ask(file, programs, "--list")
    if not re.search(r"^\d+; .* TABLE polis alembic_version ", listed, re.MULTILINE):
        raise BackupRefused(file, "it is a dump of something else", "Name a file that `polis db dump` wrote.")
    said = _ask(file, programs, "--data-only", "--schema=polis", "--table=alembic_version", "--file=-")
    revision = re.search(r"^COPY polis\.alembic_version .*\n(\w+)$", said, re.MULTILINE)
    server = re.search(r"^; *Dumped from database version: (\S+)", listed, re.MULTILINE)
    if revision is None or server is None:
        raise BackupRefused(file, "it does not say which schema it has", "Name a file that `polis db dump` wrote.")
    require_known(revision[1], "the dump")
    return DumpInfo(revision[1], server[1])


def _ask(file: Path, programs: Path, *arguments: str) -> str:
    done = subprocess.run(
        [programs / "pg_restore", *arguments, file], capture_output=True, encoding="utf-8", errors="replace",
        env={**os.environ, "LC_ALL": "C"}, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode:
        raise _unreadable(file, what_went_wrong(done.stderr, ""))
    return done.stdout


def _unreadable(file: Path, because: str) -> BackupFailed:
    if "unsupported version" in because:
        return BackupFailed(
            file,
            f"a later pg_dump than ours wrote it ({because})",
            "Use the release of polis that made it, or a later one.",
        )
    # What is missing is the end of the file, or of a table's rows, or a whole table.
    if any(
        said in because for said in ("could not read", "end of file", "could not uncompress", "could not find block")
    ):
        return BackupRefused(
            file, "it is cut off or damaged", "Nothing was restored. Copy it again, or take another dump."
        )
    return BackupRefused(file, f"pg_restore can't read it: {because}", "Nothing was restored.")


def _require_empty(connection: psycopg.Connection[Any]) -> None:
    (there,) = connection.execute("SELECT to_regclass('polis.runs')").fetchone() or (None,)
    if there is None:
        return
    try:
        query = "SELECT (SELECT count(*) FROM polis.runs), (SELECT count(*) FROM polis.tombstones)"
        runs, tombstones = connection.execute(query).fetchone() or (0, 0)
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupFailed(
            "the database",
            f"refused: {error.diag.message_primary}",
            "Take a URL of the login that ran `polis db upgrade`.",
        ) from None
    if runs or tombstones:
        what, n = ("", runs) if runs else ("tombstones of ", tombstones)
        raise _not_empty(f"{what}{n:,} run{'' if n == 1 else 's'}")


def _not_empty(what: str) -> BackupRefused:
    return BackupRefused(
        "the database", f"has {what} already, and a dump is restored into one that has none",
        "Set POLIS_HOME to a new folder, or POLIS_DATABASE_URL to an empty database.",
    )  # fmt: skip


def _taken_away(database: Database, file: Path, info: DumpInfo, error: Exception) -> BackupFailed:
    """Take away what came and could not be brought to this release; return what to say of it, also if it has to stay.

    Between psql's transaction and the upgrade's anybody can have begun to work with it, so no more than what psql
    brought is taken away.
    """
    because = error.because if isinstance(error, MigrationFailed | DatabaseUnreachable) else in_one_line(error)
    because, *hints = because.splitlines()
    why = f"of schema {info.schema} and can't be brought to this release's: {because}"
    try:
        with database.connect_as_owner() as connection, connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '20s'; SET LOCAL client_min_messages = warning")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            connection.execute("LOCK TABLE polis.runs, polis.leases, polis.tombstones IN ACCESS EXCLUSIVE MODE")
            (untouched,) = connection.execute(_UNTOUCHED).fetchone() or (False,)
            if untouched:
                names = sql.SQL(", ").join(sql.Identifier(name) for name in SCHEMAS)
                connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(names))
    except (DatabaseUnreachable, psycopg.Error):
        untouched = False
    if not untouched:
        hint = " ".join([*hints, "Put that right; then `polis db upgrade` brings them to it, and nothing is lost."])
        return BackupFailed("the database", f"has all histories of {file} now, but they are {why}", hint)
    with contextlib.suppress(MigrationFailed, DatabaseUnreachable, psycopg.Error):
        upgrade(database)  # as empty as before, and good for use
    return BackupFailed(file, f"it is {why}", " ".join([*hints, "Nothing was restored."]))


# -- the programs ------------------------------------------------------------------------------------


def _restore(
    database: Database, file: Path, programs: Path, version: int, info: DumpInfo, on_progress: Progress | None
) -> None:
    address, environment = login(database)
    with file.open("rb") as source, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as of_psql:
        reader = subprocess.Popen(
            [programs / "pg_restore", "--no-owner", "--no-tablespaces", "--file=-"],
            stdin=source, stdout=subprocess.PIPE, stderr=said, env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )  # fmt: skip
        writer = subprocess.Popen(
            [programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", address, "-f", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=of_psql, env=environment, cwd="/",
            start_new_session=True,
        )  # fmt: skip
        try:
            taken = _pump(reader, writer, source, version, on_progress)
            # psql first: whatever broke there broke pg_restore's pipe, too.
            if writer.poll() is None and taken and reader.wait():
                raise _unreadable(file, what_went_wrong(_text(said), address))
            _say(writer, _AFTER.encode() if taken else b"")
            assert writer.stdin is not None
            writer.stdin.close()
            size = os.fstat(source.fileno()).st_size
            while writer.poll() is None:  # what it has yet to do, indexes, takes as long as all before
                try:
                    writer.wait(_LOOK_EVERY_S)
                except subprocess.TimeoutExpired:
                    if taken and on_progress is not None:
                        on_progress(size, size)
            if writer.returncode or not taken:
                raise _refused(what_went_wrong(_text(of_psql), address), version, info)
        except BrokenPipeError:
            writer.wait()
            raise _refused(what_went_wrong(_text(of_psql), address), version, info) from None
        finally:
            # Without our COMMIT at its end, the server undoes all of it.
            end([writer, reader])


def _pump(
    reader: subprocess.Popen[bytes],
    writer: subprocess.Popen[bytes],
    source: IO[bytes],
    version: int,
    on_progress: Progress | None,
) -> bool:
    """Hand what pg_restore writes to psql; False if that ended before."""
    assert reader.stdout is not None
    size = os.fstat(source.fileno()).st_size
    chunks = iter(lambda: os.read(reader.stdout.fileno(), _AT_ONCE), b"")  # type: ignore[union-attr]
    if not _say(writer, _BEFORE.encode()):
        return False
    for chunk in _understood(chunks, version):
        if not _say(writer, chunk):
            return False
        if on_progress is not None:
            on_progress(os.lseek(source.fileno(), 0, os.SEEK_CUR), size)  # pg_restore reads by this very descriptor
    return True


def _understood(chunks: Iterable[bytes], version: int) -> Iterator[bytes]:
    """Yield SQL of pg_restore without what a server does not know; rows, and all behind the first, as they are."""
    rest, in_rows = b"", False
    for chunk in chunks:
        if in_rows:
            yield chunk
            continue
        first_rows = _ROWS.search(rest := rest + chunk)
        in_rows = first_rows is not None
        ends = first_rows.start() if first_rows is not None else rest.rfind(b"\n") + 1
        definitions, rest = _MARK_OF_SERVER.sub(b"", rest[:ends]), rest[ends:]
        if version < _KNOWS_TRANSACTION_TIMEOUT:
            definitions = definitions.replace(b"SET transaction_timeout = 0;\n", b"", 1)
        yield definitions
        if in_rows:
            yield rest
    if not in_rows:
        yield rest


def _say(writer: subprocess.Popen[bytes], text: bytes) -> bool:
    assert writer.stdin is not None
    try:
        writer.stdin.write(text)
        writer.stdin.flush()
    except BrokenPipeError:
        return False
    return True


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _refused(because: str, version: int, info: DumpInfo) -> Exception:
    """Return what to say of a database that did not take it."""
    if _NOT_EMPTY in because:
        return _not_empty("histories")
    if "read-only transaction" in because:
        return TakesNoWrites(because)
    if says_disk_full(because):
        return BackupFailed(
            "the database", f"has no room for it: {because}", "Free some space on its disk. Nothing was restored."
        )
    if missing := re.search(r'role "(.+?)" does not exist', because):
        hint = f'The dump grants rights to it: CREATE ROLE "{missing[1]}" there first. Nothing was restored.'
        return BackupFailed("the database", f"has no role {missing[1]}", hint)
    if "max_locks_per_transaction" in because:
        hint = (
            "A restore locks all tables and indexes of all runs at once, some fifteen a run. As the superuser, ALTER "
            "SYSTEM SET max_locks_per_transaction to a fifth of the number of runs, and start the server again. "
            "Nothing was restored."
        )
        return BackupFailed("the database", "has no room for the locks of so many runs", hint)
    hint, older = "Nothing was restored.", int(info.server.partition(".")[0])
    if version // 10_000 < older:
        hint = f"It is Postgres {version // 10_000} and the dump is of Postgres {older}: take one as new. {hint}"
    return BackupFailed("the database", f"did not take the dump: {because}", hint)


def _gather_statistics(connection: psycopg.Connection[Any], tell: Callable[[], None]) -> None:
    """Let the planner know what came, which it would else find out some minutes later, and of hot stretches never."""
    query = (
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ANY (%s) AND c.relkind = 'r'"
    )
    for schema, table in connection.execute(query, (list(SCHEMAS),)).fetchall():
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(schema, table)))
        tell()
