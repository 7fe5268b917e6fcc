"""`polis` called as the console script calls it, in this process, against a server of its own: `polis("show", name)`.

A module gives the `home` that its commands know, made by `home_with_server`; `polis` comes from here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chronopolis.cli import main
from infrastructure.embedded_postgres import EmbeddedPostgres
from tests.support.folders import short_lived_folder
from tests.support.homes import FOR_TESTS, make_home

_VARIABLES = ("POLIS_HOME", "POLIS_DATABASE_URL", "POLIS_DEBUG", "POLIS_RUN")


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of standard output."""
        last: dict[str, Any] = self.lines[-1]
        return last

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Polis = Callable[..., Said]


@contextlib.contextmanager
def home_with_server() -> Iterator[Path]:
    """Give a new home whose server is up, and let POLIS_HOME name it meanwhile."""
    before = {name: os.environ.pop(name, None) for name in _VARIABLES}
    try:
        with short_lived_folder("polis-c-") as folder:
            make_home(folder)
            os.environ["POLIS_HOME"] = str(folder)
            with EmbeddedPostgres(folder, settings=FOR_TESTS):
                yield folder
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def calling(capsys: pytest.CaptureFixture[str]) -> Polis:
    """Return what calls `polis` in this process, on whatever database the environment names."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main.run(list(arguments))
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def polis(home: Path, capsys: pytest.CaptureFixture[str]) -> Polis:
    return calling(capsys)


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `polis` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "chronopolis.cli.main", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_tick(polis: Polis, name: str, tick: int) -> None:
    """Wait until a run has come to a tick."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        said = polis("show", name, "--json")
        if said.code == 0 and said.json["head_tick"] >= tick:
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} never came to tick {tick}: {said}")


def owner_of(home: Path) -> psycopg.Connection[Any]:
    """Return a connection as a superuser, for what the application may not do."""
    with EmbeddedPostgres(home) as embedded:
        return psycopg.connect(embedded.url("postgres", over="socket"), autocommit=True)
