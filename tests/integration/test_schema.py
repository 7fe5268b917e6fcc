"""The schema: made, unmade, compared with the code; the public views; who may do what."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import create_engine, inspect

import replay
from domain import columns as col
from domain.codes import Good
from domain.events import CAUSE, KINDS, as_json
from infrastructure import migrate, schema
from infrastructure.database import Database
from infrastructure.errors import MigrationFailed, SchemaTooNew, SchemaTooOld
from infrastructure.migrate import downgrade, require_schema, schema_status, upgrade
from infrastructure.postgres_store import PostgresStore
from tests.support.histories import every_kind, scenario
from tests.support.postgres import FreshDatabase, TestServer
from tests.support.stores import TINY_WORLD, chain_of, go_on, keep, make_run, opened, settings_of

pytestmark = pytest.mark.integration

HISTORY = ("runs", "ticks", "stored_events", "inputs", "late_inputs", "snapshots", "texts", "tombstones",
           "event_kinds", "stretches")  # fmt: skip
NO_HISTORY = ("measure_blocks", "measure_names", "pause_requests")  # projections, and what is asked of a writer
TABLES = (schema.runs, schema.leases, schema.ticks, schema.stretches, schema.inputs, schema.late_inputs,
          schema.snapshots, schema.measure_blocks, schema.pause_requests)  # fmt: skip


def rows(url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True, options="-c search_path=polis") as connection:
        cursor = connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []


def objects(url: str) -> list[tuple[Any, ...]]:
    """Return every relation, function and column of the schema."""
    return rows(
        url,
        "SELECT 'c', c.relname::text, c.relkind::text, a.attname::text, a.atttypid::regtype::text FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = 'polis'::regnamespace AND c.relname NOT LIKE 'alembic%' UNION ALL "
        "SELECT 'p', proname::text, pronargs::text, '', '' FROM pg_proc WHERE pronamespace = 'polis'::regnamespace "
        "ORDER BY 1, 2, 3, 4",
    )


# -- migrations ----------------------------------------------------------------------------------


def test_up_down_and_up_again_gives_the_same_schema(database: FreshDatabase) -> None:
    with Database(settings_of(database)) as empty:
        with pytest.raises(SchemaTooOld):
            require_schema(empty)
        assert upgrade(empty).is_current
        first = objects(database.admin_url)
        assert downgrade(empty).current is None
        assert objects(database.admin_url) == [], "nothing is left behind"
        upgrade(empty)
        assert objects(database.admin_url) == first
        require_schema(empty)
        make_run(PostgresStore(empty), ticks=3)


def test_what_is_taken_from_the_reading_role_is_given_back_and_taken_from_nobody_else(database: FreshDatabase) -> None:
    query = (
        "SELECT r, has_function_privilege(r, 'pg_advisory_lock(int4, int4)', 'EXECUTE'), "
        "has_function_privilege(r, 'pg_terminate_backend(int4, int8)', 'EXECUTE') "
        "FROM unnest(ARRAY['polis_app', 'polis_maintenance', 'polis_read', 'somebody_else']) r ORDER BY r"
    )
    rows(database.admin_url, "CREATE ROLE somebody_else")
    try:
        with Database(settings_of(database)) as ours:
            upgrade(ours)
            others = [("polis_app", True, True), ("polis_maintenance", True, True), ("somebody_else", True, True)]
            assert rows(database.admin_url, query) == sorted([*others, ("polis_read", False, False)])
            downgrade(ours)
            assert all(row[1] and row[2] for row in rows(database.admin_url, query))
    finally:
        rows(database.admin_url, "DROP OWNED BY somebody_else")
        rows(database.admin_url, "DROP ROLE somebody_else")


def test_the_revisions_that_files_are_named_after_are_those_that_alembic_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent.parent / "migrations"))
    assert migrate._known_revisions() == [r.revision for r in ScriptDirectory.from_config(config).walk_revisions()]


def test_a_downgrade_is_refused_while_there_are_runs(postgres_store: PostgresStore) -> None:
    made = make_run(postgres_store, ticks=3)
    with pytest.raises(MigrationFailed, match="holds 1 run, "):
        downgrade(postgres_store.database)
    require_schema(postgres_store.database)
    assert replay.verify(postgres_store, made).ok


def test_a_downgrade_is_refused_for_all_runs_and_not_for_what_a_few_of_them_have(postgres_store: PostgresStore) -> None:
    parent = make_run(postgres_store, "parent", ticks=3)
    replay.fork(postgres_store, parent, at=3, name="lean", settings={"regrowth_percent": 20})
    go_on(postgres_store, postgres_store.find("lean"), 6)
    with pytest.raises(MigrationFailed, match=r"holds 2 runs, .*\nDrop each run first, with `polis drop`") as refused:
        downgrade(postgres_store.database)
    assert "drop_run" not in str(refused.value)


def test_two_that_migrate_at_once_do_it_once(database: FreshDatabase) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            with Database(settings_of(database)) as own:
                assert upgrade(own).is_current
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(database.admin_url, "SELECT count(*) FROM event_kinds") == [(len(KINDS),)]


def test_a_schema_of_a_later_release_is_refused(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    rows(migrated.admin_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="9999"):
        require_schema(postgres_store.database)
    with pytest.raises(SchemaTooNew):
        upgrade(postgres_store.database)
    assert schema_status(postgres_store.database).current == "9999", "left as it was"


# -- the code and the schema are the same --------------------------------------------------------


def test_the_tables_that_the_code_knows_are_those_that_were_migrated(migrated: FreshDatabase) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(migrated.admin_url))
    seen = inspect(engine)
    for table in TABLES:
        there = {c["name"]: c for c in seen.get_columns(table.name, "polis")}
        assert list(there) == [c.name for c in table.columns], table.name
        for column in table.columns:
            ours = column.type.compile(engine.dialect)
            assert there[column.name]["type"].compile(engine.dialect) == ours, f"{table.name}.{column.name}"
        key = seen.get_pk_constraint(table.name, "polis")["constrained_columns"]
        if table.primary_key:
            assert key == [c.name for c in table.primary_key], table.name
    tables = set(seen.get_table_names("polis")) - {"alembic_version"}
    others = {"stored_events", "copy_marks", "texts", "tombstones", "event_kinds", "measure_names"}
    assert tables == {*(t.name for t in TABLES), *others}
    engine.dispose()


def test_the_table_of_kinds_is_the_catalogue(migrated: FreshDatabase) -> None:
    stored = rows(migrated.admin_url, "SELECT number, name, view, version, summary FROM event_kinds ORDER BY number")
    assert stored == [(k.number, k.name, k.view, k.version, k.summary) for k in KINDS]


def test_every_view_says_what_the_events_say(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    runs = [keep(postgres_store, every_kind(), "corpus"), keep(postgres_store, scenario("fertile"), "lived")]
    expected: dict[str, dict[tuple[int, int, int], dict[str, Any]]] = {k.name: {} for k in KINDS}
    for run in runs:
        for batch in postgres_store.read(run, 0, 10**6):
            for at in range(len(batch)):
                event = as_json(batch.records[at], batch.payload(at))
                address = (run.id, event.pop("tick"), event.pop("ordinal"))
                kind_name = event.pop("kind")
                expected[kind_name][address] = {name: value for name, value in event.items() if value is not None}
    with psycopg.connect(migrated.read_url, row_factory=dict_row, options="-c search_path=polis") as connection:
        for kind in KINDS:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(kind.view))
            cursor = connection.execute(query)
            assert cursor.description is not None
            names = [c.name for c in cursor.description]
            fields = [f.name for f in (*kind.fields, *CAUSE)]
            keys = [key for key in kind.payload if key not in fields]
            assert names == ["run", "tick", "ordinal", *fields, *(["payload", *keys] if keys else [])], kind.name
            seen = {}
            for row in cursor:
                address = (row.pop("run"), row.pop("tick"), row.pop("ordinal"))
                payload = row.pop("payload", None) or {}
                unpacked = {key: row.pop(key) for key in keys}
                assert unpacked == {key: payload.get(key) for key in keys}, kind.name
                told = row | payload
                seen[address] = {name: value for name, value in told.items() if value is not None}
            assert expected[kind.name], f"the corpus has no {kind.name}"
            assert seen == expected[kind.name], kind.name
            documented = set().union(*(e.keys() - set(fields) for e in expected[kind.name].values()))
            assert documented <= set(kind.payload), f"{kind.name} has payload keys that its definition does not name"
        counted = {
            r["kind"]: r["n"] for r in connection.execute("SELECT kind, count(*) AS n FROM events GROUP BY kind")
        }
        assert counted == {name: len(events) for name, events in expected.items()}


@pytest.mark.parametrize("name", ["harsh", "fertile"])
def test_sql_alone_gives_the_state_at_any_tick(
    postgres_store: PostgresStore, migrated: FreshDatabase, name: str
) -> None:
    run = keep(postgres_store, scenario(name), name)
    assert_sql_gives_the_state(postgres_store, migrated, run, (0, 1, 57, 150, 300))


def test_sql_alone_gives_the_state_of_a_fork(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    parent = make_run(postgres_store, "parent", ticks=20)
    fork = postgres_store.create(
        "fork", seed=7, configuration=TINY_WORLD, target=40, parent=parent, fork_tick=10
    )  # fmt: skip
    go_on(postgres_store, fork, 40)
    assert_sql_gives_the_state(postgres_store, migrated, fork, (5, 10, 11, 40))


def assert_sql_gives_the_state(store: PostgresStore, database: FreshDatabase, run: Any, ticks: tuple[int, ...]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "sql" / "state.sql").read_text()
    lines = [line.split("--")[0] for line in text.splitlines()]
    query = "\n".join(lines).replace(":run", "%(run)s").replace(":tick", "%(tick)s")
    with psycopg.connect(database.read_url, options="-c search_path=polis") as connection:
        for tick in ticks:
            world = replay.at(store, run, tick)
            goods = [col.GOODS + g for g in (Good.FOOD, Good.WOOD, Good.STONE, Good.ORE, Good.COIN)]
            living = [i for i in range(world.n) if world.agents[col.ALIVE, i]]
            state = world.agents[[col.ID, col.CELL, *goods]][:, living].T.tolist()
            found = [list(row) for row in connection.execute(query, {"run": run.id, "tick": tick}).fetchall()]
            assert found == sorted(state), f"tick {tick}"


# -- who may do what -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def populated(postgres_server: TestServer, migrated_template: str) -> Iterator[FreshDatabase]:
    """A database with a run in every table of history."""
    fresh = postgres_server.fresh_database(template=migrated_template)
    with opened(fresh) as store:
        make_run(store, "kept", ticks=10)
    yield fresh
    postgres_server.drop(fresh)


def tables_of_history(url: str) -> list[str]:
    """Return the tables of history and every partition of them."""
    found = rows(
        url,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'polis'::regnamespace AND relkind IN ('r', 'p') "
        "AND relname NOT IN ('alembic_version', 'leases') ORDER BY 1",
    )
    return [name for (name,) in found if name not in NO_HISTORY]


def last_column(url: str, table: str) -> str:
    query = "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass ORDER BY attnum DESC LIMIT 1"
    return str(rows(url, query, f"polis.{table}")[0][0])


@pytest.mark.parametrize("role", ["app", "read"])
def test_history_can_be_neither_changed_nor_removed(populated: FreshDatabase, role: str) -> None:
    names = tables_of_history(populated.admin_url)
    assert set(HISTORY) <= set(names) and sum("_r1" in n for n in names) == 5, names
    url = populated.app_url if role == "app" else populated.read_url
    with psycopg.connect(url, autocommit=True, options="-c search_path=polis") as connection:
        for name in names:
            column = last_column(populated.admin_url, name)
            for statement in (f"UPDATE {name} SET {column} = {column}", f"DELETE FROM {name}", f"TRUNCATE {name}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


def test_triggers_refuse_the_owner_too(populated: FreshDatabase) -> None:
    names = [n for n in tables_of_history(populated.admin_url) if n not in ("event_kinds", "stretches")]
    with psycopg.connect(populated.admin_url, autocommit=True, options="-c search_path=polis") as connection:
        for name in names:
            column = last_column(populated.admin_url, name)
            for statement in (
                f"UPDATE {name} SET {column} = {column}",
                f"DELETE FROM {name}",
                f"TRUNCATE {name} CASCADE",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                    connection.execute(statement)


def test_the_reading_role_only_reads(populated: FreshDatabase) -> None:
    with psycopg.connect(populated.read_url, autocommit=True, options="-c search_path=polis") as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone()[0] > 100  # type: ignore[index]
        for statement in (
            "INSERT INTO leases (run, target) VALUES (99, 1)",
            "INSERT INTO late_inputs VALUES (1, 0, 0, 'intention', 0)",
            "UPDATE leases SET epoch = epoch + 1",
            "SELECT polis.open_run(99)",
            "SELECT polis.drop_run(1, 'out of spite')",
            "CREATE TABLE mine (n int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_application_can_neither_drop_runs_nor_make_tables(populated: FreshDatabase) -> None:
    with psycopg.connect(populated.app_url, autocommit=True, options="-c search_path=polis") as connection:
        for statement in (
            "SELECT polis.drop_run(1, 'out of spite')",
            "SET polis.dropping_run = 'on'; DELETE FROM runs",
            "CREATE TABLE polis.mine (n int)",
            "DROP TABLE polis.ticks_r1",
            "ALTER TABLE polis.ticks DISABLE TRIGGER ALL",
            "SET session_replication_role = replica",
            "INSERT INTO event_kinds VALUES (99, 'Own', 'own', 1, '')",
            "SELECT polis.add_leaf('ticks', 'ticks_r99', 'FOR VALUES IN (99)')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


# -- dropping whole runs -------------------------------------------------------------------------


def drop(database: FreshDatabase, run: int) -> None:
    with psycopg.connect(database.admin_url, autocommit=True, options="-c search_path=polis") as connection:
        connection.execute("SET ROLE polis_maintenance")
        connection.execute("SELECT polis.drop_run(%s, 'no longer needed')", (run,))


def test_a_dropped_run_leaves_a_tombstone_with_its_head_hash(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    gone, kept = make_run(postgres_store, "gone", ticks=8), make_run(postgres_store, "kept", ticks=8, seed=9)
    head = chain_of(postgres_store, gone)[-1]
    drop(migrated, gone.id)
    assert [r for r, _, _ in postgres_store.runs()] == [kept]
    assert replay.verify(postgres_store, kept).ok
    found = rows(migrated.admin_url, "SELECT run, name, seed, head_tick, head_hash, why FROM tombstones")
    assert found == [(gone.id, "gone", 7, 8, head, "no longer needed")]
    assert not [n for n in tables_of_history(migrated.admin_url) if f"_r{gone.id}" in n.split("_t")[0][-4:]]


def test_a_run_is_not_dropped_while_a_fork_reads_it_or_it_is_written(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    parent = make_run(postgres_store, "parent", ticks=8)
    fork = postgres_store.create("fork", seed=7, configuration=TINY_WORLD, target=9, parent=parent, fork_tick=4)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="fork"):
        drop(migrated, parent.id)
    with (
        postgres_store.writer(fork, durability="tick"),
        pytest.raises(psycopg.errors.ObjectInUse, match="being written"),
    ):
        drop(migrated, fork.id)
    drop(migrated, fork.id)
    drop(migrated, parent.id)
    assert postgres_store.runs() == []
    with pytest.raises(psycopg.errors.NoDataFound):
        drop(migrated, parent.id)
