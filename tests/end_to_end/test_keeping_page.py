"""docs/keeping.md comes true, command by command, on three servers: a home, another, and one of somebody's own.

The folders, the host and the password that the page names stand for those of the test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.postgres_account import find_binaries
from tests.support.folders import short_lived_folder
from tests.support.postgres import FOR_TESTS
from tests.support.story import comparable, run_step, steps_of

_PAGE = Path(__file__).parents[2] / "docs" / "keeping.md"
_FOLDER, _HOST, _PASSWORD = "/home/ana", "db.example.org", "…"

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where ana is at home: histories beside it, and what she calls elsewhere; each with a server that is up."""
    with short_lived_folder("polis-k-") as made:
        home, elsewhere = (EmbeddedPostgres(made / name, settings=FOR_TESTS) for name in ("home", "elsewhere"))
        with home, elsewhere:
            yield made


@pytest.fixture
def own_server(folder: Path) -> Iterator[str]:
    """A server that nobody has prepared for us; give the URL of its superuser."""
    with EmbeddedPostgres(folder / "own", settings=FOR_TESTS) as embedded:
        url = embedded.url("postgres", database="postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP DATABASE polis")
            connection.execute("DROP ROLE polis_app, polis_read, polis_maintenance")
            connection.execute("CREATE ROLE ben LOGIN")
        yield url


def same_everywhere(printed: str, folder: Path) -> list[str]:
    """Return lines without what a folder's length, a terminal's width, compressing and the newest revision decide."""
    text = printed.replace(str(folder), _FOLDER)
    text = re.sub("─+", "─", re.sub(" +", " ", text))
    text = re.sub(r"\bschema (is )?\d{4}\b", r"schema \1the newest", text)
    return comparable(re.sub(r"size \S+ MiB", "size some MiB", text))


@pytest.mark.timeout(600)
def test_every_command_of_the_page_prints_what_the_page_says(
    folder: Path, own_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("POLIS_DATABASE_URL", "POLIS_DEBUG", "POLIS_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", f"{find_binaries()}:{os.environ['PATH']}")
    host = f"{urlsplit(own_server).hostname}:{urlsplit(own_server).port}"
    (prepared,) = re.findall(r"```sql\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    with psycopg.connect(own_server, autocommit=True) as administrator:
        for statement in prepared.replace(_PASSWORD, "secret").split(";\n"):
            if statement.strip():
                administrator.execute(statement)
    exported: list[str] = []
    for step in steps_of(_PAGE):
        command = step.command.replace(_PASSWORD, "secret").replace(_HOST, host)
        if command.startswith("export "):
            exported.append(command)
            continue
        if step.printed.startswith("error: "):
            command = f"{command} 2>&1; test $? = 2"
        really = run_step("\n".join([*exported, command]), folder / "home", folder=folder)
        assert same_everywhere(really, folder) == same_everywhere(step.printed, folder), step.command
    assert exported, "from there on it is somebody's own server"
