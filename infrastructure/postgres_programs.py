"""The client programs of Postgres, `pg_dump`, `pg_restore` and `psql`: which to take, their login, what they said."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infrastructure.database import Database
from infrastructure.errors import BackupFailed, EmbeddedPostgresFailed
from infrastructure.passwords import password_apart, said_without_password
from infrastructure.postgres_account import clean_environment, find_binaries

PROGRAMS = ("pg_dump", "pg_restore", "psql")

# As psql, pg_dump and pg_restore begin a line that says what went wrong; what they say with --verbose has no such word.
_SAID = re.compile(r"^(?:psql|pg_dump|pg_restore)?[^ ]*:? ?(error|fatal|panic|detail|hint): +(.*)$", re.IGNORECASE)


def client_programs(server_version: int) -> Path:
    """Return the folder with programs as new as a server, which refuse a newer one: the wheel's, else those on PATH.

    Parameters
    ----------
    server_version : int, as in ``180006``

    Raises
    ------
    BackupFailed
        If there are none, or only older ones.
    """
    wanted, older = server_version // 10_000, 0
    for folder in _folders():
        found = _version_major(folder / "pg_dump")
        if found >= wanted:
            return folder
        older = max(older, found)
    hint = (
        f"Install the client programs of Postgres {wanted} (Debian: postgresql-client-{wanted}), so that PATH has them."
    )
    if older:
        because = f"is of Postgres {older} here, and knows no newer server; this one is of Postgres {wanted}"
        raise BackupFailed("pg_dump", because, hint)
    raise BackupFailed("pg_dump", "is not here, or pg_restore or psql is not", hint)


def _folders() -> list[Path]:
    folders = []
    with contextlib.suppress(EmbeddedPostgresFailed):  # a database of one's own needs no server here
        folders.append(find_binaries())
    if on_path := shutil.which("pg_dump"):
        folders.append(Path(on_path).parent)
    return [folder for folder in folders if all((folder / name).is_file() for name in PROGRAMS)]


def _version_major(program: Path) -> int:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, encoding="utf-8", check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):  # of another platform
        return 0
    found = re.search(r"\) (\d+)", said.stdout)
    return int(found[1]) if found else 0


def login(database: Database) -> tuple[str, dict[str, str]]:
    """Return how the schema's owner connects, and the environment to do it in, which has the password.

    Among the arguments of a process everybody could see it.
    """
    address, password = password_apart(database.admin_conninfo())
    # Of somebody's own database the rest may stand in variables of libpq; of ours, PG* is another database's.
    environment = {**os.environ, "LC_ALL": "C"} if database.embedded is None else dict(clean_environment())
    if password is not None:
        environment["PGPASSWORD"] = password
    return address, environment


def what_went_wrong(said: str, address: str) -> str:
    """Return the errors among all that a program printed, without a password; its last line if there are none."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [found[2] for line in lines if (found := _SAID.match(line))]
    return said_without_password("; ".join(errors[:3] or lines[-1:]) or "it said nothing", address)


def end(programs: Sequence[subprocess.Popen[bytes]]) -> None:
    """End what still runs, at once, and wait for it."""
    for program in programs:
        if program.poll() is None:
            program.kill()
        program.wait()
        for pipe in (program.stdin, program.stdout, program.stderr):
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
