"""Throughput: durable events a second flat out, over a raw COPY of the same bytes in the same minutes.

Raw COPY (`benchmarks/raw_copy.py`) is one connection in a tight loop that sends what the runner sent: the same rows,
cut into the same commits, each synced, into the same stretches, and full stretches get the same indexes beside it. It
neither decides, folds, hashes, encodes nor writes headers or snapshots. A third turn builds no indexes either: what
the disk and the server give at most. All take turns, each from a fresh checkpoint, so that what else the machine does
falls on all alike.
"""

from __future__ import annotations

from typing import Any

from benchmarks.laboratory import WatchedRunner, WatchedStore, checkpoint, run_on, world_of
from benchmarks.plan import Plan
from benchmarks.raw_copy import raw_copy
from benchmarks.samples import median, spread
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore

SIZES = (500, 2_500, 25_000)
_EVENTS_AN_AGENT_TICK = 1.1


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return one row a size, with the ratio of each pair of turns."""
    events, pairs = plan.pick(full=2_500_000, quick=250_000, tiny=3_000), plan.pick(full=5, quick=2, tiny=1)
    rows = []
    for agents in plan.pick(full=SIZES, quick=SIZES, tiny=(50,)):
        ticks = max(4, int(events / (agents * _EVENTS_AN_AGENT_TICK)))
        run = store.create(f"throughput-{agents}", seed=plan.seed, configuration=world_of(agents), target=0)
        run_on(
            WatchedRunner(store, run, durability="group"), ticks=1 + min(ticks, plan.pick(full=200, quick=20, tiny=2))
        )
        turns = []
        for turn in range(pairs):
            plan.say(f"{agents:,} agents, turn {turn + 1} of {pairs}, {ticks:,} ticks each")
            turns.append(_turn(store, run, ticks))
        rows.append(
            {
                "agents": agents,
                "cells": run.configuration.n_cells,
                "ratio": spread([t["run"] / t["raw"] for t in turns], 3),
                "events_per_s": spread([t["run"] for t in turns], 0),
                "raw_copy_events_per_s": spread([t["raw"] for t in turns], 0),
                "bare_ratio": spread([t["run"] / t["bare"] for t in turns], 3),
                "bare_copy_events_per_s": spread([t["bare"] for t in turns], 0),
                "events_a_commit": round(median([t["events_a_commit"] for t in turns]), 1),
                "bytes_an_event_sent": round(median([t["bytes_an_event"] for t in turns]), 1),
            }
        )
    return {"sizes": rows, "durability": "group", "turns": pairs}


def _turn(store: PostgresStore, run: Run, ticks: int) -> dict[str, float]:
    """Run on, then send the same bytes raw."""
    checkpoint(store)
    watched = WatchedStore(store, keep_bytes=True)
    runner = WatchedRunner(watched, run, durability="group")
    run_on(runner, ticks=ticks)
    writer = watched.last_writer
    assert writer is not None
    events = writer.rows_committed
    ours = events / (writer.last_commit_at - runner.loop_began)
    commits, writer.commits = writer.commits, []
    figures = {
        "run": ours,
        "events_a_commit": events / len(commits),
        "bytes_an_event": sum(len(rows) for commit in commits for _, _, part in commit for rows in part) / events,
    }
    for name, indexed in (("raw", True), ("bare", False)):
        checkpoint(store)
        figures[name] = events / (sum(raw_copy(store, run, commits, indexed=indexed)) / 1e3)
    return figures
