"""All histories of a database in one file, as `pg_dump` writes it, while runs go on being written.

The file is written beside its place and renamed, so that what has its name is whole.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import psycopg

from infrastructure.database import Database
from infrastructure.errors import (
    BackupFailed,
    BackupRefused,
    DatabaseUnreachable,
)
from infrastructure.files import says_disk_full
from infrastructure.migrate import known_status
from infrastructure.passwords import said_without_password
from infrastructure.postgres_programs import client_programs, end, login, what_went_wrong
from infrastructure.whole_file import disk_full_for, made_whole, require_free

SCHEMAS = ("polis", "polis_rollup", "polis_run")
"""All that migrations make. Other schemas of somebody's own database are none of ours."""

Progress = Callable[[int, int | None], None]

_COMPRESSION = "--compress=1"  # a quarter of the time that the default takes, for a fifth more bytes
_LOOK_EVERY_S = 0.2
_TABLE = re.compile(r'dumping contents of table "(.+)"')
_TOO_EARLY = 0.02  # of what there is to read: how much it shrinks can't be told from less

# The newest tick of a fork that has not begun is its parent's, or that one's parent's. Good for the schema of every
# release, and it ends where somebody made a run its own ancestor, which the view `lineage` does not.
_HEADS = """
SELECT r.run, r.name, p.name AS parent, coalesce(h.tick, s.tick, -1) AS head_tick,
       encode(coalesce(h.chain_hash, s.chain_hash), 'hex') AS head_hash
FROM polis.runs r LEFT JOIN polis.runs p ON p.run = r.parent
LEFT JOIN LATERAL (SELECT tick, chain_hash FROM polis.ticks t WHERE t.run = r.run ORDER BY tick DESC LIMIT 1) h ON true
LEFT JOIN LATERAL (WITH RECURSIVE up AS (
                       SELECT r.parent AS source, r.fork_tick AS tick_last
                       UNION SELECT a.parent, least(a.fork_tick, up.tick_last)
                       FROM up JOIN polis.runs a ON a.run = up.source)
                   SELECT tick, chain_hash FROM up JOIN polis.ticks t ON t.run = up.source AND t.tick <= up.tick_last
                   WHERE h.tick IS NULL ORDER BY tick DESC LIMIT 1) s ON true
ORDER BY r.run
"""

_SIZES = """
SELECT format('%%I.%%I', n.nspname, c.relname), pg_table_size(c.oid)::int8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (%s) AND c.relkind = 'r'
"""


def dump_database(
    database: Database, file: Path, *, overwrite: bool = False, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Write the histories of a database to a file and return what is in it.

    Parameters
    ----------
    database : open, whatever its schema, so that one can be kept before it is upgraded
    overwrite : whether the file may be there already
    on_progress : told how many bytes are written and about how many it will be, None as long as that can't be told

    Raises
    ------
    BackupRefused, BackupFailed, SchemaTooNew, LoginOnlyReads, DatabaseUnreachable
        Nothing half written is left, and a file that was there is as it was.
    """
    file = file.absolute()
    require_free(file, overwrite=overwrite)
    schema = _schema_of(database)
    with database.connect_as_owner() as connection:
        programs = client_programs(connection.info.server_version)
        # pg_dump takes this transaction's snapshot, so what is told of the file is what is in it.
        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            (snapshot,) = _row(connection, "SELECT pg_export_snapshot()")
            (server,) = _row(connection, "SELECT current_setting('server_version')")
            heads = heads_in(connection)
            sizes = dict(connection.execute(_SIZES, (list(SCHEMAS),)).fetchall())
        except psycopg.errors.InsufficientPrivilege as error:
            raise _not_its_owner(str(error.diag.message_primary)) from None
        except psycopg.OperationalError as error:
            raise DatabaseUnreachable(database.admin_conninfo(), str(error).partition("\n")[0]) from None
        with made_whole(file) as target:
            address, environment = login(database)
            # By its name: on standard output pg_dump puts its contents once more at the end, where it should put them
            # right at the beginning, and pg_restore does not miss what is cut off of them.
            command: list[str | Path] = [
                programs / "pg_dump", "--format=custom", _COMPRESSION, "--verbose", f"--snapshot={snapshot}",
                *(f"--schema={name}" for name in SCHEMAS), "--file", target, "--dbname", address,
            ]  # fmt: skip
            code, said = _run(command, environment, target, _Expected(sizes), on_progress)
            if code:
                raise _failed(file, said, address)
    return {
        "file": str(file), "bytes": file.stat().st_size, "schema": schema, "server": server.split()[0], "runs": heads,
    }  # fmt: skip


def heads_in(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return each run of a database with its newest tick, -1 before the first, whatever the schema."""
    found = connection.execute(_HEADS)
    names = [column.name for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found]


def _row(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def _schema_of(database: Database) -> str:
    status = known_status(database)
    if status.current is None:
        raise BackupRefused("the database", "has no histories, and no schema for any", "Run a society first.")
    return status.current


def _not_its_owner(because: str) -> BackupFailed:
    return BackupFailed(
        "the database", f"refused: {because}", "Take a URL of the login that ran `polis db upgrade`: it owns them."
    )


def _failed(file: Path, said: str, address: str) -> BackupFailed:
    if says_disk_full(said):
        return disk_full_for(file)
    because = said_without_password(what_went_wrong(said, address), address)
    if "permission denied" in because or "may lack" in because:
        return _not_its_owner(because)
    return BackupFailed(file, f"pg_dump could not write it: {because}", "Nothing half written is left.")


# -- the file ----------------------------------------------------------------------------------------


# -- the program -------------------------------------------------------------------------------------


class _Expected:
    """How large a dump will be: what is written, as a share of the tables that it is of."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes, self._total = sizes, sum(sizes.values())
        self._done, self._table = 0, ""

    def hear(self, line: str) -> None:
        """Take a line of pg_dump's in: it names each table that it begins with."""
        if found := _TABLE.search(line):
            self._done += self._sizes.get(self._table, 0)
            self._table = found[1]

    def of(self, written: int) -> int | None:
        """Return about how many bytes it will be, None as long as that can't be told."""
        if self._done <= _TOO_EARLY * self._total:
            return None
        return max(written, written * self._total // self._done)


def _run(
    command: list[str | Path],
    environment: dict[str, str],
    target: Path,
    expected: _Expected,
    on_progress: Progress | None,
) -> tuple[int, str]:
    """Run pg_dump into a file; return its exit code and what it said, but for what it was about."""
    said: list[str] = []
    program = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, cwd="/",
        start_new_session=True,  # Ctrl-C is for us, who end it
    )  # fmt: skip
    try:
        hearing = threading.Thread(target=_hear, args=(program.stderr, said, expected), daemon=True)
        hearing.start()
        while True:
            try:
                program.wait(_LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                if on_progress is not None:
                    written = target.stat().st_size
                    on_progress(written, expected.of(written))
        hearing.join()
    finally:
        end([program])
    return program.returncode, "\n".join(said)


def _hear(pipe: IO[bytes] | None, said: list[str], expected: _Expected) -> None:
    assert pipe is not None
    for raw in pipe:
        line = raw.decode("utf-8", "replace").rstrip()
        expected.hear(line)
        said.append(line)
        del said[:-50]
