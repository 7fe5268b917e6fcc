"""Revisions one at a time: what each adds it takes away again, and every view over runs has its like over one run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg
import pytest

from chronopolis.cli.errors import exit_code_of
from infrastructure import migrate
from infrastructure.asking import Analyst
from infrastructure.database import Database
from infrastructure.errors import MigrationFailed
from infrastructure.migrate import downgrade, schema_status, upgrade
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from tests.support.postgres import FreshDatabase, TestServer
from tests.support.stores import make_run, settings_of

pytestmark = pytest.mark.integration

# Bytes for a program, which looks them up by run and lineage.
OVER_ALL_RUNS = {"snapshots"}

# What a schema is made of, each thing with all that is said of it: a name that stays may mean something else.
OBJECTS = """
WITH ours AS (SELECT oid, nspname AS schema FROM pg_namespace WHERE nspname IN ('polis', 'polis_rollup', 'polis_run'))
SELECT 'schema', schema, '', '' FROM ours UNION ALL
SELECT 'relation ' || c.relkind::text, schema, c.relname, coalesce(pg_get_viewdef(c.oid), pg_get_partkeydef(c.oid), '')
    || coalesce(' COMMENT ' || obj_description(c.oid, 'pg_class'), '')
    || coalesce(' GRANT ' || (SELECT string_agg(g::text, ' ' ORDER BY g::text) FROM unnest(c.relacl) g), '')
FROM pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'S') UNION ALL
SELECT 'columns', schema, c.relname,
    (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull,
                                 pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, attnum)), ', ' ORDER BY attnum)
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v') UNION ALL
SELECT 'index', schema, c.relname, pg_get_indexdef(c.oid)
FROM pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relkind IN ('i', 'I') UNION ALL
SELECT 'constraint', schema, conrelid::regclass::text || ' ' || conname, pg_get_constraintdef(p.oid)
FROM pg_constraint p JOIN ours ON ours.oid = p.connamespace UNION ALL
SELECT 'trigger', schema, c.relname || ' ' || tgname, tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN ours ON ours.oid = c.relnamespace
WHERE NOT tgisinternal UNION ALL
SELECT 'function', schema, p.oid::regprocedure::text, pg_get_functiondef(p.oid)
    || coalesce(' GRANT ' || (SELECT string_agg(g::text, ' ' ORDER BY g::text) FROM unnest(p.proacl) g), '')
FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
"""


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True, options="-c search_path=pg_catalog") as connection:
        return connection.execute(query).fetchall()


def objects(url: str) -> dict[tuple[str, ...], str]:
    """Return all that there is, by kind, schema and name: the rows of `event_kinds` too."""
    found = {(kind, schema, name): said for kind, schema, name, said in rows(url, OBJECTS) if "alembic" not in name}
    if ("columns", "polis", "event_kinds") in found:
        kinds = rows(url, "SELECT number, k::text FROM polis.event_kinds k")
        found |= {("kind of event", "polis", str(number)): said for number, said in kinds}
    return found


def test_each_downgrade_leaves_what_there_was_before_its_upgrade(database: FreshDatabase) -> None:
    revisions = migrate._known_revisions()[::-1]
    before: dict[str, dict[tuple[str, ...], str]] = {}
    with Database(settings_of(database)) as ours:
        for revision in revisions:
            if revision != revisions[0]:  # below the first nothing is ours but the empty schema
                before[revision] = objects(database.admin_url)
            migrate._run(ours, "upgrade", revision)
        assert schema_status(ours).is_current
        wrong = {}
        for below, revision in zip(revisions[-2::-1], revisions[:0:-1], strict=True):
            assert downgrade(ours, below).current == below
            then, now = before[revision], objects(database.admin_url)
            differing = {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)}
            if differing:
                wrong[revision] = {key: (then.get(key), now.get(key)) for key in sorted(differing)}
        assert wrong == {}
        downgrade(ours)
        assert not {key for key in objects(database.admin_url) if key[0] != "schema"}


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


def test_a_checkout_may_have_a_percent_sign_in_its_path(
    database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "50%done"
    shutil.copytree(migrate._FOLDER, folder)
    monkeypatch.setattr(migrate, "_FOLDER", folder)
    upgrade(Database(Settings(tmp_path, database.admin_url)))
    assert rows(database.admin_url, "SELECT count(*) FROM polis.runs") == [(0,)]


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


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_without_all_characters_gets_no_schema(postgres_server: TestServer, encoding: str) -> None:
    url = postgres_server.url("postgres", "poor")
    with psycopg.connect(postgres_server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE poor ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        try:
            with Database(Settings(Path("/nonexistent"), url)) as database:
                with pytest.raises(MigrationFailed, match=f"is in {encoding}, .*\nMake one that is: CREATE DATABASE"):
                    upgrade(database)
                assert schema_status(database).current is None
        finally:
            admin.execute("DROP DATABASE poor")


@pytest.mark.parametrize("goes", [True, False])
def test_who_upgrades_is_told_whom_it_waits_for_and_waits_for_nobody_for_ever(
    migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch, goes: bool
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE_S", 20.0 if goes else 2.0)
    told: list[str] = []
    reading = psycopg.connect(migrated.read_url, application_name="a notebook")
    with Database(settings_of(migrated), progress=told.append) as ours, reading as reader:
        assert downgrade(ours, "0010").current == "0010" and told == []
        reader.execute("SELECT count(*) FROM polis.lineage")
        whom = rf"session {reader.info.backend_pid} of the database, as polis_read \(a notebook\)"
        if goes:
            Timer(2.0, reader.rollback).start()
            assert upgrade(ours).is_current
        else:
            with pytest.raises(
                MigrationFailed, match=f"nothing was changed: {whom}, in .* locks in its way"
            ) as refused:
                upgrade(ours)
            assert exit_code_of(refused.value) == 3
            assert f"SELECT pg_terminate_backend({reader.info.backend_pid})" in str(refused.value)
            assert schema_status(ours).current == "0010"
    assert len(told) == 1 and re.match(f"the schema waits for {whom}, in a transaction since ..:..:.. UTC; ", told[0])
