"""A disk gives back other bytes than the database wrote: who reads them is told, and other runs can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import replay
from infrastructure.errors import FilesDamaged
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import make_run

pytestmark = pytest.mark.integration


@pytest.fixture
def tear(migrated: FreshDatabase) -> Callable[[str], None]:
    """Change a page of a table where it lies, which the server has forgotten."""

    def tear(table: str) -> None:
        with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
            connection.execute("CHECKPOINT")
            connection.execute("SELECT pg_buffercache_evict_relation(%s::regclass)", (table,))
            row = connection.execute(
                "SELECT current_setting('data_directory') || '/' || pg_relation_filepath(%s::regclass)", (table,)
            ).fetchone()
        assert row is not None
        with Path(row[0]).open("r+b") as file:
            file.seek(4_096)
            file.write(bytes(range(64)))

    return tear


def test_a_torn_page_is_told_as_damage_and_other_runs_can_be_read(
    postgres_store: PostgresStore, tear: Callable[[str], None]
) -> None:
    torn, whole = make_run(postgres_store, "torn", ticks=5), make_run(postgres_store, "whole", ticks=5)
    tear(f"polis.events_r{torn.id}_t0")
    with pytest.raises(FilesDamaged, match="files of the database are damaged: invalid page in block 0") as caught:
        replay.verify(postgres_store, torn)
    assert "drop the runs that can't be read" in str(caught.value)
    assert replay.verify(postgres_store, whole).ok
