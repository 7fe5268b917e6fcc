"""`polis sweep`: its runs are the ones that their settings give alone, and the same command goes on after anything."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from chronopolis.cli import main
from tests.support.commands import Polis, home_with_server, start, wait_for_tick

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SMALL = ("--agents", "30", "--width", "20", "--height", "20")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        yield folder


def sweep_of(name: str, *more: str) -> tuple[str, ...]:
    return ("sweep", name, *SMALL, "--ticks", "60", "--seeds", "1-2", "--vary", "hunger=45,90", *more)


@pytest.fixture(scope="module")
def dry(home: Path) -> str:
    """A sweep that every test may look at, two of its runs at a time."""
    assert main.run([*sweep_of("dry"), "--jobs", "2", "--quiet"]) == 0
    return "dry"


def hashes(polis: Polis, *names: str) -> list[str]:
    return [polis("show", name, "--json").json["head_hash"] for name in names]


def test_each_run_is_the_one_that_its_settings_give_alone(polis, dry):
    alone = polis("run", *SMALL, "--ticks", "60", "--seed", "2", "--set", "hunger=90", "--json").json
    told = polis(*sweep_of(dry), "--json").json
    (there,) = [run for run in told["runs"] if run["name"] == "dry-hunger90-seed2"]
    assert there["head_hash"] == alone["head_hash"]
    assert there["status"] == "complete"
    assert len({run["head_hash"] for run in told["runs"]}) == 4


def test_what_is_told_of_a_setting_is_what_the_measures_of_its_runs_say(polis, dry):
    told = polis(*sweep_of(dry), "--measure", "trades_so_far", "--measure", "gini_wealth", "--json").json
    assert (told["complete"], told["of"], told["ticks"]) == (4, 4, 60)
    for group in told["groups"]:
        names = [f"dry-hunger{group['settings']['hunger']}-seed{seed}" for seed in (1, 2)]
        series = [polis("measures", name, "trades_so_far", "--tick", "60", "--json").json for name in names]
        values = [each["measures"]["trades_so_far"] for each in series]
        assert group["measures"]["trades_so_far"]["mean"] == sum(values) / 2
        assert (group["measures"]["trades_so_far"]["least"], group["runs"]) == (min(values), 2)


def test_the_same_command_again_runs_nothing_and_more_seeds_only_those(polis, dry):
    before = {name: polis("show", name, "--json").json for name in ("dry-hunger45-seed1", "dry-hunger90-seed2")}
    again = polis(*sweep_of(dry))
    assert again.code == 0
    assert "complete at tick" not in again.err
    more = polis("sweep", dry, *SMALL, "--ticks", "60", "--seeds", "1-3", "--vary", "hunger=90")
    assert [line for line in more.err.splitlines() if "complete at tick" in line] == [
        "dry-hunger90-seed3: complete at tick 60"
    ]
    assert before == {name: polis("show", name, "--json").json for name in before}


def test_runs_go_further_when_more_ticks_are_asked_for_and_are_told_at_the_tick_that_was(polis):
    def long(ticks: int) -> dict[str, Any]:
        return polis("sweep", "long", *SMALL, "--ticks", str(ticks), "--seeds", "3", "--json").json

    early, (late,) = long(60), long(90)["runs"]
    assert late["head_tick"] == 90
    assert late["head_hash"] == polis("run", *SMALL, "--ticks", "90", "--seed", "3", "--json").json["head_hash"]
    assert long(60)["groups"] == early["groups"]


def test_a_table_a_line_a_run_and_a_picture(polis, dry, tmp_path):
    table = polis(*sweep_of(dry), "--plot", str(tmp_path / "dry.png"))
    assert "hunger" in table.out
    assert "±" in table.out
    assert (tmp_path / "dry.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(io.StringIO(polis(*sweep_of(dry), "--csv", "--measure", "ties").out)))
    assert [row["name"] for row in rows][:2] == ["dry-hunger45-seed1", "dry-hunger90-seed1"]
    assert {row["hunger"] for row in rows} == {"45", "90"}
    assert all(float(row["ties"]) >= 0 for row in rows)


def test_forks_of_one_run_share_its_history_and_part_by_their_seeds(polis, dry):
    futures = ("sweep", "futures", "--from", "dry-hunger45-seed1", "--at", "40", "--ticks", "60", "--seeds", "1-2")
    told = polis(*futures, "--json").json
    assert (told["parent"], told["forked_at"], told["complete"]) == ("dry-hunger45-seed1", 40, 2)
    shared = {polis("state", name, "--tick", "40", "--json").json["state_hash"] for name in
              ("dry-hunger45-seed1", *(run["name"] for run in told["runs"]))}  # fmt: skip
    assert len(shared) == 1
    ends = {run["seed"]: run["head_hash"] for run in told["runs"]}
    assert ends[1] == hashes(polis, "dry-hunger45-seed1")[0]  # its parent's own seed repeats it
    assert len(set(ends.values())) == 2
    assert polis(*futures, "--json").json == told


# -- stopped, killed, refused -----------------------------------------------------------------------------


def wait_for_a_child(process: int) -> psutil.Process:
    """Wait until a run of a sweep is under way and has ticks; return its process."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        children = psutil.Process(process).children()
        if children and any("resume" in child.cmdline() for child in children):
            return next(child for child in children if "resume" in child.cmdline())
        time.sleep(0.05)
    raise AssertionError("no run was begun")


def begun(*arguments: str) -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start a sweep; return its process and that of the run which it begins with."""
    process = start(*arguments)
    return process, wait_for_a_child(process.pid)


def ended(process: subprocess.Popen[str]) -> tuple[str, list[dict[str, Any]]]:
    """Return what a sweep said on its way, and what it says of each run."""
    out, err = process.communicate(timeout=120)
    told = json.loads(out.splitlines()[-1])
    assert "runs" in told, (told, err)
    return err, told["runs"]


def test_stopped_and_killed_the_same_command_goes_on_to_the_hashes_of_undisturbed_runs(polis):
    society = ("--agents", "200", "--ticks", "1000")
    again = ("sweep", "troubled", *society, "--seeds", "1-2", "--durability", "tick", "--json")

    process, _ = begun(*again)
    wait_for_tick(polis, "troubled-seed1", 20)
    process.send_signal(signal.SIGINT)
    said, runs = ended(process)
    assert process.returncode == 130, said
    assert "0 of 2 runs of troubled are complete; the same command goes on" in said
    assert [run["status"] for run in runs] == ["paused", "waiting"]
    assert polis("show", "troubled-seed1", "--json").json["status"] == "paused"

    process, child = begun(*again)
    child.kill()
    said, runs = ended(process)
    assert process.returncode == 1, said
    assert (runs[0]["status"], runs[0]["problem"]) == ("failed", "its process was ended by SIGKILL")
    assert runs[1]["status"] == "complete"

    process, orphan = begun(*again)
    process.kill()
    process.communicate(timeout=30)
    last = polis(*again)
    assert last.code == 0, last.err
    orphan.wait(timeout=60)  # it went on to the end, and the sweep waited for it
    for run in last.json["runs"]:
        calm = polis("run", *society, "--seed", str(run["seed"]), "--json").json
        assert run["head_hash"] == calm["head_hash"]
        assert polis("verify", run["name"], "--json").json["ok"]


def test_the_same_sweep_asked_for_twice_at_once_shares_the_work(polis):
    shared = ("sweep", "shared", *SMALL, "--ticks", "120", "--seeds", "1-4", "--json")
    both = [start(*shared), start(*shared)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    one, other = (json.loads(out.splitlines()[-1])["runs"] for out, _ in said)
    assert one == other
    ended_here = [line.split(":")[0] for _, err in said for line in err.splitlines() if "complete at tick" in line]
    assert sorted(ended_here) == [f"shared-seed{seed}" for seed in range(1, 5)]  # each by one of them
    assert {run["status"] for run in one} == {"complete"}


def test_a_run_of_that_name_made_otherwise_is_refused_and_nothing_is_run(polis, dry):
    before = polis("runs", "--json").lines
    said = polis("sweep", "dry", "--agents", "31", "--width", "20", "--height", "20", "--ticks", "60",
                 "--vary", "hunger=45,90", "--seeds", "1-9")  # fmt: skip
    assert said.code == 2
    assert "run dry-hunger45-seed1 is there and is another: agents 30 instead of 31" in said.err
    assert polis("runs", "--json").lines == before


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--seeds", "3-1"), "--seeds 3-1: 3-1 ends before it begins"),
        (("--vary", "hunger=1,1"), "1 was given already"),
        (("--vary", "agents=5", "--agents", "6"), "--agents and --vary agents"),
        (("--vary", "hunger=5", "--set", "hunger=6"), "--set and --vary hunger"),
        (("--measure", "nope"), "there is no measure 'nope'"),
        (("--plot", "x.gif"), "pictures are written as .png or .svg"),
        (("--at", "5"), "Give --from RUN"),
        (("--from", "nobody"), "there is no run 'nobody'"),
        (("--from", "dry-hunger45-seed1", "--agents", "9"), "forks have what their parent has"),
        (("--from", "dry-hunger45-seed1", "--at", "61"), "it has ticks 0 to 60"),
        (("--from", "dry-hunger45-seed1", "--at", "40", "--ticks", "40"), "beyond tick 40"),
        (("--from", "dry-hunger45-seed1", "--set", "width=9"), "it can't change under way"),
        (("--json", "--csv"), "can't be meant together"),
    ],
)
def test_bad_input_is_one_line_and_makes_no_run(polis, dry, more, says):
    before = polis("runs", "--json").lines
    said = polis("sweep", "wrong", *more)
    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err
    assert polis("runs", "--json").lines == before
