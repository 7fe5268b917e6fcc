"""Closing: what a full stretch's indexes cost, and how fast an agent's history is then found, by how many agents.

Each society has whole stretches of its own run, ten million events or so, closed the usual way. Then they are indexed
again in both ways that closing has, in turns and warm: by a b-tree on agents, with the ticks apart, and by one filter
every few pages. Then they are asked for all that one agent did, and twenty, as `polis` asks, by the server's own clock.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from benchmarks.laboratory import CELLS_AN_AGENT, WatchedRunner, as_owner, run_on, world_of
from benchmarks.plan import Plan
from benchmarks.samples import spread
from infrastructure.closing import STATISTICS_TARGET
from infrastructure.postgres_store import PostgresStore
from infrastructure.stretches import ticks_a_stretch

SIZES = (2_500, 10_000, 50_000, 250_000)
WAYS = {
    "b-tree": "SELECT polis.index_agents('{leaf}', false), polis.index_ticks('{leaf}')",
    "filter": "SELECT polis.index_agents('{leaf}', true)",
}
Connection = psycopg.Connection[Any]


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return one row a size, in it one a way of indexing."""
    in_all = plan.pick(full=10_000_000, quick=1_000_000, tiny=2_000)
    rows = []
    for agents in plan.pick(full=SIZES, quick=SIZES[:2], tiny=(50,)):
        plan.say(f"{agents:,} agents")
        run = store.create(
            f"closing-{agents}",
            seed=plan.seed,
            configuration=world_of(agents, cells_an_agent=CELLS_AN_AGENT),
            target=0,
        )
        stretch = plan.pick(full=ticks_a_stretch(agents), quick=ticks_a_stretch(agents), tiny=16)
        run_on(WatchedRunner(store, run, durability="group"), ticks=1 + stretch * max(1, in_all // (agents * stretch)))
        with as_owner(store) as connection:
            rows.append({"agents": agents, **_stretches(connection, run.id, plan)})
            connection.execute("SELECT polis.drop_run(%s, 'measured')", (run.id,))
    return {"sizes": rows}


def _stretches(connection: Connection, run: int, plan: Plan) -> dict[str, Any]:
    """Index all full stretches in turns of ways."""
    query = "SELECT leaf FROM polis.stretches WHERE run = %s AND closed ORDER BY tick_first"
    leaves = [str(row[0]) for row in connection.execute(query, (run,))]
    if not leaves:  # a tiny one: what there is, full or not
        query = query.replace("AND closed", "")
        leaves = [str(row[0]) for row in connection.execute(query, (run,))]
    connection.execute(
        "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '384MB'; "
        f"SET default_statistics_target = {STATISTICS_TARGET}"
    )
    events = pages = 0
    for leaf in leaves:
        events += _number(connection, f"SELECT count(*) FROM polis.{leaf}")
        pages += _number(connection, f"SELECT pg_relation_size('polis.{leaf}') / 8192")
    ticks = _number(connection, f"SELECT count(DISTINCT tick) FROM polis.{leaves[0]}") * len(leaves)
    chosen = _number(connection, f"SELECT count(*) FROM pg_class WHERE relname = '{leaves[0]}_tick'")
    # The usual agent: with the median number of events in the last stretch; and some of those who are more active.
    query = f"SELECT agent FROM polis.{leaves[-1]} WHERE agent IS NOT NULL GROUP BY agent ORDER BY count(*), agent"
    by_activity = [int(row[0]) for row in connection.execute(query)]
    agents = by_activity[len(by_activity) // 2 :: max(1, len(by_activity) // 40)][:20]
    found: dict[str, Any] = {}
    building: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(plan.pick(full=3, quick=1, tiny=1)):
        for way, statement in WAYS.items():
            plan.say(f"{way}, turn {turn + 1}")
            building[way].append(sum(_build(connection, leaf, statement) for leaf in leaves) / events * 1e9)
            size = sum(_number(connection, f"SELECT pg_indexes_size('polis.{leaf}')") for leaf in leaves)
            found[way] = {
                "build_ns_an_event": spread(building[way], 0),
                "bytes_an_event": round(size / events, 2),
                "history_ms": spread(_server_ms(connection, leaves, agents[:1], plan), 1),
                "histories_of_20_ms": spread(_server_ms(connection, leaves, agents, plan), 1),
            }
    return {
        "events": events,
        "stretches": len(leaves),
        "pages_a_tick": round(pages / ticks),
        "agents_events": sum(
            _number(connection, f"SELECT count(*) FROM polis.{leaf} WHERE agent = {agents[0]}") for leaf in leaves
        ),
        "chosen": "b-tree" if chosen else "filter",
        "ways": found,
    }


def _build(connection: Connection, leaf: str, statement: str) -> float:
    """Return the seconds that a leaf's indexes take, in place of those that it had."""
    connection.execute(f"DROP INDEX IF EXISTS polis.{leaf}_agent, polis.{leaf}_tick")
    began = time.perf_counter()
    connection.execute("SET search_path = polis; " + statement.format(leaf=leaf))
    took = time.perf_counter() - began
    connection.execute(f"ANALYZE polis.{leaf}")
    return took


def _number(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _server_ms(connection: Connection, leaves: list[str], agents: list[int], plan: Plan) -> list[float]:
    """Return what the stretches take together, asked one after another for all that these agents did."""
    times = []
    for _ in range(plan.pick(full=6, quick=3, tiny=2)):
        took = 0.0
        for leaf in leaves:
            query = (
                f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM polis.{leaf} WHERE agent = ANY(%s::int4[])"
            )
            row = connection.execute(query, (agents,)).fetchone()
            assert row is not None
            took += row[0][0]["Planning Time"] + row[0][0]["Execution Time"]
        times.append(took)
    return times[1:]
