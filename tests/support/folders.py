"""Folders of servers that live for one test or one session."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

_IN_MEMORY = Path("/dev/shm")
_ROOM = 8 << 30  # bytes, free there and in memory: a session's databases take some hundred megabytes


def new_folder(prefix: str) -> Path:
    """Make a folder, in memory where there is room: short enough for a socket, and open to other users.

    Databases come and go by the hundred, each some hundred files. A file system that keeps no journal looks at
    every file that was removed in the last seconds before it makes a new one, which was a fifth of all that such
    tests took. Whatever is about lasting files (crash tests) makes its folders on a disk.
    """
    with contextlib.suppress(OSError):
        if min(shutil.disk_usage(_IN_MEMORY).free, psutil.virtual_memory().available) >= _ROOM:
            return Path(tempfile.mkdtemp(prefix=prefix, dir=_IN_MEMORY))
    return Path(tempfile.mkdtemp(prefix=prefix))


@contextlib.contextmanager
def short_lived_folder(prefix: str) -> Iterator[Path]:
    """Give a new folder, and remove it with all that is in it."""
    folder = new_folder(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
