"""Replaying: how fast a long run is read, folded, verified, decided again, and sought in.

All of them over one run as `polis run` makes it, warm. Seeks go to ticks
drawn evenly from the whole run, each as `polis state RUN --tick T` does it: nearest snapshot, the events
since, the hash compared.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np

import replay
from benchmarks.laboratory import WatchedRunner, bytes_per_event, world_of
from benchmarks.plan import Plan
from benchmarks.samples import pack, spread, summary_of
from domain.advance import new_world
from domain.fold import fold
from domain.ports import Run
from infrastructure.event_reader import READERS
from infrastructure.postgres_store import PostgresStore
from replay.seek import ticks_of


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return events a second of each way of going through a run, and the times of seeks."""
    agents = plan.pick(full=500, quick=500, tiny=50)
    ticks = plan.pick(full=20_000, quick=1_500, tiny=40)
    repetitions = plan.pick(full=3, quick=2, tiny=1)
    run = store.create("replaying", seed=plan.seed, configuration=world_of(agents), target=ticks)
    plan.say(f"making a run of {ticks:,} ticks")
    summary = WatchedRunner(store, run, durability="group").run(ticks)
    events = summary.events
    results: dict[str, Any] = {
        "agents": agents,
        "ticks": ticks,
        "events": events,
        "bytes_per_event": bytes_per_event(store, run),
        "snapshots": len(store.snapshot_ticks(run)),
    }

    def rate(name: str, what: Callable[[], object], times: int = repetitions) -> None:
        plan.say(name)
        figures = []
        for _ in range(times):
            began = time.perf_counter()
            what()
            figures.append(events / (time.perf_counter() - began))
        results[f"{name}_events_per_s"] = spread(figures, 0)

    # The first reader also writes hint bits, and may find pages that are not in memory.
    rate("first_read", lambda: _read(store, run, ticks), times=1)
    for reader in READERS:
        with patch.dict(os.environ, {"POLIS_READER": reader}):
            rate(f"read_{reader}", lambda: _read(store, run, ticks))
    rate("verify", lambda: _check(replay.verify(store, run).ok))
    plan.say("fold")
    results["fold_events_per_s"] = spread(_fold_rates(store, run, min(ticks, 3_000), repetitions), 0)
    plan.say("seeking")
    results["seek_ms"], results["seek_samples"] = _seek(store, run, ticks, plan)
    rate("reexecute", lambda: _check(replay.reexecute(store, run).identical))
    return results


def _read(store: PostgresStore, run: Run, last: int) -> None:
    for _ in store.read(run, 0, last):
        pass


def _check(good: bool) -> None:
    if not good:
        raise RuntimeError("the run that was just made does not verify: polis verify says where")


def _fold_rates(store: PostgresStore, run: Run, last: int, repetitions: int) -> list[float]:
    """Fold ticks that are in memory already: the fold and the touched rows' hashes, without tick 0.

    Founding is Python over every cell's payload; among few ticks it would drown the rest.
    """
    founding, *rest = ticks_of(store, run, 0, last)
    rates = []
    for _ in range(repetitions):
        world = fold(new_world(run.configuration), founding)
        began = time.perf_counter()
        for batch in rest:
            fold(world, batch)
        rates.append(sum(map(len, rest)) / (time.perf_counter() - began))
    return rates


def _seek(store: PostgresStore, run: Run, last: int, plan: Plan) -> tuple[dict[str, float], str]:
    wanted = np.random.default_rng(plan.seed).integers(0, last + 1, plan.pick(full=200, quick=30, tiny=5))
    times = []
    for tick in (wanted[0], *wanted):  # the first warms up
        began = time.perf_counter()
        replay.at(store, run, int(tick))
        times.append((time.perf_counter() - began) * 1e3)
    return summary_of(times[1:]), pack(times[1:])
