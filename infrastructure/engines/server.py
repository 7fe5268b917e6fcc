"""A model server under a home folder, shared by every polis of that home which wants the same model.

It runs in a session of its own, so Ctrl-C does not reach it; if the last polis is killed, it finds out and leaves
by itself (see `child`).

::

    <home>/engines/<engine>-<key>/
    ├── start.lock, users.lock   see postgres_locks
    ├── wanted.json              0600, what the next one is to be
    └── server.json              0600, what the running one is: pid, URL, key
    <home>/log/<engine>-<key>.log, and .1, the one before
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import infrastructure
from infrastructure.engines.health import is_healthy
from infrastructure.errors import EngineServerFailed
from infrastructure.files import write_file
from infrastructure.postgres_process import Birth, is_alive, send, wait_until_gone, wait_until_ready
from infrastructure.server_files import rotate, size_of, tail
from infrastructure.shared_server import SharedServer

STOP_TIMEOUT_S = 15.0
HUNG_S = 30.0
LOG_TAIL_LINES = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A server that has answered us."""

    process: psutil.Process
    url: str
    key: str
    plan: Mapping[str, Any]

    def answers(self, *, within_s: float = 2.0) -> bool:
        """Return whether it lives and says that it is well."""
        return is_alive(self.process) and is_healthy(self.url, within_s=within_s)


class ModelServer(SharedServer):
    """A share in one model server. Use it as a context manager, or `attach` and `leave`.

    Parameters
    ----------
    home : Path
    engine : str
        Its name, for people.
    key : str
        What two polis must agree on to share a server: the hash of model and adapters.
    plan : mapping
        What `child` is to serve. One found running keeps its own.
    progress : callable, optional
        Is told, in a sentence, what takes longer than a second.
    start_timeout_s : float
    """

    def __init__(
        self,
        home: Path,
        engine: str,
        key: str,
        plan: Mapping[str, Any],
        *,
        progress: Callable[[str], None] | None = None,
        start_timeout_s: float = 60.0,
    ) -> None:
        folder = home.resolve() / "engines" / f"{engine}-{key[:12]}"
        timeout_s = start_timeout_s + STOP_TIMEOUT_S
        super().__init__(folder, title=f"{engine} server", lock_timeout_s=timeout_s, progress=progress)
        self.engine = engine
        self.log = home.resolve() / "log" / f"{engine}-{key[:12]}.log"
        self._plan = dict(plan)
        self._start_timeout_s = start_timeout_s
        self._running: Running | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def is_running(self) -> bool:
        """Whether the server that we know of lives and answers."""
        return self._running is not None and self._running.answers()

    def pids(self) -> list[int]:
        """Return the process id of the server, attached or not; empty if none runs."""
        found = self.found()
        return [] if found is None else [found.process.pid]

    @property
    def running(self) -> Running:
        """The server as it was last met."""
        assert self._running is not None, "attach() first"
        return self._running

    def found(self) -> Running | None:
        """Return the server that runs, attached or not; None if none does."""
        try:
            note = json.loads((self.folder / "server.json").read_text("utf-8"))
            process = psutil.Process(int(note["pid"]))
            if Birth.of(process.pid) != Birth(**note["born"]) or not is_alive(process):
                return None
            return Running(process, str(note["url"]), str(note["key"]), dict(note["plan"]))
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    def _make_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)

    def _find_or_start(self) -> None:
        running = self.found()
        if running is not None:
            if running.answers() or self._recovers(running):
                if running.plan != self._plan:
                    self._say(f"the {self.engine} server of this model runs already, with settings of its own")
                self._running = running
                return
            _log.warning("the %s server (pid %d) does not answer: ending it", self.engine, running.process.pid)
        self._stop()
        self._running = self._start()

    def _recovers(self, running: Running) -> bool:
        until = time.monotonic() + HUNG_S
        while is_alive(running.process) and time.monotonic() < until:
            if running.answers():
                return True
            time.sleep(0.1)
        return False

    def _start(self) -> Running:
        rotate(self.log)
        since = size_of(self.log)
        key = secrets.token_urlsafe(24)
        write_file(self.folder / "wanted.json", json.dumps({"plan": self._plan, "key": key}), None)
        root = str(Path(infrastructure.__file__).parents[1])
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "infrastructure.engines.child", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": path},
            )
        self._children = [c for c in self._children if c.poll() is None] + [child]

        def answers() -> bool:
            running = self.found()
            return running is not None and running.process.pid == child.pid and running.answers()

        def progress(seconds: float) -> None:
            self._say(f"the {self.engine} server is starting ({seconds:.0f} s)")

        process, born = psutil.Process(child.pid), Birth.of(child.pid)
        try:
            if wait_until_ready(process, answers, timeout_s=self._start_timeout_s, progress=progress):
                running = self.found()
                if running is not None:
                    return running
            child.wait()
        except BaseException as error:
            child.terminate()
            _clear_up(child.pid, born)
            if isinstance(error, TimeoutError):
                action = f"answer within {self._start_timeout_s:.0f} s"
                raise self._could_not(action, tail(self.log, since=since, lines=LOG_TAIL_LINES)) from None
            raise
        _clear_up(child.pid, born)
        raise self._could_not("start", tail(self.log, since=since, lines=LOG_TAIL_LINES))

    def _stop(self) -> None:
        """Stop whatever runs, and what a killed one left."""
        note = self.folder / "server.json"
        running = self.found()
        led = None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(note.read_text("utf-8"))
            led = int(said["pid"]), Birth(**said["born"])
        if running is not None:
            send(running.process, signal.SIGTERM)
            for process in wait_until_gone([running.process], timeout_s=STOP_TIMEOUT_S):
                send(process, signal.SIGKILL)
                wait_until_gone([process], timeout_s=STOP_TIMEOUT_S)
        if led is not None:
            _clear_up(*led)
        note.unlink(missing_ok=True)
        for child in self._children:
            child.poll()  # buries it

    def _forget(self) -> None:
        self._running = None

    def _could_not(self, action: str, detail: str) -> EngineServerFailed:
        return EngineServerFailed(self.engine, action, self.log, detail)


def _clear_up(pid: int, born: Birth) -> None:
    """End what is left of the session that a server led: workers of a killed vLLM, for one.

    Its number is somebody else's once nothing of it is left, or after a reboot. So nobody is touched where another
    process has it now, or who was there before the server.
    """
    if born.boot != Birth.this_boot():
        return
    with contextlib.suppress(OSError):
        if Birth.of(pid) != born:
            return
    left: list[psutil.Process] = []
    trackers: list[psutil.Process] = []  # they end by themselves, after the others
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == pid and Birth.of(process.pid).ticks >= born.ticks and is_alive(process):
                (trackers if _is_tracker(process) else left).append(process)
    for process in left:
        send(process, signal.SIGTERM)
    for process in wait_until_gone(left, timeout_s=5.0):
        send(process, signal.SIGKILL)
    for process in wait_until_gone(trackers, timeout_s=5.0):
        send(process, signal.SIGKILL)


def _is_tracker(process: psutil.Process) -> bool:
    """Return whether it gives back the shared memory of Python processes once they have ended, and then ends itself.

    Killed with them it would leave in memory what vLLM shares among its own, some 400 MB, until the next reboot.
    """
    return any("multiprocessing.resource_tracker" in word for word in process.cmdline())
