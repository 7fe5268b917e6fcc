"""Copying: what a COPY of a tick's rows takes, by how many there are and how the server comes to write them.

The server alone, synced by nobody: each COPY is rolled back. Postgres gathers up to 1,000 rows before it writes them,
and remembers for each that it refers to the table's description. Equal references lie in one row of a hash, so that n
of them cost n²; from there on the cost rises with the rows again. One by one, under a condition with a volatile
function in it, there is nothing to remember, and each row has a record of its own in the WAL. With a mark after every
hundred rows the server gathers no more than those (`infrastructure/copy_statement.py`): so a tick's are sent that
somebody waits for. The three take turns.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from benchmarks.laboratory import WatchedRunner, run_on, world_of
from benchmarks.plan import Plan
from benchmarks.samples import summary_of
from domain.events import EventBatch
from infrastructure.conversation import Conversation
from infrastructure.copy_binary import HEADER, TRAILER, encode_rows
from infrastructure.copy_statement import ROWS_A_MARK, copy_statement
from infrastructure.errors import InfrastructureError
from infrastructure.postgres_store import PostgresStore

SIZES = (50, 100, 200, 400, 600, 800, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000)
WAYS = ("gathered", "one_by_one", "marked")


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return one row a number of rows."""
    agents = plan.pick(full=2_500, quick=2_500, tiny=50)
    run = store.create("copying", seed=plan.seed, configuration=world_of(agents), target=0)
    run_on(WatchedRunner(store, run, durability="group"), ticks=13)
    batch = EventBatch.concat(store.read(run, 10, 12))
    leaf, rounds = f"events_r{run.id}_t0", plan.pick(full=200, quick=40, tiny=2)
    figures = []
    with store.database.connect() as connection:
        connection.autocommit = False
        for size in SIZES:
            plan.say(f"{size:,} rows")
            whole = EventBatch.concat([batch] * (1 + size // len(batch))).slice(0, size)
            unmarked, marked = (
                b"".join((HEADER, encode_rows(run.id, whole, rows_a_mark=n), TRAILER)) for n in (None, ROWS_A_MARK)
            )
            sent = {
                "gathered": (copy_statement(leaf), unmarked),
                "one_by_one": (f"{copy_statement(leaf)} WHERE random() IS NOT NULL", unmarked),
                "marked": (copy_statement(), marked),
            }
            took: dict[str, list[float]] = {way: [] for way in WAYS}
            wal = dict.fromkeys(WAYS, 0)
            for _ in range(rounds):
                for way in WAYS:
                    before = _wal(connection)
                    took[way].append(_copy(connection, *sent[way]))
                    wal[way] += _wal(connection) - before
            row = {
                way: {"ms": summary_of(took[way]), "wal_bytes_a_row": round(wal[way] / rounds / size)} for way in WAYS
            }
            figures.append({"rows": size} | row)
    return {"sizes": figures}


def _wal(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    connection.rollback()
    assert row is not None
    return int(row[0])


def _copy(connection: psycopg.Connection[Any], statement: str, data: bytes) -> float:
    """Return the milliseconds from the statement to its end, in a transaction that is given up."""
    connection.execute("SELECT 1")  # the transaction has begun
    conversation = Conversation(connection.pgconn)
    began = time.perf_counter()
    conversation.ask(statement.encode())
    conversation.send((memoryview(data),))
    failed = conversation.end_copy()
    took = (time.perf_counter() - began) * 1e3
    conversation.close()
    if failed is not None:
        raise InfrastructureError("COPY", (failed.error_message or b"").decode(errors="replace").strip())
    connection.rollback()
    return took
