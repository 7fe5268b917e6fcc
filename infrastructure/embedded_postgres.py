"""The embedded Postgres: one server under a home folder, shared by every polis of that home.

It is started by the first process that attaches and stopped by the last that leaves. It runs in a session of
its own: Ctrl-C, or the death of whoever started it, does not reach it. If the last polis is killed with -9,
nobody is left to stop it: it stays up, idle, until the next polis finds it, shares it, and stops it on
leaving. If the server itself is killed, `ensure_running` starts it again, and it recovers all that was
committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from infrastructure.errors import EmbeddedPostgresFailed
from infrastructure.postgres_cluster import DATABASE, Cluster
from infrastructure.postgres_process import postmaster
from infrastructure.postgres_server import STOP_TIMEOUT_S, Running, Server
from infrastructure.postgres_tuning import TUNED
from infrastructure.shared_server import SharedServer

START_TIMEOUT_S = 120.0  # recovery takes 14 s on two quiet cores, several times that on busy ones


class EmbeddedPostgres(SharedServer):
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
        # Somebody may be recovering the server, or stopping it, before it is our turn.
        lock_timeout_s = start_timeout_s + STOP_TIMEOUT_S
        super().__init__(self.cluster.folder, title="Postgres", lock_timeout_s=lock_timeout_s, progress=progress)
        self._server = Server(self.cluster, settings, say=self._say, start_timeout_s=start_timeout_s)
        self._running: Running | None = None

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

    def pids(self) -> list[int]:
        """Return the process id of the home's server, attached or not; empty if none runs."""
        pid = self.postmaster_pid
        return [] if pid is None else [pid]

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

        Raises
        ------
        EmbeddedPostgresFailed
            After `leave`.
        """
        known = self._known()
        login = f"postgresql://{role}:{known.passwords[role]}@"
        if over == "tcp":
            return f"{login}127.0.0.1:{known.port}/{database}"
        return f"{login}/{database}?host={quote(known.socket_folder)}&port={known.port}"

    def _known(self) -> Running:
        if self._running is None:
            raise self._could_not("be asked", "this share in it was given up, or never taken: open the run again")
        return self._running

    def _make_folders(self) -> None:
        self.cluster.make_folders()

    def _find_or_start(self) -> None:
        self._running = self._server.find_or_start()

    def _stop(self) -> None:
        self._server.stop()

    def _forget(self) -> None:
        self._running = None

    def _could_not(self, action: str, detail: str) -> EmbeddedPostgresFailed:
        return EmbeddedPostgresFailed(action, self.cluster.log, detail)
