"""Processes of a measurement: start a victim, read what it says, kill it and its server."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from infrastructure.embedded_postgres import EmbeddedPostgres

_ROOT = Path(__file__).parent.parent


class Victim:
    """A `benchmarks.victim` under way; use it as a context manager, which ends it."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.victim", *arguments],
            cwd=_ROOT,
            env={**os.environ, "POLIS_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def next(self, what: str, *, timeout_s: float) -> dict[str, Any]:
        """Wait for the next line of that kind and return it.

        Raises
        ------
        RuntimeError
            If the process ends, or says nothing of the kind in time.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise RuntimeError(f"the runner did not say {what!r} within {timeout_s:g} s") from None
            if line is None:
                raise RuntimeError(f"the runner ended (code {self._process.wait()}) before it said {what!r}")
            if line["what"] == what:
                return line

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as the kernel would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Victim:
        return self

    def __exit__(self, *about: object) -> None:
        if self.is_alive():
            self.kill()


def server_tree(home: Path) -> list[psutil.Process]:
    """Return the postmaster of a home and all its children; empty if there is none."""
    pid = EmbeddedPostgres(home).postmaster_pid
    if pid is None:
        return []
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_server(home: Path) -> None:
    """Kill every process of a home's server at once, as a power cut would."""
    for process in server_tree(home):
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
