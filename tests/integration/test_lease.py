"""Whose lock it is: the writer's, known by its lease, or that of somebody who has nothing to do with the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from domain.errors import CorruptHistory, LeaseLost, RunIsHeld
from domain.ports import Run
from infrastructure import lease
from infrastructure.browsing import Browsing
from infrastructure.database import Database
from infrastructure.dropping import drop_run
from infrastructure.errors import TakeOverRefused
from infrastructure.lease import LOCK_CLASS
from infrastructure.migrate import downgrade, upgrade
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from tests.support.postgres import FreshDatabase
from tests.support.stores import make_run
from workers.runner import Runner

pytestmark = pytest.mark.integration


@contextmanager
def a_stranger_locks(database: FreshDatabase, run: Run) -> Iterator[int]:
    """Hold a run's advisory lock without being its writer, as a role can that nobody took the right from."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_CLASS, run.id))
        yield connection.info.backend_pid


def test_a_stranger_with_the_lock_does_not_make_a_run_look_running(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=3)
    with a_stranger_locks(migrated, run):
        assert postgres_store.lease(run).status == "complete"
        assert [s.lease.status for s in Browsing(postgres_store).standings()] == ["complete"]
        assert not postgres_store.request_pause(run, tick=9, because="nobody would see it")


def test_a_writer_looks_running_also_after_it_connected_anew(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=3)
    with postgres_store.writer(run, durability="tick") as writer:
        assert postgres_store.lease(run).status == "running"
        with psycopg.connect(migrated.admin_url, autocommit=True) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (writer._connection.info.backend_pid,))
        writer._reconnect(0, "it was ended")
        assert postgres_store.lease(run).status == "running"
        assert [s.lease.status for s in Browsing(postgres_store).standings()] == ["running"]


def test_a_run_that_a_stranger_holds_is_said_to_be_held_by_that_session(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=3)
    with (
        a_stranger_locks(migrated, run) as pid,
        pytest.raises(RunIsHeld, match=f"by session {pid} of the database, as postgres"),
        postgres_store.writer(run, durability="tick"),
    ):
        pass


def test_a_take_over_that_the_database_refuses_says_whose_session_it_is_and_what_to_do(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=3)
    with (
        a_stranger_locks(migrated, run) as pid,
        psycopg.connect(migrated.app_url, autocommit=True) as connection,
    ):
        with pytest.raises(TakeOverRefused) as refused:
            lease.acquire(connection, run, target=None, take_over=True)
        assert f"held by session {pid} of the database, as postgres" in str(refused.value)
        assert f"SELECT pg_terminate_backend({pid})" in str(refused.value)
    with psycopg.connect(migrated.app_url, autocommit=True) as connection:
        assert lease.acquire(connection, run, target=None, take_over=True) == 2


def test_where_no_superuser_forbade_it_a_reader_can_hold_a_run_and_its_session_is_named_and_ended(
    database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_PATIENCE_S", 1.0)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE landlord LOGIN CREATEROLE PASSWORD 'rent'")
        admin.execute("GRANT polis_app, polis_read, polis_maintenance TO landlord WITH ADMIN OPTION")
        admin.execute(f"ALTER DATABASE {database.name} OWNER TO landlord")
        url = make_conninfo(database.admin_url, user="landlord", password="rent")
        try:
            with Database(Settings(Path("/nonexistent"), url)) as theirs:
                assert upgrade(theirs).is_current
                store = PostgresStore(theirs)
                run = make_run(store, ticks=3)
                with psycopg.connect(database.read_url, autocommit=True) as reader:
                    reader.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_CLASS, run.id))
                    pid = reader.info.backend_pid
                    assert store.lease(run).status == "complete"
                    with (
                        pytest.raises(RunIsHeld, match=f"session {pid} of the database, as polis_read"),
                        store.writer(run, durability="tick"),
                    ):
                        pass
                    with store.writer(run, durability="tick", take_over=True):
                        assert store.lease(run).status == "running"
                assert drop_run(theirs, run, "a trial").head_tick == 3
                assert downgrade(theirs).current is None
        finally:
            admin.execute("DROP OWNED BY landlord CASCADE")
            admin.execute("ALTER DATABASE " + database.name + " OWNER TO postgres")
            admin.execute("DROP ROLE landlord")


@pytest.mark.parametrize("durability", ["tick", "group"])
def test_a_writer_whose_lease_is_taken_away_commits_nothing_more(
    postgres_store: PostgresStore, migrated: FreshDatabase, durability: str
) -> None:
    run = make_run(postgres_store, ticks=3)

    def taken_away() -> None:
        with psycopg.connect(migrated.admin_url, autocommit=True) as owner:
            owner.execute("SET session_replication_role = replica")
            owner.execute("DELETE FROM polis.leases WHERE run = %s", (run.id,))

    with pytest.raises((LeaseLost, CorruptHistory)):
        Runner(postgres_store, run, durability=durability, on_begin=taken_away).run(40)
    head = postgres_store.head(run)
    assert head is not None and head.tick == 3
