"""Memory: the runner's resident set and the proportional share (PSS) of all that a run started, each second.

`endurance` is the same for half an hour, with the percentiles of each minute's ticks: without drift?
"""

from __future__ import annotations

import time
from typing import Any

import psutil

from benchmarks.laboratory import remove_home
from benchmarks.plan import Plan
from benchmarks.processes import Victim, server_tree
from benchmarks.samples import slope
from infrastructure.postgres_store import PostgresStore
from workers.memory import _pss_kb

_SETTLED = 1 / 3
"""Part of a run before its slope is taken: caches and shared buffers fill first."""


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return the samples and their slopes, of 500 agents paced and flat out."""
    seconds = plan.pick(full=75.0, quick=8.0, tiny=1.5)
    agents = plan.pick(full=500, quick=500, tiny=50)
    rows = [
        _watch(store, plan, agents, pace_ms, seconds) for pace_ms in plan.pick(full=(10, None), quick=(10,), tiny=(10,))
    ]
    return {"runs": rows}


def measure_long(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return the same of one run, paced at 10 ms and synced each tick, for 30 minutes."""
    seconds = plan.pick(full=1_800.0, quick=20.0, tiny=1.5)
    return {"runs": [_watch(store, plan, 500, 10, seconds, durability="tick", windows=30)]}


def _watch(
    store: PostgresStore,
    plan: Plan,
    agents: int,
    pace_ms: float | None,
    seconds: float,
    *,
    durability: str = "group",
    windows: int = 1,
) -> dict[str, Any]:
    plan.say(f"{agents} agents, {'flat out' if pace_ms is None else f'paced {pace_ms:g} ms'}, {seconds:g} s")
    home = store.database.settings.home / f"watched-{pace_ms or 0}"
    pace = [] if pace_ms is None else ["--pace", str(pace_ms)]
    what = ["--run", "watched", "--agents", str(agents), "--durability", durability, "--windows", str(windows)]
    samples: list[tuple[float, float, float]] = []
    try:
        with Victim(home, *what, *pace, "--seconds", str(seconds)) as victim:
            victim.next("durable", timeout_s=120)
            began = time.monotonic()
            while time.monotonic() - began < seconds - 0.5 and victim.is_alive():
                samples.append((time.monotonic() - began, *_sample(victim, home)))
                time.sleep(min(1.0, seconds / 5))
            end = victim.next("end", timeout_s=120)
    finally:
        remove_home(home)
    settled = [s for s in samples if s[0] >= seconds * _SETTLED]
    at = [s[0] for s in settled]
    return {
        "agents": agents,
        "pace_ms": pace_ms,
        "durability": durability,
        "seconds": seconds,
        "events": end["events"],
        "ticks": sum(w["n"] for w in end["windows"]),
        "runner_peak_rss_mb": end["peak_rss_mb"],
        "pss_all_mb_max": round(max(s[2] for s in samples), 1),
        "runner_rss_mb_a_minute": round(slope(at, [s[1] for s in settled]), 2),
        "pss_all_mb_a_minute": round(slope(at, [s[2] for s in settled]), 2),
        "tick_ms_windows": end["windows"],
        "samples": {
            "second": [round(s[0], 1) for s in samples],
            "runner_rss_mb": [s[1] for s in samples],
            "pss_all_mb": [s[2] for s in samples],
        },
    }


def _sample(victim: Victim, home: Any) -> tuple[float, float]:
    """Return the runner's RSS and the PSS of everything, in MB."""
    try:
        runner = psutil.Process(victim.pid)
        rss = runner.memory_info().rss / 2**20
        pids = {victim.pid, *(p.pid for p in runner.children(recursive=True)), *(p.pid for p in server_tree(home))}
    except psutil.NoSuchProcess:
        return 0.0, 0.0
    return round(rss, 1), round(sum(_pss_kb(pid) for pid in pids) / 1024, 1)
