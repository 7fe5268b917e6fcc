"""The embedded Chroma: one server under a home folder, shared by every polis of that home.

It keeps a projection of events, which is made anew if it is lost; so nothing in it is worth more than the time that
takes. It listens on loopback. Which process it is, and on which port, its own command line says, where the data
folder stands: so there is no pid file that could be stale, and an orphan is found too.

::

    <home>/chroma/
    ├── start.lock, users.lock   see postgres_locks
    ├── port                     of the last start, to be used again
    ├── log/chroma.log           the server's, and .1, the one before
    └── data/
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil

from infrastructure.errors import EmbeddedChromaFailed
from infrastructure.files import write_file
from infrastructure.postgres_account import Account
from infrastructure.postgres_process import is_alive, send, wait_until_gone, wait_until_ready
from infrastructure.server_files import rotate, size_of, tail
from infrastructure.shared_server import SharedServer

START_TIMEOUT_S = 40.0  # 0.1 s on a quiet machine
STOP_TIMEOUT_S = 10.0
NICENESS = 10
PORTS_TRIED_MAX = 5
PORT_TIMEOUT_S = 1.0
_ANSWER_TIMEOUT_S = 2.0

# What the `chroma` script does, without importing the whole of chromadb for it.
_PROGRAM = "import sys, chromadb_rust_bindings as chroma; chroma.cli(['chroma', *sys.argv[1:]])"
_BANNER = "Saving data to|Connect to|Getting started|☁|- Sign up|- Copy your data"
# Python reads where its packages are in the encoding of the locale: in C, with none that lie in a folder like Zoë's.
_ENVIRONMENT = ("RUST_LOG=warn", "ANONYMIZED_TELEMETRY=False", "LC_ALL=C.UTF-8")


class EmbeddedChroma(SharedServer):
    """A share in the Chroma of one home. Use it as a context manager, or `attach` and `leave`.

    Parameters
    ----------
    home : Path
    progress : callable, optional
        Is told, in a sentence, what takes longer than a second.
    """

    def __init__(self, home: Path, *, progress: Callable[[str], None] | None = None) -> None:
        folder = home.expanduser().resolve() / "chroma"
        timeout_s = START_TIMEOUT_S + STOP_TIMEOUT_S
        super().__init__(folder, title="Chroma", lock_timeout_s=timeout_s, progress=progress)
        self.log = folder / "log" / "chroma.log"
        self.data = folder / "data"
        self._process: psutil.Process | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """Where it answers; read it again after `ensure_running`."""
        assert self._port is not None, "attach() first"
        return _url(self._port)

    @property
    def is_running(self) -> bool:
        """Whether the server that we know of lives and answers."""
        process = self._process
        return process is not None and _answers(process)

    def pids(self) -> list[int]:
        """Return the process id of the home's server, attached or not; empty if none runs."""
        return [process.pid for process in self._servers()]

    def found_url(self) -> str | None:
        """Return where the home's server is to answer, attached or not; None if none runs."""
        for process in self._servers():
            with contextlib.suppress(psutil.Error):
                port = _port_of(process.cmdline())
                if port is not None:
                    return _url(port)
        return None

    def _servers(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                if _PROGRAM in words and str(self.data) in words and is_alive(process):
                    yield process
            except psutil.Error:
                continue

    def _make_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(mode=0o700, exist_ok=True)

    def _find_or_start(self) -> None:
        for process in list(self._servers()):
            if self._wait(process):
                try:
                    self._process, self._port = process, _port_of(process.cmdline())
                    return
                except psutil.NoSuchProcess:
                    continue
            if is_alive(process):
                send(process, signal.SIGKILL)  # it neither answers nor ends; what it had committed is on disk
                wait_until_gone([process], timeout_s=STOP_TIMEOUT_S)
        self._process, self._port = self._start()

    def _start(self) -> tuple[psutil.Process, int]:
        if importlib.util.find_spec("chromadb_rust_bindings") is None:
            raise self._could_not("find its program", "the package chromadb is not installed here: run `make install`")
        self._make_folders()
        rotate(self.log)
        since = size_of(self.log)
        said = "no port is free on 127.0.0.1"
        for port in self._ports():
            since = size_of(self.log)
            where = ["--path", str(self.data), "--host", "127.0.0.1", "--port", str(port)]
            command = ["nice", "-n", str(NICENESS), "env", *_ENVIRONMENT, sys.executable, "-I", "-c", _PROGRAM]
            pid = _ourselves().spawn([*command, "run", *where], log=self.log)
            try:
                process = psutil.Process(pid)
                if self._wait(process):
                    write_file(self.folder / "port", f"{port}\n", None, mode=0o644)
                    return process, port
                send(process, signal.SIGKILL)
            except psutil.NoSuchProcess:
                pass  # dead already
            said = _without_banner(tail(self.log, since=since, lines=60))
            if "in use" not in said:
                break
        raise self._could_not("start", said)

    def _wait(self, process: psutil.Process) -> bool:
        """Wait until `process` answers and return True; False if it dies or never does."""
        try:
            return wait_until_ready(
                process,
                lambda: _answers(process),
                timeout_s=START_TIMEOUT_S / 2,
                progress=lambda seconds: self._say(f"the memory server is starting ({seconds:.0f} s)"),
            )
        except TimeoutError:
            return False

    def _stop(self) -> None:
        servers = list(self._servers())
        for process in servers:
            send(process, signal.SIGTERM)
        for straggler in wait_until_gone(servers, timeout_s=STOP_TIMEOUT_S):
            send(straggler, signal.SIGKILL)

    def _forget(self) -> None:
        self._process = self._port = None

    def _could_not(self, action: str, detail: str) -> EmbeddedChromaFailed:
        return EmbeddedChromaFailed(action, self.log, detail)

    def _ports(self) -> Iterator[int]:
        """Yield free ports, that of the last start first; else by home, so that homes do not meet."""
        try:
            first = int((self.folder / "port").read_text())
        except (OSError, ValueError):
            first = 26_000 + int(hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:8], 16) % 5_000
        until = time.monotonic() + PORT_TIMEOUT_S
        while not _is_free(first) and time.monotonic() < until:
            time.sleep(0.02)  # a server that was killed keeps it for a moment, until the last of its threads is gone
        free = (port for port in range(first, first + 200) if _is_free(port))
        for _, port in zip(range(PORTS_TRIED_MAX), free, strict=False):
            yield port


def _answers(process: psutil.Process) -> bool:
    """Return whether this very process answers a heartbeat on the port that it was given."""
    try:
        port = _port_of(process.cmdline())
        if not is_alive(process) or port is None:
            return False
        answer = httpx.get(f"{_url(port)}/api/v2/heartbeat", timeout=_ANSWER_TIMEOUT_S, trust_env=False)
        return answer.status_code == httpx.codes.OK and is_alive(process)
    except (httpx.HTTPError, psutil.Error):
        return False


def _port_of(words: list[str]) -> int | None:
    """Return the port in a command line; None while the shell has not become the server yet."""
    if _PROGRAM not in words or "--port" not in words:
        return None
    return int(words[words.index("--port") + 1])


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _without_banner(said: str) -> str:
    """Return what a server printed without colours, its picture, and what it prints at every start."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in said.splitlines()]
    return "\n".join(line for line in lines if re.search("[a-z]", line) and not re.match(_BANNER, line))


def _ourselves() -> Account:
    return Account("", os.geteuid(), os.getegid())
