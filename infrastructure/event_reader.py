"""Reading events back, fast: COPY OUT through libpq from compiled code, or Arrow through ADBC.

Rows come in the order in which they lie, which is nearly the order in which they were appended: Postgres
extends a table by several pages at once and may fill them in another order. So nothing is sorted in the
database; the order is checked and mended here, and a tick is handed on once all its rows are there.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from domain.errors import InvalidConfiguration, PolisError, StoreUnavailable
from domain.events import EventBatch, empty_records
from infrastructure.copy_binary import COPY_COLUMNS, RowReceiver, in_order, libpq_functions, records_from_arrow
from infrastructure.database import Database
from infrastructure.errors import FilesDamaged
from infrastructure.event_lookup import ids
from infrastructure.hot_leaf import pages_of

READERS = ("libpq", "adbc")
_AHEAD, _BATCH = 3, 131_072  # batches read ahead of the fold, and most events of one
_FEWEST_SPLIT, _MOST_AT_ONCE = 12_000, 150_000  # events

Pages = tuple[int, int]
"""The first page of a leaf to read, and the one after the last."""


def read_segment(
    database: Database, leaf: str, first: int, last: int, counts: NDArray[np.int64], *, hot: bool = False
) -> Iterator[EventBatch]:
    """Yield the events of ticks first … last of one leaf, in order, in batches of whole ticks.

    `counts` is how many events the header of each of these ticks counts; a `hot` leaf has no index. The reader is
    libpq where its address can be found, else ADBC; POLIS_READER names one.

    Raises
    ------
    StoreUnavailable
        If the connection breaks.
    """
    total = int(counts.sum())
    if hot and total <= _MOST_AT_ONCE:
        found = list(_read(database, leaf, first, last, counts, _pages_of(database, leaf, first, last)))
        if sum(map(len, found)) == total:
            yield from found
            return
    elif _FEWEST_SPLIT <= total <= _MOST_AT_ONCE and last > first:
        # So few are waited for as one, and the server sends them no faster than one of its processes can: two send.
        middle = first + int(np.searchsorted(np.cumsum(counts), total // 2))
        if middle < last:
            with ThreadPoolExecutor(1, thread_name_prefix="polis-read") as pool:
                rest = pool.submit(lambda: list(_read(database, leaf, middle + 1, last, counts[middle + 1 - first :])))
                yield from _read(database, leaf, first, middle, counts[: middle + 1 - first])
                yield from rest.result()
            return
    yield from _read(database, leaf, first, last, counts)


def read_some(
    database: Database, leaf: str, first: int, last: int, *, agent: int | None, kinds: Sequence[int]
) -> EventBatch:
    """Return the events of ticks first … last of one leaf that are an agent's own, or of some kinds, or both, in order.

    Raises
    ------
    StoreUnavailable
        If the connection breaks.
    """
    where = [sql.SQL("tick BETWEEN {} AND {}").format(first, last)]
    if agent is not None:
        where.append(sql.SQL("agent = ANY({}::int4[])").format(ids([agent])))
    if len(kinds):
        where.append(sql.SQL("kind = ANY({}::int2[])").format([int(kind) for kind in kinds]))
    rows_of = _adbc_rows if uses_adbc() else _libpq_rows
    batches = list(rows_of(database, _select(leaf, sql.SQL(" AND ").join(where)), _BATCH))
    return in_order(EventBatch.concat(batches)) if batches else EventBatch.of(empty_records(0))


_DAMAGED = ("XX001", "XX002")  # data_corrupted, index_corrupted


def _read(
    database: Database, leaf: str, first: int, last: int, counts: NDArray[np.int64], pages: Pages | None = None
) -> Iterator[EventBatch]:
    rows_of = _adbc_rows if uses_adbc() else _libpq_rows
    yield from _whole_ticks(rows_of(database, _query(leaf, first, last, pages), int(counts.sum())), first, counts)


def _pages_of(database: Database, leaf: str, first: int, last: int) -> Pages:
    connection = database.readers.take()
    try:
        return pages_of(connection, leaf, first, last)
    except psycopg.OperationalError as error:
        raise StoreUnavailable(str(error).strip()) from None
    finally:
        database.readers.give_back(connection)


def uses_adbc() -> bool:
    """Return whether events are read through ADBC rather than through libpq.

    Raises
    ------
    InvalidConfiguration
        If POLIS_READER names no reader.
    """
    wanted = os.environ.get("POLIS_READER", "")
    if wanted not in ("", *READERS):
        raise InvalidConfiguration("POLIS_READER", wanted, f"must be {' or '.join(READERS)}")
    return wanted == "adbc" or (wanted != "libpq" and libpq_functions() is None)


def _query(leaf: str, first: int, last: int, pages: Pages | None) -> sql.Composed:
    where = sql.SQL("tick BETWEEN {} AND {}").format(sql.Literal(first), sql.Literal(last))
    if pages is not None:
        bounds = (sql.Literal(f"({page},0)") for page in pages)
        where = sql.SQL("{} AND ctid >= {} AND ctid < {}").format(where, *bounds)
    return _select(leaf, where)


def _select(leaf: str, where: sql.Composable) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier(c) for c in COPY_COLUMNS[1:])
    return sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, sql.Identifier("polis", leaf), where)


def _libpq_rows(database: Database, rows: sql.Composed, expected: int) -> Iterator[EventBatch]:
    """Yield batches as they come, read ahead by a thread that holds no GIL while it reads."""
    connection = database.readers.take()
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
            pgconn = connection.pgconn
            query = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(rows)
            result = pgconn.exec_(query.as_bytes(connection))
            if result.status != psycopg.pq.ExecStatus.COPY_OUT:
                raise _refused(result)
            address: int = getattr(pgconn, "pgconn_ptr")  # noqa: B009 -- psycopg's own PGconn has it, its protocol not
            receiver = RowReceiver(address, rows=min(_BATCH, max(4_096, expected)))
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
                    raise _refused(final)
                pgconn.get_result()  # there is none: now the connection is at rest
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
        database.readers.give_back(connection)


def _adbc_rows(database: Database, rows: sql.Composed, expected: int) -> Iterator[EventBatch]:
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow as pa

    with adbc.connect(database.app_conninfo_uri()) as connection, connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute(rows.as_string(None))
        reader = cursor.fetch_record_batch()
        for batch in reader:
            yield records_from_arrow(pa.Table.from_batches([batch]))


def _whole_ticks(batches: Iterator[EventBatch], first: int, counts: NDArray[np.int64]) -> Iterator[EventBatch]:
    """Cut a stream of rows into batches of whole ticks in order.

    A tick is whole once it has as many rows as its header counts; until then it and all after it are held.
    What never becomes whole, because somebody changed history, comes at the end, sorted.
    """
    held: list[EventBatch] = []
    rows_held, due = 0, first
    for batch in batches:
        held.append(batch)
        rows_held += len(batch)
        if due - first < len(counts) and rows_held < counts[due - first]:
            continue  # not even one tick: of a tick of millions, nothing is looked at again for each batch
        rest = in_order(EventBatch.concat(held) if len(held) > 1 else batch)
        rows, ticks = _whole(rest.records["tick"], counts[due - first :], due)
        if rows:
            yield rest.slice(0, rows)
            rest, due = rest.slice(rows, len(rest)), due + ticks
        held, rows_held = [rest] if len(rest) else [], len(rest)
    if held:
        yield in_order(EventBatch.concat(held))


def _whole(ticks: NDArray[np.int32], wanted: NDArray[np.int64], due: int) -> tuple[int, int]:
    """Return how many rows and ticks at the beginning of sorted rows are whole."""
    if not len(ticks) or ticks[0] < due:
        return 0, 0
    there = np.bincount(ticks - due, minlength=1)[: len(wanted)]
    differing = np.flatnonzero(there != wanted[: len(there)])
    whole = int(differing[0]) if len(differing) else len(there)
    return int(wanted[:whole].sum()), whole


def _refused(result: psycopg.pq.abc.PGresult) -> PolisError:
    """Return what to raise of rows that did not come: the server went away, or can't read them itself."""
    said = result.error_message.decode(errors="replace").strip()
    state = (result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode()
    return FilesDamaged(said.removeprefix("ERROR:").strip()) if state in _DAMAGED else StoreUnavailable(said)
