"""Files of our own: written whole or not at all, and what the file system refuses said in our words."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from infrastructure.errors import DataFolderUnusable
from infrastructure.postgres_account import Account, user_name


@contextlib.contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses within into `DataFolderUnusable`."""
    try:
        yield
    except OSError as error:
        place = Path(error.filename) if isinstance(error.filename, str) else folder
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(place, "its disk, or our share of it, is full") from error
        if error.filename is None:
            raise  # not about a file
        because, remedy = str(error.strerror), "Set POLIS_HOME to a folder that this user may write to."
        if error.errno in (errno.EACCES, errno.EPERM) and (found := _anothers_within_ours(place)) is not None:
            whose, ours = found
            because += f", since it belongs to {whose}, as after a polis that was run with sudo"
            remedy = f"Take back all that is yours: sudo chown -R {user_name(os.geteuid())} {shlex.quote(str(ours))}"
        raise DataFolderUnusable(place, because, remedy) from error


def _anothers_within_ours(place: Path) -> tuple[str, Path] | None:
    """Return whose `place` or the folder above it is, and the next folder above that is ours, if there is one."""
    whose = None
    for folder in (place, *place.parents):
        with contextlib.suppress(OSError):
            uid = folder.stat().st_uid
            if uid == os.geteuid():
                return None if whose is None else (whose, folder)
            whose = whose or user_name(uid)
    return None


def disk_full(folder: Path, because: str) -> DataFolderUnusable:
    """Return the error for a disk that has no room for `folder`."""
    return DataFolderUnusable(folder, because, "Free some space, or set POLIS_HOME to a folder elsewhere.")


def says_disk_full(text: str) -> bool:
    """Return whether a Postgres program printed that the disk, or a quota, is full."""
    # Of shared memory it says the same, in a container that was given next to none: that is no disk of ours.
    lines = [line for line in text.splitlines() if "shared memory" not in line]
    return any("No space left on device" in line or "Disk quota exceeded" in line for line in lines)


def write_file(path: Path, text: str, account: Account | None, *, mode: int = 0o600) -> None:
    """Write `path` whole or not at all, owned by `account` (None: by us)."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if account is not None:
        account.own(new)
    new.replace(path)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
