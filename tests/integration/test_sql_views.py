"""The views of one run: its ancestors' share included and nobody else's, rolled up or not; the role that reads them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import replay
from chronopolis.cli import main
from chronopolis.hold import end_long_readings
from domain import columns as col
from domain.inputs import Input, InputKey
from domain.ports import Run
from infrastructure.asking import Analyst
from infrastructure.database import Database
from infrastructure.dropping import drop_run
from infrastructure.errors import BadQuery, QueryTimedOut, SessionEnded, TakesNoWrites
from infrastructure.migrate import upgrade
from infrastructure.postgres_store import PostgresStore
from infrastructure.rollups import Rollups
from tests.support.histories import scenario
from tests.support.postgres import FreshDatabase, TestServer
from tests.support.stores import go_on, keep, make_run, opened, settings_of
from workers import rollups

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def ask(store: PostgresStore, query: str, run: Run | None = None, **limits: Any) -> list[tuple[Any, ...]]:
    with Analyst(store.database, None if run is None else run.name, timeout_s=limits.pop("timeout_s", 20)) as analyst:
        return [row for chunk in analyst.ask(query, **limits) for row in chunk]


def events_of(store: PostgresStore, run: Run) -> list[tuple[int, int]]:
    """Return (tick, ordinal) of every event that a run reads, through the port."""
    return [(int(r["tick"]), int(r["ordinal"])) for batch in store.read(run, 0, 2**31 - 1) for r in batch.records]


def fork_of(store: PostgresStore, parent: Run, name: str, *, at: int, to: int) -> Run:
    fork = store.create(
        name, seed=parent.seed, configuration=parent.configuration, target=to, parent=parent, fork_tick=at
    )
    if to > at:
        go_on(store, fork, to)
    return fork


@pytest.fixture(scope="module")
def family(module_database: FreshDatabase) -> Iterator[tuple[PostgresStore, dict[str, Run]]]:
    """A parent, a fork, a fork of that, and somebody else."""
    with opened(module_database) as store:
        runs = {"parent": make_run(store, "parent", ticks=30), "other": make_run(store, "other", ticks=12, seed=3)}
        runs["fork"] = fork_of(store, runs["parent"], "fork", at=20, to=40)
        runs["grandchild"] = fork_of(store, runs["fork"], "grandchild", at=25, to=34)
        runs["younger"] = fork_of(
            store, runs["fork"], "younger", at=10, to=15
        )  # before its parent left the grandparent
        runs["unborn"] = fork_of(store, runs["parent"], "unborn", at=7, to=7)
        yield store, runs


# -- which events ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["parent", "other", "fork", "grandchild", "younger", "unborn"])
def test_a_runs_views_show_what_the_run_reads(family, name):
    store, runs = family
    run = runs[name]
    assert ask(store, "SELECT tick, ordinal FROM events ORDER BY tick, ordinal", run) == events_of(store, run)
    head = store.head(run)
    ticks = ask(store, "SELECT tick, chain_hash FROM ticks ORDER BY tick", run)
    assert [t for t, _ in ticks] == list(range(head.tick + 1))
    assert ticks[-1][1] == head.chain_hash.hex()
    assert ask(store, "SELECT DISTINCT run FROM events", run) == [(run.id,)]
    assert ask(store, "SELECT name FROM runs", run) == [(name,)]
    assert ask(store, "SELECT tick FROM heads", run) == [(head.tick,)]


def test_forks_of_forks_beyond_all_counting_are_read_too(postgres_store):
    run = make_run(postgres_store, "root", ticks=3)
    for generation in range(16):
        run = fork_of(postgres_store, run, f"fork-{generation}", at=3 + generation, to=4 + generation)
    assert ask(postgres_store, "SELECT tick, ordinal FROM events ORDER BY 1, 2", run) == events_of(postgres_store, run)
    assert ask(postgres_store, "SELECT count(*) FROM ticks", run) == [(20,)]


def test_other_runs_partitions_are_not_in_the_plan(family):
    store, runs = family
    plan = "\n".join(line for (line,) in ask(store, "EXPLAIN SELECT * FROM moves WHERE tick < 5", runs["grandchild"]))
    assert f"events_r{runs['parent'].id}_" in plan
    assert f"events_r{runs['other'].id}_" not in plan
    assert f"events_r{runs['fork'].id}_" not in plan, "its ticks come later"


def test_only_the_leaves_of_the_ticks_asked_for_are_in_the_plan(postgres_store, monkeypatch):
    monkeypatch.setattr("infrastructure.stretches.EVENTS_A_STRETCH", 2_000)
    run = keep(postgres_store, scenario("fertile"), "fertile")
    leaves = ask(postgres_store, f"SELECT leaf FROM stretches WHERE run = {run.id} ORDER BY tick_first")
    plan = "\n".join(line for (line,) in ask(postgres_store, "EXPLAIN SELECT * FROM moves WHERE tick = 0", run))
    assert leaves[0][0] in plan
    assert not any(leaf in plan for (leaf,) in leaves[1:])


def test_a_session_may_turn_to_another_run(family, migrated):
    store, runs = family
    query = "SELECT count(*) FROM polis_run.events"
    with store.database.connect() as connection:
        for name in ("parent", "other", str(runs["fork"].id), "parent"):
            connection.execute(f"SET polis.run = '{name}'")
            run = runs["fork"] if name.isdigit() else runs[name]
            assert connection.execute(query).fetchone() == (len(events_of(store, run)),)


def test_a_plan_that_was_kept_for_another_run_is_refused(family):
    store, _ = family
    with store.database.connect() as connection:
        connection.execute("SET polis.run = 'parent'; SET plan_cache_mode = force_generic_plan")
        connection.execute("PREPARE asked AS SELECT count(*) FROM polis_run.events")
        connection.execute("EXECUTE asked")
        connection.execute("SET polis.run = 'other'")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="prepared for run parent"):
            connection.execute("EXECUTE asked")
        connection.execute("DISCARD PLANS")
        connection.execute("EXECUTE asked")


@pytest.mark.parametrize(("setting", "said"), [("", "none is chosen"), ("nobody", "no run nobody")])
def test_without_a_run_the_views_of_one_say_so(family, setting, said):
    store, _ = family
    with store.database.connect() as connection:
        connection.execute(f"SET polis.run = '{setting}'")
        with pytest.raises(psycopg.Error, match=said):
            connection.execute("SELECT count(*) FROM polis_run.trades")


def test_answers_asked_before_a_fork_are_read_once_with_their_texts(postgres_store):
    parent = make_run(postgres_store, "parent", ticks=10)
    fork = fork_of(postgres_store, parent, "fork", at=10, to=10)
    about = {"prompt": "What now?", "raw": "I rest.", "latency_ms": 40, "engine": "scripted:1"}
    for run, asked in ((parent, 9), (parent, 10), (fork, 11)):
        postgres_store.record_input(
            run, Input(InputKey(asked, 3, "intention"), asked + 3, {"intention": "rest"}, about)
        )
    query = "SELECT asked_tick, prompt, raw, latency_ms, engine FROM deliberations ORDER BY asked_tick"
    told = ("What now?", "I rest.", 40, "scripted:1")
    assert ask(postgres_store, query, fork) == [(9, *told), (10, *told), (11, *told)]
    assert ask(postgres_store, query, parent) == [(9, *told), (10, *told)]
    assert ask(postgres_store, "SELECT body FROM texts ORDER BY body", fork) == [("I rest.",), ("What now?",)]


# -- rollups -----------------------------------------------------------------------------------------

ROLLED = {
    "activity": "SELECT tick, kind, events FROM activity ORDER BY 1, 2",
    "footsteps": "SELECT tick, from_cell, cell, sum(steps) FROM footsteps GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "agent_activity": "SELECT tick, agent, kind, sum(events) FROM agent_activity GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "trades": "SELECT * FROM trades ORDER BY tick, ordinal",
    "deaths": "SELECT * FROM deaths ORDER BY tick, ordinal",
    "exchanges": "SELECT * FROM exchanges ORDER BY tick, ordinal",
    "agents": "SELECT * FROM agents ORDER BY agent",
}


@pytest.fixture
def small_blocks(postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roll up blocks of 100 ticks instead of 1,000, so that a short run has several."""
    monkeypatch.setattr(rollups, "ROLLUP_BLOCK", 100)
    with postgres_store.database.connect_as_owner() as owner:
        text = owner.execute("SELECT pg_get_functiondef('polis.roll_up'::regproc)").fetchone()[0]
        owner.execute(text.replace("(to_tick + 1) / 1000 * 1000", "(to_tick + 1) / 100 * 100"))


def test_answers_are_the_same_rolled_up_in_steps_or_not_at_all(postgres_store, small_blocks):
    run = keep(postgres_store, scenario("harsh"), "harsh")
    before = {name: ask(postgres_store, query, run) for name, query in ROLLED.items()}
    kept = Rollups(postgres_store.database)
    for tick in (150, 299, 10**6):
        kept.roll_up(run, min(tick, postgres_store.head(run).tick))
        after = {name: ask(postgres_store, query, run) for name, query in ROLLED.items()}
        assert after == before
    assert kept.standing(run).through == 399
    assert kept.roll_up(run, 400) == 399, "a second time there is nothing to do"
    rollups.refresh(postgres_store, run, anew=True)
    assert {name: ask(postgres_store, query, run) for name, query in ROLLED.items()} == before


def test_an_answer_belongs_to_the_request_of_its_purpose_alone(postgres_store, migrated):
    run = keep(postgres_store, scenario("minded"), "minded")
    query = "SELECT tick, ordinal, purpose, reason FROM thoughts_answered ORDER BY tick, ordinal"
    before = ask(postgres_store, query, run)
    assert {"intention", "reflection"} <= {purpose for _, _, purpose, _ in before}
    # Each who was asked what to intend is asked for a reflection in the same tick as well, and the other way round.
    twice = (
        "INSERT INTO stored_events SELECT (jsonb_populate_record(e, jsonb_build_object('ordinal', ordinal + 100000, "
        "'target', 1 - target, 'cell', 4))).* FROM stored_events e WHERE run = %s AND kind = 21"
    )
    options = "-c search_path=polis -c session_replication_role=replica"
    with psycopg.connect(migrated.admin_url, autocommit=True, options=options) as connection:
        assert connection.execute(twice, (run.id,)).rowcount > 0
    assert ask(postgres_store, query, run) == before
    whole = query.replace("FROM thoughts_answered", f"FROM polis.thoughts_answered WHERE run = {run.id}")
    assert ask(postgres_store, whole, run) == before


def test_samples_are_the_state_of_their_ticks(postgres_store):
    run = keep(postgres_store, scenario("harsh"), "harsh")
    assert rollups.events_behind(postgres_store, run) > 0
    done = rollups.refresh(postgres_store, run)
    assert done == {"run": "harsh", "head_tick": 400, "rolled_through": -1, "sampled_through": 400}
    assert rollups.events_behind(postgres_store, run) == 0
    query = "SELECT tick, agent, cell, energy, satiety, company, food, wood, stone, ore, coin, tool_uses FROM samples"
    found = ask(postgres_store, f"{query} ORDER BY 1, 2", run)
    expected = []
    for tick in range(0, 401, 100):
        world = replay.at(postgres_store, run, tick)
        names = [col.ID, col.CELL, col.ENERGY, col.SATIETY, col.COMPANY, *range(col.GOODS, col.GOODS + 6)]
        for row in range(world.n):
            if world.agents[col.ALIVE, row]:
                expected.append((tick, *world.agents[names, row].tolist()))
    assert found == sorted(expected)


def test_a_fork_is_rolled_up_as_itself(postgres_store, small_blocks):
    parent = make_run(postgres_store, "parent", ticks=260)
    rollups.refresh(postgres_store, parent)
    fork = fork_of(postgres_store, parent, "fork", at=230, to=320)
    before = {name: ask(postgres_store, query, fork) for name, query in ROLLED.items()}
    done = rollups.refresh(postgres_store, fork)
    assert (done["rolled_through"], done["sampled_through"]) == (299, 300)
    assert {name: ask(postgres_store, query, fork) for name, query in ROLLED.items()} == before
    shared = "SELECT * FROM samples WHERE tick <= 200 ORDER BY tick, agent"
    assert [r[1:] for r in ask(postgres_store, shared, fork)] == [r[1:] for r in ask(postgres_store, shared, parent)]


def test_what_is_told_of_a_refresh_counts_each_tick_once(postgres_store, small_blocks):
    run = make_run(postgres_store, "told", ticks=320)
    told: list[tuple[int, int]] = []
    rollups.refresh(postgres_store, run, on_progress=lambda done, of: told.append((done, of)))
    assert {of for _, of in told} == {320}
    done = [tick for tick, _ in told]
    assert done == sorted(done) and done[-1] == 320
    assert any(0 < tick <= 160 for tick in done), "the first half of the work is half of the ticks"


def test_what_only_reads_is_asked_without_what_would_have_to_be_kept_first(
    postgres_store, migrated, monkeypatch, capsys
):
    run = make_run(postgres_store, "told", ticks=120)
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {migrated.name} SET default_transaction_read_only = on")
    monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
    for query, remark in (
        ("SELECT count(*) FROM ticks", "the newest events of told are not rolled up"),
        ("SELECT count(*) FROM measures", "measures may lack the newest ticks of told"),
    ):
        assert main.run(["sql", "told", "-c", query, "--csv"]) == 0
        said = capsys.readouterr()
        assert said.out.split()[1] == ("0" if "measures" in query else "121") and remark in said.err
    assert main.run(["measures", "told", "population", "gini_wealth", "--csv"]) == 0, "counted, and not kept"
    assert len(capsys.readouterr().out.splitlines()) == 122
    with opened(migrated) as store:
        assert store.measure_blocks(run.id, ["population"], 0, 120) == []
        for writing in (lambda: rollups.refresh(store, run), lambda: drop_run(store.database, run, "a trial")):
            with pytest.raises(TakesNoWrites) as caught:
                writing()
            assert "CONTEXT" not in str(caught.value) and len(str(caught.value).splitlines()) == 2


def test_rollups_go_with_their_run(postgres_store, migrated):
    run = make_run(postgres_store, "gone", ticks=120)
    rollups.refresh(postgres_store, run)
    with postgres_store.database.connect_as_owner() as owner:
        owner.execute("SET ROLE polis_maintenance")
        owner.execute("SELECT polis.drop_run(%s, 'no longer needed')", (run.id,))
        owner.execute("RESET ROLE")
        left = owner.execute("SELECT relname FROM pg_class WHERE relname LIKE '%%\\_r' || %s", (run.id,)).fetchall()
    assert left == []


# -- who may ask, and for how long -------------------------------------------------------------------


def test_a_query_that_takes_too_long_is_stopped(family):
    store, runs = family
    began = time.monotonic()
    with pytest.raises(QueryTimedOut, match=r"0\.3 s"):
        ask(store, "SELECT count(*) FROM generate_series(1, 10000000000)", runs["parent"], timeout_s=0.3)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "query",
    [
        "SELECT set_config('statement_timeout', '0', false), pg_sleep(60)",
        "SELECT set_config('statement_timeout', '0', true) FROM (SELECT pg_sleep(60)) s",
        "SELECT query_to_xml('SELECT set_config(''statement_timeout'', ''0'', false), pg_sleep(60)', true, true, '')",
    ],
)
def test_a_query_can_not_give_itself_more_time(family, query, monkeypatch):
    store, runs = family
    monkeypatch.setattr("infrastructure.asking._GRACE_S", 0.2)
    began = time.monotonic()
    with pytest.raises(QueryTimedOut):
        ask(store, query, runs["parent"], timeout_s=0.5)
    assert time.monotonic() - began < 8


def test_what_a_query_set_is_undone_with_it(family):
    store, _ = family
    with Analyst(store.database, "parent", timeout_s=7) as analyst:
        for name in ("statement_timeout", "role", "polis.run"):
            shown = [f"SELECT current_setting('{name}')", f"SELECT set_config('{name}', '0', false)"]
            before = [row for chunk in analyst.ask(shown[0]) for row in chunk]
            with contextlib.suppress(BadQuery):
                list(analyst.ask(shown[1]))
            assert [row for chunk in analyst.ask(shown[0]) for row in chunk] == before


def test_a_session_goes_on_after_mistakes_timeouts_and_cut_answers(family):
    store, _ = family
    with Analyst(store.database, "parent", timeout_s=0.4) as analyst:
        with pytest.raises(BadQuery, match="nope"):
            list(analyst.ask("SELECT nope FROM trades"))
        with pytest.raises(QueryTimedOut):
            list(analyst.ask("SELECT pg_sleep(9)"))
        answer = analyst.ask("SELECT generate_series(1, 1000000)", limit=2_500)
        assert sum(map(len, answer)) == 2_500
        assert answer.cut
        whole = analyst.ask("SELECT 1", limit=1)
        assert [row for chunk in whole for row in chunk] == [(1,)]
        assert not whole.cut


def test_an_answer_without_rows_has_columns_all_the_same(family):
    store, _ = family
    with Analyst(store.database, "parent") as analyst:
        answer = analyst.ask("SELECT tick, text, cites, payload FROM memories WHERE false")
        assert list(answer) == [[]]
        assert [(c.name, c.type) for c in answer.columns] == [
            ("tick", "int4"), ("text", "text"), ("cites", "text[]"), ("payload", "jsonb"),
        ]  # fmt: skip


def test_bad_sql_says_where(family):
    store, _ = family
    with pytest.raises(BadQuery) as caught:
        ask(store, "SELECT tick\nFROM   tradez")
    assert str(caught.value) == 'relation "tradez" does not exist, at position 20 (line 2, column 8)'
    with pytest.raises(BadQuery, match="multiple commands"):
        ask(store, "SELECT 1; SELECT 2")


def test_a_session_that_was_ended_says_so(family):
    store, _ = family
    with Analyst(store.database, "parent") as analyst, store.database.connect_as_owner() as owner:

        def end() -> None:
            time.sleep(0.3)
            owner.execute("SELECT pg_terminate_backend(%s)", (analyst._connection.info.backend_pid,))

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(SessionEnded, match="ended this session: terminating connection due to administrator"):
            list(analyst.ask("SELECT pg_sleep(9)"))
        thread.join()


REFUSED = (
    "INSERT INTO polis.leases (run, target) VALUES (99, 1)",
    "UPDATE polis.leases SET target = 1",
    "DELETE FROM polis.runs",
    "TRUNCATE polis.ticks",
    "CREATE TABLE mine (n int)",
    "CREATE TEMP TABLE mine (n int)",
    "SELECT 1 AS n INTO mine",
    "WITH gone AS (DELETE FROM polis.runs RETURNING run) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM polis.runs",
    "COPY polis.runs TO PROGRAM 'cat'",
    "COPY polis.runs TO '/tmp/runs'",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_read_binary_file('/etc/hostname')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_creat(-1)",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'kept')",
    "SET ROLE postgres",
    "SET ROLE polis_app",
    "SET SESSION AUTHORIZATION postgres",
    "SELECT set_config('role', 'polis_app', false)",
    "SELECT set_config('session_authorization', 'postgres', false)",
    "SELECT set_config('temp_file_limit', '-1', false)",
    "SELECT polis.drop_run(1, 'out of spite')",
    "SELECT polis.roll_up(1, 99)",
    "SELECT polis.forget_rollup(1)",
    "SELECT polis.make_run_views()",
    "INSERT INTO polis_rollup.progress VALUES (1)",
    "CREATE EXTENSION dblink",
    "SELECT pg_reload_conf()",
    "SELECT pg_advisory_lock(20814, 1)",
    "SELECT pg_try_advisory_lock(20814)",
    "SELECT pg_try_advisory_lock_shared(20816, 1)",
    "SELECT pg_advisory_xact_lock(20815)",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "SELECT pg_cancel_backend(pg_backend_pid())",
    "SELECT pg_logical_emit_message(false, 'noise', 'much')",
    "SELECT * FROM pg_authid",
    "ALTER ROLE polis_read SUPERUSER",
    "DO $$ BEGIN DELETE FROM polis.runs; END $$",
    "CALL nothing()",
    "BEGIN; LOCK TABLE polis.leases",
)


@pytest.mark.parametrize("statement", REFUSED)
def test_the_reading_role_is_refused_all_else(family, migrated_url_of_family, statement):
    """The role itself, over a plain connection, with all that `polis sql` adds taken away."""
    with psycopg.connect(migrated_url_of_family, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ProgrammingError,
                            psycopg.errors.UndefinedFunction, psycopg.errors.InvalidParameterValue)):  # fmt: skip
            connection.execute(statement)


@pytest.fixture
def migrated_url_of_family(family: Any, postgres_server: TestServer) -> str:
    store, _ = family
    with store.database.connect_as_owner() as owner:
        return postgres_server.url("polis_read", owner.info.dbname)


def test_a_session_of_the_reading_role_begins_with_limits(database):
    with Database(settings_of(database)) as empty:
        upgrade(empty)
    with psycopg.connect(database.read_url, autocommit=True) as connection:
        for name, value in {"default_transaction_read_only": "on", "statement_timeout": "10min",
                            "client_connection_check_interval": "2s", "temp_file_limit": "8GB"}.items():  # fmt: skip
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)


def test_the_reading_role_reads_no_other_database(postgres_server, migrated, database):
    with psycopg.connect(postgres_server.url("postgres", database.name), autocommit=True) as owner:
        owner.execute(f"REVOKE CONNECT ON DATABASE {database.name} FROM polis_read")
    for name in ("postgres", "template1", database.name):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(postgres_server.url("polis_read", name))
    with (
        psycopg.connect(postgres_server.url("polis_read", migrated.name)) as connection,
        pytest.raises(psycopg.errors.FeatureNotSupported, match="cross-database"),
    ):
        connection.execute(f"SELECT * FROM {database.name}.public.secret")


def test_every_view_is_documented(family):
    store, runs = family
    query = "SELECT relname::text FROM pg_class WHERE relnamespace = 'polis_run'::regnamespace AND relkind = 'v'"
    pages = "".join((ROOT / "docs" / page).read_text() for page in ("sql.md", "events.md"))
    inner = {"stored_events", "rare_events", "stretches", "leases", "inputs", "late_inputs", "texts", "tombstones",
             "pause_requests", "progress"}  # fmt: skip
    there = {name for (name,) in ask(store, query, runs["parent"])} - inner
    assert {name for name in there if f"`{name}`" not in pages} == set()


def test_every_view_says_what_a_row_of_it_is(family):
    store, runs = family
    query = (
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'polis_run'::regnamespace AND relkind = 'v' "
        "AND relname <> 'rare_events' AND coalesce(obj_description(oid), '') = ''"
    )
    assert ask(store, query, runs["parent"]) == []


def test_a_reader_that_lifts_its_own_limits_is_ended_all_the_same(family, migrated_url_of_family):
    store, _ = family
    ended: list[Exception] = []

    def read_for_ever() -> None:
        try:
            with psycopg.connect(migrated_url_of_family, autocommit=True) as connection:
                connection.execute("SET statement_timeout = 0")
                connection.execute("SELECT pg_sleep(60)")
        except psycopg.Error as error:
            ended.append(error)

    thread = threading.Thread(target=read_for_ever)
    thread.start()
    until = time.monotonic() + 20
    while end_long_readings(store.database, limit_s=0.2) == 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    thread.join()
    assert [type(error) for error in ended] == [psycopg.errors.AdminShutdown]
    assert end_long_readings(store.database, limit_s=3_600) == 0
