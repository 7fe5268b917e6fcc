"""Somebody with every right changes a row that says where a run's history lies: commands tell that in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

import replay
from chronopolis.cli.errors import CHECK_FAILED, GOOD
from domain.configuration import Configuration
from domain.errors import CorruptHistory
from domain.inputs import INTERVENTION, Input, InputKey
from domain.ports import Run
from infrastructure.browsing import Browsing
from infrastructure.leaves import LINEAGE
from infrastructure.postgres_store import PostgresStore
from tests.support.commands import Said, calling
from tests.support.postgres import FreshDatabase
from tests.support.stores import go_on, make_run, opened

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

TICKS = 12

Ask = Callable[..., Said]
Change = Callable[..., None]


@pytest.fixture
def line(postgres_store: PostgresStore) -> list[Run]:
    """A run, a fork of it, and a fork of that."""
    found = [make_run(postgres_store, "first", ticks=TICKS)]
    for name, at in (("second", 8), ("third", 9)):
        found.append(replay.fork(postgres_store, found[-1], at=at, name=name))
        go_on(postgres_store, found[-1], TICKS)
    return found


@pytest.fixture
def change(migrated: FreshDatabase) -> Change:
    """What a superuser does, whom no trigger hinders."""

    def change(statement: str, *values: object) -> None:
        options = "-c search_path=polis -c session_replication_role=replica"
        with psycopg.connect(migrated.admin_url, autocommit=True, options=options) as connection:
            assert connection.execute(statement, values).rowcount == 1, "this has to change one row"

    return change


@pytest.fixture
def ask(migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
    return calling(capsys)


def is_told(said: Said, what: str) -> None:
    assert said.code == CHECK_FAILED, said
    assert said.err.startswith("error: ") and what in said.err and said.err.count("\n") == 1, said.err


# -- the parent of a run ---------------------------------------------------------------------------

ASKING = (
    ("runs",), ("show", "second"), ("state", "second"), ("events", "second"), ("verify", "second"),
    ("reexecute", "second"), ("diff", "first", "second"), ("measures", "second", "population"),
    ("sql", "second", "-c", "SELECT count(*) FROM deaths"), ("why", "second", "3:0"),
    ("resume", "second", "--ticks", "3", "--quiet"), ("fork", "second", "--at", "5"), ("tree", "second"),
    ("bisect", "second", "population < 3"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("parent", "of"), [("second", "second"), ("third", "second")], ids=["its own parent", "the fork of its fork"]
)
def test_a_run_that_descends_from_itself_is_told_as_damaged(
    line: list[Run], change: Change, ask: Ask, parent: str, of: str
) -> None:
    change("UPDATE runs SET parent = (SELECT run FROM runs WHERE name = %s) WHERE name = %s", parent, of)
    for command in ASKING:
        is_told(ask(*command), "its lineage is damaged: polis.runs says that run number 2 is a fork of run number")
    is_told(ask("show", "third"), "run third: its lineage is damaged")


def test_other_runs_of_the_database_are_read_and_dumped_all_the_same(
    line: list[Run], change: Change, ask: Ask, tmp_path: Path, postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    sound = replay.fork(postgres_store, line[0], at=5, name="sound")
    change("UPDATE runs SET parent = run WHERE name = 'second'")
    with opened(migrated) as store:
        given = Input(InputKey(5, 3, INTERVENTION), 9, {"by": "a test", "why": "to see", "endow": {"food": 5}})
        assert store.record_input(store.find("sound"), given)
    for command in (
        ("resume", "sound"), ("state", "sound"), ("verify", "sound"), ("db", "refresh", "sound"),
        ("sql", "sound", "-c", "SELECT count(*) FROM deaths"), ("db", "dump", str(tmp_path / "all.dump")),
    ):  # fmt: skip
        assert ask(*command).code == GOOD, command
    assert replay.verify(postgres_store, sound).ok
    for about in ((), ("sound",)):
        for view in ("lineage", "measures"):
            is_told(ask("sql", *about, "-c", f"SELECT count(*) FROM {view}"), "run second: its lineage is damaged")


def test_what_is_asked_for_a_lineage_is_what_the_view_has(line: list[Run], postgres_store: PostgresStore) -> None:
    replay.fork(postgres_store, line[2], at=4, name="early")
    replay.fork(postgres_store, line[1], at=8, name="left-at-once")
    replay.fork(postgres_store, postgres_store.find("left-at-once"), at=8, name="left-again")
    with postgres_store.database.lend() as connection:
        for run, _, _ in postgres_store.runs():
            of_run = text("SELECT source, tick_first, tick_last FROM polis.lineage WHERE run = :run")
            there = sorted(tuple(row) for row in connection.execute(of_run, {"run": run.id}))
            asked = [
                (r.source, r.tick_first, r.tick_last) for r in connection.execute(text(LINEAGE.format(run=run.id)))
            ]
            assert sorted(asked) == there, run.name


# -- its lease -------------------------------------------------------------------------------------


def test_a_run_whose_lease_is_gone_is_told_as_damaged_and_can_still_be_looked_at(
    line: list[Run], change: Change, ask: Ask, postgres_store: PostgresStore
) -> None:
    change("DELETE FROM leases WHERE run = %s", line[1].id)
    for command in (
        ("runs",), ("show", "second"), ("resume", "second", "--ticks", "3", "--quiet"), ("fork", "second", "--at", "9"),
        ("intervene", "second", "--endow", "food=5", "--agent", "3"), ("drop", "second", "--because", "a trial"),
    ):  # fmt: skip
        is_told(ask(*command), "run second: its row in polis.leases is gone")
    for command in (("verify", "second"), ("state", "second"), ("events", "second", "--tick", "9"), ("show", "third")):
        assert ask(*command).code == GOOD, command
    with pytest.raises(CorruptHistory, match="leases is gone"):
        go_on(postgres_store, line[1], TICKS + 3)
    with pytest.raises(CorruptHistory, match="leases is gone"):
        Browsing(postgres_store).standings()
    given = Input(InputKey(TICKS, 3, INTERVENTION), TICKS + 2, {"by": "a test", "why": "to see", "rest": True})
    with pytest.raises(CorruptHistory, match="leases is gone"):
        postgres_store.record_input(line[1], given)
    assert replay.verify(postgres_store, line[1]).ticks == TICKS + 1, "nothing was written"


# -- where its events lie --------------------------------------------------------------------------


def test_a_run_of_which_nothing_says_where_its_events_lie_is_told_as_damaged(
    line: list[Run], change: Change, ask: Ask, postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    change("DELETE FROM stretches WHERE run = %s", line[1].id)
    for command in (
        ("resume", "second", "--ticks", "3", "--quiet"), ("events", "second"), ("events", "second", "--agent", "3"),
        ("why", "second", "9:3"), ("state", "third", "--tick", "10"),
    ):  # fmt: skip
        is_told(ask(*command), "tick 9: run ")
    assert "second: polis.stretches has no row any more" in (postgres_store.lease(line[1]).problem or "")
    with opened(migrated) as store:
        found = replay.verify(store, line[1])
    assert (found.ok, found.first_bad_tick, found.area) == (False, 9, "events") and "stretches" in str(found.reason)


def test_a_leaf_made_ahead_that_is_no_longer_known_is_told_before_a_tick_is_written(
    line: list[Run], change: Change, ask: Ask, postgres_store: PostgresStore
) -> None:
    with postgres_store.database.connect() as writer:
        writer.execute("SELECT polis.open_stretch(%s, 1000000, 2000000)", (line[0].id,))
    change("DELETE FROM stretches WHERE tick_first = 1000000")
    is_told(
        ask("resume", "first", "--ticks", "3", "--quiet"),
        "tick 1000000: run first: polis.stretches has no row any more",
    )
    assert ask("verify", "first").code == GOOD


# -- its events ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["libpq", "adbc"])
def test_of_a_tick_with_events_too_many_it_is_told_how_many_there_are(
    postgres_store: PostgresStore, change: Change, ask: Ask, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLIS_READER", reader)
    crowd = Configuration(agents=600, width=40, height=40)
    run = make_run(postgres_store, "crowd", ticks=9, configuration=crowd)  # more events than are read at once
    counted = postgres_store.headers(run, 0, 9).events.tolist()
    for tick in (8, 4):
        change("INSERT INTO stored_events SELECT * FROM stored_events WHERE tick = %s AND ordinal = 3", tick)
        says = f"tick {tick}: {counted[tick] + 1} events are stored, its header counts {counted[tick]};"
        is_told(ask("state", "crowd", "--tick", str(tick)), says)
    found = replay.reexecute(postgres_store, run)
    assert (found.identical, found.ticks) == (False, 4), found
    change("INSERT INTO stored_events SELECT * FROM stored_events WHERE tick = 4 AND ordinal = 5")
    is_told(ask("state", "crowd", "--tick", "7"), f"tick 4: {counted[4] + 2} events are stored")
