"""All histories in a file and back: of one moment while a run is written, whole, append-only, and able to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import psycopg
import pytest

import replay
from chronopolis.cli.errors import exit_code_of
from domain.inputs import INTERVENTION, Input, InputKey
from infrastructure import dump, postgres_programs, restore
from infrastructure.database import Database
from infrastructure.dump import SCHEMAS, dump_database
from infrastructure.errors import BackupFailed, BackupRefused, SchemaTooNew, TakesNoWrites
from infrastructure.migrate import downgrade, schema_status, upgrade
from infrastructure.postgres_account import find_binaries
from infrastructure.postgres_store import PostgresStore
from infrastructure.restore import restore_database
from tests.support.commands import Polis, home_with_server
from tests.support.postgres import FreshDatabase, TestServer
from tests.support.stores import SMALL_WORLD, go_on, make_run, opened, settings_of
from workers.runner import Runner

pytestmark = pytest.mark.integration

TICKS = 120


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        yield folder


@pytest.fixture
def empty(postgres_server: TestServer) -> Iterator[FreshDatabase]:
    """A second database, without a schema."""
    fresh = postgres_server.fresh_database()
    yield fresh
    postgres_server.drop(fresh)


@pytest.fixture
def told(postgres_store: PostgresStore, tmp_path: Path) -> Path:
    """A dump of one short run."""
    make_run(postgres_store, "told", ticks=5)
    file = tmp_path / "told.dump"
    dump_database(postgres_store.database, file)
    return file


def chain(store: PostgresStore, name: str) -> str:
    head = store.head(store.find(name))
    assert head is not None
    return head.chain_hash.hex()


# -- there and back ------------------------------------------------------------------------------


def test_a_run_that_was_being_written_goes_on_to_the_hash_of_the_uninterrupted_one(
    postgres_store: PostgresStore, empty: FreshDatabase, tmp_path: Path
) -> None:
    parent = make_run(postgres_store, "parent", ticks=20)
    postgres_store.create("child", seed=7, configuration=parent.configuration, target=30, parent=parent, fork_tick=10)
    run = postgres_store.create("writing", seed=11, configuration=SMALL_WORLD, target=TICKS)
    writer = threading.Thread(target=lambda: Runner(postgres_store, run, pace_ms=10.0).run(TICKS))
    writer.start()
    try:
        while (head := postgres_store.head(run)) is None or head.tick < 10:
            assert writer.is_alive()
            time.sleep(0.01)
        said = dump_database(postgres_store.database, tmp_path / "histories.dump")
    finally:
        writer.join()
    whole, (of_parent, of_child, of_writing) = chain(postgres_store, "writing"), said["runs"]
    assert 10 <= of_writing["head_tick"] < TICKS, "it was dumped while it was written"
    assert (of_child["parent"], of_child["head_tick"]) == ("parent", 10)
    assert os.stat(tmp_path / "histories.dump").st_mode & 0o777 == 0o600, "histories are their owner's"

    with Database(settings_of(empty)) as target:
        told: list[tuple[int, int]] = []
        came = restore_database(target, tmp_path / "histories.dump", on_progress=lambda *now: told.append(now))
        assert told == sorted(told) and told.count((said["bytes"], said["bytes"])) > 20, "also while indexes are made"
        store = PostgresStore(target)
        assert came["runs"] == said["runs"], "what is told of a dump is what is in it"
        again = store.find("writing")
        assert store.lease(again).status != "complete"
        assert replay.verify(store, again).ok and replay.reexecute(store, again).identical
        for name, last in (("writing", TICKS), ("child", 30)):
            assert go_on(store, store.find(name), ticks=last)
            assert replay.verify(store, store.find(name)).ok
        assert chain(store, "writing") == whole
        assert of_parent["head_hash"] == chain(store, "parent")


OF_RELATIONS = "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (%s)"
SHAPE = {
    "relations": "SELECT n.nspname, relname, relkind, pg_get_userbyid(relowner), relacl::text[], reloptions "
    f"FROM pg_class c {OF_RELATIONS}",
    "functions": "SELECT p.oid::regprocedure::text, prosecdef, proconfig, proacl::text[], md5(prosrc) "
    "FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE n.nspname = ANY (%s)",
    "triggers": "SELECT n.nspname, relname, tgname, tgenabled::text, tgtype FROM pg_trigger t "
    f"JOIN pg_class c ON c.oid = tgrelid {OF_RELATIONS} AND NOT tgisinternal",
    "comments": "SELECT n.nspname, relname, description, objsubid FROM pg_description d "
    f"JOIN pg_class c ON c.oid = d.objoid {OF_RELATIONS}",
    "schemas": "SELECT nspname, nspacl::text[] FROM pg_namespace WHERE nspname = ANY (%s)",
}


def shape(url: str) -> dict[str, list[str]]:
    """Return relations, functions, triggers and comments, with who may do what; none has an order of its own."""
    with psycopg.connect(url, options="-c search_path=pg_catalog") as connection:
        return {
            name: sorted(
                str([sorted(value) if isinstance(value, list) else value for value in row])
                for row in connection.execute(query, (list(SCHEMAS),))  # type: ignore[arg-type]
            )
            for name, query in SHAPE.items()
        }


def test_rights_triggers_and_comments_are_those_of_the_database_that_was_dumped(
    told: Path, migrated: FreshDatabase, empty: FreshDatabase
) -> None:
    with Database(settings_of(empty)) as target:
        restore_database(target, told)
        with target.connect_as_owner() as connection:
            query = "SELECT setrole::regrole::text FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase "
            settings = connection.execute(query + "WHERE datname = current_database() ORDER BY 1").fetchall()
    assert settings == [("polis_app",), ("polis_maintenance",), ("polis_read",)], "which no dump has"
    was, came = shape(migrated.admin_url), shape(empty.admin_url)
    for name, rows in was.items():
        assert came[name] == rows, name
    assert all(was.values()), "there is some of each"


@pytest.mark.parametrize("statement", ["UPDATE {} SET tick = 9", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("who", ["app_url", "admin_url"])
def test_what_was_restored_is_append_only_for_the_application_and_for_its_owner(
    told: Path, empty: FreshDatabase, statement: str, who: str
) -> None:
    with Database(settings_of(empty)) as target:
        restore_database(target, told)
    with psycopg.connect(getattr(empty, who), autocommit=True) as connection:
        for table in ("polis.ticks", "polis.ticks_r1", "polis.stored_events", "polis.events_r1_t0"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.format(table))  # type: ignore[arg-type]


def test_a_dump_has_every_schema_that_migrations_make(migrated: FreshDatabase) -> None:
    with psycopg.connect(migrated.admin_url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^polis' ORDER BY 1").fetchall()
    assert tuple(name for (name,) in found) == SCHEMAS


def test_what_else_is_in_somebodys_own_database_is_left_out(
    postgres_store: PostgresStore, migrated: FreshDatabase, empty: FreshDatabase, tmp_path: Path
) -> None:
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA polished CREATE TABLE mine (a int)")
    dump_database(postgres_store.database, tmp_path / "d")
    with Database(settings_of(empty)) as target:
        restore_database(target, tmp_path / "d")
        with target.connect_as_owner() as connection:
            assert connection.execute("SELECT to_regclass('polished.mine')").fetchone() == (None,)


def test_a_dump_of_an_earlier_schema_is_brought_to_this_one(
    database: FreshDatabase, empty: FreshDatabase, tmp_path: Path
) -> None:
    with Database(settings_of(database)) as old:
        upgrade(old)
        downgrade(old, "0008")
        assert dump_database(old, tmp_path / "old.dump")["schema"] == "0008"
    with Database(settings_of(empty)) as target:
        came = restore_database(target, tmp_path / "old.dump")
        assert (came["dumped_schema"], came["schema"]) == ("0008", upgrade(target).wanted)
        make_run(PostgresStore(target), ticks=3)


# -- what is refused -----------------------------------------------------------------------------


def test_a_dump_of_a_later_schema_is_refused(
    told: Path, postgres_store: PostgresStore, empty: FreshDatabase, tmp_path: Path
) -> None:
    with postgres_store.database.connect_as_owner() as connection:
        connection.execute("UPDATE polis.alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match=r"^the database has schema 9999"):
        dump_database(postgres_store.database, tmp_path / "d")
    later = tmp_path / "later.dump"
    address, environment = postgres_programs.login(postgres_store.database)
    command = [find_binaries() / "pg_dump", "-Fc", "-n", "polis", "-f", later, "-d", address]
    subprocess.run(command, env=environment, check=True)
    with Database(settings_of(empty)) as target, pytest.raises(SchemaTooNew, match=r"^the dump has schema 9999"):
        restore_database(target, later)


def test_a_database_that_has_histories_or_tombstones_is_left_as_it_is(
    told: Path, postgres_store: PostgresStore, empty: FreshDatabase
) -> None:
    with pytest.raises(BackupRefused, match=r"has 1 runs? already.*\nSet POLIS_HOME to a new folder"):
        restore_database(postgres_store.database, told)
    with Database(settings_of(empty)) as target:
        upgrade(target)
        with target.connect_as_owner() as connection:
            connection.execute("INSERT INTO polis.tombstones (run, name, seed, why) VALUES (1, 'gone', 7, 'a trial')")
        with pytest.raises(BackupRefused, match=r"tombstones of 1 run"):
            restore_database(target, told)


def test_a_run_that_is_made_just_before_is_not_lost(
    told: Path, empty: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(empty) as store:
        upgrade(store.database)
        monkeypatch.setattr(restore, "_require_empty", lambda connection: make_run(store, "quick", ticks=2))
        with pytest.raises(BackupRefused, match=r"has histories already"):
            restore_database(store.database, told)
        assert replay.verify(store, store.find("quick")).ok


@pytest.mark.parametrize("kept", [0.001, 0.3, 0.6, 0.9, 0.99])
def test_a_dump_that_is_cut_off_restores_nothing(told: Path, empty: FreshDatabase, kept: float) -> None:
    told.write_bytes(told.read_bytes()[: int(told.stat().st_size * kept)])
    with Database(settings_of(empty)) as target:
        with pytest.raises(BackupRefused, match=r"cut off or damaged"):
            restore_database(target, told)
        with target.connect_as_owner() as connection:
            there = connection.execute("SELECT to_regclass('polis.runs')").fetchone()
            if there != (None,):
                assert connection.execute("SELECT count(*) FROM polis.runs").fetchone() == (0,)


@pytest.fixture
def stuck(database: FreshDatabase, tmp_path: Path) -> Path:
    """A dump of one run of an earlier schema, which something in it keeps from being upgraded."""
    file = tmp_path / "old.dump"
    with opened(database) as store:
        upgrade(store.database)
        make_run(store, "told", ticks=5)
        downgrade(store.database, "0011")
        with store.database.connect_as_owner() as connection:
            connection.execute("CREATE TABLE polis.copy_marks (n int)")  # as 0012 would
        dump_database(store.database, file)
    return file


def test_histories_that_can_not_be_upgraded_are_not_restored(stuck: Path, empty: FreshDatabase) -> None:
    with opened(empty) as target:
        with pytest.raises(BackupFailed, match=r"of schema 0011 and can't be .*\nNothing was restored") as caught:
            restore_database(target.database, stuck)
        assert exit_code_of(caught.value) == 3
        assert schema_status(target.database).is_current and target.runs() == []
        make_run(target, ticks=2)  # as empty as before, and good for use


def test_histories_that_somebody_works_with_before_they_are_upgraded_stay_and_that_is_said(
    stuck: Path, empty: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring = restore._restore

    def bring_and_go_on(database: Database, *how: Any) -> None:
        bring(database, *how)
        with database.connect_as_owner() as connection:
            connection.execute("UPDATE polis.leases SET target = 9")  # as an earlier release's `polis resume` does

    monkeypatch.setattr(restore, "_restore", bring_and_go_on)
    with Database(settings_of(empty)) as target:
        with pytest.raises(BackupFailed, match=r"^the database has all .* 0011 and can't be .*\n.*`polis db upgrade`"):
            restore_database(target, stuck)
        assert schema_status(target).current == "0011"
        with target.connect_as_owner() as connection:
            assert connection.execute("SELECT name FROM polis.runs").fetchall() == [("told",)]


def test_a_role_that_is_missing_is_named(told: Path, migrated: FreshDatabase, empty: FreshDatabase) -> None:
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE grafana")
        connection.execute("GRANT SELECT ON polis.runs TO grafana")
        with Database(settings_of(migrated)) as source:
            dump_database(source, told, overwrite=True)
        connection.execute("DROP OWNED BY grafana")
        connection.execute("DROP ROLE grafana")
    with Database(settings_of(empty)) as target:
        with pytest.raises(BackupFailed, match=r'has no role grafana\n.*CREATE ROLE "grafana"') as caught:
            restore_database(target, told)
        assert exit_code_of(caught.value) == 3
        upgrade(target)
        make_run(PostgresStore(target), ticks=2)  # as empty as before, and good for use


def test_a_server_that_is_older_than_the_one_of_the_dump_is_told_as_that(
    told: Path, migrated: FreshDatabase, empty: FreshDatabase
) -> None:
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute("CREATE TYPE public.of_a_later_server AS (n int)")  # stands for what an older one lacks
        connection.execute("ALTER TABLE polis.runs ADD COLUMN later public.of_a_later_server")
    with Database(settings_of(migrated)) as source:
        server = dump_database(source, told, overwrite=True)["server"]
    lacks = r'the database did not take the dump: .*"?public\.of_a_later_server"? does not exist\n'
    with Database(settings_of(empty)) as target:
        with pytest.raises(BackupFailed, match=f"^{lacks}Nothing was restored") as as_new:
            restore_database(target, told)
        # The file says of which server it is in its first lines, as a string of so many bytes.
        major = int(server.partition(".")[0])
        later = server.replace(str(major), str(major + 1), 1)
        told.write_bytes(told.read_bytes().replace(server.encode(), later.encode(), 1))
        hint = f"It is Postgres {major} and the dump is of Postgres {major + 1}: take one as new. Nothing was restored"
        with pytest.raises(BackupFailed, match=f"^{lacks}{hint}") as older:
            restore_database(target, told)
        assert exit_code_of(as_new.value) == exit_code_of(older.value) == 3
        make_run(PostgresStore(target), ticks=2)  # as empty as before, and good for use


def test_what_a_later_server_notes_of_its_columns_is_not_restored_into_one_that_does_not_know_it(
    postgres_store: PostgresStore, migrated: FreshDatabase, empty: FreshDatabase, tmp_path: Path
) -> None:
    run = make_run(postgres_store, "told", ticks=5)
    note = b"ALTER TABLE ONLY polis.event_kinds ALTER COLUMN name SET (pg_attver=42437664);\n"
    row = Input(InputKey(0, 1, INTERVENTION), 6, {"by": "ana", "why": note.decode()})
    postgres_store.record_input(run, row)
    with psycopg.connect(migrated.admin_url, autocommit=True) as server:
        server.execute(
            "UPDATE pg_attribute SET attoptions = '{pg_attver=42437664}' WHERE attnum > 0 AND attrelid IN "
            "(SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'polis'::regnamespace)"
        )
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="unrecognized parameter"):
            server.execute(note)
    file = tmp_path / "later.dump"
    dump_database(postgres_store.database, file)
    written = subprocess.run([find_binaries() / "pg_restore", "-f-", file], capture_output=True, check=True).stdout
    if note not in written:
        pytest.skip("these programs leave the note out themselves")
    with Database(settings_of(empty)) as target:
        restore_database(target, file)
        store = PostgresStore(target)
        assert replay.verify(store, store.find("told")).ok
        assert [given.answer for given in store.inputs_after(run, 0)[6].rows] == [row.answer]


@pytest.mark.parametrize("at_once", [1, 7, 64, 10_000])
def test_rows_are_restored_as_they_are_whatever_they_look_like(at_once: int) -> None:
    note = b"ALTER TABLE ONLY polis.texts ALTER COLUMN text SET (pg_attver=42437664);\n"
    rows = b"COPY polis.texts (hash, text) FROM stdin;\n" + note + b"SET transaction_timeout = 0;\n\\.\n"
    written = b"SET transaction_timeout = 0;\nCREATE TABLE polis.texts (text text);\n" + note + b"\n" + rows
    chunks = [written[k : k + at_once] for k in range(0, len(written), at_once)]
    assert b"".join(restore._understood(chunks, 150_000)) == b"CREATE TABLE polis.texts (text text);\n\n" + rows


def test_a_database_that_only_reads_is_told_as_that(told: Path, empty: FreshDatabase) -> None:
    with Database(settings_of(empty)) as target:
        upgrade(target)
        with psycopg.connect(empty.admin_url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {empty.name} SET default_transaction_read_only = on")
        with pytest.raises(TakesNoWrites):
            restore_database(target, told)


def test_a_login_that_does_not_own_the_schema_is_told_whose_to_take(migrated: FreshDatabase, tmp_path: Path) -> None:
    told_so = pytest.raises(BackupFailed, match=r"the login that ran `polis db upgrade`")
    with Database(replace(settings_of(migrated), database_url=migrated.app_url)) as ours, told_so as caught:
        dump_database(ours, tmp_path / "d")
    assert exit_code_of(caught.value) == 3 and list(tmp_path.iterdir()) == []


def test_programs_that_are_missing_or_too_old_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackupFailed, match=r"^pg_dump is of Postgres 18 here.*\nInstall .*postgresql-client-99") as old:
        postgres_programs.client_programs(990_000)
    monkeypatch.setattr(postgres_programs, "_folders", list)
    with pytest.raises(BackupFailed, match=r"^pg_dump is not here.*\nInstall .*postgresql-client-15") as missing:
        postgres_programs.client_programs(150_000)
    assert exit_code_of(old.value) == exit_code_of(missing.value) == 3


def test_a_failed_dump_leaves_the_earlier_one_and_nothing_beside_it(
    told: Path, postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told.read_bytes()
    with pytest.raises(BackupRefused, match=r"it is there already\n--force"):
        dump_database(postgres_store.database, told)
    monkeypatch.setattr(dump, "_run", lambda *a: (1, "pg_dump: error: could not write: No space left on device"))
    with pytest.raises(BackupFailed, match=r"its disk is full") as caught:
        dump_database(postgres_store.database, told, overwrite=True)
    assert exit_code_of(caught.value) == 3
    assert told.read_bytes() == before and list(told.parent.iterdir()) == [told]


def test_what_a_killed_dump_left_beside_the_file_goes_with_the_next(told: Path, postgres_store: PostgresStore) -> None:
    (told.parent / f".{told.name}.999999999.new").write_bytes(b"half")
    dump_database(postgres_store.database, told, overwrite=True)
    assert list(told.parent.iterdir()) == [told]


# -- the commands --------------------------------------------------------------------------------


def test_the_commands_dump_and_restore_and_verify(
    polis: Polis, home: Path, empty: FreshDatabase, tmp_path: Path
) -> None:
    made = polis(
        "run", "--agents", "12", "--width", "12", "--height", "12", "--ticks", "20", "--name", "otter", "--json"
    )
    file = str(tmp_path / "h.dump")
    said = polis("db", "dump", file, "--json")
    assert said.code == 0, said.err
    assert said.json["bytes"] == os.stat(file).st_size
    assert [(r["name"], r["head_tick"], r["head_hash"]) for r in said.json["runs"]] == [
        ("otter", 20, made.json["head_hash"])
    ]
    assert polis("db", "dump", file).code == 2
    assert "otter" in polis("db", "dump", file, "--force").out
    assert polis("db", "restore", file).code == 2, "the home has a history"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLIS_DATABASE_URL", empty.admin_url)
        came = polis("db", "restore", file, "--verify", "--json")
        assert (came.code, came.json["damaged"]) == (0, []), came.err
        shown = polis("sql", "otter", "-c", "SELECT count(*) AS n FROM ticks", "--json")
        assert shown.json == {"n": 21}
        assert polis("measures", "otter", "--json").code == 0
        assert polis("drop", "otter", "--because", "a trial", "--yes").code == 0


def test_a_run_that_has_not_begun_stands_before_the_first_tick_in_a_dump_as_among_runs(
    polis: Polis, migrated: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(migrated) as store:
        store.create("later", seed=7, configuration=SMALL_WORLD, target=9)
    monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
    (dumped,) = polis("db", "dump", str(tmp_path / "d"), "--json").json["runs"]
    assert (dumped["name"], dumped["head_tick"], dumped["head_hash"]) == ("later", -1, None)
    assert '"head_tick": -1' in polis("runs", "--json").out
    assert "later  not begun" in polis("db", "dump", str(tmp_path / "d"), "--force").out


def test_what_can_be_no_dump_is_wrong_usage(polis: Polis, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no dump")
    for given in (tmp_path / "text", tmp_path / "absent", tmp_path, ""):
        said = polis("db", "restore", str(given))
        assert said.code == 2 and len(said.err.splitlines()) <= 3, said.err
    for given in (tmp_path, tmp_path / "absent" / "file", "/dev/full", ""):
        assert polis("db", "dump", str(given)).code == 2


@pytest.mark.parametrize("command", ["dump", "restore"])
def test_a_database_that_can_not_be_reached_is_told_without_its_password(
    polis: Polis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("POLIS_DATABASE_URL", "postgresql://ana:geheim@127.0.0.1:1/societies")
    said = polis("db", command, str(tmp_path / "d"))
    assert said.code == 3 and "can't be reached" in said.err and "geheim" not in said.err


def test_ctrl_c_leaves_no_half_file_and_no_process_and_the_password_is_in_no_process_list(
    migrated: FreshDatabase, tmp_path: Path
) -> None:
    (programs := tmp_path / "bin").mkdir()
    (programs / "pg_dump").write_text('#!/bin/sh\ntest -n "$PGPASSWORD" && exec sleep 60\n')
    (programs / "pg_dump").chmod(0o755)
    (folder := tmp_path / "dumps").mkdir()
    code = (
        "import sys; from pathlib import Path; from infrastructure.database import Database; "
        "from infrastructure import dump; from infrastructure.settings import Settings\n"
        "dump.client_programs = lambda version: Path(sys.argv[1])\n"
        "with Database(Settings(Path('/nonexistent'), sys.stdin.readline().strip())) as database:\n"
        "    dump.dump_database(database, Path(sys.argv[2]))\n"
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", code, str(programs), str(folder / "d")],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert ours.stdin is not None
    ours.stdin.write(migrated.admin_url + "\n")
    ours.stdin.flush()
    theirs: list[psutil.Process] = []
    while not theirs:
        assert ours.poll() is None, ours.communicate()
        time.sleep(0.05)
        theirs = psutil.Process(ours.pid).children()
    time.sleep(0.3)
    assert theirs[0].is_running() and len(list(folder.iterdir())) == 1, "it is under way"
    password = migrated.admin_url.split(":")[2].partition("@")[0]
    assert password and not any(password in word for p in (theirs[0], psutil.Process(ours.pid)) for word in p.cmdline())
    ours.send_signal(signal.SIGINT)
    ours.communicate(timeout=20)
    assert list(folder.iterdir()) == []
    assert not theirs[0].is_running()


def test_who_restores_more_runs_than_there_is_room_for_locks_is_told_what_to_raise() -> None:
    said = 'out of shared memory; You might need to increase "max_locks_per_transaction".'
    error = restore._refused(said, 180_006, SimpleNamespace(server="18.6"))  # type: ignore[arg-type]
    assert "has no room for the locks of so many runs" in str(error)
    assert "SET max_locks_per_transaction to a fifth" in str(error) and "Nothing was restored" in str(error)
