"""`polis` as a process of its own, in a home of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.support.crashes import ROOT, home_of_its_own


class Polis:
    """A command under way.

    Parameters
    ----------
    environment : its POLIS_… variables; it gets no other of them
    arguments : of the command line
    """

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        known = {k: v for k, v in os.environ.items() if not k.startswith("POLIS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", "from chronopolis.cli.main import main; main()", *arguments],
            cwd=ROOT, env=known | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def result(self, *, within_s: float = 200) -> dict[str, Any]:
        """Wait for a good end and return what it said last."""
        out, err = self.process.communicate(timeout=within_s)
        assert self.process.returncode == 0, f"{out[-2000:]} {err[-3000:]}"
        last: dict[str, Any] = json.loads(out.splitlines()[-1])
        return last

    def workers(self, queue: str) -> list[psutil.Process]:
        """Return its worker processes of a queue."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if "workers.worker_process" in words and queue in words:
                    found.append(child)
        return found


@pytest.fixture
def polis_home() -> Iterator[dict[str, str]]:
    """An environment with a home that has no run; whatever still runs in it is killed at the end."""
    with home_of_its_own() as environment:
        yield environment
        for process in psutil.process_iter():  # what a test killed the owner of, by this very home
            with contextlib.suppress(psutil.Error):
                if environment["POLIS_HOME"] in " ".join(process.cmdline()):
                    process.kill()
