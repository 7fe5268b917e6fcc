"""A server of one home that every polis of that home shares: attach, go on, leave.

The first process that attaches starts it, the last that leaves stops it, and `ensure_running` starts it
again when it was killed. What is started, found and stopped is up to the subclass; who is first and who is
last is decided here, by the locks of `postgres_locks`.
"""

from __future__ import annotations

import atexit
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from infrastructure.errors import InfrastructureError
from infrastructure.files import usable
from infrastructure.postgres_locks import Hold, start_lock

_log = logging.getLogger(__name__)


class SharedServer(ABC):
    """A share in a server. Use it as a context manager, or `attach` and `leave`.

    Parameters
    ----------
    folder : Path
        The server's own, with the two lock files.
    title : str
        What people call it, as it follows "the embedded".
    lock_timeout_s : float
        How long somebody else may take to start or to stop it before it is our turn.
    progress : callable, optional
        Is told, in a sentence, what takes longer than a second.

    Notes
    -----
    Threads may share one. A forked child must make its own. What is not left by the end of the program is
    left then, except after a signal that ends it without clean-up: then nobody may be left to stop the
    server, and it stays up, idle, until the next polis finds it, shares it, and stops it on leaving.
    """

    def __init__(
        self, folder: Path, *, title: str, lock_timeout_s: float, progress: Callable[[str], None] | None = None
    ) -> None:
        self.folder = folder
        self.title = title
        self._lock_timeout_s = lock_timeout_s
        self._progress = progress
        self._mutex = threading.RLock()
        self._hold: Hold | None = None

    # -- what a subclass says ----------------------------------------------------------------------

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Whether the server that we know of lives and answers."""

    @abstractmethod
    def pids(self) -> list[int]:
        """Return the process ids of the home's server, attached or not; empty if none runs."""

    @abstractmethod
    def _make_folders(self) -> None: ...

    @abstractmethod
    def _find_or_start(self) -> None:
        """Find the server and get to know it, or start it; the start lock is held."""

    @abstractmethod
    def _stop(self) -> None:
        """Stop whatever server runs; the start lock is held."""

    @abstractmethod
    def _forget(self) -> None:
        """Know of no server any more."""

    @abstractmethod
    def _could_not(self, action: str, detail: str) -> InfrastructureError:
        """Return the error that says so."""

    # -- what it does ------------------------------------------------------------------------------

    def attach(self) -> None:
        """Take a share in the server, starting it if need be; then it runs until the last process leaves.

        Raises
        ------
        DataFolderUnusable
            If only a person can put the folder right.
        EmbeddedServerFailed
            If the server does not start; the message has the end of its log.
        """
        with self._mutex:
            if self._hold is not None and self._hold.is_ours():
                self.ensure_running()
                return
            with usable(self.folder):
                self._make_folders()
                with self._start_lock():
                    hold = Hold(self.folder / "users.lock")
                    try:
                        self._find_or_start()
                    except BaseException:
                        hold.let_go()
                        raise
                    self._hold = hold
            atexit.register(self.leave)

    def ensure_running(self) -> None:
        """Return at once if the server answers; else wait for it, or start it again.

        After a restart its address may be another: read it again.

        Raises
        ------
        DataFolderUnusable, EmbeddedServerFailed
            As `attach`.
        """
        with self._mutex:
            assert self._hold is not None and self._hold.is_ours(), "attach() first, in this very process"
            if self.is_running:
                return
            with usable(self.folder), self._start_lock():
                self._find_or_start()

    def leave(self) -> None:
        """Give up the share, and stop the server if it was the last. Does nothing if not attached."""
        with self._mutex:
            hold, self._hold = self._hold, None
            self._forget()
            if hold is None:
                return
            atexit.unregister(self.leave)
            if not hold.is_ours():
                hold.let_go()
                return
            try:
                # Letting go inside the lock: of two that leave at once, the second must find itself last.
                with start_lock(self.folder / "start.lock", timeout_s=self._lock_timeout_s):
                    try:
                        if hold.is_last():
                            self._stop()
                    finally:
                        hold.let_go()
            except OSError as error:  # nobody gave us the lock, or the home was removed under us
                hold.let_go()
                _log.warning("left the embedded %s without looking whether to stop it: %s", self.title, error)

    def __enter__(self) -> Self:
        self.attach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        try:
            with start_lock(self.folder / "start.lock", timeout_s=self._lock_timeout_s):
                yield
        except TimeoutError as error:
            raise self._could_not("be started", str(error)) from None

    def _say(self, what: str) -> None:
        _log.info("%s: %s", self.folder, what)
        if self._progress is not None:
            self._progress(what)
