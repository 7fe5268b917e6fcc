"""The crew of a run: the worker processes that `polis run` starts, and the servers that it shares.

Workers are children of the runner: each in a process group of its own (Ctrl-C is for the runner), at a lower
priority, killed by the kernel when the runner ends, however it ends, and started again when they end before.
Servers are shared with other polis of the home: the crew attaches, has them started again when they are
killed, and leaves. Nothing is ever ended by its name.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from workers.broker import Broker
from workers.errors import CrewFailed, QueueUnavailable
from workers.worker_process import NICENESS, worker_names

GRACE_S = 3.0
LOG_BYTES_MAX = 4 << 20
RESTARTS_MAX = 30  # in a row, none of which lived long
LIVED_LONG_S = 20.0
_LOOK_EVERY_S = 0.1
_RESTART_FIRST_S, _RESTART_MAX_S = 0.1, 5.0
_SERVER_LOOK_EVERY_S = 0.5

_log = logging.getLogger(__name__)


class Server(Protocol):
    """A server that several polis share."""

    def attach(self) -> None:
        """Take a share, starting it if need be."""
        ...

    def ensure_running(self) -> None:
        """Start it again if it is gone."""
        ...

    def leave(self) -> None:
        """Give up the share."""
        ...


@dataclass(frozen=True)
class Post:
    """A worker process to keep up.

    Attributes
    ----------
    queue : which queue it serves
    concurrency : how many requests at a time
    """

    queue: str
    concurrency: int = 1


@dataclass
class _Worker:
    post: Post
    name: str
    log: Path
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    restarts: int = 0
    in_a_row: int = 0
    due: float = 0.0
    gave_up: bool = False


@dataclass
class CrewFigures:
    """What a crew has counted."""

    worker_restarts: dict[str, int] = field(default_factory=dict)
    server_restarts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Crew:
    """Worker processes and shared servers for as long as a run needs them; a context manager.

    Parameters
    ----------
    home : Path
        Logs go to its folder `log`.
    broker_url : str
        Where the workers get their requests.
    servers : sequence
        Attached in this order, left in reverse.
    posts : sequence of Post
    environment : mapping, optional
        What the workers get besides ours: addresses of engine and memory.
    command : callable, optional
        Returns the beginning of a worker's command line, for tests.
    say : callable, optional
        Told in a sentence what a person should know.

    Raises
    ------
    DataFolderUnusable, EmbeddedServerFailed
        On entering, if a server does not start.
    """

    def __init__(
        self,
        home: Path,
        broker_url: str,
        *,
        servers: Sequence[Server] = (),
        posts: Sequence[Post] = (Post("minds", 4), Post("memory", 1)),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "workers.worker_process"),
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._broker_url = broker_url
        self._logs = home.expanduser().resolve() / "log"
        self._servers, self._command = list(servers), list(command)
        self._environment = {
            **os.environ,
            **(environment or {}),
            "POLIS_HOME": str(home),
            "POLIS_BROKER_URL": broker_url,
        }
        self._say = say or (lambda sentence: None)
        self._workers = [
            _Worker(post, f"{post.queue}-{n}", self._logs / f"worker-{post.queue}-{n}.log")
            for n, post in enumerate(posts, start=1)
        ]
        self._stack = ExitStack()
        self._leaving = threading.Event()
        self._started = threading.Event()
        self._threads: list[threading.Thread] = []
        self.figures = CrewFigures()

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        with ExitStack() as entered:
            for server in self._servers:
                server.attach()
                entered.callback(server.leave)
            self._stack = entered.pop_all()
        # Workers are started by a thread that lives as long as they do: the kernel takes the thread, not the
        # process, for the parent with which they die.
        self._start_thread(self._look_after_workers, "polis-crew")
        for server in self._servers:
            self._start_thread(partial(self._look_after, server), "polis-crew-server")
        self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()

    def pids(self) -> list[int]:
        """Return the process ids of all workers and servers, for who counts their memory."""
        workers = [w.process.pid for w in self._workers if w.process is not None and w.process.poll() is None]
        servers = [pid for server in self._servers if hasattr(server, "pids") for pid in server.pids()]
        return [*workers, *servers]

    def worker_pids(self) -> dict[str, int]:
        """Return the process id of each worker that is up, by its name."""
        return {w.name: w.process.pid for w in self._workers if w.process is not None and w.process.poll() is None}

    def check(self) -> None:
        """Raise `CrewFailed` if a worker ended so often that it is not started any more."""
        for worker in self._workers:
            if worker.gave_up:
                raise CrewFailed(worker.name, worker.restarts, worker.log)

    # -- workers -----------------------------------------------------------------------------------

    def _look_after_workers(self) -> None:
        try:
            for worker in self._workers:
                self._start(worker)
            self._started.set()
            while not self._leaving.wait(_LOOK_EVERY_S):
                for worker in self._workers:
                    self._look_at(worker)
        finally:
            self._started.set()
            self._stop_workers()

    def _look_at(self, worker: _Worker) -> None:
        now = time.monotonic()
        if worker.process is not None:
            bound(worker.log)
            code = worker.process.poll()
            if code is None:
                return
            self._release(worker.process.pid)
            worker.process = None
            worker.restarts += 1
            worker.in_a_row = 1 if now - worker.began > LIVED_LONG_S else worker.in_a_row + 1
            self.figures.worker_restarts[worker.name] = worker.restarts
            worker.due = now + min(_RESTART_FIRST_S * 2 ** (worker.in_a_row - 1), _RESTART_MAX_S)
            self._say(f"the worker {worker.name} ended ({_how(code)}) and is started again; its log is {worker.log}")
        if worker.gave_up or now < worker.due:
            return
        if worker.in_a_row > RESTARTS_MAX:
            worker.gave_up = True
            problem = str(CrewFailed(worker.name, worker.restarts, worker.log)).partition("\n")[0]
            self.figures.problems.append(problem)
            self._say(problem)
            return
        self._start(worker)

    def _release(self, pid: int) -> None:
        """Tell the broker that a worker is gone, so that its requests need not wait until that shows by itself."""
        with suppress(QueueUnavailable):
            broker = Broker(self._broker_url)
            try:
                broker.release(worker_names(pid))
            finally:
                broker.close()

    def _start(self, worker: _Worker) -> None:
        bound(worker.log)
        worker.began = time.monotonic()
        arguments = ["--queues", worker.post.queue, "--concurrency", str(worker.post.concurrency)]
        try:
            with worker.log.open("ab") as log:
                worker.process = subprocess.Popen(
                    ["nice", "-n", str(NICENESS), *self._command, *arguments, "--parent", str(os.getpid())],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, process_group=0,
                )  # fmt: skip
        except OSError as error:  # no memory, no process to be had: as if it had ended at once
            worker.restarts += 1
            worker.in_a_row += 1
            worker.due = time.monotonic() + _RESTART_MAX_S
            self._say(f"the worker {worker.name} could not be started: {error}")

    def _stop_workers(self) -> None:
        running = [w.process for w in self._workers if w.process is not None and w.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + GRACE_S
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
            # The whole group, which is ours as long as its leader is not waited for, or has members.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    # -- servers -----------------------------------------------------------------------------------

    def _look_after(self, server: Any) -> None:
        name = str(getattr(server, "title", type(server).__name__))
        wait_s = _SERVER_LOOK_EVERY_S
        while not self._leaving.wait(wait_s):
            try:
                if not server.is_running:
                    server.ensure_running()
                    self.figures.server_restarts[name] = self.figures.server_restarts.get(name, 0) + 1
                    self._say(f"the embedded {name} was gone and was started again")
                wait_s = _SERVER_LOOK_EVERY_S
            except Exception as error:
                # Whatever it is, the run goes on without this server and the next look tries again.
                said = str(error).partition("\n")[0]
                if wait_s == _SERVER_LOOK_EVERY_S:
                    self._say(f"the embedded {name} is gone and can't be started: {said}")
                _log.warning("%s: %s", name, error)
                wait_s = min(2 * wait_s, 10.0)

    def _start_thread(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)


def bound(log: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Put aside what a log has, in place of what was put aside before, when it has grown long.

    It is copied and emptied, not renamed: processes have it open, and append.
    """
    with suppress(OSError):
        if log.stat().st_size > bytes_max:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
