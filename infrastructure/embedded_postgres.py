"""The embedded Postgres: one server under a home folder, shared by every polis of that home.

It is started by the first process that attaches and stopped by the last that leaves. It runs in a session of
its own: Ctrl-C, or the death of whoever started it, does not reach it. If the last polis is killed with -9,
nobody is left to stop it: it stays up, idle, until the next polis finds it, shares it, and stops it on
leaving. If the server itself is killed, `ensure_running` starts it again, and it recovers all that was
committed.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

from infrastructure.errors import EmbeddedPostgresFailed
from infrastructure.files import usable
from infrastructure.postgres_cluster import DATABASE, Cluster
from infrastructure.postgres_locks import Hold, start_lock
from infrastructure.postgres_process import postmaster
from infrastructure.postgres_server import STOP_TIMEOUT_S, Running, Server
from infrastructure.postgres_tuning import TUNED

START_TIMEOUT_S = 120.0  # recovery takes 14 s on two quiet cores, several times that on busy ones

_log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A share in the server of one home. Use it as a context manager, or `attach` and `leave`.

    Parameters
    ----------
    home : Path
    settings : mapping of str to str
        As in postgresql.conf; what the machine can't carry is made smaller. They apply when the server
        starts: one found running keeps its own.
    progress : callable, optional
        Is told, in a sentence, what takes longer than a second.
    start_timeout_s : float
        How long to wait for a server that starts or recovers.

    Notes
    -----
    Threads may share one. A forked child must make its own. What is not left by the end of the program is
    left then, except after a signal that ends it without clean-up.
    """

    def __init__(
        self,
        home: Path,
        *,
        settings: Mapping[str, str] = TUNED,
        progress: Callable[[str], None] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.cluster = Cluster(home)
        self._server = Server(self.cluster, settings, say=self._say, start_timeout_s=start_timeout_s)
        self._progress = progress
        self._mutex = threading.RLock()
        self._hold: Hold | None = None
        self._running: Running | None = None
        # Somebody may be recovering the server, or stopping it, before it is our turn.
        self._lock_timeout_s = start_timeout_s + STOP_TIMEOUT_S

    def attach(self) -> None:
        """Take a share in the server, starting it if need be; then it runs until the last process leaves.

        Raises
        ------
        DataFolderUnusable
            If only a person can put the folder right.
        EmbeddedPostgresFailed
            If the server does not start; the message has the end of its log.
        """
        with self._mutex:
            if self._hold is not None and self._hold.is_ours():
                self.ensure_running()
                return
            with usable(self.cluster.folder):
                self.cluster.make_folders()
                with self._start_lock():
                    hold = Hold(self.cluster.folder / "users.lock")
                    try:
                        self._running = self._server.find_or_start()
                    except BaseException:
                        hold.let_go()
                        raise
                    self._hold = hold
            atexit.register(self.leave)

    def ensure_running(self) -> None:
        """Return at once if the server answers; else wait for it, or start it again.

        After a restart the port may be another: read the URLs again.

        Raises
        ------
        DataFolderUnusable, EmbeddedPostgresFailed
            As `attach`.
        """
        with self._mutex:
            assert self._hold is not None and self._hold.is_ours(), "attach() first, in this very process"
            if self.is_running:
                return
            with usable(self.cluster.folder), self._start_lock():
                self._running = self._server.find_or_start()

    def leave(self) -> None:
        """Give up the share, and stop the server if it was the last. Does nothing if not attached."""
        with self._mutex:
            hold, self._hold, self._running = self._hold, None, None
            if hold is None:
                return
            atexit.unregister(self.leave)
            if not hold.is_ours():
                hold.let_go()
                return
            try:
                # Letting go inside the lock: of two that leave at once, the second must find itself last.
                with start_lock(self.cluster.folder / "start.lock", timeout_s=self._lock_timeout_s):
                    try:
                        if hold.is_last():
                            self._server.stop()
                    finally:
                        hold.let_go()
            except OSError as error:  # nobody gave us the lock, or the home was removed under us
                hold.let_go()
                _log.warning("left the embedded Postgres without looking whether to stop it: %s", error)

    def __enter__(self) -> Self:
        self.attach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    @property
    def is_running(self) -> bool:
        """Whether the server that we know of lives and takes connections: a millisecond, without a login."""
        running = self._running
        return running is not None and running.answers()

    @property
    def postmaster_pid(self) -> int | None:
        """The process id of the home's server, attached or not; None if none runs."""
        process = postmaster(self.cluster.data, self.cluster.name)
        return None if process is None else process.pid

    @property
    def version(self) -> str:
        """What the server says it is, such as ``18.6``."""
        return self._known().version

    @property
    def admin_url(self) -> str:
        """URL of the superuser `postgres`, for migrations."""
        return self.url("postgres")

    @property
    def app_url(self) -> str:
        """URL of `polis_app`, which appends history."""
        return self.url("polis_app")

    @property
    def read_url(self) -> str:
        """URL of `polis_read`, which only looks."""
        return self.url("polis_read")

    def url(
        self,
        role: Literal["postgres", "polis_app", "polis_read"],
        *,
        over: Literal["tcp", "socket"] = "tcp",
        database: str = DATABASE,
    ) -> str:
        """Return a URL with the password in it.

        Parameters
        ----------
        role : str
        over : {"tcp", "socket"}
            Loopback, which every client knows; or the Unix socket, for those built on libpq.
        database : str
        """
        known = self._known()
        login = f"postgresql://{role}:{known.passwords[role]}@"
        if over == "tcp":
            return f"{login}127.0.0.1:{known.port}/{database}"
        return f"{login}/{database}?host={quote(known.socket_folder)}&port={known.port}"

    def _known(self) -> Running:
        assert self._running is not None, "attach() first"
        return self._running

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        try:
            with start_lock(self.cluster.folder / "start.lock", timeout_s=self._lock_timeout_s):
                yield
        except TimeoutError as error:
            raise EmbeddedPostgresFailed("be started", self.cluster.log, str(error)) from None

    def _say(self, what: str) -> None:
        _log.info("%s: %s", self.cluster.folder, what)
        if self._progress is not None:
            self._progress(what)
