"""The files of one embedded server: made whole or not at all, and checked before each start.

::

    <home>/postgres/
    ├── start.lock, users.lock   see embedded_postgres
    ├── passwords.json           0600, made once, before the data
    ├── port                     of the last start, to be used again
    ├── log/postgres.log         the server's, and .1, the one before
    ├── socket/                  elsewhere if this path is too long for a Unix socket
    ├── data/                    owned by the user that the server runs as
    └── data.new-*               an initdb that was interrupted; swept at the next start
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from infrastructure.errors import DataFolderUnusable, EmbeddedPostgresFailed
from infrastructure.files import disk_full, says_disk_full, sync_folder, usable, write_file
from infrastructure.postgres_account import Account
from infrastructure.server_files import make_socket_folder, rotate, size_of, socket_folder, tail

DATABASE = "polis"
ROLES = ("postgres", "polis_app", "polis_read")  # those that log in; polis_maintenance is only granted
DISK_FREE_MIN_BYTES = 200 << 20  # for a new cluster, which has 170 MB with the least of log files

INITDB = [
    "--username=postgres",
    "--encoding=UTF8",
    "--locale-provider=builtin",  # sorts by bytes, the same on every machine and for ever
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
    "--auth=reject",  # until our own pg_hba.conf is there
    "--no-instructions",
]
HBA = """\
# Written by polis when this folder was made. Nobody is trusted, not even on the socket: the server may run as
# another system user than its clients, so it can't tell them by their names.
local all all scram-sha-256
host  all all 127.0.0.1/32 scram-sha-256
"""


class Cluster:
    """The folder of one embedded server.

    Parameters
    ----------
    home : Path
        The folder of all embedded servers; links in it are resolved.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home.expanduser().resolve() / "postgres"
        self.data = self.folder / "data"
        self.log = self.folder / "log" / "postgres.log"
        self.passwords_file = self.folder / "passwords.json"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket, the same for all who share this home, and short enough."""
        return socket_folder(self.folder, self.name)

    @property
    def name(self) -> str:
        """The server's name (`cluster_name`), in the title of each of its processes, and no other home's."""
        return f"polis-{self._digest:.12}"

    @property
    def port_default(self) -> int:
        """Where to look for a free port first: by home, and below the range that systems lend to clients."""
        return 15432 + int(self._digest[:8], 16) % 10_000

    @property
    def _digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.folder)).hexdigest()

    def make_folders(self) -> None:
        """Make the folders that need no server user.

        Raises
        ------
        DataFolderUnusable
        """
        if os.fsencode(self.folder).decode("utf-8", "ignore") != str(self.folder):
            raise DataFolderUnusable(
                self.folder, "its name is not UTF-8, and where Postgres is must be told as text",
                "Set POLIS_HOME to a folder that has another name.",
            )  # fmt: skip
        if len(str(self.folder).splitlines()) > 1:
            raise DataFolderUnusable(
                self.folder, "there is a line break in its name, and Postgres notes where it is in a line of a file",
                "Set POLIS_HOME to a folder that has another name.",
            )  # fmt: skip
        with usable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.log.parent.mkdir(mode=0o700, exist_ok=True)

    def check(self, version_major: str) -> None:
        """Raise what only a person can put right, before anything is written.

        Raises
        ------
        DataFolderUnusable
        """
        if not self.data.exists() or not any(self.data.iterdir()):
            # Only for a new one: who has histories must be able to look, dump and drop, or a full disk stays full.
            free = shutil.disk_usage(self.folder).free
            if free < DISK_FREE_MIN_BYTES:
                raise disk_full(self.folder, f"only {free >> 20} MB are free on its disk")
            return
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise DataFolderUnusable(
                self.data,
                "it has files in it but no PG_VERSION, so it is not a Postgres data folder, or a damaged one",
                "Restore it from a copy, or move it away to begin with an empty history.",
            ) from None
        if found != version_major:
            raise DataFolderUnusable(
                self.data,
                f"it was made by Postgres {found} and this polis brings Postgres {version_major}",
                f"Use the release of polis that made it (with embedded-postgres {found}.*) to pg_dump what "
                "you need, or set POLIS_HOME to another folder to begin anew; nothing was changed.",
            )

    def make_data(self, binaries: Path, account: Account) -> None:
        """Make the data folder if there is none: beside its place, then renamed, so a kill leaves all or none.

        The database, the roles and their passwords are made by a single-user session before the rename.
        Also renews lost passwords. The caller holds the start lock and has made sure that no server runs.
        """
        for rest in self.folder.glob("data.new-*"):
            # An orphaned initdb may still be writing there; what it leaves is swept next time.
            shutil.rmtree(rest, ignore_errors=True)
        made, lost = self.data.exists() and any(self.data.iterdir()), not self.passwords_file.exists()
        if made and not lost:
            return
        if not account.has_name():
            raise DataFolderUnusable(
                self.folder,
                f"we are {account.name}, who has no account here, and Postgres makes no folder for such a user",
                "Make an account with that number (in a container, a line in /etc/passwd), run polis as another user, "
                "or name a Postgres of your own in POLIS_DATABASE_URL.",
            )
        if lost:
            self._write_passwords()
        passwords = "".join(f"ALTER ROLE {r} PASSWORD '{p}';\n" for r, p in self.passwords().items())
        if made:
            self._single_user(self.data, passwords, binaries, account)
            return
        new = self.folder / f"data.new-{os.getpid()}-{secrets.token_hex(4)}"
        new.mkdir(mode=0o700)
        account.own(new)
        account.let_through(new)
        self._run("make a data folder", [binaries / "initdb", *INITDB, "--pgdata", new], account)
        self._single_user(new, FIRST_STATEMENTS + passwords, binaries, account)
        write_file(new / "pg_hba.conf", HBA, account)
        conf = (new / "postgresql.conf").read_text()
        write_file(new / "postgresql.conf", f"{conf}\ninclude = 'polis.conf'\n", account)
        write_file(new / "polis.conf", "", account)
        os.rename(new, self.data)
        sync_folder(self.folder)

    def make_socket_folder(self, account: Account) -> None:
        """Make the socket's folder, the server user's own; in a shared one somebody may have been before us."""
        make_socket_folder(self.socket_folder, account)

    def rotate_log(self) -> None:
        """Put a long log aside, in place of the one before."""
        rotate(self.log)

    def log_since(self, offset: int, *, lines: int = 15) -> str:
        """Return the last `lines` of what was logged after `offset` bytes."""
        return tail(self.log, since=offset, lines=lines)

    @property
    def log_size(self) -> int:
        """The length of the log, in bytes."""
        return size_of(self.log)

    def passwords(self) -> dict[str, str]:
        """Return the password of each role in `ROLES`."""
        try:
            kept = json.loads(self.passwords_file.read_text())
            return {role: str(kept[role]) for role in ROLES}
        except PermissionError:
            raise DataFolderUnusable(
                self.passwords_file,
                "another user's polis made it, and we may not read it",
                "Run polis as that user, or set POLIS_HOME to a folder of your own.",
            ) from None
        except (OSError, ValueError, KeyError) as error:
            raise DataFolderUnusable(
                self.passwords_file,
                f"it does not hold the passwords of the embedded database ({error})",
                "Stop every polis and remove the file: the next start makes new passwords.",
            ) from error

    def remembered_port(self) -> int | None:
        """Return the port of the last start, if known."""
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None

    def remember_port(self, port: int) -> None:
        """Keep `port` for the next start, so that a URL somebody noted stays good."""
        if port != self.remembered_port():
            write_file(self.folder / "port", f"{port}\n", None, mode=0o644)

    def _write_passwords(self) -> None:
        # Such tokens need no quotes in SQL, URLs or shells.
        new = {role: secrets.token_urlsafe(24) for role in ROLES}
        write_file(self.passwords_file, json.dumps(new, indent=1) + "\n", None)
        sync_folder(self.folder)

    def _single_user(self, data: Path, statements: str, binaries: Path, account: Account) -> None:
        options = [f"-c{s}" for s in ("exit_on_error=on", "log_min_messages=warning", f"cluster_name={self.name}")]
        command: list[str | Path] = [binaries / "postgres", "--single", "-D", data, *options, "template1"]
        self._run("set up its roles", command, account, text=statements)

    def _run(self, action: str, command: list[str | Path], account: Account, *, text: str = "") -> None:
        try:
            account.run(command, text=text)
        except subprocess.CalledProcessError as error:
            if says_disk_full(error.stdout):
                raise disk_full(self.folder, "its disk is full") from None
            raise EmbeddedPostgresFailed(action, self.log, error.stdout[-3000:]) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmbeddedPostgresFailed(action, self.log, str(error)) from error


# Roles get no right but to connect: migrations grant the rest. What every role is given by default is taken
# away in template1, so databases made later lack it too. (Rights on a database are not copied from its template.)
FIRST_STATEMENTS = f"""\
CREATE ROLE polis_app LOGIN;
CREATE ROLE polis_read LOGIN;
CREATE ROLE polis_maintenance NOLOGIN;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE DATABASE {DATABASE};
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO polis_app, polis_read;
"""
