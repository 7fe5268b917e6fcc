"""A file that is written beside its place and renamed, so that what has its name is whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from infrastructure.errors import BackupFailed, BackupRefused
from infrastructure.files import sync_folder


def require_free(file: Path, *, overwrite: bool, option: str = "--force") -> None:
    """Refuse a place where no file can be put, or one is that is not to be replaced; `option` would have it replaced.

    Raises
    ------
    BackupRefused
    """
    if file.is_dir():
        raise BackupRefused(file, "it is a folder", "Name a file in it.")
    if not file.parent.is_dir():
        raise BackupRefused(file, f"there is no folder {file.parent}", "Make it first, or name a file elsewhere.")
    if file.exists() and not file.is_file():
        raise BackupRefused(file, "it is no file", "Name a file: it is written beside its place and renamed.")
    if file.exists() and not overwrite:
        raise BackupRefused(file, "it is there already", f"{option} puts the new one in its place.")


@contextmanager
def folder_beside(file: Path) -> Iterator[Path]:
    """Lend a new folder beside a file that is being made, for what goes into it; it is gone afterwards.

    Raises
    ------
    BackupFailed
    """
    folder = file.with_name(f".{file.name}.{os.getpid()}.tables")
    try:
        folder.mkdir()
        yield folder
    except OSError as error:
        raise _refused(file, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def made_whole(file: Path, *, mode: int = 0o600) -> Iterator[Path]:
    """Lend a new file that takes the place of `file`, and is gone if anything went wrong.

    Parameters
    ----------
    file : absolute
    mode : of the file; for its owner alone by default

    Raises
    ------
    BackupFailed
    """
    new = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        _sweep(file)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
        yield new  # whoever writes it syncs it
        os.replace(new, file)
        sync_folder(file.parent)
    except OSError as error:
        raise _refused(file, error) from None
    finally:
        new.unlink(missing_ok=True)


def _sweep(file: Path) -> None:
    """Remove what those who wrote this file and were killed left beside it."""
    for rest in file.parent.glob(f".{file.name}.*"):
        pid, _, what = rest.name.removeprefix(f".{file.name}.").partition(".")
        if what not in ("new", "tables") or not pid.isdecimal() or psutil.pid_exists(int(pid)):
            continue
        if what == "new":
            rest.unlink(missing_ok=True)
        else:
            shutil.rmtree(rest, ignore_errors=True)


def _refused(file: Path, error: OSError) -> BackupFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full_for(file)
    return BackupFailed(file, str(error.strerror or error), "Name a file that this user may write.")


def disk_full_for(file: Path) -> BackupFailed:
    """Return the error for a disk that has no room for `file`."""
    return BackupFailed(
        file, "its disk is full, or our share of it", "Free some space, or name a file elsewhere; no half file is left."
    )


__all__ = ["disk_full_for", "folder_beside", "made_whole", "require_free"]
