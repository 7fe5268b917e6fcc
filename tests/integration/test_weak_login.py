"""A login of a Postgres of one's own that may do little: what it may not do is said, and is no mistake of ours."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chronopolis.cli import doctor
from chronopolis.cli.doctor import _database
from infrastructure.asking import Analyst
from infrastructure.database import Database
from infrastructure.errors import LoginMayNot, LoginOnlyReads, MigrationFailed, NoConnectionLeft
from infrastructure.migrate import require_schema, upgrade
from infrastructure.settings import Settings
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.integration


@pytest.fixture
def weak(database: FreshDatabase, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a login that may connect, and no more."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE weak LOGIN PASSWORD 'weak'")
        connection.execute(f"GRANT CONNECT ON DATABASE {database.name} TO weak")
        yield Settings(home=tmp_path, database_url=re.sub("//[^@]*@", "//weak:weak@", database.admin_url))
        connection.execute("DROP OWNED BY weak")
        connection.execute("DROP ROLE weak")


def test_a_login_that_may_make_no_schema_is_told_that_the_migration_was_refused(weak: Settings) -> None:
    with Database(weak) as database, pytest.raises(MigrationFailed, match="permission denied") as caught:
        upgrade(database)
    assert "takes the database's owner with CREATEROLE" in str(caught.value), "and told whose it is to do"


def test_an_owner_who_may_not_change_the_roles_of_another_is_told_what_it_takes(
    weak: Settings, database: FreshDatabase
) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database.name} OWNER TO weak")
        try:
            with Database(weak) as opened, pytest.raises(MigrationFailed, match="ADMIN OPTION on polis_app"):
                upgrade(opened)
        finally:
            connection.execute(f"ALTER DATABASE {database.name} OWNER TO postgres")


def test_who_finds_no_connection_left_is_told_so_and_that_others_hold_them(
    weak: Settings, database: FreshDatabase
) -> None:
    with (
        Database(weak) as opened,
        psycopg.connect(database.admin_url, autocommit=True) as connection,
    ):
        connection.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0")
        for ask in (opened.connect, lambda: Analyst(opened)):
            with pytest.raises(NoConnectionLeft, match="no connection left for us: too many connections") as caught:
                ask()
            assert "Others hold them all" in str(caught.value)


def test_the_doctor_counts_connections_and_says_who_has_most(
    database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(Settings(home=tmp_path, database_url=database.admin_url)) as opened:
        well = doctor._connections(opened)
        monkeypatch.setattr(doctor, "_TAKEN_WARN", 0.0)
        short = doctor._connections(opened)
    assert (well.status, short.status) == ("ok", "warn") and re.fullmatch(r"\d+ of \d+ taken", well.found)
    assert "are of postgres: end programs that hold them" in short.remedy


def test_the_doctor_says_of_a_disk_that_has_room_for_no_more_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(tmp_path)
    room = {name: getattr(real, name) for name in ("f_frsize", "f_blocks", "f_bfree", "f_bavail")}
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_files=1_400, f_favail=3, **room))
    *_, last = doctor._data_folder(tmp_path)
    assert (last.name, last.status, last.found) == ("files", "fail", "room for 3 more files on its disk, of 1,400")


def test_the_doctor_says_what_it_may_not_look_at(weak: Settings) -> None:
    *_, last = _database(weak, print)
    assert (last.name, last.status) == ("database", "warn") and "permission denied" in last.found


def test_the_doctor_times_the_disk_and_makes_nothing_in_a_database_that_is_not_ours(
    weak: Settings, database: FreshDatabase
) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(f"GRANT TEMP ON DATABASE {database.name} TO weak")
        (before,) = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or ("",)
        *_, disk = _database(weak, print)
        assert disk.name == "disk" and "copied and synced" in disk.found
        (logged,) = connection.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", (before,)).fetchone() or (0,)
        assert logged > 30 * 20_000


def test_a_login_that_only_reads_is_told_so_and_not_that_the_store_went_away(
    migrated: FreshDatabase, tmp_path: Path
) -> None:
    with Database(Settings(home=tmp_path, database_url=migrated.read_url)) as database:
        with pytest.raises(LoginOnlyReads, match="polis db url --role app") as caught:
            database.connect()
        assert "polis_read:***@" in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (str(again), vars(again)) == (str(caught.value), vars(caught.value))


@pytest.mark.parametrize("how", ["{}", "{}?sslmode=prefer&options=-c%20work_mem%3D8MB", "keywords"])
def test_a_url_for_others_has_the_role_that_was_asked_for_also_on_ones_own_database(
    migrated: FreshDatabase, tmp_path: Path, how: str
) -> None:
    given = make_conninfo(migrated.admin_url) if how == "keywords" else how.format(migrated.admin_url)
    with Database(Settings(home=tmp_path, database_url=given)) as database:
        for role, user in (("polis_read", "polis_read"), ("polis_app", "polis_app"), ("postgres", "postgres")):
            with psycopg.connect(database.url_for_others(role)) as other:
                assert other.execute("SELECT current_user::text").fetchone() == (user,)
                assert "work_mem" not in how or other.execute("SHOW work_mem").fetchone() == ("8MB",)
                if role != "postgres":
                    assert other.execute("SELECT count(*) FROM heads").fetchone() == (0,)


def test_a_login_that_may_do_nothing_is_told_what_it_lacks(migrated: FreshDatabase, tmp_path: Path) -> None:
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE nobody LOGIN PASSWORD 'nobody'")
        connection.execute(f"GRANT CONNECT ON DATABASE {migrated.name} TO nobody")
        try:
            url = re.sub("//[^@]*@", "//nobody:nobody@", migrated.admin_url)
            with Database(Settings(home=tmp_path, database_url=url)) as database:
                with pytest.raises(LoginOnlyReads, match="GRANT polis_app to it"):
                    require_schema(database)
                connection.execute("GRANT polis_app TO nobody")
                require_schema(database)
                with pytest.raises(LoginMayNot, match="may not work as polis_read\n") as caught:
                    Analyst(database)
                again = pickle.loads(pickle.dumps(caught.value))
                assert (str(again), vars(again)) == (str(caught.value), vars(caught.value))
        finally:
            connection.execute("DROP OWNED BY nobody")
            connection.execute("DROP ROLE nobody")
