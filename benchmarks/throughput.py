"""Throughput: durable events a second flat out, over a raw COPY of the same bytes in the same minutes.

Raw COPY is one connection in a tight loop that sends what the runner sent: the same rows, cut into the
same commits, each synced, into a leaf of the same shape (13 columns, a range partition, no index). It
neither decides, folds, hashes, encodes nor writes headers or snapshots, and closes no stretches. The two
take turns, each turn from a fresh checkpoint, so that what else the machine does falls on both alike.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from benchmarks.laboratory import WatchedRunner, WatchedStore, WatchedWriter, as_owner, run_on, world_of
from benchmarks.plan import Plan
from benchmarks.samples import median, spread
from domain.ports import Run
from infrastructure.copy_binary import COPY_COLUMNS, HEADER, TRAILER
from infrastructure.postgres_store import PostgresStore

SIZES = (500, 2_500, 25_000)
_EVENTS_AN_AGENT_TICK = 1.1
Commit = list[bytes]


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
                "events_a_commit": round(median([t["events_a_commit"] for t in turns]), 1),
                "bytes_an_event_sent": round(median([t["bytes_an_event"] for t in turns]), 1),
            }
        )
    return {"sizes": rows, "durability": "group", "turns": pairs}


def _turn(store: PostgresStore, run: Run, ticks: int) -> dict[str, float]:
    """Run on, then send the same bytes raw."""
    _checkpoint(store)
    watched = WatchedStore(store, keep_bytes=True)
    runner = WatchedRunner(watched, run, durability="group")
    run_on(runner, ticks=ticks)
    writer = watched.last_writer
    assert writer is not None
    events = writer.rows_committed
    ours = events / (writer.last_commit_at - runner.loop_began)
    commits = copies_of(writer)
    writer.commits.clear()
    _checkpoint(store)
    raw = events / (sum(raw_copy(store, run, commits)) / 1e3)
    return {
        "run": ours,
        "raw": raw,
        "events_a_commit": events / len(commits),
        "bytes_an_event": sum(map(len, commits)) / events,
    }


def _checkpoint(store: PostgresStore) -> None:
    with as_owner(store) as connection:
        connection.execute("CHECKPOINT")


def copies_of(writer: WatchedWriter) -> list[bytes]:
    """Return what a watched writer sent, as one COPY a commit."""
    return [b"".join((HEADER, *(rows for _, part in commit for rows in part), TRAILER)) for commit in writer.commits]


def raw_copy(store: PostgresStore, run: Run, commits: list[bytes], *, pace_ms: float | None = None) -> list[float]:
    """Return the milliseconds of each commit in a loop that does nothing else, tight or at a pace."""
    took: list[float] = []
    copy = f"COPY polis.raw_leaf ({', '.join(COPY_COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
    with as_owner(store) as owner, store.database.connect() as connection:
        owner.execute(
            "DROP TABLE IF EXISTS polis.raw_events; "
            "CREATE TABLE polis.raw_events (LIKE polis.stored_events INCLUDING ALL) PARTITION BY RANGE (run, tick); "
            "CREATE TABLE polis.raw_leaf PARTITION OF polis.raw_events "
            f"FOR VALUES FROM ({run.id}, 0) TO ({run.id + 1}, 0); "
            "GRANT INSERT ON polis.raw_leaf TO polis_app"
        )
        connection.execute("SET synchronous_commit = on")
        pgconn = connection.pgconn
        for data in commits:
            began = time.perf_counter()
            # Outside a transaction block a COPY is its own transaction: the fewest round trips there can be.
            _expect(pgconn.exec_(copy), ExecStatus.COPY_IN)
            pgconn.put_copy_data(data)
            pgconn.put_copy_end()
            while (result := pgconn.get_result()) is not None:
                _expect(result, ExecStatus.COMMAND_OK)
            took.append((time.perf_counter() - began) * 1e3)
            if pace_ms is not None:
                time.sleep(max(0.0, (pace_ms - took[-1]) / 1e3))
        owner.execute("DROP TABLE polis.raw_events")
    return took


def _expect(result: psycopg.pq.abc.PGresult, status: ExecStatus) -> None:
    if result.status != status:
        raise RuntimeError(f"raw COPY: {result.error_message.decode(errors='replace').strip()}")
