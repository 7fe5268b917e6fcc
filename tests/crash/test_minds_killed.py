"""Runs with minds whose every part is killed: no thought is lost, none applied twice, and the run can be made again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import replay
from domain.configuration import Configuration
from domain.events import REFLECTION_MADE, THOUGHT_REFUSED, THOUGHT_TAKEN
from domain.ports import Run
from infrastructure.chroma_server import EmbeddedChroma
from infrastructure.embedded_valkey import EmbeddedValkey
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from tests.support.crashes import ROOT, eventually
from tests.support.polis_process import Polis
from tests.support.postgres import FreshDatabase
from tests.support.stores import chain_of
from workers.bootstrap import open_store
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import think
from workers.runner import Runner
from workers.staff import InProcess, identity_of
from workers.thinking import Request, Thinking

pytestmark = pytest.mark.integration

THINKERS = Configuration(agents=30, width=10, height=10, mind="scripted", think_budget=400, think_delay=8)


# -- a worker, at the two moments that matter --------------------------------------------------------


@pytest.mark.parametrize(
    ("failpoint", "again"), [("answered_not_durable", "answered"), ("durable_not_acknowledged", "known")]
)
def test_a_worker_killed_around_its_answer_leaves_one_answer(
    postgres_store: PostgresStore, migrated: FreshDatabase, failpoint: str, again: str
) -> None:
    engine = identity_of("scripted", None)
    run = postgres_store.create("killed", seed=7, configuration=THINKERS, target=60, engines=engine)
    asked: list[Request] = []
    died: list[int] = []

    def answer(request: Request) -> None:
        if not asked:
            asked.append(request)
            died.append(_think_in_a_process(migrated, request, failpoint))
        outcome = think(postgres_store, ScriptedEngine(), None, request)
        assert outcome == again if request == asked[0] else outcome in ("answered", "known")

    said: list[str] = []
    sender = InProcess(answer, say=said.append, at_once=1)
    summary = Runner(postgres_store, run, thinking=Thinking(postgres_store, run, sender, engine=engine)).run(60)
    sender.close()
    assert said == [] and died == [-signal.SIGKILL]
    assert summary.status == "complete" and summary.thinking["refused"] == 0
    assert_each_thought_once(postgres_store, run)
    assert replay.reexecute(postgres_store, run).identical


def _think_in_a_process(database: FreshDatabase, request: Request, failpoint: str) -> int:
    environment = {**os.environ, "POLIS_DATABASE_URL": database.admin_url, "POLIS_FAILPOINT": failpoint}
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.think_process"],
        cwd=ROOT, env=environment, input=json.dumps(request), text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return process.returncode


# -- everything, one after another --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_every_part_of_a_run_with_a_language_model_is_killed_and_the_run_is_the_same(
    polis_home: dict[str, str],
) -> None:
    home, folder = polis_home, Path(polis_home["POLIS_HOME"])
    settings = ("--set", "think_budget=100", "--set", "think_delay=20", "--pace", "25", "--patience", "90")
    society = ("--agents", "40", "--width", "14", "--height", "14", "--seed", "7")
    polis = Polis(home, "run", *society, "--ticks", "120", "--mind", "llama", "--name", "k", *settings, "--json")
    eventually((folder / "postgres" / "data" / "postmaster.pid").exists, within_s=60)
    with open_store(Settings(home=folder)) as store:
        eventually(lambda: _run_of(store, "k") is not None, within_s=60)
        run = _run_of(store, "k")
        assert run is not None
        _more_thoughts(store, run, 1, within_s=120)
        for kill in (
            lambda: _kill(polis.workers("minds")),
            lambda: _kill_pids(EmbeddedValkey(folder).pids()),
            lambda: _kill_pids(EmbeddedChroma(folder).pids()),
            lambda: _kill_pids(_engines(folder)),
        ):
            kill()
            _more_thoughts(store, run, 1, within_s=90)
        polis.process.kill()
        polis.process.wait()
        summary = Polis(home, "resume", "k", "--json").result()
        assert (summary["status"], summary["head_tick"]) == ("complete", 120), summary
        assert replay.verify(store, run, deep=True).ok
        assert replay.reexecute(store, run).identical
        assert_each_thought_once(store, run)
        again = Polis(home, "rerun", "k", "--name", "again", "--json").result()
        assert (again["head_hash"], again["asked"]) == (chain_of(store, run)[-1].hex(), 0)


def assert_each_thought_once(store: PostgresStore, run: Run) -> None:
    """Every thought that was asked for and was due has exactly one event that says what became of it."""
    head = store.head(run)
    assert head is not None
    told: list[tuple[int, int, str, int]] = []
    for batch in store.read(run, 0, head.tick):
        for at in range(len(batch)):
            if batch.records["kind"][at] in (THOUGHT_TAKEN.number, THOUGHT_REFUSED.number, REFLECTION_MADE.number):
                payload = json.loads(batch.payload(at))
                told.append((payload["asked"], int(batch.records["agent"][at]), payload["purpose"], payload["call"]))
    assert told and len(told) == len(set(told)), "applied twice"
    due = {
        (r["asked_tick"], r["agent"], r["purpose"], r["call"])
        for r in store.deliberations(run)
        if r["effect_tick"] <= head.tick
    }
    assert set(told) <= due
    dead = {agent for _, agent, _, _ in due - set(told)}
    world = replay.at(store, run, head.tick)
    assert all(world.row(agent) is None for agent in dead), "lost"


def _run_of(store: PostgresStore, name: str) -> Run | None:
    return next((run for run, *_ in store.runs() if run.name == name), None)


def _more_thoughts(store: PostgresStore, run: Run, more: int, *, within_s: float) -> None:
    wanted = len(store.deliberations(run)) + more
    eventually(lambda: len(store.deliberations(run)) >= wanted, within_s=within_s)


def _kill(processes: list[psutil.Process]) -> None:
    assert processes, "there was nothing to kill"
    for process in processes:
        process.kill()


def _kill_pids(pids: list[int]) -> None:
    _kill([psutil.Process(pid) for pid in pids])


def _engines(folder: Path) -> list[int]:
    found = [json.loads(path.read_text())["pid"] for path in (folder / "engines").glob("*/server.json")]
    return [pid for pid in found if psutil.pid_exists(pid)]
