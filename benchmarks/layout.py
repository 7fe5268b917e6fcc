"""Layout: the candidates for the table of events, side by side; evidence for docs/decisions/0002-physical-layout.md.

Rows are those of a real society of 500 agents. Every COPY is one connection in a tight loop, each commit
synced; layouts take turns, so noise falls on all. Server times are those of EXPLAIN ANALYZE, warm.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import psycopg
from psycopg.pq import ExecStatus

from benchmarks.laboratory import as_owner
from benchmarks.layout_rows import ARRAYS, NARROW, PACKED, UNPACKED, Shape, real_events, tick_edges
from benchmarks.plan import Plan
from benchmarks.samples import spread
from domain.events import EventBatch
from infrastructure.copy_binary import HEADER, TRAILER, RowReceiver, libpq_functions
from infrastructure.postgres_store import PostgresStore

_AGENT_INDEX = "CREATE INDEX ON {table} (run, agent, tick)"
_BRIN = "CREATE INDEX ON {table} USING brin (tick) WITH (pages_per_range = 16)"
CANDIDATES: tuple[tuple[str, Shape, str], ...] = (
    ("packed, no index", PACKED, ""),
    ("packed, primary key (run, tick, ordinal)", PACKED, "ALTER TABLE {table} ADD PRIMARY KEY (run, tick, ordinal)"),
    ("packed, BRIN (tick)", PACKED, _BRIN),
    ("packed, b-tree (run, agent, tick)", PACKED, _AGENT_INDEX),
    ("unpacked, no index", UNPACKED, ""),
    ("narrow, no index", NARROW, ""),
    ("arrays, a row a tick", ARRAYS, ""),
)
LEAVES = 10
Connection = psycopg.Connection[Any]


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return a row a candidate, the times of one agent's history, of dropping a run, and of building indexes."""
    in_all = plan.pick(full=10_000_000, quick=400_000, tiny=4_000)
    plan.say(f"deciding {in_all:,} events")
    events = real_events(plan.pick(full=500, quick=500, tiny=50), plan.seed, in_all)
    edges = tick_edges(events)
    # A checkpoint would fall on whoever's turn it is: they are issued between the turns instead.
    with as_owner(store) as connection:
        connection.execute("CREATE SCHEMA layout")
        candidates = _candidates(store, connection, events, edges, plan)
        history = _history(connection, events, edges, plan)
        dropping = _dropping(connection, events, edges, plan)
    return {
        "events": len(events),
        "events_a_tick": round(len(events) / (len(edges) - 1), 1),
        "candidates": candidates,
        **history,
        "dropping": dropping,
    }


# -- copying, size, reading --------------------------------------------------------------------------


def _candidates(
    store: PostgresStore, connection: Connection, events: EventBatch, edges: Any, plan: Plan
) -> list[dict[str, Any]]:
    few, many = plan.pick(full=600_000, quick=40_000, tiny=1_000), plan.pick(full=2_000_000, quick=200_000, tiny=3_000)
    turns = plan.pick(full=3, quick=1, tiny=1)
    a_tick = len(events) / (len(edges) - 1)
    rows: list[dict[str, Any]] = [{"name": name, "small": [], "large": []} for name, _, _ in CANDIDATES]
    for turn in range(turns):
        for row, (name, shape, index) in zip(rows, CANDIDATES, strict=True):
            plan.say(f"{name}, turn {turn + 1} of {turns}")
            _make_table(connection, "layout.trial", shape, index)
            row["small"].append(_copy(connection, "layout.trial", shape, events, edges, few, 1))
            _make_table(connection, "layout.trial", shape, index)
            ticks_a_commit = max(1, round(50_000 / a_tick))
            row["large"].append(_copy(connection, "layout.trial", shape, events, edges, many, ticks_a_commit))
            if turn == turns - 1:
                n = int(edges[np.searchsorted(edges, many)]) if many < len(events) else len(events)
                row |= {"heap_bytes_an_event": _size(connection, "layout.trial", "table") / n}
                row |= {"index_bytes_an_event": _size(connection, "layout.trial", "indexes") / n}
                if not index:
                    row["read"] = _read(store, connection, shape, n)
    return [
        {
            "name": row["name"],
            "copy_commit_a_tick": spread(row["small"], 0),
            "copy_commit_50000": spread(row["large"], 0),
            "heap_bytes_an_event": round(row["heap_bytes_an_event"], 1),
            "index_bytes_an_event": round(row["index_bytes_an_event"], 1),
            "read": row.get("read"),
        }
        for row in rows
    ]


def _make_table(connection: Connection, table: str, shape: Shape, index: str) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({shape.columns})")
    if index:
        connection.execute(index.format(table=table))
    connection.execute("CHECKPOINT")


def _commits(shape: Shape, events: EventBatch, edges: Any, limit: int, ticks: int) -> Iterator[tuple[int, bytes]]:
    for first in range(0, len(edges) - 1, ticks):
        start, stop = int(edges[first]), int(edges[min(first + ticks, len(edges) - 1)])
        if start >= limit:
            return
        yield stop - start, b"".join((HEADER, shape.encode(events.slice(start, stop)), TRAILER))


def _copy(
    connection: Connection, table: str, shape: Shape, events: EventBatch, edges: Any, limit: int, ticks: int
) -> float:
    """Return events a second; encoding is not in the time."""
    copy = f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()
    pgconn = connection.pgconn
    commits = list(_commits(shape, events, edges, limit, ticks))
    began = time.perf_counter()
    for _, data in commits:
        _expect(pgconn.exec_(copy), ExecStatus.COPY_IN)
        pgconn.put_copy_data(data)
        pgconn.put_copy_end()
        while (result := pgconn.get_result()) is not None:
            _expect(result, ExecStatus.COMMAND_OK)
    return sum(n for n, _ in commits) / (time.perf_counter() - began)


def _expect(result: psycopg.pq.abc.PGresult, status: ExecStatus) -> None:
    if result.status != status:
        raise RuntimeError(f"COPY: {result.error_message.decode(errors='replace').strip()}")


def _size(connection: Connection, table: str, what: str) -> int:
    row = connection.execute(f"SELECT pg_{what}_size('{table}')").fetchone()
    return int(row[0]) if row else 0


def _read(store: PostgresStore, connection: Connection, shape: Shape, n: int) -> dict[str, float]:
    """Return events a second that the server sends to nobody, and that reach us; twice each, the second counts."""
    figures: dict[str, float] = {}
    for _ in range(2):
        began = time.perf_counter()
        connection.execute("COPY layout.trial TO '/dev/null' (FORMAT BINARY)")
        figures["server_alone"] = n / (time.perf_counter() - began)
        began, cpu = time.perf_counter(), time.process_time()
        with adbc.connect(store.database.admin_conninfo()) as arrow, arrow.cursor() as cursor:
            cursor.execute("SELECT * FROM layout.trial")
            for _batch in cursor.fetch_record_batch():
                pass
        figures["adbc"] = n / (time.perf_counter() - began)
        figures["adbc_client_us_an_event"] = (time.process_time() - cpu) / n * 1e6
        if shape is PACKED and libpq_functions() is not None:
            began, cpu = time.perf_counter(), time.process_time()
            columns = "tick, ordinal, agent, cause, needs, given, taken, target, cell, detail, kind, payload"
            connection.pgconn.exec_(f"COPY layout.trial ({columns}) TO STDOUT (FORMAT BINARY)".encode())
            receiver = RowReceiver(getattr(connection.pgconn, "pgconn_ptr"))  # noqa: B009 -- not in psycopg's protocol
            while receiver.receive() is not None:
                pass
            while connection.pgconn.get_result() is not None:
                pass
            figures["libpq"] = n / (time.perf_counter() - began)
            figures["libpq_client_us_an_event"] = (time.process_time() - cpu) / n * 1e6
    return {name: round(value, 3 if "us" in name else 0) for name, value in figures.items()}


# -- one agent's history -----------------------------------------------------------------------------


def _history(connection: Connection, events: EventBatch, edges: Any, plan: Plan) -> dict[str, Any]:
    """Load everything into ten leaves and into arrays; time the question under each set of indexes."""
    plan.say(f"loading {len(events):,} events in {LEAVES} leaves")
    ticks = events.records["tick"]
    cuts = [int(edges[k]) for k in np.linspace(0, len(edges) - 1, LEAVES + 1).astype(int)]
    connection.execute(f"CREATE TABLE layout.history ({PACKED.columns}) PARTITION BY RANGE (run, tick)")
    for k, (start, stop) in enumerate(itertools.pairwise(cuts)):
        below, end = int(ticks[start]), int(ticks[stop]) if stop < len(events) else 2**31 - 1
        connection.execute(
            f"CREATE TABLE layout.leaf_{k} PARTITION OF layout.history FOR VALUES FROM (1, {below}) TO (1, {end})"
        )
        part = events.slice(start, stop)
        _copy(connection, f"layout.leaf_{k}", PACKED, part, tick_edges(part), len(part), 92)
    _make_table(connection, "layout.arrays", ARRAYS, "")
    _copy(connection, "layout.arrays", ARRAYS, events, edges, len(events), 92)
    connection.execute(f"CREATE VIEW layout.unnested AS {ARRAYS.view.format(table='layout.arrays')}")
    plan.say("one agent's history")
    agent = _usual_agent(events)
    where, hot = f"run = 1 AND agent = {agent}", int(ticks[cuts[-2]])
    ask = {
        "hot stretch alone, no index": f"SELECT * FROM layout.history WHERE {where} AND tick >= {hot}",
        "all of it, no index": f"SELECT * FROM layout.history WHERE {where}",
        "all of it, arrays through their view": f"SELECT * FROM layout.unnested WHERE {where}",
    }
    times = {name: _server_ms(connection, query, plan) for name, query in ask.items()}
    building: dict[str, list[float]] = {"brin": [], "b-tree": []}
    everything = ask["all of it, no index"]
    for name, index in (("brin", _BRIN), ("b-tree", _AGENT_INDEX)):
        plan.say(f"building {name}")
        for k in range(LEAVES):
            began = time.perf_counter()
            connection.execute(index.format(table=f"layout.leaf_{k}"))
            building[name].append(time.perf_counter() - began)
        times[f"all of it, {name} on every leaf"] = _server_ms(connection, everything, plan)
    bounds = f"{where} AND tick BETWEEN {int(ticks[cuts[3]])} AND {int(ticks[cuts[3]]) + 200}"
    times["200 ticks of it, closed"] = _server_ms(connection, f"SELECT * FROM layout.history WHERE {bounds}", plan)
    found = connection.execute(f"SELECT count(*) FROM layout.history WHERE {where}").fetchone()
    sizes = connection.execute(
        "SELECT a.amname, sum(pg_relation_size(c.oid)) FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
        "WHERE relname LIKE 'leaf\\_%%' AND relkind = 'i' GROUP BY 1",
        (),
    ).fetchall()
    return {
        "history": {
            "agent_events": found[0] if found else 0,
            "server_ms": times,
            "events_a_leaf": round(len(events) / LEAVES),
        },
        "index_build_s_a_leaf": {name: spread(values, 3) for name, values in building.items()},
        "index_bytes_an_event": {name: round(int(size) / len(events), 2) for name, size in sizes},
    }


def _usual_agent(events: EventBatch) -> int:
    """Return the agent with the median number of events."""
    agents, counts = np.unique(events.records["agent"], return_counts=True)
    order = np.argsort(counts)
    return int(agents[order[len(order) // 2]])


def _server_ms(connection: Connection, query: str, plan: Plan) -> dict[str, Any]:
    times = []
    for _ in range(plan.pick(full=6, quick=3, tiny=2)):
        row = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}").fetchone()
        assert row is not None
        said = json.loads(row[0])[0] if isinstance(row[0], str) else row[0][0]
        times.append(said["Planning Time"] + said["Execution Time"])
    return spread(times[1:], 1)


# -- dropping a run ----------------------------------------------------------------------------------


def _dropping(connection: Connection, events: EventBatch, edges: Any, plan: Plan) -> dict[str, Any]:
    """Compare dropping a run's leaves with deleting its rows from a table that holds another run as well."""
    plan.say("dropping a run")
    # What else there is goes first, so that what is left over is what dropping leaves over.
    connection.execute("DROP TABLE layout.arrays CASCADE; DROP TABLE IF EXISTS layout.trial")
    before = _megabytes(connection)
    began = time.perf_counter()
    connection.execute("DROP TABLE layout.history")
    leaves = {"seconds": time.perf_counter() - began, "mb_before": before, "mb_after": _megabytes(connection)}
    limit = min(1_000_000, len(events))
    _make_table(connection, "layout.shared", PACKED, "ALTER TABLE {table} ADD PRIMARY KEY (run, tick, ordinal)")
    _copy(connection, "layout.shared", PACKED, events, edges, limit, 92)
    connection.execute(
        "INSERT INTO layout.shared SELECT 2, tick, ordinal, agent, cause, needs, given, taken, target, cell, detail, "
        "kind, payload FROM layout.shared"
    )
    size = _size(connection, "layout.shared", "total_relation") / 1e6
    began = time.perf_counter()
    connection.execute("DELETE FROM layout.shared WHERE run = 1")
    deleting = time.perf_counter() - began
    began = time.perf_counter()
    connection.execute("VACUUM layout.shared")
    vacuuming = time.perf_counter() - began
    after = _size(connection, "layout.shared", "total_relation") / 1e6
    return {
        "leaves": {name: round(value, 3) for name, value in leaves.items()} | {"events": len(events)},
        "rows": {
            "events": limit,
            "delete_s": round(deleting, 3),
            "vacuum_s": round(vacuuming, 3),
            "mb_before": round(size, 1),
            "mb_after": round(after, 1),
        },
    }


def _megabytes(connection: Connection) -> float:
    row = connection.execute("SELECT pg_database_size(current_database()) / 1e6").fetchone()
    return float(row[0]) if row else 0.0
