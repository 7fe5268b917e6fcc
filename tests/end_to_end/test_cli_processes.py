"""`polis` as a process among others: signals, a reader that goes away, files that are closed or take no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronopolis.cli import main
from chronopolis.cli.errors import NOBODY_READS
from tests.support.commands import home_with_server, owner_of, start, wait_for_tick

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SMALL = ("--agents", "40", "--width", "24", "--height", "24")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        yield folder


@pytest.fixture(scope="module")
def otter(home: Path) -> str:
    """A run that every test may read."""
    name = "testing-otter"
    assert main.run(["run", *SMALL, "--ticks", "60", "--seed", "7", "--name", name, "--quiet"]) == 0
    return name


# -- signals -----------------------------------------------------------------------------------------


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
    with owner_of(home) as connection:
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


def test_ticks_are_counted_from_where_another_runner_left_a_run_that_it_is_just_ending(polis):
    process = start("run", *SMALL, "--ticks", "300", "--pace", "10", "--name", "ending", "--quiet")
    wait_for_tick(polis, "ending", 100)
    more = polis("resume", "ending", "--ticks", "5", "--json")
    assert process.wait(timeout=30) == 0
    assert more.code == 0, more.err
    assert more.json["head_tick"] == more.json["ticks"] == 305
    assert polis("show", "ending", "--json").json["status"] == "complete"


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


def test_nothing_that_takes_time_is_imported_before_ctrl_c_is_answered():
    code = """
import re, sys  # as the console script
before = set(sys.modules)
import chronopolis.cli.entry
print(*sorted(set(sys.modules) - before))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    ours = {"chronopolis", "chronopolis.cli", "chronopolis.cli.entry"}
    assert ours <= set(said.stdout.split()) <= ours | {"__future__", "signal"}


def test_opening_a_store_loads_nothing_that_only_some_commands_need():
    code = "import sys, workers.bootstrap; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert not {"polars", "pyarrow", "httpx", "celery", "chromadb", "mesa_frames"} & set(said.stdout.split())


def test_a_run_whose_minds_ask_no_model_loads_nothing_that_goes_to_a_broker():
    code = "import sys, workers.staff; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert not {"redis", "celery", "httpx", "chromadb"} & set(said.stdout.split())


# -- files -------------------------------------------------------------------------------------------


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
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run(command, capture_output=True, encoding=encoding, timeout=100, check=False)


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


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_an_encoding_has_no_letter_for_is_drawn_for_people_and_escaped_for_programs(
    polis, otter, monkeypatch, tmp_path, encoding
):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)  # as a locale without UTF-8 does
    for words in (("state", otter, "--map"), ("events", otter), ("measures", otter), ("verify", otter), ("--help",)):
        said = redirected("", *words)
        assert said.returncode == 0, said
        assert "\\u" not in said.stdout
    query = tmp_path / "letters.sql"
    query.write_text("SELECT '·→😀' AS letters", encoding="utf-8")
    said = redirected(f">'{tmp_path}/letters.json'", "sql", otter, "--file", str(query), "--json")
    assert said.returncode == 0, said
    assert json.loads((tmp_path / "letters.json").read_text(encoding=encoding)) == {"letters": "·→😀"}


@pytest.mark.parametrize("words", [(), ("run",)], ids=["of all", "of one"])
def test_a_reader_that_goes_away_is_no_error_of_help_either(words):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "chronopolis.cli.main", *words, "--help"]
    said = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=100, check=False)
    os.close(writing)
    assert (said.returncode, said.stderr) == (NOBODY_READS, "")
