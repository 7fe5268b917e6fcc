"""The command `polis` against a real embedded server: contract of keys, exit codes, and who writes where.

Commands run in this process, through the same function as the console script, so that imports are paid
once; signals and broken pipes are tried on real processes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chronopolis
from chronopolis.cli import main
from chronopolis.cli.errors import NOBODY_READS
from domain.events import KINDS
from infrastructure.embedded_postgres import EmbeddedPostgres
from tests.support.postgres import FOR_TESTS

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

AGENTS, TICKS = 40, 60
SMALL = ("--agents", str(AGENTS), "--width", "24", "--height", "24")
RUN_KEYS = {
    "run", "name", "agents", "ticks", "seed", "head_tick", "head_hash", "events", "events_per_s", "status", "tick_ms",
    "peak_rss_mb", "pss_all_mb", "resumed",
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of standard output."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Polis = Callable[..., Said]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home whose server is up for all tests of this module."""
    folder = Path(tempfile.mkdtemp(prefix="polis-c-"))
    before = {name: os.environ.pop(name, None) for name in ("POLIS_HOME", "POLIS_DATABASE_URL", "POLIS_DEBUG")}
    os.environ["POLIS_HOME"] = str(folder)
    try:
        with EmbeddedPostgres(folder, settings=FOR_TESTS):
            yield folder
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def polis(home: Path, capsys: pytest.CaptureFixture[str]) -> Polis:
    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main.run(list(arguments))
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture(scope="module")
def otter(home: Path) -> str:
    """A run that every test may read."""
    name = "testing-otter"
    assert main.run(["run", *SMALL, "--ticks", str(TICKS), "--seed", "7", "--name", name, "--quiet"]) == 0
    return name


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `polis` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "chronopolis.cli.main", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_tick(polis: Polis, name: str, tick: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        said = polis("show", name, "--json")
        if said.code == 0 and said.json["head_tick"] >= tick:
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} never came to tick {tick}: {said}")


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_so_that_it_can_be_resumed(polis, number):
    name = f"stopped-by-{number.name.lower()}"
    process = start("run", *SMALL, "--ticks", "120", "--seed", "7", "--pace", "25", "--name", name, "--json")
    wait_for_tick(polis, name, 3)
    assert polis("show", name, "--json").json["status"] == "running"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert f"polis resume {name}" in err
    assert "Traceback" not in err
    stopped = json.loads(out.splitlines()[-1])
    assert stopped["status"] == "paused"
    assert stopped["head_tick"] < 120
    shown = polis("show", name, "--json").json
    assert (shown["status"], shown["head_hash"]) == ("paused", stopped["head_hash"])

    resumed = polis("resume", name, "--json")
    whole = polis("run", *SMALL, "--ticks", "120", "--seed", "7", "--json")
    assert resumed.json["head_hash"] == whole.json["head_hash"]
    assert polis("verify", name, "--json").json["ok"]


def test_a_second_signal_leaves_at_once_and_the_run_can_be_resumed(polis):
    process = start("run", *SMALL, "--ticks", "5000", "--pace", "400", "--name", "impatient")
    wait_for_tick(polis, "impatient", 1)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert polis("resume", "impatient", "--ticks", "2", "--json").code == 0


@pytest.mark.parametrize("signals", [2, 3])
def test_who_leaves_at_once_is_told_so_though_the_database_hangs(polis, home, signals):
    name = f"frozen-at-{signals}"
    process = start("run", *SMALL, "--ticks", "5000", "--pace", "20", "--name", name, "--json")
    wait_for_tick(polis, name, 1)
    with owner(home) as connection:
        backends = [pid for (pid,) in connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )]  # fmt: skip
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(0.2)
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        out, err = process.communicate(timeout=15)
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    assert process.returncode == 130
    assert err.count(f"error: stopped at once; `polis resume {name}`") == 1
    assert [json.loads(line)["error"]["type"] for line in out.splitlines()] == ["StoppedAtOnce"]


def test_a_run_that_is_being_written_is_refused_and_goes_on(polis):
    process = start("run", *SMALL, "--ticks", "50000", "--pace", "5", "--name", "busy", "--quiet")
    try:
        wait_for_tick(polis, "busy", 1)
        said = polis("resume", "busy", "--json")
        assert said.code == 3
        assert said.json["error"]["type"] == "RunIsHeld"
        assert "--take-over" in said.err
        assert "on from tick" not in said.err, "it does not go on"
        taken = polis("resume", "busy", "--take-over", "--ticks", "2", "--json")
        assert taken.code == 0, taken.err
        assert taken.json["events"] > 0, "two ticks beyond the newest that the other one left"
        assert taken.json["head_tick"] == taken.json["ticks"]
        _, err = process.communicate(timeout=30)
        assert process.returncode == 3, err
        assert "another runner took this run over" in err
    finally:
        process.kill()
        process.wait()


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


def test_an_event_for_people_is_named_as_why_takes_it(polis, otter):
    address = polis("events", otter, "--tick", "0").out.splitlines()[-1].split()[0]
    assert polis("why", otter, address).code == 0


@pytest.mark.parametrize("words", [("--json",), ("--limit", "0")], ids=["lines", "for people"])
def test_a_reader_that_goes_away_is_no_error_of_ours(home, otter, words):
    process = start("events", otter, *words)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == NOBODY_READS
    assert process.stderr.read() == ""
    process.stderr.close()


def redirected(how: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `polis` with its files redirected as a shell does."""
    command = ["sh", "-c", f'exec "$@" {how}', "sh", sys.executable, "-m", "chronopolis.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_a_command_does_its_work_where_its_standard_files_are_closed(polis, otter):
    said = redirected(">&-", "verify", otter, "--json")
    assert (said.returncode, said.stderr) == (0, "")
    said = redirected("2>&-", "verify", otter, "--json")
    assert (said.returncode, json.loads(said.stdout)["ok"]) == (0, True)
    said = redirected(">&- 2>&- <&-", "run", *SMALL, "--ticks", "3", "--name", "unheard", "--json")
    assert said.returncode == 0
    assert polis("show", "unheard", "--json").json["head_tick"] == 3


def test_output_that_takes_no_more_is_named_and_leaves_with_three(polis, otter):
    for words in (
        ("--help",),
        ("verify", otter),
        ("events", otter, "--json"),
        ("run", *SMALL, "--ticks", "3", "--name", "unread", "--json"),
    ):
        said = redirected(">/dev/full", *words)
        assert said.returncode == 3, said
        assert "error: standard output could not be written: No space left on device" in said.stderr
        assert said.stderr.count("error:") == 1
        assert "Traceback" not in said.stderr
    assert polis("show", "unread", "--json").json["status"] == "complete"


def test_a_command_leaves_with_its_own_code_where_nobody_can_be_told(home):
    for how in (">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"):
        assert redirected(how, "run", "--agents", "0", "--json").returncode == 2


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


def owner(home: Path) -> psycopg.Connection[Any]:
    with EmbeddedPostgres(home) as embedded:
        return psycopg.connect(embedded.url("postgres", over="socket"), autocommit=True)


def test_changed_history_is_named_by_tick_and_area_and_leaves_with_one(polis, home):
    run = polis("run", *SMALL, "--ticks", "20", "--seed", "3", "--name", "damaged", "--json").json["run"]
    with owner(home) as connection:
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
    with owner(home) as connection:
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
    with owner(home) as connection:
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


def test_every_command_has_help_with_examples(polis):
    root = main.typer.main.get_command(main.app)
    commands = [(name, command) for name, command in root.commands.items() if not hasattr(command, "commands")]
    commands += [(f"db {name}", command) for name, command in root.commands["db"].commands.items()]
    assert len(commands) > 15
    for name, command in commands:
        assert command.help, name
        assert f"polis {name.split()[0]}" in command.epilog, name
        said = polis(*name.split(), "--help")
        assert said.code == 0
        assert "Examples" in said.out


def test_the_version_names_rules_state_and_hashing(polis):
    said = polis("--version")
    assert said.code == 0
    assert said.out.startswith("polis ")
    assert "rules" in said.out


@pytest.mark.parametrize("words", [(), ("run",)], ids=["of all", "of one"])
def test_a_reader_that_goes_away_is_no_error_of_help_either(words):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "chronopolis.cli.main", *words, "--help"]
    said = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=100, check=False)
    os.close(writing)
    assert (said.returncode, said.stderr) == (NOBODY_READS, "")


def test_ctrl_c_ends_a_command_that_still_imports_without_a_word():
    code = """
import os, signal, sys, types
class Importing(types.ModuleType):
    def __getattr__(self, name):
        os.kill(os.getpid(), signal.SIGINT)
        os.write(2, b"still here")
sys.modules["chronopolis.cli.main"] = Importing("main")
from chronopolis.cli.entry import main
main()
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (said.returncode, said.stderr) == (130, "")


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
