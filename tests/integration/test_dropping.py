"""Two who drop one run; and whoever reads, forks or measures one that somebody else drops meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

import replay
from domain.errors import CorruptHistory, RunDropped, UnknownRun
from domain.ports import Run
from infrastructure.dropping import drop_run
from infrastructure.errors import ReadByFork
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, make_run

pytestmark = pytest.mark.integration


def test_who_comes_second_is_told_that_it_was_dropped(postgres_store: PostgresStore) -> None:
    run = make_run(postgres_store, "twice", ticks=3)
    drop_run(postgres_store.database, run, "the first")
    with pytest.raises(RunDropped, match="because 'the first'") as caught:
        drop_run(postgres_store.database, run, "the second")
    with pytest.raises(UnknownRun) as asked:
        postgres_store.find("twice")
    assert str(caught.value) == str(asked.value)


READING: dict[str, Callable[[PostgresStore, Run], object]] = {
    "verify": replay.verify,
    "reexecute": replay.reexecute,
    "state": lambda store, run: replay.at(store, run, 9),
    "events of an agent": lambda store, run: list(store.selected(run, 0, 9, agent=1)),
    "measures": lambda store, run: replay.measure_series(store, run, ["population"], 0, 9),
}


@pytest.mark.parametrize("method", ["headers", "read", "selected", "snapshot_ticks", "keep_measures"])
@pytest.mark.parametrize("what", READING)
@pytest.mark.parametrize("reader", ["libpq", "adbc"])
def test_what_is_dropped_while_somebody_reads_it_is_told_as_that_and_not_as_damaged(
    postgres_store: PostgresStore, what: str, method: str, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLIS_READER", reader)
    run = make_run(postgres_store, "read", ticks=10)
    usual = getattr(PostgresStore, method)
    dropped: list[bool] = []

    def drop_first(store: PostgresStore, *about: object, **more: object) -> object:
        if not dropped:
            dropped.append(True)
            drop_run(store.database, run, "a trial")
        return usual(store, *about, **more)

    monkeypatch.setattr(PostgresStore, method, drop_first)
    try:
        found = READING[what](postgres_store, run)
    except RunDropped as told:
        assert dropped and "because 'a trial'" in str(told)
    else:  # it had all that it needed
        assert not dropped or getattr(found, "ok", True)


@pytest.mark.parametrize("reader", ["libpq", "adbc"])
def test_a_leaf_that_is_gone_is_told_as_damage(
    postgres_store: PostgresStore, migrated: FreshDatabase, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLIS_READER", reader)
    run = make_run(postgres_store, "torn", ticks=10)
    with psycopg.connect(migrated.admin_url, autocommit=True) as admin:
        admin.execute(f"DROP TABLE polis.events_r{run.id}_t0")
    assert postgres_store.size_bytes(run) > 0, "a run that is damaged is shown all the same"
    found = replay.verify(postgres_store, run)
    assert (found.ok, found.first_bad_tick, found.area) == (False, 0, "events")
    assert f"polis.events_r{run.id}_t0, is gone" in str(found.reason)
    with pytest.raises(CorruptHistory, match="is gone"), postgres_store.lookup(run) as lookup:
        lookup.find(0, 9, agents=[1])


def test_a_fork_that_is_being_made_keeps_its_parent(postgres_store: PostgresStore) -> None:
    run = make_run(postgres_store, "parent", ticks=10)
    with postgres_store.database.connect(autocommit=False) as maker:
        maker.execute(
            "INSERT INTO runs (name, seed, configuration, genesis_hash, rules_version, state_version, hashing_version, "
            "parent, fork_tick, release) SELECT 'child', seed, configuration, genesis_hash, rules_version, "
            "state_version, hashing_version, run, 5, release FROM runs WHERE run = %s",
            (run.id,),
        )
        threading.Timer(0.3, maker.commit).start()
        with pytest.raises(ReadByFork, match="its fork child reads"):
            drop_run(postgres_store.database, run, "a trial")


def test_a_fork_of_what_is_being_dropped_is_told_so(postgres_store: PostgresStore) -> None:
    run = make_run(postgres_store, "parent", ticks=10)
    with postgres_store.database.connect_as_owner() as dropper:
        dropper.execute("BEGIN")
        dropper.execute("SELECT polis.drop_run(%s, 'a trial')", (run.id,))
        threading.Timer(0.3, lambda: dropper.execute("COMMIT")).start()
        with pytest.raises(RunDropped, match="a trial"):
            postgres_store.create("child", seed=7, configuration=TINY_WORLD, target=20, parent=run, fork_tick=5)
