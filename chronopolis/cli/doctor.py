"""`polis doctor`: whether everything is here that a run needs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from chronopolis.cli.check import Check
from chronopolis.cli.options import AsJson, examples
from chronopolis.cli.output import Output, mebibytes

if TYPE_CHECKING:
    from workers.bootstrap import Database, Settings

_FREE_WARN, _FREE_FAIL = 2 << 30, 200 << 20
_FILES_WARN, _FILES_FAIL = 10_000, 500
_MEMORY_WARN = 2 << 30
_TAKEN_WARN = 0.8
_SYNC_WARN_MS = 10.0
_ROLES = ("polis_app", "polis_maintenance", "polis_read")
_PROBES, _PROBE_ROWS, _PROBE_LOG = 30, 600, 24_000  # bytes, as many as 600 such rows take in the log


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(epilog=examples("polis doctor", "polis doctor --json  # exit code 3 if something fails"))(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check Python and packages, data folder, database, its speed, the compiled rules, and the chain of minds."""
    output = Output(as_json=as_json)
    checks = []
    for check in _checks(output.say):
        checks.append(check)
        if not as_json:
            output.show(check.line())
    failed = [c.name for c in checks if c.status == "fail"]
    if as_json:
        output.result({"ok": not failed, "failed": failed, "checks": [asdict(c) for c in checks]})
    if failed:
        raise typer.Exit(3)


def _checks(say: Callable[[str], None]) -> Iterator[Check]:
    from workers.bootstrap import Settings

    yield _python()
    yield _packages()
    yield _machine()
    settings = Settings.from_environment()
    if settings.database_url is None:
        yield from _data_folder(settings.home)
    yield _kernels()
    yield _reader()
    yield from _database(settings, say)
    from chronopolis.cli.doctor_minds import minds

    yield from minds(settings)


def _python() -> Check:
    version = platform.python_version()
    good = (3, 11) <= sys.version_info[:2] <= (3, 12)
    return Check(
        "python", "ok" if good else "fail", f"{version} at {sys.executable}", "" if good else "Use Python 3.11 or 3.12."
    )


def _packages() -> Check:
    import numba
    import numpy
    import polars

    found = f"numpy {numpy.__version__}, numba {numba.__version__}, polars {polars.__version__}"
    if not numpy.__version__.startswith("1.26."):
        return Check("packages", "fail", found, "mesa-frames needs numpy 1.26: make install from the lock.")
    return Check("packages", "ok", found)


def _machine() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    cores = len(psutil.Process().cpu_affinity() or ()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count()
    found = f"{cores} cores, {mebibytes(memory.total)} of memory, {mebibytes(memory.available)} free"
    if memory.available < _MEMORY_WARN:
        return Check("machine", "warn", found, "A run of 500 agents and its database take about 1 GiB.")
    return Check("machine", "ok", found)


def _data_folder(home: Path) -> Iterator[Check]:
    folder = home
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Check("data folder", "fail", f"{home} can't be written", "Set POLIS_HOME to a folder of your own.")
        return
    free = shutil.disk_usage(folder).free
    status = "fail" if free < _FREE_FAIL else "warn" if free < _FREE_WARN else "ok"
    remedy = "" if status == "ok" else "500 agents write about 3 MB a second flat out: make room, or set POLIS_HOME."
    yield Check("data folder", status, f"{home}, {mebibytes(free)} free", remedy)
    disk = os.statvfs(folder)
    if disk.f_files and disk.f_favail < _FILES_WARN:  # a disk without a limit to them says 0
        found = f"room for {disk.f_favail:,} more files on its disk, of {disk.f_files:,}"
        remedy = "An embedded database has 1,400, and a run some 50 more: remove small files, or set POLIS_HOME."
        yield Check("files", "fail" if disk.f_favail < _FILES_FAIL else "warn", found, remedy)


def compiled_kernels() -> int | None:
    """Return how many compiled parts of the rules are kept; None if none can be."""
    from domain._jit import ARE_KEPT, KERNELS

    return sum(1 for _ in Path(KERNELS).rglob("*.nbc")) if ARE_KEPT else None


def _kernels() -> Check:
    from domain._jit import KERNELS

    compiled = compiled_kernels()
    if compiled is None:
        remedy = "Every command that runs them compiles them anew, for half a minute: set XDG_CACHE_HOME."
        return Check("rules", "warn", f"can't be kept: {KERNELS} can't be written", remedy)
    if compiled == 0:
        return Check(
            "rules", "warn", "not compiled yet", f"The first run compiles them into {KERNELS}; give it a minute."
        )
    return Check("rules", "ok", f"{compiled} compiled parts in {KERNELS}")


def _reader() -> Check:
    from domain.errors import InvalidConfiguration
    from workers import bootstrap

    asked = os.environ.get("POLIS_READER", "")
    try:
        name = bootstrap.reader_in_use()
    except InvalidConfiguration as error:
        return Check("reader", "fail", str(error), "Unset it: libpq is taken where it is found.")
    if name == "adbc" and not asked:
        return Check("reader", "warn", "adbc: libpq can't be found, so reading is slower", "")
    return Check("reader", "ok", name + (" (by POLIS_READER)" if asked else ""))


def _database(settings: Settings, say: Callable[[str], None]) -> Iterator[Check]:
    from domain.errors import PolisError
    from workers.bootstrap import DriverError, open_database

    began = time.monotonic()
    try:
        with open_database(settings, say=say) as database:
            took = time.monotonic() - began
            with database.connect_as_owner() as connection:
                (version,) = connection.execute("SELECT current_setting('server_version')").fetchone() or ("?",)
            where = "embedded" if database.embedded is not None else "by POLIS_DATABASE_URL"
            yield Check("database", "ok", f"Postgres {version.split()[0]}, {where}, open after {took:.1f} s")
            yield from _schema(database)
            yield _roles(database)
            yield _connections(database)
            yield _speed(database)
    except PolisError as error:
        first, *rest = str(error).splitlines()
        yield Check("database", "fail", first, " ".join(line.strip() for line in rest))
    except DriverError as error:
        found = f"not all could be looked at: {str(error).strip().partition(chr(10))[0]}"
        yield Check("database", "warn", found, "See what the login of POLIS_DATABASE_URL may do.")


def _schema(database: Database) -> Iterator[Check]:
    from workers.bootstrap import db_status

    schema = db_status(database)
    if schema.is_current:
        yield Check("schema", "ok", f"{schema.current}, that of this release")
    elif schema.current is None and database.embedded is not None:
        yield Check("schema", "ok", f"none yet; the first run makes {schema.wanted}")
    else:
        found = f"{schema.current or 'none'}; this release has {schema.wanted}"
        remedy = "A later release made it: use that one, or a later." if schema.is_later else "`polis db upgrade`."
        yield Check("schema", "fail", found, remedy)


def _roles(database: Database) -> Check:
    with database.connect_as_owner() as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1", (list(_ROLES),)
        ).fetchall()
    there, powerful = {r[0] for r in rows}, [r[0] for r in rows if r[1]]
    missing = [role for role in _ROLES if role not in there]
    if powerful:
        return Check("roles", "fail", f"{', '.join(powerful)} may do anything", "ALTER ROLE … NOSUPERUSER.")
    if "polis_app" in missing:
        return Check("roles", "warn", f"not there yet: {', '.join(missing)}", "`polis db upgrade` makes them.")
    if missing:
        return Check("roles", "warn", f"not there: {', '.join(missing)}", "`polis db upgrade` makes them.")
    return Check("roles", "ok", f"{', '.join(_ROLES)}; none may do anything else")


def _connections(database: Database) -> Check:
    """Count the sessions that are there, ours and those of background workers among them."""
    with database.connect_as_owner() as connection:
        taken, room = connection.execute(
            "SELECT count(*), current_setting('max_connections')::int4 - "
            "current_setting('superuser_reserved_connections')::int4 FROM pg_stat_activity WHERE datid IS NOT NULL"
        ).fetchone() or (0, 1)
        most = connection.execute(
            "SELECT usename, count(*) FROM pg_stat_activity WHERE datid IS NOT NULL GROUP BY 1 "
            "ORDER BY 2 DESC, 1 LIMIT 1"
        ).fetchone() or ("nobody", 0)
    found = f"{taken} of {room} taken"
    if taken < _TAKEN_WARN * room:
        return Check("connections", "ok", found)
    remedy = f"{most[1]} are of {most[0]}: end programs that hold them and need none, or raise max_connections."
    return Check("connections", "warn", found, remedy)


def _speed(database: Database) -> Check:
    """Time a tick's worth of rows: COPY and a synced commit.

    The database may be somebody else's: so the table is of this session alone. What it would have written to the log
    goes there as a message, since rows of such a table don't, and then no commit waits for the disk.
    """
    rows = b"".join(b"%d\t%d\t%d\t%d\n" % (i, i * 7, i * 13, i * 31) for i in range(_PROBE_ROWS))
    took = []
    with database.connect_as_owner() as connection:
        connection.execute("CREATE TEMP TABLE polis_doctor (a int4, b int8, c int8, d int8)")
        connection.execute("SET synchronous_commit = on")
        for _ in range(_PROBES):
            began = time.perf_counter()
            with connection.transaction():
                with connection.cursor().copy("COPY polis_doctor FROM STDIN") as copy:
                    copy.write(rows)
                connection.execute("SELECT pg_logical_emit_message(true, 'polis', repeat('x', %s))", (_PROBE_LOG,))
            took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    p50, worst = took[len(took) // 2], took[-1]
    found = f"{_PROBE_ROWS} rows copied and synced in p50 {p50:.1f} ms, {worst:.1f} ms at worst"
    if p50 > _SYNC_WARN_MS:
        return Check("disk", "warn", found, "A slow disk: `--durability group` waits for it less often.")
    return Check("disk", "ok", found)
