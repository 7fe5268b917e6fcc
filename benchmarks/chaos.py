"""The campaign: `kill -9` of runners and of Postgres, at random moments and at named failpoints, until all runs end.

python -m benchmarks.chaos                       200 kills: about twenty minutes on two cores; writes docs/chaos.md
python -m benchmarks.chaos --kills 6 --json      a short one

Each run is killed a few times, resumed each time, and at last let go to its end: its head hash must be that
of a run that nobody disturbed, no tick may be missing or doubled, and `verify --deep` must pass. What a
campaign does is drawn from its seed; when exactly a signal arrives is not, which is the point.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

import replay
from benchmarks.machine import machine
from domain.configuration import Configuration
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.settings import Settings
from tests.support.crashes import RunnerProcess, kill_server, postmaster_of
from workers.bootstrap import Database, db_upgrade, open_store
from workers.runner import Runner

WORLD = Configuration(agents=400, width=60, height=60)  # as many events a tick as a server takes one by one
TICKS = 400
PACE_MS = 8
SEEDS = (7, 8, 9)
KILLS_A_RUN_MAX = 6
RESUME_LIMIT_S = 15.0
_RUNNER_FAILPOINTS = ("before_copy", "between_copy_and_header", "after_commit", "in_snapshot")
_TARGETS = {  # target: weight
    "runner, at a random moment": 30,
    **{f"runner, {name}": 10 for name in _RUNNER_FAILPOINTS},
    "migration, in_migration": 4,
    "Postgres' first process": 13,
    "all of Postgres": 13,
    "runner and all of Postgres": 10,
}


@dataclass
class Campaign:
    """What happened."""

    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    durabilities: collections.Counter[str] = field(default_factory=collections.Counter)
    not_reached: int = 0
    runs: int = 0
    resume_s: list[float] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    home: str = ""

    def as_dict(self) -> dict[str, Any]:
        times = self.resume_s or [0.0]
        return {
            "ok": not self.failures,
            "kills": self.kills.total(),
            "by_target": dict(sorted(self.kills.items())),
            "by_durability": dict(sorted(self.durabilities.items())),
            "not_reached": self.not_reached,
            "runs": self.runs,
            "failures": self.failures,
            "resumes": len(self.resume_s),
            "resume_s": {"p50": round(statistics.median(times), 2), "max": round(max(times), 2)},
            "reconnect_s": {
                "p50": round(statistics.median(self.waited_s or [0.0]), 2),
                "max": round(max(self.waited_s or [0.0]), 2),
            },
            "seconds": round(self.seconds, 1),
            "home": self.home,
        }


class Laboratory:
    """A home with a server that stays up between processes, and the chains of undisturbed runs."""

    def __init__(self, home: Path) -> None:
        self.home, self.settings = home, Settings(home)
        self.server = EmbeddedPostgres(home)
        self.environment = {"POLIS_HOME": str(home)}
        self.references: dict[int, list[bytes]] = {}

    def open(self) -> None:
        """Start the server and make the references."""
        self.server.attach()
        with open_store(self.settings) as store:
            for seed in SEEDS:
                run = store.create(f"undisturbed-{seed}", seed=seed, configuration=WORLD, target=TICKS)
                Runner(store, run, durability="group").run(TICKS)
                self.references[seed] = store.headers(run, 0, TICKS).chain_hash

    def close(self) -> None:
        """Stop what was started."""
        with contextlib.suppress(Exception):
            self.server.leave()
        kill_server(self.home)
        shutil.rmtree(self.home, ignore_errors=True)

    def head(self, name: str) -> int:
        """Return the newest tick of a run, -1 if there is none."""
        with open_store(self.settings) as store:
            head = store.head(store.find(name)) if name in store.names() else None
        return -1 if head is None else head.tick

    def problems(self, name: str, seed: int) -> list[str]:
        """Return what is wrong with a run that has ended."""
        found = []
        with open_store(self.settings) as store:
            run = store.find(name)
            headers = store.headers(run, 0, 10**6)
            if headers.ticks.tolist() != list(range(TICKS + 1)):
                found.append(f"{name}: its ticks are not 0 … {TICKS}")
            elif headers.chain_hash != self.references[seed]:
                found.append(f"{name}: its chain is not that of the undisturbed run")
            verified = replay.verify(store, run, deep=True)
            if not verified.ok:
                found.append(f"{name}: verify: tick {verified.first_bad_tick}, {verified.area}: {verified.reason}")
            if store.lease(run).status != "complete":
                found.append(f"{name}: its status is {store.lease(run).status}")
        return found


def one_run(laboratory: Laboratory, campaign: Campaign, dice: random.Random, kills: int) -> None:
    """Make a run, kill it so many times, let it end, and check it."""
    campaign.runs += 1
    seed, durability, threads = dice.choice(SEEDS), dice.choice(("tick", "group")), dice.choice((1, 1, 2))
    name = f"run-{campaign.runs}"
    command = (
        "--name", name, "--ticks", TICKS, "--seed", seed, "--agents", WORLD.agents, "--width", WORLD.width,
        "--height", WORLD.height, "--durability", durability, "--threads", threads, "--pace", PACE_MS,
    )  # fmt: skip
    for _ in range(kills):
        target = dice.choices(list(_TARGETS), list(_TARGETS.values()))[0]
        if target.startswith("migration"):
            kill_a_migration(laboratory, campaign, dice)
        elif kill_once(laboratory, campaign, dice, target, name, command):
            campaign.durabilities[durability] += 1
    resumed = laboratory.head(name) >= 0
    last = RunnerProcess(laboratory.environment, *command)
    code = last.wait(within_s=120)
    note_resume(campaign, last, resumed=resumed)
    if code != 0:
        campaign.failures.append(f"{name} ({durability}): could not be resumed: {last.said} {last.told}")
        return
    campaign.failures += [f"{p} ({durability}, {threads} threads)" for p in laboratory.problems(name, seed)]


def kill_once(
    laboratory: Laboratory, campaign: Campaign, dice: random.Random, target: str, name: str, command: tuple[object, ...]
) -> bool:
    """Start or resume a run and kill what is to be killed; return whether it was."""
    head = laboratory.head(name)
    failpoint = ""
    if target.removeprefix("runner, ") in _RUNNER_FAILPOINTS:
        failpoint = target.removeprefix("runner, ")
        if failpoint != "in_snapshot":
            failpoint += f"@{min(TICKS, head + 1 + dice.randrange(200))}"
    runner = RunnerProcess(laboratory.environment, *command, failpoint=failpoint)
    if not failpoint:
        # From the middle of start-up to the middle of the run.
        time.sleep(dice.uniform(0.2, 4.0))
        if target != "runner, at a random moment":
            if target == "Postgres' first process":
                postmaster = postmaster_of(laboratory.home)
                done = postmaster is not None
                if postmaster is not None:
                    postmaster.kill()
            else:
                if target.startswith("runner"):
                    runner.process.kill()
                done = kill_server(laboratory.home)
            if not done:
                campaign.not_reached += 1
                runner.wait()
                return False
        else:
            runner.process.kill()
    code = runner.wait(within_s=120)
    note_resume(campaign, runner, resumed=head >= 0)
    if code == 0 and not target.startswith("runner"):
        if runner.lines[-1]["reconnections"]:
            campaign.waited_s.append(runner.lines[-1]["database_waited_s"])
    elif code == 0:
        campaign.not_reached += 1
        return False
    elif code not in ((-signal.SIGKILL,) if target.startswith("runner") else (-signal.SIGKILL, 1)):
        # 1: with the server gone before it began, a runner may end with an error, and the next one goes on.
        campaign.failures.append(f"{name}, {target}: exit code {code}: {runner.said} {runner.told}")
    campaign.kills[target] += 1
    return True


def note_resume(campaign: Campaign, runner: RunnerProcess, *, resumed: bool) -> None:
    """Note how long a runner took from its start to its first new durable tick."""
    times = [json.loads(line)["after_s"] for line in runner.said.splitlines() if line.startswith('{"durable"')]
    if resumed and times:
        campaign.resume_s.append(times[0])
        if times[0] > RESUME_LIMIT_S:
            campaign.failures.append(f"a resume took {times[0]} s, more than {RESUME_LIMIT_S}")


def kill_a_migration(laboratory: Laboratory, campaign: Campaign, dice: random.Random) -> None:
    """Kill a migration of a new database just before it commits, and do it again."""
    laboratory.server.ensure_running()
    name = f"m{campaign.kills.total()}"
    with psycopg.connect(laboratory.server.admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = laboratory.server.url("postgres", database=name)
    killed = RunnerProcess({"POLIS_DATABASE_URL": url}, "--migrate-only", failpoint="in_migration")
    if killed.wait() != -signal.SIGKILL:
        campaign.failures.append(f"a migration was not killed: {killed.said} {killed.told}")
    with Database(Settings(laboratory.home, url)) as database:
        if not db_upgrade(database).is_current:
            campaign.failures.append("a killed migration could not be done again")
    with psycopg.connect(laboratory.server.admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    campaign.kills["migration, in_migration"] += 1


def run_campaign(kills: int, *, seed: int, minutes: float) -> Campaign:
    """Kill so many times, or until the time is up."""
    campaign, dice, began = Campaign(), random.Random(seed), time.monotonic()
    laboratory = Laboratory(Path(tempfile.mkdtemp(prefix="polis-k-")))
    campaign.home = str(laboratory.home)
    try:
        laboratory.open()
        while campaign.kills.total() < kills and time.monotonic() - began < 60 * minutes:
            planned = min(dice.randint(1, KILLS_A_RUN_MAX), kills - campaign.kills.total())
            try:
                one_run(laboratory, campaign, dice, planned)
            except Exception as error:  # a campaign goes on, and says so at its end
                campaign.failures.append(f"run-{campaign.runs}: {type(error).__name__}: {error}")
            print(
                f"chaos: {campaign.kills.total()}/{kills} kills, {campaign.runs} runs, "
                f"{len(campaign.failures)} failures, {time.monotonic() - began:.0f} s",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    finally:
        laboratory.close()
    campaign.seconds = time.monotonic() - began
    return campaign


def page(campaign: Campaign, arguments: str) -> str:
    """Return the page for the documentation."""
    told, here = campaign.as_dict(), machine()
    targets = "\n".join(f"| {name} | {n} |" for name, n in told["by_target"].items())
    failures = "\n".join(f"- {f}" for f in campaign.failures) or "None."
    resume, reconnect = told["resume_s"], told["reconnect_s"]
    return f"""# Chaos

Written by `make chaos` (`python -m benchmarks.chaos{arguments}`), {here["when"]}, on {here["cores"]} cores
({here["model"]}), {here["memory_gb"]} GB, {here["system"]}, release {here["release"]}, commit {here["commit"]}.

{told["runs"]} runs of {WORLD.agents} agents and {TICKS} ticks, killed {told["kills"]} times with `kill -9` in {told["seconds"]:.0f} s and resumed
each time. At its end every run must have the chain of hashes of one that nobody disturbed, every tick once, and
pass `verify --deep`.

| killed | times |
|---|---|
{targets}

By durability: {", ".join(f"{k} {v}" for k, v in told["by_durability"].items()) or "none"}. A failpoint or moment that a \
run did not reach, for it had ended, is not counted: {told["not_reached"]}.

| seconds | p50 | max |
|---|---|---|
| resume: from the start of the process to its first new durable tick ({told["resumes"]} times; the bar is 15) | {resume["p50"]} | {resume["max"]} |
| a runner that outlived its server: waited for it ({len(campaign.waited_s)} times) | {reconnect["p50"]} | {reconnect["max"]} |

## Failures

{failures}
"""  # noqa: E501


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="begin no run after so long")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--page", type=Path, default=Path(__file__).parent.parent / "docs" / "chaos.md")
    asked = parser.parse_args()
    campaign = run_campaign(asked.kills, seed=asked.seed, minutes=asked.minutes)
    asked.page.write_text(page(campaign, f" --kills {asked.kills} --seed {asked.seed}"))
    told = campaign.as_dict()
    print(json.dumps(told) if asked.json else f"{told['kills']} kills, {len(campaign.failures)} failures: {asked.page}")
    for failure in campaign.failures:
        print(f"chaos: {failure}", file=sys.stderr)
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main())
