"""`polis drop`: what it asks, what it refuses, what stays."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chronopolis.cli import main
from chronopolis.cli.errors import ENVIRONMENT, WRONG_USAGE
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, chain_of, make_run

pytestmark = pytest.mark.end_to_end

Polis = Callable[..., tuple[int, str, str]]


@pytest.fixture
def polis(
    migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Polis]:
    monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
    monkeypatch.setenv("POLIS_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main.run(list(arguments))
        return (code, *capsys.readouterr())

    yield run


def fork_of(store: PostgresStore, parent: Run, name: str) -> Run:
    return store.create(
        name, seed=parent.seed, configuration=TINY_WORLD, target=9, parent=parent, fork_tick=4
    )  # fmt: skip


def test_a_run_goes_whole_and_its_tombstone_is_the_result(polis: Polis, postgres_store: PostgresStore) -> None:
    gone, kept = make_run(postgres_store, "gone", ticks=8), make_run(postgres_store, "kept", ticks=4)
    head, events = chain_of(postgres_store, gone)[-1].hex(), postgres_store.total_events(gone)
    code, out, _ = polis("drop", "gone", "--because", "a trial", "--yes", "--json")
    said = json.loads(out.splitlines()[-1])
    assert code == 0
    assert (said["run"], said["name"], said["seed"], said["head_tick"], said["head_hash"], said["because"]) == (
        gone.id, "gone", gone.seed, 8, head, "a trial",
    )  # fmt: skip
    assert said["events"] == events > 0
    assert said["bytes"] > 0
    assert postgres_store.names() == {kept.name}
    assert polis("drop", "gone", "--because", "once more", "--yes")[0] == WRONG_USAGE


def test_whoever_asks_for_it_by_its_name_or_number_is_told_what_became_of_it(
    polis: Polis, postgres_store: PostgresStore
) -> None:
    gone = make_run(postgres_store, "gone", ticks=8)
    head = chain_of(postgres_store, gone)[-1].hex()
    polis("drop", "gone", "--because", "a\ntrial", "--yes")
    for words in (["show", "gone"], ["show", str(gone.id)], ["events", "gone"], ["drop", "gone", "--because", "x"]):
        code, out, err = polis(*words, "--json")
        assert code == WRONG_USAGE, words
        assert err.startswith(f"error: run gone (number {gone.id}) was dropped at 20")
        assert err.endswith(f"+00:00, because 'a\\ntrial'; its head was tick 8, hash {head}\n")
        said = json.loads(out)["error"]
        assert (said["type"], said["exit_code"], f"error: {said['message']}\n") == ("RunDropped", code, err)
    assert "there is no run 'gon'" in polis("show", "gon")[2]


def test_its_name_is_free_and_the_last_to_have_it_is_the_one_that_is_told_of(
    polis: Polis, postgres_store: PostgresStore
) -> None:
    first = make_run(postgres_store, "brave", ticks=2)
    polis("drop", "brave", "--because", "the first", "--yes")
    make_run(postgres_store, "brave-otter", ticks=2)
    assert "because 'the first'" in polis("show", "brave")[2], "another run is not to pass for it"
    second = postgres_store.create("brave", seed=8, configuration=TINY_WORLD, target=9)
    code, out, _ = polis("show", "brave", "--json")
    assert (code, json.loads(out)["run"]) == (0, second.id)
    assert "because 'the first'" in polis("show", str(first.id))[2]
    polis("drop", "brave", "--because", "the second", "--yes")
    assert "because 'the second'; it had no tick of its own" in polis("show", "brave")[2]


def test_a_run_that_a_fork_reads_stays_and_a_fork_goes_alone(polis: Polis, postgres_store: PostgresStore) -> None:
    parent = make_run(postgres_store, "parent", ticks=8)
    fork_of(postgres_store, parent, "child")
    code, _, err = polis("drop", "parent", "--because", "a trial", "--yes")
    assert code == WRONG_USAGE
    assert err == "error: run parent was not dropped: its fork child reads its history\n  Drop that first.\n"
    code, out, _ = polis("drop", "child", "--because", "a trial", "--yes", "--json")
    assert (code, json.loads(out)["events"], json.loads(out)["head_hash"]) == (0, 0, None)
    assert chain_of(postgres_store, parent), "what it shared is its parent's"


def test_a_run_that_is_written_stays(polis: Polis, postgres_store: PostgresStore) -> None:
    busy = make_run(postgres_store, "busy", ticks=4)
    with postgres_store.writer(busy, durability="tick"):
        code, _, err = polis("drop", "busy", "--because", "a trial", "--yes")
    assert code == ENVIRONMENT
    assert err.startswith("error: run busy is being written by process ")
    assert postgres_store.names() == {"busy"}


def test_nothing_is_dropped_unasked_by_half_a_name_or_without_a_reason(
    polis: Polis, postgres_store: PostgresStore
) -> None:
    make_run(postgres_store, "brave-otter", ticks=2)
    for words, expected in (
        (["drop", "brave-otter", "--because", "a trial"], "nobody is there to ask"),
        (["drop", "brave", "--because", "a trial", "--yes"], "it wants the whole name: brave-otter"),
        (["drop", "brave-otter", "--because", " ", "--yes"], "--because is empty"),
        (["drop", "brave-otter", "--yes"], "--because"),
    ):
        code, _, err = polis(*words)
        assert code == WRONG_USAGE, words
        assert expected in err
    assert postgres_store.names() == {"brave-otter"}


def test_a_person_has_to_type_its_name(polis: Polis, postgres_store: PostgresStore) -> None:
    make_run(postgres_store, "brave-otter", ticks=2)
    for typed, code, left in (("brave\n", WRONG_USAGE, {"brave-otter"}), ("brave-otter\n", 0, set())):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "chronopolis.cli.main", "drop", "brave-otter", "--because", "a trial"],
            stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, typed.encode())
        _, err = process.communicate(timeout=60)
        os.close(ours)
        assert process.returncode == code, err
        assert "Type its name" in err
        assert postgres_store.names() == left


def test_a_run_that_is_read_all_the_time_is_not_waited_for_for_ever(
    polis: Polis, postgres_store: PostgresStore, migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(postgres_store, "read", ticks=2)
    monkeypatch.setattr("infrastructure.dropping._TRIES_S", (0.1, 0.1))
    with postgres_store.database.connect(autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM polis.stored_events")
        code, _, err = polis("drop", "read", "--because", "a trial", "--yes")
    assert code == ENVIRONMENT
    assert "somebody reads history all the time" in err
    assert polis("drop", "read", "--because", "a trial", "--yes")[0] == 0


def test_among_readers_who_come_and_go_a_run_is_dropped_all_the_same(
    polis: Polis, postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(postgres_store, "popular", ticks=2)
    over = threading.Event()

    def read(later_s: float) -> None:
        with postgres_store.database.connect() as reader:
            time.sleep(later_s)
            while not over.is_set():
                reader.execute("SELECT count(*), pg_sleep(0.5) FROM polis.stored_events")

    readers = [threading.Thread(target=read, args=(later_s,)) for later_s in (0.0, 0.17, 0.33)]
    for reader in readers:
        reader.start()
    try:
        time.sleep(0.6)  # from here on somebody reads at any moment
        assert polis("drop", "popular", "--because", "a trial", "--yes")[0] == 0
    finally:
        over.set()
        for reader in readers:
            reader.join()


def test_a_run_that_was_stopped_within_a_tick_is_named_to_who_drops_another(
    polis: Polis, postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(postgres_store, "dropped", ticks=2)
    stopped = make_run(postgres_store, "stopped", ticks=2)
    monkeypatch.setattr("infrastructure.dropping._TRIES_S", (0.1, 0.1))
    with postgres_store.writer(stopped, durability="tick", target=5) as writer:
        writer.begin(3)
        time.sleep(0.3)  # by then its transaction holds what it needs
        code, _, err = polis("drop", "dropped", "--because", "a trial", "--yes")
    assert code == ENVIRONMENT
    assert "run stopped is in the middle of a tick all the time\n" in err
    assert "let it go on, or end it" in err
    assert polis("drop", "dropped", "--because", "a trial", "--yes")[0] == 0


def test_dropping_that_takes_its_time_says_what_goes_and_what_it_waits_for(
    polis: Polis, postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = postgres_store.total_events(make_run(postgres_store, "read", ticks=2))
    monkeypatch.setattr("infrastructure.dropping._TRIES_S", (0.1, 0.1))
    monkeypatch.setattr("chronopolis.cli.busy.LINE_EVERY_S", 0.03)
    with postgres_store.database.connect(autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM polis.stored_events")
        told = polis("drop", "read", "--because", "a trial", "--yes")[2].splitlines()
        quiet = polis("drop", "read", "--because", "a trial", "--yes", "--quiet")[2].splitlines()
    going = [line for line in told if line.startswith(f"dropping run read: {events:,} events, ")]
    assert going[0].endswith("KiB, for 0 s") or going[0].endswith("MiB, for 0 s")
    assert ": somebody reads history; trying again, for " in going[-1]
    assert len(quiet) == 2 and quiet[0].startswith("error: run read was not dropped")
