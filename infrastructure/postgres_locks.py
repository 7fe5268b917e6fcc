"""Who uses an embedded server: two file locks, which the kernel drops however their holder dies.

========== ============================ ==================================================================
file       held shared by               held exclusively by
========== ============================ ==================================================================
users.lock each process while attached  the last one, while it stops the server
start.lock nobody                       whoever starts, restarts, joins or leaves, for as long as that takes
========== ============================ ==================================================================

The order is start.lock, then users.lock. `users.lock` is asked for exclusively only by a holder of
`start.lock`, and never waited for, so nobody can wait in a circle. A process about to attach needs
`start.lock` first: it either has its share of `users.lock` before the leaver looks, who then is not the last,
or it waits until the server is down, and starts it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

POLL_S = 0.02


@contextlib.contextmanager
def start_lock(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold `path` exclusively.

    Raises
    ------
    TimeoutError
        If others hold it for longer than `timeout_s`.
    """
    descriptor = _open(path)
    try:
        until = time.monotonic() + timeout_s
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise TimeoutError(f"{path} was held by another polis for {timeout_s:.0f} s")
            time.sleep(POLL_S)  # asked again and again, since a wait inside flock has no limit
        yield
    finally:
        os.close(descriptor)


class Hold:
    """One process's share of `users.lock`.

    It is let go by closing the file, never by unlocking: a forked child has the same open file, and
    unlocking there would let go for its parent too.
    """

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        self._descriptor = _open(path)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)  # at once: to have it exclusively takes start.lock, ours

    def is_ours(self) -> bool:
        """Return False in a forked child, which got a copy and must attach by itself."""
        return self.pid == os.getpid()

    def is_last(self) -> bool:
        """Return whether nobody else is attached; call only when about to let go, holding `start.lock`."""
        return _try(self._descriptor, fcntl.LOCK_EX)

    def let_go(self) -> None:
        """Give up the share; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _open(path: Path) -> int:
    # For reading only: root and a plain user may share a home, and flock asks for no more.
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
