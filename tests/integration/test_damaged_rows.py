"""Somebody with every right changes a row that says where a run's history lies: commands tell that in one line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from sqlalchemy import text

import chronopolis
import replay
from chronopolis.cli import sql_prompt
from chronopolis.cli.errors import CHECK_FAILED, GOOD
from domain.configuration import Configuration
from domain.errors import CorruptHistory
from domain.inputs import INTERVENTION, Input, InputKey
from domain.ports import Run
from infrastructure import stretches
from infrastructure.leaves import LINEAGE
from infrastructure.postgres_store import PostgresStore
from tests.support.commands import Said, calling
from tests.support.postgres import FreshDatabase, TestServer
from tests.support.stores import TINY_WORLD, go_on, make_run, migrated_with, opened, with_runs
from tests.support.web import served

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

TICKS = 12

Ask = Callable[..., Said]
Change = Callable[..., None]


@pytest.fixture(scope="module")
def with_line(postgres_server: TestServer, migrated_template: str) -> Iterator[str]:
    def make(store: PostgresStore) -> None:
        run = make_run(store, "first", ticks=TICKS)
        for name, at in (("second", 8), ("third", 9)):
            run = replay.fork(store, run, at=at, name=name)
            go_on(store, run, TICKS)

    with with_runs(postgres_server, migrated_template, make) as name:
        yield name


migrated = migrated_with("with_line", where="line")


@pytest.fixture
def line(postgres_store: PostgresStore) -> list[Run]:
    """A run, a fork of it, and a fork of that."""
    return [postgres_store.find(name) for name in ("first", "second", "third")]


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
    first, *remedy = said.err.splitlines()
    assert first.startswith("error: ") and what in first, said.err
    assert remedy == [] or (len(remedy) == 1 and "polis verify" in remedy[0]), said.err


# -- lists of runs ---------------------------------------------------------------------------------

DAMAGE = {
    "its own parent": ("UPDATE runs SET parent = run WHERE name = 'second'", "its lineage is damaged: polis.runs says"),
    "no lease": (
        "DELETE FROM leases USING runs WHERE leases.run = runs.run AND name = 'second'",
        "its row in polis.leases is gone",
    ),
    "no constants": ("UPDATE runs SET configuration = '{' WHERE name = 'second'", "its configuration can't be read"),
    "no parent": ("DELETE FROM runs WHERE name = 'first'", "its lineage is damaged: polis.runs says"),
    "no stretches": (
        "DELETE FROM stretches WHERE run = (SELECT run FROM runs WHERE name = 'second')",
        "polis.stretches has no row any more that says where some of its events lie",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_listed_as_one_and_every_other_as_before(
    line: list[Run], change: Change, ask: Ask, postgres_store: PostgresStore, damage: str
) -> None:
    make_run(postgres_store, "sound", ticks=3)
    before = {told["name"]: told for told in ask("runs", "--json").lines}
    assert {told["damage"] for told in before.values()} == {None}
    statement, reason = DAMAGE[damage][0], f"run second: {DAMAGE[damage][1]}"
    change(statement)
    said = ask("runs", "--json")
    after = {told["name"]: told for told in said.lines}
    assert said.code == GOOD and after["sound"] == before["sound"] and f"warning: {reason}" in said.err
    assert set(after) == set(before) - ({"first"} if damage == "no parent" else set())
    told = after["second"]
    assert told.keys() == before["second"].keys() and told["damage"].startswith(reason)
    assert (told["status"], told["head_tick"], told["target"]) == ("damaged", None, None)
    listed = ask("runs")
    assert listed.code == GOOD and listed.err == said.err and "damaged" in listed.out and "sound" in listed.out
    assert chronopolis.runs().to_dicts() == said.lines
    with served(postgres_store) as client:
        answer = client.get("/api/runs", params={"sort": "oldest"})
    assert answer.status_code == 200 and answer.json() == said.lines

    drawn = ask("tree", "--json")
    assert drawn.code == GOOD and f"warning: {reason}" in drawn.err
    nodes = {node["name"]: node for node in _flat(drawn.json["trees"])}
    assert nodes.keys() == after.keys() and nodes["sound"]["damage"] is None
    assert (nodes["second"]["status"], nodes["second"]["damage"]) == ("damaged", told["damage"])
    assert "damaged" in ask("tree").out
    (alone,) = ask("tree", "soun", "--json").json["trees"]
    assert (alone["name"], alone["here"]) == ("sound", True) and ask("tree", "soun").err == ""
    assert ask("show", "soun").code == GOOD


@pytest.mark.parametrize("text", ["[]", "7", "{", "[" * 100_000, '{"agents": "many"}'], ids=lambda text: text[:20])
def test_of_constants_that_can_not_be_read_a_fork_is_still_shown_where_it_stands(
    line: list[Run], change: Change, ask: Ask, text: str
) -> None:
    change("UPDATE runs SET configuration = %s WHERE name = 'first'", text)
    said = ask("tree", "--json")
    (first,) = said.json["trees"]
    (second,) = first["children"]
    assert (first["status"], second["status"], second["damage"]) == ("damaged", "complete", None)
    assert (second["parent"], second["forked_at"], second["changed"]) == ("first", 8, None)
    assert said.err.count("warning: ") == 1 and "run first: its configuration can't be read" in said.err
    assert "what it changed can't be told" in ask("tree").out
    assert [told["status"] for told in ask("runs", "--json").lines] == ["damaged", "complete", "complete"]


@pytest.mark.parametrize(
    ("moment", "shown"),
    [("infinity", "9999-12-31"), ("-infinity", "0001-01-01"), ("0044-03-15 BC", "0001-01-01"), ("20000-01-01", "9999")],
)
def test_a_run_made_at_a_time_that_python_has_not_keeps_no_other_from_being_read(
    line: list[Run], change: Change, ask: Ask, moment: str, shown: str
) -> None:
    change("UPDATE runs SET created_at = %s WHERE name = 'second'", moment)
    said = ask("runs", "--json")
    assert said.code == GOOD and [told["damage"] for told in said.lines] == [None] * 3
    assert said.lines[1]["created_at"].startswith(shown)
    for command in (("runs",), ("tree",), ("show", "second"), ("state", "third"), ("show", "first")):
        assert ask(*command).code == GOOD, command


def _flat(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for node in nodes for each in (node, *_flat(node["children"]))]


def test_what_looks_at_all_runs_goes_on_while_one_has_no_lease(
    line: list[Run], change: Change, ask: Ask, tmp_path: Path
) -> None:
    change("DELETE FROM leases WHERE run = %s", line[1].id)
    about = ask("sql", "-c", "SELECT count(*) AS n FROM samples WHERE run = 2", "--json")
    assert about.code == GOOD, about
    told = ("intervene", "first", "--endow", "food=5", "--agent", "3", "--at", str(TICKS + 1))
    assert ask(*told).code == GOOD
    assert ask("export", "third", "--parquet", str(tmp_path / "third")).code == GOOD
    lineage = json.loads((tmp_path / "third" / "run.json").read_text())["lineage"]
    assert [segment["run"] for segment in lineage] == ["first", "second", "third"]


# -- the parent of a run ---------------------------------------------------------------------------

ASKING = (
    ("show", "second"), ("state", "second"), ("events", "second"), ("verify", "second"),
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
    for view in ("lineage", "measures"):
        is_told(ask("sql", "-c", f"SELECT count(*) FROM {view}"), "run second: its lineage is damaged")
        assert ask("sql", "sound", "-c", f"SELECT count(*) FROM {view}").code == GOOD
    assert ask("export", "sound", "--parquet", str(tmp_path / "sound")).code == GOOD


@pytest.mark.parametrize("about", ["third", ""], ids=["of one run", "of all"])
def test_at_the_prompt_too_a_question_about_lineages_is_told_what_is_damaged(
    line: list[Run], change: Change, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, about: str
) -> None:
    monkeypatch.setenv("POLIS_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    damage = {"prompt": lambda: change("UPDATE runs SET parent = run WHERE name = 'second'")}
    begin = sql_prompt.converse

    def converse(*given: Any, **more: Any) -> None:  # it was whole when the prompt came up
        damage.pop("prompt")()
        begin(*given, **more)

    monkeypatch.setattr(sql_prompt, "converse", converse)
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        for query in ("SELECT count(*) FROM lineage", "SELECT max(tick) FROM measures", "SELECT 40 + 2 AS answer"):
            keys.send_text(f"{query};\r")
        keys.send_text("\\q\r")
        said = ask("sql", *filter(None, [about]))
    assert said.code == GOOD and "42" in said.out, said
    assert (
        said.err.count(f"error: run {about or 'second'}: its lineage is damaged: polis.runs says that run number 2")
        == 2
    )


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


@pytest.mark.parametrize(("at", "tick"), [(999, 999), (TICKS, 9), (10, 9), (5, 6), (-5, 0)])
def test_a_fork_that_was_put_elsewhere_is_told_and_nothing_is_written_on(
    line: list[Run], change: Change, ask: Ask, migrated: FreshDatabase, at: int, tick: int
) -> None:
    assert ask("verify", "third").code == GOOD
    change("UPDATE runs SET fork_tick = %s WHERE name = 'second'", at)
    with opened(migrated) as store:
        found = replay.verify(store, store.find("second"))
    assert (found.ok, found.first_bad_tick, found.area) == (False, tick, "ticks"), found
    told = f"run second: polis.runs says that it was forked at tick {at}, and "
    is_told(ask("resume", "second", "--ticks", "3", "--quiet"), f"tick {tick}: {told}")
    is_told(ask("resume", "third", "--ticks", "3", "--quiet"), told)
    assert told in ask("verify", "third", "--json").json["reason"]
    assert ask("verify", "first").code == GOOD


# -- its lease -------------------------------------------------------------------------------------


def test_a_run_whose_lease_is_gone_is_told_as_damaged_and_can_still_be_looked_at(
    line: list[Run], change: Change, ask: Ask, postgres_store: PostgresStore
) -> None:
    change("DELETE FROM leases WHERE run = %s", line[1].id)
    for command in (
        ("show", "second"), ("resume", "second", "--ticks", "3", "--quiet"), ("fork", "second", "--at", "9"),
        ("intervene", "second", "--endow", "food=5", "--agent", "3"),
    ):  # fmt: skip
        is_told(ask(*command), "run second: its row in polis.leases is gone")
    for command in (("verify", "second"), ("state", "second"), ("events", "second", "--tick", "9"), ("show", "third")):
        assert ask(*command).code == GOOD, command
    with pytest.raises(CorruptHistory, match="leases is gone"):
        go_on(postgres_store, line[1], TICKS + 3)
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


def test_a_run_that_lacks_one_of_its_stretches_is_listed_as_damaged_and_a_young_or_whole_one_is_not(
    postgres_store: PostgresStore, change: Change, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "EVENTS_A_STRETCH", 1)  # sixteen ticks
    names = ["first", "middle", "last", "whole", "ahead"]
    made = {name: make_run(postgres_store, name, ticks=60) for name in names}
    fork = replay.fork(postgres_store, made["whole"], at=20, name="fork")
    go_on(postgres_store, fork, 60)
    replay.fork(postgres_store, fork, at=40, name="unborn")
    postgres_store.create("unbegun", seed=7, configuration=TINY_WORLD, target=9)
    with postgres_store.database.connect() as writer:
        writer.execute("SELECT polis.open_stretch(%s, 1000000, 1000016)", (made["ahead"].id,))
    change("DELETE FROM stretches WHERE tick_first = 1000000")
    for name, tick in (("first", 0), ("middle", 16), ("last", 48)):
        change("DELETE FROM stretches WHERE run = %s AND tick_first = %s", made[name].id, tick)
    told = {told["name"]: told["status"] for told in ask("runs", "--json").lines}
    assert told == {
        **dict.fromkeys(["first", "middle", "last"], "damaged"),
        **dict.fromkeys(["whole", "ahead", "fork"], "complete"),
        **dict.fromkeys(["unborn", "unbegun"], "paused"),
    }  # fmt: skip


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


# -- dropping it -----------------------------------------------------------------------------------

DROPPED = {
    "no lease": ("DELETE FROM leases WHERE run = 3", "its row in polis.leases was gone"),
    "its own parent": ("UPDATE runs SET parent = run WHERE run = 3", "polis.runs said that it was a fork of itself"),
    "no parent": ("DELETE FROM runs WHERE run = 2", ""),
    "no constants": ("UPDATE runs SET configuration = '{' WHERE run = 3", ""),
    "no stretches": (
        "DELETE FROM stretches WHERE run = 3",
        "polis.stretches had no row any more for the table of its events polis.events_r3_t10",
    ),
    "no events": ("DROP TABLE polis.events_r3_t10", "the table of its events polis.events_r3_t10 was gone"),
    "no headers": ("DROP TABLE polis.ticks_r3", ""),
}


@pytest.mark.parametrize("damage", DROPPED)
def test_a_damaged_run_is_dropped_and_it_is_said_what_was_missing(
    line: list[Run], change: Change, ask: Ask, postgres_store: PostgresStore, migrated: FreshDatabase, damage: str
) -> None:
    head = postgres_store.head(line[2])
    statement, missing = DROPPED[damage]
    if statement.startswith("DROP"):
        with psycopg.connect(migrated.admin_url, autocommit=True) as admin:
            admin.execute(statement)
    else:
        change(statement)
    said = ask("drop", "third", "--because", "torn", "--yes", "--json")
    assert said.code == GOOD, said
    assert said.json["missing"] == [missing] * bool(missing)
    assert head is not None and said.json["head_hash"] == (None if damage == "no headers" else head.chain_hash.hex())
    assert "third" not in {told["name"] for told in ask("runs", "--json").lines}
    with postgres_store.database.connect() as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '_r3(_|$)'"
        ).fetchall()
    assert left == [], "nothing of it stays behind"
    assert ask("verify", "first").code == GOOD
    if damage != "no parent":
        assert ask("verify", "second").code == GOOD


def test_a_damaged_run_that_another_one_names_stays_and_that_is_told(
    line: list[Run], change: Change, ask: Ask, postgres_store: PostgresStore
) -> None:
    change("UPDATE runs SET parent = run WHERE name = 'second'")
    said = ask("drop", "second", "--because", "torn", "--yes")
    assert "error: run second was not dropped: its fork third reads its history\n  Drop that first." in said.err
    change("UPDATE runs SET parent = 3 WHERE name = 'second'")
    said = ask("drop", "third", "--because", "torn", "--yes")
    assert said.code != GOOD and said.err.splitlines()[-2:] == [
        "error: run third was not dropped: polis.runs says that run second, which was there before it, is a fork of it",
        "  A superuser has to mend what that row of second says first.",
    ]
    assert len(ask("runs", "--json").lines) == 3
    change("UPDATE runs SET parent = 1 WHERE name = 'second'")
    for name in ("third", "second", "first"):
        assert ask("drop", name, "--because", "torn", "--yes").code == GOOD


def test_whoever_may_drop_and_change_nothing_else_is_told_what_has_to_be_mended(
    line: list[Run], change: Change, ask: Ask, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(migrated.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE sweeper LOGIN PASSWORD 'sweeps' IN ROLE polis_app, polis_maintenance")
        try:
            monkeypatch.setenv("POLIS_DATABASE_URL", re.sub("//[^@]*@", "//sweeper:sweeps@", migrated.admin_url))
            change("DELETE FROM leases WHERE run = 3")
            assert ask("drop", "third", "--because", "torn", "--yes").code == GOOD
            change("DELETE FROM stretches WHERE run = 2")
            said = ask("drop", "second", "--because", "torn", "--yes")
            assert said.code != GOOD and said.err.splitlines()[-2:] == [
                "error: run second was not dropped: polis.stretches had no row any more for the table of its events "
                "polis.events_r2_t9, and that can't be put right: must be owner of table events_r2_t9",
                "  The owner of these tables can drop it, or a superuser.",
            ]
        finally:
            admin.execute("DROP ROLE sweeper")


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
