"""Homes whose database is made already, with our schema and no run: copied, since to make one takes two seconds."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from infrastructure.database import Database
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.migrate import upgrade
from infrastructure.postgres_tuning import TUNED
from infrastructure.settings import Settings
from tests.support.folders import new_folder

# Killed processes lose nothing by this, only a power cut would: crash tests let `polis` start its server as ever.
FOR_TESTS = {**TUNED, "fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB", "min_wal_size": "64MB"}


def make_home(home: Path) -> None:
    """Put a database into a folder that has none, as the first start of a `polis` in it would.

    But for one thing: that start makes a gigabyte of log files ahead, and one here never will. Written twice, they
    are more than all that most tests write, and no test of a run is about them.
    """
    made = _made() / "postgres"
    (home / "postgres").mkdir(parents=True)
    subprocess.run(["cp", "-a", made / "data", made / "passwords.json", home / "postgres"], check=True)


@functools.cache
def _made() -> Path:
    folder = new_folder("polis-m-")
    with EmbeddedPostgres(folder, settings=FOR_TESTS) as embedded:
        with Database(Settings(folder, embedded.admin_url)) as database:
            upgrade(database)
        with psycopg.connect(embedded.admin_url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET min_wal_size = '{FOR_TESTS['min_wal_size']}'")
    return folder


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what homes were copied from."""
    if _made.cache_info().currsize:
        shutil.rmtree(_made(), ignore_errors=True)
