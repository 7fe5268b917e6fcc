"""The command `polis` against a real embedded server: contract of keys, exit codes, and who writes where.

Commands run in this process, through the same function as the console script, so that imports are paid
once; `test_cli_processes.py` tries signals and broken pipes on real processes.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import chronopolis
from chronopolis import record
from chronopolis.cli import live, main
from domain.configuration import RULES_VERSION
from domain.events import KINDS
from infrastructure.embedded_postgres import EmbeddedPostgres
from tests.support.commands import Said, home_with_server, owner_of, start

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

AGENTS, TICKS = 40, 60
SMALL = ("--agents", str(AGENTS), "--width", "24", "--height", "24")
RUN_KEYS = {
    "run", "name", "agents", "ticks", "seed", "head_tick", "head_hash", "events", "events_per_s", "status", "tick_ms",
    "peak_rss_mb", "pss_all_mb", "resumed",
}  # fmt: skip


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        yield folder


@pytest.fixture(scope="module")
def otter(home: Path) -> str:
    """A run that every test may read."""
    name = "testing-otter"
    assert main.run(["run", *SMALL, "--ticks", str(TICKS), "--seed", "7", "--name", name, "--quiet"]) == 0
    return name


# -- run, resume -------------------------------------------------------------------------------------


def test_run_keeps_its_contract(polis):
    said = polis("run", *SMALL, "--ticks", "40", "--seed", "7", "--json")
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) == 1
    assert said.json.keys() >= RUN_KEYS
    assert said.json["tick_ms"].keys() == {"p50", "p99", "max"}
    assert (said.json["head_tick"], said.json["ticks"], said.json["agents"], said.json["seed"]) == (40, 40, AGENTS, 7)
    assert (said.json["status"], said.json["resumed"]) == ("complete", False)
    assert len(bytes.fromhex(said.json["head_hash"])) == 32
    assert said.json["name"] in said.err


def test_how_a_run_is_executed_does_not_change_it_and_its_seed_does(polis):
    hashes = [
        polis("run", *SMALL, "--ticks", "40", "--seed", seed, "--json", *how).json["head_hash"]
        for seed, *how in (
            ("7",),
            ("7", "--durability", "group"),
            ("7", "--threads", "2"),
            ("7", "--pace", "2"),
            ("8",),
        )
    ]
    assert len(set(hashes[:4])) == 1
    assert hashes[4] != hashes[0]


def test_a_run_resumed_beyond_its_end_is_the_longer_run(polis):
    longer = polis("run", *SMALL, "--ticks", "50", "--seed", "9", "--json").json
    short = polis("run", *SMALL, "--ticks", "30", "--seed", "9", "--json").json
    said = polis("resume", short["name"], "--ticks", "20", "--json")
    assert said.code == 0, said.err
    assert said.json.keys() >= RUN_KEYS
    assert said.json["resumed"] is True
    assert (said.json["head_tick"], said.json["head_hash"]) == (50, longer["head_hash"])


def test_resuming_a_complete_run_without_more_changes_nothing(polis, otter):
    before = polis("show", otter, "--json").json
    said = polis("resume", otter, "--json")
    assert said.code == 0
    assert said.json["head_hash"] == before["head_hash"]
    assert "--ticks MORE" in said.err


def test_settings_reach_the_configuration(polis):
    name = polis("run", *SMALL, "--ticks", "1", "--set", "sight=2", "--set", "meal=3000", "--json").json["name"]
    configuration = polis("show", name, "--json").json["configuration"]
    assert (configuration["sight"], configuration["meal"], configuration["width"]) == (2, 3000, 24)


def test_people_get_a_panel_and_no_json(polis):
    said = polis("run", *SMALL, "--ticks", "2", "--name", "for-people")
    assert said.code == 0
    assert "head hash" in said.out
    assert "for-people" in said.out
    assert "{" not in said.out


# -- looking -----------------------------------------------------------------------------------------


def test_show_keeps_its_contract(polis, otter):
    said = polis("show", otter, "--json")
    wanted = {
        "run",
        "name",
        "status",
        "head_tick",
        "head_hash",
        "agents",
        "seed",
        "configuration",
        "size_bytes",
        "next",
    }
    assert wanted <= said.json.keys()
    assert (said.json["status"], said.json["head_tick"]) == ("complete", TICKS)
    assert said.json["size_bytes"] > 0
    assert said.json["events"] > AGENTS * TICKS


def test_a_run_is_found_by_number_and_by_the_beginning_of_its_name(polis, otter):
    number = polis("show", otter, "--json").json["run"]
    for text in (str(number), "testing-o"):
        assert polis("show", text, "--json").json["name"] == otter


def test_a_beginning_that_two_names_share_is_refused(polis):
    for name in ("twin-hare", "twin-hawk"):
        polis("run", *SMALL, "--ticks", "0", "--name", name, "--quiet")
    said = polis("show", "twin-ha")
    assert said.code == 2
    assert "twin-hare, twin-hawk" in said.err


def test_a_run_under_other_rules_is_shown_with_what_works_there(polis, otter, monkeypatch):
    monkeypatch.setattr("domain.ports.RULES_VERSION", RULES_VERSION + 1)
    commands = polis("show", otter, "--json").json["next"]
    assert [command.split()[1] for command in commands] == ["verify", "state", "events"]
    for command in commands:
        assert polis(*command.split()[1:]).code == 0, command
    for refused in (("resume", otter, "--ticks", "1000"), ("fork", otter, "--at", "30")):
        assert polis(*refused).code == 3, refused


def test_runs_lists_every_run(polis, otter):
    lines = polis("runs", "--json").lines
    assert otter in [line["name"] for line in lines]
    assert {"run", "name", "status", "head_tick", "head_hash", "agents", "seed"} <= lines[0].keys()
    assert otter in polis("runs").out


def test_state_keeps_its_contract(polis, otter):
    said = polis("state", otter, "--tick", "30", "--json")
    assert {"run", "tick", "state_hash", "areas", "population"} <= said.json.keys()
    assert said.json["tick"] == 30
    assert said.json["areas"].keys() == {"personas", "agents", "goods", "ties", "cells", "minds"}
    assert all(len(bytes.fromhex(area)) == 8 for area in said.json["areas"].values())
    newest = polis("state", otter, "--json").json
    assert newest["tick"] == TICKS
    assert newest["state_hash"] == polis("show", otter, "--json").json["state_hash"]


def test_one_agent_is_shown_in_full_by_id_and_by_name(polis, otter):
    said = polis("state", otter, "--tick", "30", "--agent", "5", "--json")
    agent = said.json["agent"]
    assert agent["agent"] == 5
    assert agent["needs_milli"].keys() == {"energy", "satiety", "company"}
    assert agent["goods"].keys() == {"food", "wood", "stone", "ore", "coin", "tool"}
    assert {"traits_milli", "skills_milli", "place", "intention", "ties", "occupation"} <= agent.keys()
    everybody = polis("state", otter, "--tick", "30", "--agents", "--json").json["agents"]
    assert len(everybody) == AGENTS
    assert everybody[5]["food"] == agent["goods"]["food"]
    if [row["name"] for row in everybody].count(agent["name"]) == 1:
        by_name = polis("state", otter, "--tick", "30", "--agent", agent["name"].upper(), "--json")
        assert by_name.json["agent"] == agent
    assert agent["name"] in polis("state", otter, "--tick", "30", "--agent", "5").out


def test_the_map_shows_every_row(polis, otter):
    said = polis("state", otter, "--map")
    assert said.code == 0
    assert len(said.out.splitlines()) > 24
    assert "●" in said.out


def test_events_are_json_lines_in_order(polis, otter):
    lines = polis("events", otter, "--from", "10", "--to", "12", "--json").lines
    keys = [(line["tick"], line["ordinal"]) for line in lines]
    assert keys == sorted(keys)
    assert {line["tick"] for line in lines} == {10, 11, 12}
    assert [line["ordinal"] for line in lines if line["tick"] == 11] == list(range(sum(t == 11 for t, _ in keys)))
    assert lines[:3] == polis("events", otter, "--from", "10", "--limit", "3", "--json").lines


def test_events_can_be_narrowed_to_an_agent_a_kind_and_a_tick(polis, otter):
    every = polis("events", otter, "--json").lines
    assert len(every) == polis("show", otter, "--json").json["events"]
    mine = polis("events", otter, "--agent", "5", "--json").lines
    assert mine == [line for line in every if line.get("agent") == 5]
    eaten = polis("events", otter, "--kind", "MealEaten", "--kind", "moves", "--json").lines
    assert eaten == [line for line in every if line["kind"] in ("MealEaten", "AgentMoved")]
    assert polis("events", otter, "--tick", "7", "--json").lines == [line for line in every if line["tick"] == 7]


def test_events_for_people_stop_at_a_hundred_and_say_so(polis, otter):
    said = polis("events", otter)
    assert len(said.out.splitlines()) == 100
    assert "--limit 0" in said.err


def test_events_that_are_long_looked_for_say_how_far_it_is_unless_quiet(polis, otter, monkeypatch):
    monkeypatch.setattr(live, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(record, "_FEW_TICKS", 0)  # as in a run of more ticks
    for found in (("--kind", "SpeechMade"), ("--kind", "moves", "--limit", "0")):
        said = polis("events", otter, *found)
        assert said.err.splitlines()[0] == f"looking through {otter}: tick {TICKS} of {TICKS}"
        assert polis("events", otter, *found, "--quiet") == Said(0, said.out, "")


def test_events_are_handed_on_as_they_are_found(otter, home, monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(file), write_through=False))
    read = []

    def slowly(*args, **kwargs):
        for batch in whole(*args, **kwargs):
            read.append(len(file.getvalue().splitlines()))
            yield batch.slice(0, 1)

    whole = record.select_events
    monkeypatch.setattr(record, "select_events", slowly)
    assert main.run(["events", otter, "--json", "--to", "9"]) == 0
    assert read == list(range(10))


def test_so_many_events_as_were_asked_for_are_not_followed_by_a_search_for_more(polis, otter, monkeypatch):
    def two(*args, **kwargs):
        batch = next(whole(*args, **kwargs))
        yield batch.slice(0, 2)
        raise AssertionError("there was no need to look on")

    whole = record.select_events
    monkeypatch.setattr(record, "select_events", two)
    assert len(polis("events", otter, "--json", "--limit", "2").lines) == 2


def test_an_event_for_people_is_named_as_why_takes_it(polis, otter):
    address = polis("events", otter, "--tick", "0").out.splitlines()[-1].split()[0]
    assert polis("why", otter, address).code == 0


# -- checks ------------------------------------------------------------------------------------------


def test_verify_and_reexecute_keep_their_contract(polis, otter):
    said = polis("verify", otter, "--deep", "--json")
    assert said.code == 0
    assert {"run", "ok", "ticks", "first_bad_tick", "area", "reason"} <= said.json.keys()
    assert (said.json["ok"], said.json["ticks"], said.json["first_bad_tick"]) == (True, TICKS + 1, None)
    again = polis("reexecute", otter, "--json")
    assert again.code == 0
    assert {"run", "identical", "ticks", "first_divergence"} <= again.json.keys()
    assert (again.json["identical"], again.json["first_divergence"]) == (True, None)


def test_changed_history_is_named_by_tick_and_area_and_leaves_with_one(polis, home):
    run = polis("run", *SMALL, "--ticks", "20", "--seed", "3", "--name", "damaged", "--json").json["run"]
    with owner_of(home) as connection:
        connection.execute("SET session_replication_role = replica")  # or the triggers would refuse
        where = "WHERE run = %s AND tick = 11 AND kind = 6 AND ordinal = (SELECT min(ordinal) FROM polis.stored_events "
        where += "WHERE run = %s AND tick = 11 AND kind = 6)"
        connection.execute(f"UPDATE polis.stored_events SET needs = needs + 1 {where}", (run, run))
    said = polis("verify", "damaged", "--json")
    assert said.code == 1
    assert (said.json["ok"], said.json["first_bad_tick"], said.json["area"]) == (False, 11, "events")
    assert "11" in polis("verify", "damaged").out
    again = polis("reexecute", "damaged", "--json")
    assert again.code == 1
    assert again.json["first_divergence"]["tick"] == 11


def test_a_corrupt_snapshot_is_said_and_passed_over(polis, home):
    run = polis("run", *SMALL, "--ticks", "20", "--seed", "4", "--name", "bad-snapshot", "--json").json["run"]
    before = polis("state", "bad-snapshot", "--json").json
    with owner_of(home) as connection:
        connection.execute("SET session_replication_role = replica")
        changed = "UPDATE polis.snapshots SET data = set_byte(data, 30, (get_byte(data, 30) + 1) %% 256) WHERE run = %s"
        connection.execute(changed, (run,))
    said = polis("state", "bad-snapshot", "--json")
    assert said.code == 0
    assert said.json == before
    assert "warning: " in said.err
    assert "passed over" in said.err
    verified = polis("verify", "bad-snapshot", "--json")
    assert (verified.code, verified.json["area"]) == (1, "snapshot")


# -- what can be wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("show", "no-such-run"), "UnknownRun"),
        (("resume", "no-such-run"), "UnknownRun"),
        (("verify", "no-such-run"), "UnknownRun"),
        (("reexecute", ""), "UnknownRun"),
        (("state", "testing-otter", "--tick", "61"), "BeyondHead"),
        (("events", "testing-otter", "--to", "61"), "BeyondHead"),
        (("state", "testing-otter", "--tick", "-1"), "BadParameter"),
        (("state", "testing-otter", "--agent", "40000"), "UnknownAgent"),
        (("state", "testing-otter", "--agent", "Nobody Atall"), "UnknownAgent"),
        (("state", "testing-otter", "--agent", "0", "--agents"), "WrongUsage"),
        (("state", "testing-otter", "--agent", "0", "--map"), "WrongUsage"),
        (("events", "testing-otter", "--kind", "Miracle"), "WrongUsage"),
        (("events", "testing-otter", "--tick", "3", "--to", "4"), "WrongUsage"),
        (("events", "testing-otter", "--from", "4", "--to", "3"), "WrongUsage"),
        (("run", "--agents", "0"), "InvalidConfiguration"),
        (("run", "--agents", "-3"), "InvalidConfiguration"),
        (("run", "--agents", "17", "--width", "4", "--height", "4"), "InvalidConfiguration"),
        (("run", "--width", "-1"), "InvalidConfiguration"),
        (("run", "--ticks", "-1"), "InvalidConfiguration"),
        (("run", "--seed", str(2**63)), "InvalidConfiguration"),
        (("run", "--mind", "oracle"), "InvalidConfiguration"),
        (("run", "--adapter", "farmer=plain"), "InvalidConfiguration"),
        (("run", "--mind", "scripted", "--adapter", "farmer=plain"), "InvalidConfiguration"),
        (("run", "--set", "sigth=3"), "InvalidConfiguration"),
        (("run", "--set", "sight=far"), "InvalidConfiguration"),
        (("run", "--set", "sight"), "WrongUsage"),
        (("run", "--set", "sight=6", "--set", "sight=7"), "WrongUsage"),
        (("run", "--mind", "llama", "--adapter", "farmer=a", "--adapter", "farmer=b"), "WrongUsage"),
        (("run", "--agents", "10", "--set", "agents=5"), "WrongUsage"),
        (("run", "--profile", "/nonexistent"), "WrongUsage"),
        (("fork", "testing-otter", "--set", "hunger=30", "--set", " hunger=31"), "WrongUsage"),
        (("run", "--name", "No Such Name"), "InvalidConfiguration"),
        (("run", "--name", "testing-otter"), "RunExists"),
        (("run", "--threads", "0"), "BadParameter"),
        (("run", "--pace", "-5"), "BadParameter"),
        (("run", "--durability", "never"), "BadParameter"),
        (("run", "--agents", "many"), "BadParameter"),
        (("resume", "testing-otter", "--ticks", "0"), "BadParameter"),
        (("db", "downgrade"), "WrongUsage"),
        (("show", os.fsdecode(b"\xff")), "UnknownRun"),
        (("run", "--name", os.fsdecode(b"caf\xe9")), "InvalidConfiguration"),
        (("drop", "testing-otter", "--yes", "--because", os.fsdecode(b"caf\xe9")), "WrongUsage"),
        (("run", "--set", os.fsdecode(b"caf\xe9=3")), "InvalidConfiguration"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_usage_gets_one_line_and_code_two(polis, otter, arguments, kind):
    before = len(polis("runs", "--json").lines)
    said = polis(*arguments, "--json")
    assert said.code == 2, said
    assert said.err.startswith("error: ")
    assert sum(line.startswith("error:") for line in said.err.splitlines()) == 1
    assert not any(words in said.err for words in ("Traceback", "Value error", "Errno"))
    assert said.json["error"]["type"] == kind
    assert said.json["error"]["exit_code"] == 2
    assert len(polis("runs", "--json").lines) == before


def test_an_unreachable_database_leaves_with_three_and_hides_the_password(polis, monkeypatch):
    monkeypatch.setenv("POLIS_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/history")
    for arguments in (("runs",), ("run", "--ticks", "1"), ("db", "status"), ("doctor",)):
        said = polis(*arguments, "--json")
        assert said.code == 3
        assert "secret" not in said.err + said.out


def test_a_data_folder_that_cannot_be_used_leaves_with_three(polis, monkeypatch):
    monkeypatch.setenv("POLIS_HOME", "/proc/nowhere")
    said = polis("runs", "--json")
    assert said.code == 3
    assert said.json["error"]["type"] == "DataFolderUnusable"


def test_an_external_database_without_our_schema_is_refused_until_it_is_upgraded(polis, home, monkeypatch):
    with owner_of(home) as connection:
        connection.execute("CREATE DATABASE elsewhere")
    with EmbeddedPostgres(home) as embedded:
        monkeypatch.setenv("POLIS_DATABASE_URL", embedded.url("postgres", database="elsewhere"))
    said = polis("runs", "--json")
    assert (said.code, said.json["error"]["type"]) == (3, "SchemaTooOld")
    assert "polis db upgrade" in said.err
    assert polis("db", "status", "--json").code == 3
    assert polis("db", "upgrade", "--json").json["before"] is None
    assert polis("runs", "--json").code == 0
    assert polis("db", "status", "--json").json["is_current"] is True
    assert polis("db", "start", "--json").code == 2  # not ours to keep up

    with psycopg.connect(os.environ["POLIS_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("UPDATE polis.alembic_version SET version_num = '9999'")
    said = polis("runs", "--json")
    assert (said.code, said.json["error"]["type"]) == (3, "SchemaTooNew")
    for words in (("db", "status"), ("doctor",)):
        said = polis(*words)
        assert said.code == 3
        assert "later release made" in said.out + said.err
        assert "polis db upgrade" not in said.out + said.err


def test_a_schema_that_holds_runs_is_not_taken_away(polis, otter):
    said = polis("db", "downgrade", "--yes", "--json")
    assert (said.code, said.json["error"]["type"]) == (3, "MigrationFailed")
    assert "`polis drop`" in said.err
    assert "CONTEXT" not in said.err
    assert polis("verify", otter, "--json").json["ok"]


def test_our_own_mistakes_get_a_line_and_code_seventy(polis, otter, monkeypatch):
    monkeypatch.setattr("replay.verify", lambda *a, **k: 1 // 0)
    said = polis("verify", otter, "--json")
    assert (said.code, said.json["error"]["type"]) == (70, "ZeroDivisionError")
    assert "polis verify RUN" in said.err
    assert "intact" not in said.err, "damaged history may be why"
    assert "Traceback" not in said.err
    monkeypatch.setenv("POLIS_DEBUG", "1")
    assert "Traceback" in polis("verify", otter).err


# -- the database ------------------------------------------------------------------------------------


def test_db_url_can_be_used_by_any_client_and_only_looks(polis, home, otter):
    try:
        said = polis("db", "url")
        assert said.code == 0, said.err
        with psycopg.connect(said.out.strip(), autocommit=True) as connection:
            row = connection.execute("SELECT tick FROM heads WHERE name = %s", (otter,)).fetchone()
            assert row == (TICKS,)
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                connection.execute("DELETE FROM polis.runs")
        assert polis("db", "status", "--json").json["holder"] is not None
        app = polis("db", "url", "--role", "app", "--json").json["url"]
        assert "polis_app" in app
    finally:
        stopped = polis("db", "stop", "--json")
    assert stopped.json["stopped"] is True
    assert polis("db", "stop", "--json").json["stopped"] is False


def test_psql_runs_as_the_reader_and_passes_its_code_on(home, otter):
    process = start("db", "psql", "--", "-AtX", "-c", "SELECT current_user")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip()) == (0, "polis_read"), err
    process = start("db", "psql", "--", "-X", "-c", "SELECT nonsense")
    process.communicate(timeout=60)
    assert process.returncode == 1


def test_the_doctor_finds_everything_well(polis, otter):
    said = polis("doctor", "--json")
    assert said.code == 0, said.out
    names = {check["name"] for check in said.json["checks"]}
    assert {
        "python",
        "packages",
        "machine",
        "data folder",
        "rules",
        "reader",
        "database",
        "schema",
        "roles",
        "disk",
    } <= names
    assert {check["status"] for check in said.json["checks"]} <= {"ok", "warn"}


def test_a_reader_that_there_is_not_is_refused_and_the_doctor_says_so(polis, otter, monkeypatch):
    monkeypatch.setenv("POLIS_READER", "foo")
    said = polis("verify", otter)
    assert (said.code, said.err.strip()) == (2, "error: POLIS_READER = 'foo': must be libpq or adbc")
    said = polis("doctor", "--json")
    assert [check["status"] for check in said.json["checks"] if check["name"] == "reader"] == ["fail"]


def test_a_fork_without_ticks_of_its_own_says_how_it_goes_on(polis, otter):
    said = polis("fork", otter, "--at", "30", "--ticks", "0", "--name", "at-rest")
    assert "polis resume at-rest --ticks MORE" in said.err
    assert polis("resume", "at-rest", "--ticks", "2", "--json").json["head_tick"] == 32


# -- help, demo, Python ------------------------------------------------------------------------------


def every_command(group, *path):
    """Yield (name, command) of every command below a group, groups themselves left out."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from every_command(command, *path, name)
        else:
            yield " ".join((*path, name)), command


def test_every_command_has_help_with_examples(polis):
    commands = list(every_command(main.typer.main.get_command(main.app)))
    assert len(commands) > 15
    assert {name.split()[0] for name, _ in commands if " " in name} >= {"db", "memory", "minds"}
    for name, command in commands:
        assert command.help, name
        assert f"polis {name.split()[0]}" in (command.epilog or ""), name
        said = polis(*name.split(), "--help")
        assert said.code == 0, name
        assert "Examples" in said.out, name


def test_the_version_names_rules_state_and_hashing(polis):
    said = polis("--version")
    assert said.code == 0
    assert said.out.startswith("polis ")
    assert "rules" in said.out


def test_help_does_not_wait_for_the_heavy_libraries():
    code = (
        "import sys, chronopolis.cli.main; print(*sorted({'numpy', 'numba', 'polars', 'psycopg'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""


def test_the_demo_verifies_its_run_and_says_what_to_try(polis):
    said = polis("demo", "--agents", "40", "--ticks", "30", "--json")
    assert said.code == 0, said.err
    assert said.json.keys() >= RUN_KEYS
    assert said.json["verification"]["ok"] is True
    assert len(said.json["next"]) == 5
    assert said.json["next"][-1].endswith("--ticks 1000")
    for command in said.json["next"]:
        shorter = command.replace("--ticks 1000", "--ticks 40")  # a minute and a half of thinking
        assert polis(*shorter.split()[1:]).code == 0, command


def test_python_reads_what_the_command_shows(polis, otter):
    with chronopolis.open("testing-o") as run:
        assert (run.name, run.head_tick, run.status) == (otter, TICKS, "complete")
        moment = run.at(30)
        shown = polis("state", otter, "--tick", "30", "--json").json
        assert (moment.state_hash, moment.areas) == (shown["state_hash"], shown["areas"])
        assert moment.agents.height == AGENTS
        assert moment.cells.height == 24 * 24
        assert run.ticks.height == TICKS + 1
        assert run.ticks["chain_hash"][-1] == run.head_hash
        assert run.ticks["events"].sum() == run.events().height
        moves = run.events(kind="moves", agent=5, first=10, last=40)
        lines = polis("events", otter, "--kind", "moves", "--agent", "5", "--from", "10", "--to", "40", "--json").lines
        assert moves.select("tick", "ordinal", "cell", "energy").rows() == [
            (line["tick"], line["ordinal"], line["cell"], line["energy"]) for line in lines
        ]
        for kind in KINDS:
            frame = run.events(kind=kind.name)
            assert {f.name for f in kind.fields} | kind.payload.keys() <= set(frame.columns)
