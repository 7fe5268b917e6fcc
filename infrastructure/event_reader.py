"""Reading events back, fast: COPY OUT through libpq from compiled code, or Arrow through ADBC.

Rows come in the order in which they lie, which is the order in which they were appended, so nothing
is sorted in the database; the order is checked here, and mended in the rare case that vacuum let an
append fill a hole.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator

import numpy as np
import psycopg
from psycopg import sql

from domain.errors import StoreUnavailable
from domain.events import EventBatch
from infrastructure.copy_binary import COPY_COLUMNS, RowReceiver, libpq_functions, records_from_arrow
from infrastructure.database import Database

READERS = ("libpq", "adbc")
_AHEAD = 3  # batches read ahead of the fold


def read_segment(database: Database, leaf: str, first: int, last: int) -> Iterator[EventBatch]:
    """Yield the events of ticks first … last of one leaf, in order, in batches of whole ticks.

    The reader is libpq where its address can be found, else ADBC; POLIS_READER names one.

    Raises
    ------
    StoreUnavailable
        If the connection breaks.
    """
    wanted = os.environ.get("POLIS_READER", "")
    use_adbc = wanted == "adbc" or (wanted != "libpq" and libpq_functions() is None)
    rows = _adbc_rows(database, leaf, first, last) if use_adbc else _libpq_rows(database, leaf, first, last)
    yield from _whole_ticks(rows)


def _query(leaf: str, first: int, last: int) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier(c) for c in COPY_COLUMNS[1:])
    where = sql.SQL("tick BETWEEN {} AND {}").format(sql.Literal(first), sql.Literal(last))
    return sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, sql.Identifier("polis", leaf), where)


def _libpq_rows(database: Database, leaf: str, first: int, last: int) -> Iterator[EventBatch]:
    """Yield batches as they come, read ahead by a thread that holds no GIL while it reads."""
    connection = database.connect()
    ready: queue.Queue[EventBatch | BaseException | None] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def put(item: EventBatch | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.2)
            except queue.Full:
                continue

    def receive() -> None:
        try:
            # Workers would interleave rows; scans that start where another left off would rotate them.
            connection.execute("SET max_parallel_workers_per_gather = 0; SET synchronize_seqscans = off")
            pgconn = connection.pgconn
            query = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(_query(leaf, first, last))
            result = pgconn.exec_(query.as_bytes(connection))
            if result.status != psycopg.pq.ExecStatus.COPY_OUT:
                raise StoreUnavailable(result.error_message.decode(errors="replace").strip())
            address: int = getattr(pgconn, "pgconn_ptr")  # noqa: B009 -- psycopg's own PGconn has it, its protocol not
            receiver = RowReceiver(address, rows=min(131_072, max(4_096, 4_096 * (last - first + 1))))
            while not stop.is_set():
                batch = receiver.receive()
                if batch is None:
                    break
                put(batch)
            if receiver.failed:
                raise StoreUnavailable(pgconn.error_message.decode(errors="replace").strip())
            if receiver.ended:
                final = pgconn.get_result()
                if final is not None and final.status != psycopg.pq.ExecStatus.COMMAND_OK:
                    raise StoreUnavailable(final.error_message.decode(errors="replace").strip())
            put(None)
        except BaseException as error:  # handed to the reader, who raises it
            put(error)

    thread = threading.Thread(target=receive, name="polis-read", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item if not isinstance(item, psycopg.Error) else StoreUnavailable(str(item).strip())
            yield item
    finally:
        stop.set()
        thread.join()
        connection.close()


def _adbc_rows(database: Database, leaf: str, first: int, last: int) -> Iterator[EventBatch]:
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow as pa

    with adbc.connect(database.app_conninfo_uri()) as connection, connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute(_query(leaf, first, last).as_string(None))
        reader = cursor.fetch_record_batch()
        for batch in reader:
            yield records_from_arrow(pa.Table.from_batches([batch]))


def _whole_ticks(batches: Iterator[EventBatch]) -> Iterator[EventBatch]:
    """Cut a stream of rows at the borders of ticks, and see to their order."""
    rest: EventBatch | None = None
    for batch in batches:
        joined = batch if rest is None else EventBatch.concat([rest, batch])
        ticks = joined.records["tick"]
        if len(ticks) and not _in_order(joined):
            # Appends filled holes that vacuum left: take all that is left and sort it.
            yield _sorted(EventBatch.concat([joined, *batches]))
            return
        cut = int(np.searchsorted(ticks, ticks[-1])) if len(ticks) else 0
        if cut:
            yield joined.slice(0, cut)
        rest = joined.slice(cut, len(joined))
    if rest is not None and len(rest):
        yield rest


def _in_order(batch: EventBatch) -> bool:
    tick, ordinal = batch.records["tick"], batch.records["ordinal"]
    key = tick.astype(np.int64) << 32 | ordinal
    return bool((np.diff(key) > 0).all())


def _sorted(batch: EventBatch) -> EventBatch:
    order = np.lexsort((batch.records["ordinal"], batch.records["tick"]))
    lengths = np.diff(batch.payload_ends, prepend=0)
    payloads = ((k, batch.payload(int(i))) for k, i in enumerate(order) if lengths[i])
    return EventBatch.of(np.ascontiguousarray(batch.records[order]), payloads)
