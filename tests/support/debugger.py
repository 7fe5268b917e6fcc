"""The debugger for tests: recorded runs, `polis debug` as a process of its own, and a real browser before it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SHELL = "chromium-headless-shell"  # the same without windows, which are drawn even where nobody sees them
# What Debian's build needs to run headless as anybody, and to reach no other machine, whoever asks.
BROWSER_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip
# Under these a server of NiceGUI's takes itself for one that a test has started in its own process.
_NOT_INHERITED = ("PYTEST_CURRENT_TEST", "NICEGUI_SCREEN_TEST_PORT", "PYTEST_XDIST_WORKER")


def chromium(*, as_people_have_it: bool = False) -> str | None:
    """Return the path of a Chromium: POLIS_CHROMIUM, or the first that is found; None if there is none."""
    names = (*BROWSERS, SHELL) if as_people_have_it else (SHELL, *BROWSERS)
    return os.environ.get("POLIS_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@dataclass
class Polis:
    """The command, on a database and a home of its own."""

    home: Path
    database_url: str | None = None
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        kept |= {"POLIS_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        return kept if self.database_url is None else kept | {"POLIS_DATABASE_URL": self.database_url}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `polis …`; it is ended by `close`, at the latest."""
        process = subprocess.Popen(
            [sys.executable, "-m", "chronopolis.cli.main", *arguments],
            env=self.environ, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.running.append(process)
        return process

    def __call__(self, *arguments: str) -> dict[str, Any]:
        """Run `polis … --json` and return the last line of its output."""
        done = subprocess.run(
            [sys.executable, "-m", "chronopolis.cli.main", *arguments, "--json"],
            env=self.environ, cwd=ROOT, text=True, capture_output=True, timeout=280, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"polis {' '.join(arguments)}: {done.stderr[-2000:]}"
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def close(self) -> None:
        """End what is still running, by its id."""
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass
class Server:
    """`polis debug`, which can be killed and started again at the same place."""

    polis: Polis
    port: int = 0
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it answers."""
        self.process = self.polis.start("debug", "--no-browser", "--port", str(self.port), "--json")
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"polis debug ended with {self.process.wait()}"
        self.port = json.loads(line)["port"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise AssertionError("polis debug does not answer /healthz")

    def kill(self) -> None:
        """Take it away at once, as when a machine loses power."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def get(self, path: str) -> Any:
        """Ask the API itself."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def fork(self, parent: str, *, at: int, name: str, **settings: int) -> None:
        """Fork by the API: a command of its own would take a second to begin."""
        wanted = json.dumps({"at": at, "name": name, "set": settings}).encode()
        request = urllib.request.Request(
            f"{self.url}/api/runs/{parent}/fork", wanted, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["name"] == name


@contextmanager
def serving(polis: Polis) -> Iterator[Server]:
    """Serve while the block lasts."""
    server = Server(polis)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
            try:
                server.process.wait(15)
            except subprocess.TimeoutExpired:
                server.process.kill()
