"""What holds after any migration: every view over runs has its like over one run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure import migrate
from infrastructure.asking import Analyst
from infrastructure.migrate import downgrade, schema_status, upgrade
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import make_run

pytestmark = pytest.mark.integration

# Bytes for a program, which looks them up by run and lineage.
OVER_ALL_RUNS = {"snapshots"}


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True, options="-c search_path=pg_catalog") as connection:
        return connection.execute(query).fetchall()


def one_more_revision(folder: Path, statements: str, back: str) -> None:
    """Copy the migrations to `folder` with a newest that runs `statements`."""
    last = migrate._known_revisions()[0]
    name = f"{int(last) + 1:04}"
    shutil.copytree(migrate._FOLDER, folder)
    (folder / "versions" / f"{name}_later.py").write_text(
        f"from alembic import op\nrevision, down_revision = {name!r}, {last!r}\n"
        f"def upgrade():\n    op.execute({statements!r})\n"
        f"def downgrade():\n    op.execute({back!r})\n"
    )


def test_a_view_whose_migration_forgets_the_views_of_one_run_is_over_one_run_too(
    postgres_store: PostgresStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = postgres_store.database
    made, last = make_run(postgres_store, "one", ticks=3), schema_status(ours).wanted
    make_run(postgres_store, "other", ticks=4)
    view = "SELECT e.run, e.tick, count(*) AS events FROM polis.stored_events e GROUP BY e.run, e.tick"
    statements = f"CREATE VIEW polis.busy AS {view}; GRANT SELECT ON polis.busy TO polis_read"
    one_more_revision(tmp_path / "migrations", statements, "DROP VIEW polis.busy")
    monkeypatch.setattr(migrate, "_FOLDER", tmp_path / "migrations")
    assert upgrade(ours).is_current
    with Analyst(ours, made.name, timeout_s=20) as analyst:
        found = [row for chunk in analyst.ask("SELECT DISTINCT run, tick FROM busy ORDER BY tick") for row in chunk]
    assert found == [(made.id, tick) for tick in range(4)]
    assert downgrade(ours, last).current == last
    with ours.connect_as_owner() as connection:
        left = connection.execute("SELECT to_regclass('polis.busy'), to_regclass('polis_run.busy')").fetchone()
    assert left == (None, None)


def test_all_that_has_a_run_is_there_for_one_run_too(migrated: FreshDatabase) -> None:
    query = (
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'run' "
        "WHERE c.relnamespace = 'polis'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition"
    )
    over_all = {name for (name,) in rows(migrated.admin_url, query)}
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'polis_run'::regnamespace AND relkind = 'v'"
    over_one = {name for (name,) in rows(migrated.admin_url, query)}
    assert over_all - over_one == OVER_ALL_RUNS
    views = {name for (name,) in rows(migrated.admin_url, "SELECT viewname FROM pg_views WHERE schemaname = 'polis'")}
    assert views <= over_one, "also those that have no run of their own, but read what has"
