"""Recovery: how long until a new tick is durable, after everything was killed in the middle of a flat-out run.

The runner, the postmaster and all its children get SIGKILL. The time begins when a process like that of
`polis resume` is started, and ends when its first tick is durable: Python's start, the server's recovery,
the state at the head from snapshot and events, one tick. Runs are killed after different times, since what
recovery costs is the WAL written since the last checkpoint, which grows to `max_wal_size` and starts again. In mode
`tick` each row has a record of its own in it.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.plan import Plan
from benchmarks.processes import Victim, kill_server, server_tree
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.postgres_store import PostgresStore
from infrastructure.postgres_tuning import TUNED
from workers.bootstrap import psql_path

_GIVE_UP_S = 180
_UNDER_WAY = 20  # ticks
_KILLS = (
    ("group", 5.0), ("group", 12.0), ("group", 18.0), ("group", 24.0), ("group", 30.0), ("tick", 18.0), ("tick", 30.0)
)  # fmt: skip


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return one row a kill. Takes a home of its own: its server is killed."""
    home = store.database.settings.home / "killed"
    agents = plan.pick(full=2_500, quick=2_500, tiny=50)
    rows = [
        _kill_and_resume(home / str(number), agents, plan, durability, seconds)
        for number, (durability, seconds) in enumerate(
            plan.pick(full=_KILLS, quick=(("group", 6.0),), tiny=(("group", 1.0),))
        )
    ]
    return {"kills": rows, "agents": agents, "max_wal_size": TUNED["max_wal_size"]}


def _kill_and_resume(home: Path, agents: int, plan: Plan, durability: str, seconds: float) -> dict[str, Any]:
    plan.say(f"{agents} agents flat out, {durability}, killed after {seconds:g} s")
    arguments = ("--run", "victim", "--agents", str(agents), "--seed", str(plan.seed), "--durability", durability)
    try:
        with Victim(home, *arguments) as victim:
            # Kernels are compiled once a release: not what is measured here.
            while (said := victim.next("durable", timeout_s=_GIVE_UP_S))["tick"] < _UNDER_WAY:
                pass
            time.sleep(seconds)
            while (line := _last_said(victim)) is not None:
                said = line
            victim.kill()
            kill_server(home)
        wal_mb = _wal_to_replay_mb(home)
        with Victim(home, *arguments) as heir:
            opened = heir.next("open", timeout_s=_GIVE_UP_S)
            durable = heir.next("durable", timeout_s=_GIVE_UP_S)
            heir.kill()
    finally:
        _stop(home)
    return {
        "durability": durability,
        "ran_s": seconds,
        "durable_tick_before": said["tick"],
        "first_tick_after": durable["tick"],
        "lost_nothing": durable["tick"] > said["tick"],
        "wal_to_replay_mb": wal_mb,
        "server_back_s": round(opened["at"] - heir.started, 2),
        "first_durable_tick_s": round(durable["at"] - heir.started, 2),
    }


def _last_said(victim: Victim) -> dict[str, Any] | None:
    try:
        return victim.next("durable", timeout_s=0.01)
    except RuntimeError:
        return None


def _wal_to_replay_mb(home: Path) -> float | None:
    """Return how much WAL lies after the redo point, as pg_controldata and the newest segment say."""
    data, psql = EmbeddedPostgres(home).cluster.data, psql_path()
    try:
        assert psql is not None
        program = psql.with_name("pg_controldata")
        said = subprocess.run([program, data], capture_output=True, text=True, timeout=20, check=True).stdout
        redo = next(line.split()[-1] for line in said.splitlines() if "REDO location" in line)
        high, low = (int(part, 16) for part in redo.split("/"))
        recent = max((data / "pg_wal").glob("0*"), key=lambda path: path.stat().st_mtime).name
        end = (int(recent[8:16], 16) << 32) + (int(recent[16:24], 16) + 1) * (16 << 20)
        return round((end - (high << 32) - low) / 1e6)
    except (AssertionError, OSError, StopIteration, ValueError, subprocess.SubprocessError):
        return None


def _stop(home: Path) -> None:
    if server_tree(home):
        embedded = EmbeddedPostgres(home)
        embedded.attach()
        embedded.leave()
