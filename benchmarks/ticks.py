"""Ticks: how long one takes, the durable append included, while checkpoints, snapshots and autovacuum go on.

The sample is the runner's own time of each tick (decide, fold, hash, encode, append; in mode `tick` the
synced commit too), all ticks of the window and none left out. Every window begins with a fresh checkpoint, so
that what the one before left to be written falls on none of its ticks; in its middle somebody else issues a
CHECKPOINT. Handing a snapshot's bytes over happens between ticks, on the runner's thread; it is given apart. The
floor is a bare COPY of the rows of the very ticks that the first window paced, which another run of the same seed
tells again, at the same pace, one synced commit a tick, while nothing else goes on: no checkpoint, snapshot, lease,
header or rule.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.laboratory import (
    WatchedRunner,
    WatchedStore,
    as_owner,
    bytes_per_event,
    checkpoint,
    run_on,
    world_of,
)
from benchmarks.plan import Plan
from benchmarks.raw_copy import raw_copy
from benchmarks.samples import pack, summary_of
from benchmarks.stages import STAGES, stage_clock
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore

SIZES = (500, 2_500)
MODES = (("tick", 10.0), ("tick", None), ("group", 10.0), ("group", None))


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return one row for each size, durability and pace."""
    # At a pace, a minute: about what lies between two checkpoints that nobody forces, with 2,500 agents.
    paced, flat_out = plan.pick(full=(60.0, 24.0), quick=(2.5, 2.5), tiny=(0.5, 0.5))
    warm_up = plan.pick(full=300, quick=60, tiny=5)
    rows, floors = [], []
    for agents in plan.pick(full=SIZES, quick=SIZES, tiny=(50,)):
        run = _warm_run(store, f"ticks-{agents}", agents, plan.seed, warm_up)
        mine = []
        for durability, pace_ms in plan.pick(full=MODES, quick=MODES, tiny=MODES[:2]):
            plan.say(f"{agents} agents, {durability}, {'flat out' if pace_ms is None else f'paced {pace_ms:g} ms'}")
            mine.append(_window(store, run, durability, pace_ms, flat_out if pace_ms is None else paced))
        rows += mine
        rows[-1]["bytes_per_event"] = bytes_per_event(store, run)
        plan.say(f"{agents} agents, bare COPY paced 10 ms")
        again = _warm_run(store, f"floor-{agents}", agents, plan.seed, warm_up)
        events, ms = _floor(store, again, mine[0]["tick_ms"]["n"])
        floors.append({"agents": agents, "events": events, "commit_ms": summary_of(ms)})
    return {"windows": rows, "floors": floors, "warm_up_ticks": warm_up, "autovacuum": _autovacuum(store)}


def _warm_run(store: PostgresStore, name: str, agents: int, seed: int, ticks: int) -> Run:
    run = store.create(name, seed=seed, configuration=world_of(agents), target=0)
    run_on(WatchedRunner(store, run, durability="group"), ticks=ticks + 1)
    return run


def _window(store: PostgresStore, run: Run, durability: str, pace_ms: float | None, seconds: float) -> dict[str, Any]:
    checkpoint(store)
    watched = WatchedStore(store)
    runner = WatchedRunner(watched, run, durability=durability, pace_ms=pace_ms)
    during: dict[str, Any] = {}

    def checkpoint_meanwhile() -> None:
        first, began = runner.ticks_done, time.perf_counter()
        checkpoint(store)
        during.update(first=first, last=runner.ticks_done, seconds=round(time.perf_counter() - began, 3))

    runner.at = [(seconds / 2, checkpoint_meanwhile)]
    summary = run_on(runner, seconds=seconds)
    writer = watched.last_writer
    assert writer is not None
    ms = runner.clock.tick_ms
    took = runner.loop_ended - runner.loop_began
    row = {
        "agents": run.configuration.agents,
        "durability": durability,
        "pace_ms": pace_ms,
        "seconds": round(took, 2),
        "events": runner.clock.events,
        "ticks_per_s": round(len(ms) / took, 1),
        "events_per_s": round(runner.clock.events / took),
        "tick_ms": summary_of(ms),
        "over_10_ms": sum(m > 10 for m in ms),
        "checkpoint": during,
        "tick_ms_in_checkpoint": summary_of(ms[during.get("first", 0) : during.get("last", 0)]),
        "snapshots": summary.snapshots,
        "snapshots_failed": summary.snapshots_failed,
        "snapshot_hand_over_ms": summary_of(writer.snapshot_ms),
        "samples": pack(ms),
    }
    row["share"] = _shares(store, run, durability, pace_ms, min(3.0, seconds / 4))
    return row


def _floor(store: PostgresStore, run: Run, ticks: int) -> tuple[int, list[float]]:
    """Return how many events the next ticks have, and the milliseconds of a bare COPY of each, with nothing beside."""
    watched = WatchedStore(store, keep_bytes=True)
    run_on(WatchedRunner(watched, run, durability="tick"), ticks=ticks)
    writer = watched.last_writer
    assert writer is not None
    checkpoint(store)
    return writer.rows_committed, raw_copy(store, run, writer.commits, marked=True, pace_ms=10.0)


def _shares(store: PostgresStore, run: Run, durability: str, pace_ms: float | None, seconds: float) -> dict[str, float]:
    """Return each stage's part of the runner's tick time, in a window of its own.

    In mode `group` the commit goes on beside the tick, so the parts may add up to more than one.
    """
    with stage_clock() as clock:
        runner = WatchedRunner(store, run, durability=durability, pace_ms=pace_ms)
        run_on(runner, seconds=seconds)
    total = sum(runner.clock.tick_ms) / 1e3
    return {stage: round(clock.seconds[stage] / total, 3) for stage in STAGES}


def _autovacuum(store: PostgresStore) -> dict[str, Any]:
    """Return whether it was on, and what it did meanwhile."""
    with as_owner(store) as connection:
        on = connection.execute("SHOW autovacuum").fetchone()
        done = connection.execute(
            "SELECT sum(autovacuum_count), sum(autoanalyze_count) FROM pg_stat_all_tables"
        ).fetchone()
    return (
        {"setting": on[0] if on else None, "vacuums": int(done[0] or 0), "analyzes": int(done[1] or 0)} if done else {}
    )
