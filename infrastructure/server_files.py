"""What the files of embedded servers have in common: a log of bounded size, a Unix socket in a short place."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from infrastructure.errors import DataFolderUnusable
from infrastructure.postgres_account import Account

LOG_BYTES_MAX = 8 << 20
SOCKET_FOLDER_LENGTH_MAX = 85  # sun_path is 104 on some systems, and Postgres adds /.s.PGSQL.65535.lock


def socket_folder(folder: Path, name: str) -> Path:
    """Return where the server of `folder` has its socket, in a path that is short enough and without a comma.

    The same for all who share it, unless the path is not so: then for those of one TMPDIR. Where a socket is,
    Postgres and its clients take for a list with commas.

    Parameters
    ----------
    folder : Path, the server's own
    name : str, the server's, and no other home's
    """
    own = folder / "socket"
    if len(os.fsencode(own)) <= SOCKET_FOLDER_LENGTH_MAX and "," not in str(own):
        return own
    return Path(tempfile.gettempdir()).resolve() / name


def make_socket_folder(folder: Path, account: Account) -> None:
    """Make a socket's folder, the server user's own; in a shared place somebody may have been before us."""
    folder.mkdir(mode=0o700, exist_ok=True)
    account.let_through(folder)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in (account.uid, os.geteuid()):
        raise DataFolderUnusable(
            folder,
            "it is to hold our socket, and belongs to somebody else",
            "Remove it, or set POLIS_HOME to a shorter path.",
        )
    account.own(folder)
    folder.chmod(0o700)


def remove_socket_folder(folder: Path, name: str) -> None:
    """Remove the socket's folder of a server that has ended, if it lies in a shared place; one with files in it stays.

    Whoever starts the server next makes it again: both hold the start lock.
    """
    if folder.name == name:
        with contextlib.suppress(OSError):
            folder.rmdir()


def rotate(log: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Put a log that has grown long aside, in place of the one before."""
    if size_of(log) > bytes_max:
        log.replace(log.with_suffix(".log.1"))


def tail(log: Path, *, since: int = 0, lines: int = 15) -> str:
    """Return the last `lines` of what was logged after `since` bytes."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, size_of(log) - 64_000))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""


def size_of(log: Path) -> int:
    """Return the length of a log in bytes, 0 if there is none."""
    return log.stat().st_size if log.exists() else 0
