"""Runners as processes, to be stopped, paused and killed; and a home with a server of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from infrastructure.postgres_cluster import Cluster
from infrastructure.postgres_process import processes_of
from tests.support.homes import make_home
from tests.support.runner_forks import Fork

ROOT = Path(__file__).parents[2]


class RunnerProcess:
    """`tests.support.run_process` as a child.

    Parameters
    ----------
    environment : where the database is
    arguments : of the command line
    failpoint : as in POLIS_FAILPOINT
    """

    def __init__(self, environment: dict[str, str], *arguments: object, failpoint: str = "") -> None:
        known = {k: v for k, v in os.environ.items() if not k.startswith("POLIS_")}
        # Opened anew to be read: the child writes where this one's offset is.
        self.log = tempfile.NamedTemporaryFile("w")  # noqa: SIM115 -- closed with this object
        self.process = self._start([*map(str, arguments)], known | environment | {"POLIS_FAILPOINT": failpoint})
        self.said = ""

    def _start(self, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str] | Fork:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.support.run_process", *arguments],
            cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True,
        )  # fmt: skip

    def wait(self, *, within_s: float = 90) -> int | None:
        """Wait for its end and return the exit code; kill it and fail if it takes too long."""
        try:
            self.said += self.process.communicate(timeout=within_s)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.said += self.process.communicate()[0]
            raise AssertionError(f"not through within {within_s} s: {self.said} {self.told}") from None
        return self.process.returncode

    @property
    def told(self) -> str:
        """What it wrote to standard error so far."""
        return Path(self.log.name).read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it printed."""
        return [json.loads(line) for line in self.said.splitlines()]

    def finish(self, *, within_s: float = 90) -> dict[str, Any]:
        """Wait for a good end and return the summary."""
        code = self.wait(within_s=within_s)
        assert code == 0, f"exit code {code}: {self.said} {self.told}"
        return self.lines[-1]

    def wait_for_ticks(self) -> None:
        """Return once a tick is durable."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert '"durable"' in line, f"{line} {self.told}"
        self.said += line

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it as by `kill -9`, and everything that it started in its session."""
        self.process.kill()
        self.wait()


class ForkedRunner(RunnerProcess):
    """The same, forked from a process that has imported it: for tests in which its own start is of no account."""

    def _start(self, arguments: list[str], environment: dict[str, str]) -> Fork:
        return Fork(arguments, environment, self.log)


@contextlib.contextmanager
def home_of_its_own() -> Iterator[dict[str, str]]:
    """Give an environment with a home that has no run, and end whatever server is left in it."""
    folder = Path(tempfile.mkdtemp(prefix="polis-c-"))
    try:
        make_home(folder)
        yield {"POLIS_HOME": str(folder)}
    finally:
        kill_server(folder)
        shutil.rmtree(folder, ignore_errors=True)


def postmaster_of(home: Path) -> psutil.Process | None:
    """Return the server's first process."""
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        return psutil.Process(int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
    return None


def kill_server(home: Path) -> bool:
    """Kill the server's every process, as a crash of the machine would; return whether there was one."""
    there = list(processes_of(Cluster(home).name)) if (home / "postgres").exists() else []
    for process in there:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return bool(there)


def eventually(true: Callable[[], bool], *, within_s: float = 20) -> None:
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)
