"""Runners forked from a process that has imported all they need: `python -m tests.support.runner_forks SOCKET`.

To start one takes two seconds of processor time otherwise, most of it for imports. What is forked is a process like any
other, in a session of its own, to be stopped, paused and killed. Nothing has been opened before, no thread started.
"""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from infrastructure import failpoints

ROOT = Path(__file__).parents[2]
_ROOM = 1 << 20  # bytes, for a request


class Fork:
    """A runner, with as much of a `Popen` as its tests look at.

    Parameters
    ----------
    arguments : of its command line
    environment : all of it
    errors : takes its standard error
    """

    def __init__(self, arguments: list[str], environment: dict[str, str], errors: IO[str]) -> None:
        self._asking = socket.socket(socket.AF_UNIX)
        self._asking.connect(_forker())
        reading, writing = os.pipe()
        socket.send_fds(self._asking, [b"!"], [writing, errors.fileno()])
        os.close(writing)
        self._asking.sendall(repr((arguments, environment)).encode())
        self._asking.shutdown(socket.SHUT_WR)
        self._told = self._asking.makefile()
        self.pid = int(self._told.readline())
        self.stdout: IO[str] = open(reading)  # noqa: SIM115 -- closed once it has ended
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send it a signal; it is not waited for before we are told how it ended, so its number is still its own."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Read what is left of its output, wait for its end and note how it ended, as a `Popen` does."""
        self._asking.settimeout(timeout)
        try:
            self.returncode = int(self._told.readline())
        except TimeoutError:
            raise subprocess.TimeoutExpired("a runner", timeout or 0.0) from None
        with self.stdout, self._asking, self._told:
            return self.stdout.read(), None


@functools.cache
def _started() -> tuple[tempfile.TemporaryDirectory[str], subprocess.Popen[str]]:
    folder = tempfile.TemporaryDirectory(prefix="polis-r-")
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.runner_forks", f"{folder.name}/s"]
    forker = subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert forker.stdout is not None
    assert forker.stdout.readline() == "ready\n"
    return folder, forker


def _forker() -> str:
    return f"{_started()[0].name}/s"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the process that forks."""
    if _started.cache_info().currsize:
        folder, forker = _started()
        forker.kill()
        forker.communicate()
        folder.cleanup()


# -- in the process that forks --------------------------------------------------------------------------


def _become_a_runner(path: str) -> list[str]:
    """Fork whenever that is asked for; return in the child alone, with its arguments.

    Between the two stands a process that waits for the child and tells whoever asked how it ended.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those between
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while 0 not in select.select([listening, 0], [], [])[0]:  # else whoever started us has ended
            asking, _ = listening.accept()
            if os.fork() == 0:
                break
            asking.close()
        else:
            sys.exit()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(asking, 1, 2)
    with asking.makefile("rb") as rest:
        arguments, environment = ast.literal_eval(rest.read(_ROOM).decode())
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        asking.sendall(f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        asking.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    asking.close()
    os.setsid()
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    importlib.reload(failpoints)  # it reads its variable once
    return list(arguments)


if __name__ == "__main__":
    import domain.society  # noqa: F401 -- which a runner imports with its first tick
    from domain.draws import draw
    from tests.support import run_process

    draw(np.zeros(1, np.uint64), seed=0, stream="warm", tick=0)  # numba's own tables, not yet our kernels
    gc.freeze()
    sys.argv[1:] = _become_a_runner(sys.argv[1])
    sys.exit(run_process.main())
