"""Postgres' binary COPY format, both ways, straight from and into event records.

Encoding and decoding run compiled and without the GIL. Reading calls libpq's `PQgetCopyData` from
compiled code, through the connection that psycopg opened: libpq hands out one message a row, and a
Python loop over rows would take longer than Postgres needs to send them
(docs/decisions/0002-physical-layout.md has the figures).
"""

from __future__ import annotations

import ctypes
import functools
import struct

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from domain._jit import inline, kernel
from domain.events import EVENT_DTYPE, EventBatch

COPY_COLUMNS = ("run", *(EVENT_DTYPE.names or ()), "payload")
"""Columns of `stored_events` in the order that both directions use; `run` is written, not read."""

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = b"\xff\xff"
_ROW_MAX = 2 + 13 * 4 + 4 + EVENT_DTYPE.itemsize
_SPARE = 1 << 20


# -- encoding ----------------------------------------------------------------------------------------


@intrinsic
def _store(typingctx, out, at, value):  # type: ignore[no-untyped-def]
    """Store an integer from out[at] on, most significant byte first, wherever that is: one swap and one move."""
    signature = types.void(out, types.intp, value)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        array = context.make_array(sig.args[0])(context, builder, args[0])
        place = builder.bitcast(builder.gep(array.data, [args[1]]), args[2].type.as_pointer())
        builder.store(builder.bswap(args[2]), place, align=1)
        return context.get_dummy_value()

    return signature, codegen


@inline
def _put32(out, at, value):  # type: ignore[no-untyped-def]
    _store(out, at, np.int32(value))  # type: ignore[call-arg]
    return at + 4


@inline
def _put_int4(out, at, value):  # type: ignore[no-untyped-def]
    _store(out, at, (np.int64(4) << 32) | (np.int64(value) & 0xFFFFFFFF))  # type: ignore[call-arg]
    return at + 8


@inline
def _put_int4_or_null(out, at, value):  # type: ignore[no-untyped-def]
    # A null's value is stored too, and then overwritten: which columns are null varies from row to row,
    # and guessing wrong would cost more than the store. Every row ends with columns that are never cut short.
    absent = value == -1
    _store(out, at, np.int32(-1) if absent else np.int32(4))  # type: ignore[call-arg]
    _store(out, at + 4, np.int32(value))
    return at + (4 if absent else 8)


@inline
def _put_int8_or_null(out, at, value):  # type: ignore[no-untyped-def]
    absent = value == -1
    _store(out, at, np.int32(-1) if absent else np.int32(8))  # type: ignore[call-arg]
    _store(out, at + 4, np.int64(value))
    return at + (4 if absent else 12)


@kernel
def _encode(run, records, ends, payloads, mark, rows_a_mark, out):  # type: ignore[no-untyped-def]
    at, start, unmarked = 0, np.int64(0), 0
    for i in range(records.shape[0]):
        if unmarked == rows_a_mark:
            for j in range(mark.shape[0]):
                out[at + j] = mark[j]
            at, unmarked = at + mark.shape[0], 0
        unmarked += 1
        e = records[i]
        _store(out, at, np.int16(13))  # type: ignore[call-arg]
        at = _put_int4(out, at + 2, run)
        at = _put_int4(out, at, e.tick)
        at = _put_int4(out, at, e.ordinal)
        at = _put_int4_or_null(out, at, e.agent)
        at = _put_int8_or_null(out, at, e.cause)
        at = _put_int8_or_null(out, at, e.needs)
        at = _put_int8_or_null(out, at, e.given)
        at = _put_int8_or_null(out, at, e.taken)
        at = _put_int4_or_null(out, at, e.target)
        at = _put_int4_or_null(out, at, e.cell)
        at = _put_int4_or_null(out, at, e.detail)
        at = _put32(out, at, 2)
        _store(out, at, np.int16(e.kind))
        at += 2
        stop = ends[i]
        if stop == start:
            at = _put32(out, at, -1)
        else:
            at = _put32(out, at, stop - start)
            for j in range(start, stop):
                out[at] = payloads[j]
                at += 1
        start = stop
    return at


def encode_rows(run: int, events: EventBatch, *, rows_a_mark: int | None = None) -> memoryview:
    """Return the rows of a COPY BINARY stream, without its header and trailer.

    A view of the buffer that they were written to: whoever sends them joins them into one piece anyway. If asked,
    there is a mark after every so many rows, a row of run 0 (`infrastructure/copy_statement.py`).
    """
    every = rows_a_mark or len(events)
    payloads = np.frombuffer(events.payload_bytes, np.uint8) if events.payload_bytes else np.empty(0, np.uint8)
    marks = max(0, len(events) - 1) // max(1, every)
    out = np.empty((len(events) + marks) * _ROW_MAX + len(payloads), np.uint8)
    size = _encode(run, events.records, events.payload_ends, payloads, _MARK, every, out)
    return out[:size].data


def mark_row(payload: bytes | None = None) -> bytes:
    """Return a row of run 0, which is nobody's, with nothing in it but perhaps a payload."""
    columns = 3 * [_INT4] + 8 * [_NULL] + [_INT2]
    return b"".join((struct.pack(">h", 13), *columns, struct.pack(">i", len(payload)) + payload if payload else _NULL))


_NULL, _INT2, _INT4 = struct.pack(">i", -1), struct.pack(">ih", 2, 0), struct.pack(">ii", 4, 0)
_MARK = np.frombuffer(bytearray(mark_row()), np.uint8)


# -- decoding ----------------------------------------------------------------------------------------


@intrinsic
def _call_get_copy_data(typingctx, function, connection, buffer):  # type: ignore[no-untyped-def]
    """Call `int PQgetCopyData(PGconn *, char **, int async)` by its address, blocking."""
    signature = types.int32(types.intp, types.intp, types.intp)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        from llvmlite import ir

        word = ir.IntType(64)
        kind = ir.FunctionType(ir.IntType(32), [word, word, ir.IntType(32)])
        call = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(call, [args[1], args[2], ir.Constant(ir.IntType(32), 0)])

    return signature, codegen


@intrinsic
def _call_free(typingctx, function, pointer):  # type: ignore[no-untyped-def]
    """Call `void PQfreemem(void *)` by its address."""
    signature = types.void(types.intp, types.intp)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        from llvmlite import ir

        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [args[1]])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _bytes_at(typingctx, address, size):  # type: ignore[no-untyped-def]
    """View memory at an address as an array of uint8, without owning it."""
    array = types.Array(types.uint8, 1, "C")
    signature = array(types.intp, types.intp)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        from numba.np import arrayobj

        made = arrayobj.make_array(array)(context, builder)
        one = context.get_constant(types.intp, 1)
        data = builder.inttoptr(args[0], made.data.type)
        arrayobj.populate_array(made, data, cgutils.pack_array(builder, [args[1]]),
                                cgutils.pack_array(builder, [one]), one, None)  # fmt: skip
        return made._getvalue()

    return signature, codegen


# A stored -1 is not the absent value that -1 stands for in records: NULL is. Nor is a payload of no bytes. Nobody
# writes them, so they are read as something that no event has, and `verify` finds them.
_NEVER_32, _NEVER_64 = np.int32(-(1 << 31)), np.int64(-(1 << 63))


@inline
def _get32(b, at):  # type: ignore[no-untyped-def]
    v = (np.uint32(b[at]) << np.uint32(24)) | (np.uint32(b[at + 1]) << np.uint32(16))
    return np.int32(v | (np.uint32(b[at + 2]) << np.uint32(8)) | np.uint32(b[at + 3]))


@inline
def _get_int4(b, at):  # type: ignore[no-untyped-def]
    if _get32(b, at) < 0:
        return np.int32(-1), at + 4
    value = _get32(b, at + 4)
    return (_NEVER_32 if value == -1 else value), at + 8


@inline
def _get_int8(b, at):  # type: ignore[no-untyped-def]
    if _get32(b, at) < 0:
        return np.int64(-1), at + 4
    high, low = np.int64(_get32(b, at + 4)), np.int64(_get32(b, at + 8)) & 0xFFFFFFFF
    value = (high << 32) | low
    return (_NEVER_64 if value == -1 else value), at + 12


@inline
def _decode_row(b, at, e, payloads, used):  # type: ignore[no-untyped-def]
    """Read one tuple (without `run`) into record e; return the payload bytes in use. There must be room for them."""
    e.tick, at = _get_int4(b, at)
    e.ordinal, at = _get_int4(b, at)
    e.agent, at = _get_int4(b, at)
    e.cause, at = _get_int8(b, at)
    e.needs, at = _get_int8(b, at)
    e.given, at = _get_int8(b, at)
    e.taken, at = _get_int8(b, at)
    e.target, at = _get_int4(b, at)
    e.cell, at = _get_int4(b, at)
    e.detail, at = _get_int4(b, at)
    e.kind = (np.int16(b[at + 4]) << 8) | np.int16(b[at + 5])
    at += 6
    size = _get32(b, at)
    at += 4
    for j in range(size):
        payloads[used + j] = b[at + j]
    if size == 0:
        payloads[used] = 0
        return used + 1
    return used + max(0, size)


@kernel
def _receive(get, free, connection, slot, records, ends, payloads, state):  # type: ignore[no-untyped-def]
    """Fill records from a COPY OUT stream until it ends or there is no room for another row.

    `state` is [rows, payload bytes used, result, bytes of a row held]: result 1 means more may come, -1 the end, -2 an
    error. A row for which `payloads` may lack room is held in `slot` until there is.
    """
    rows, used, held = state[0], state[1], state[3]
    result = 1
    while rows < records.shape[0]:
        if held == 0:
            size = _call_get_copy_data(get, connection, slot.ctypes.data)  # type: ignore[call-arg, var-annotated]
            if size < 0:
                result = size
                break
            held = size
        if payloads.shape[0] - used < held:
            break
        b = _bytes_at(slot[0], held)  # type: ignore[call-arg, var-annotated]
        at = 19 if held >= 19 and b[0] == 80 and b[1] == 71 and b[2] == 67 else 0  # the stream's header: "PGC…"
        if held - at >= 2 and b[at] == 0:  # not the trailer, whose count of fields is -1
            used = _decode_row(b, at + 2, records[rows], payloads, used)
            ends[rows] = used
            rows += 1
        _call_free(free, slot[0])
        held = 0
    state[0], state[1], state[2], state[3] = rows, used, result, held


@functools.cache
def libpq_functions() -> tuple[int, int] | None:
    """Return the addresses of `PQgetCopyData` and `PQfreemem` in the libpq that psycopg loaded, or None.

    None means that psycopg does not use a libpq of this process that we can find; reading then goes
    through ADBC, which is slower but needs no address.
    """
    import psycopg

    if psycopg.pq.__impl__ not in ("binary", "c", "python"):
        return None
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "/libpq" in line}
        for path in sorted(paths):
            library = ctypes.CDLL(path)
            get = ctypes.cast(library.PQgetCopyData, ctypes.c_void_p).value
            free = ctypes.cast(library.PQfreemem, ctypes.c_void_p).value
            if get and free and len(paths) == 1:
                return get, free
    except (OSError, AttributeError):
        return None
    return None


@kernel
def _permute(order, records, ends, payloads, new_records, new_ends, new_payloads):  # type: ignore[no-untyped-def]
    """Write rows and payloads in another order."""
    at = 0
    for k in range(order.shape[0]):
        i = order[k]
        new_records[k] = records[i]
        start = ends[i - 1] if i > 0 else 0
        for j in range(start, ends[i]):
            new_payloads[at] = payloads[j]
            at += 1
        new_ends[k] = at


def in_order(batch: EventBatch) -> EventBatch:
    """Return the batch by (tick, ordinal); the same object if it is so already."""
    key = batch.records["tick"].astype(np.int64) << 32 | batch.records["ordinal"]
    if bool((np.diff(key) > 0).all()):
        return batch
    order = np.argsort(key, kind="stable")  # timsort: nearly sorted rows cost little
    records, ends = np.empty(len(batch), EVENT_DTYPE), np.empty(len(batch), np.int64)
    payloads = np.empty(len(batch.payload_bytes), np.uint8)
    given = np.frombuffer(batch.payload_bytes, np.uint8) if batch.payload_bytes else payloads
    _permute(order, np.ascontiguousarray(batch.records), batch.payload_ends, given, records, ends, payloads)
    return EventBatch(records, ends, payloads.tobytes())


class RowReceiver:
    """Reads a COPY OUT stream of `COPY_COLUMNS[1:]` into batches of rows as they come.

    Parameters
    ----------
    pgconn_address : int, the PGconn pointer of a connection that has just entered COPY OUT
    rows : int, most rows a batch

    Attributes
    ----------
    ended, failed : the stream is over; it broke
    """

    def __init__(self, pgconn_address: int, rows: int = 131_072) -> None:
        addresses = libpq_functions()
        assert addresses is not None, "look at libpq_functions() first"
        self._get, self._free = addresses
        self._connection, self._rows = pgconn_address, rows
        self._slot, self._held = np.zeros(1, np.intp), 0
        self.ended, self.failed = False, False

    def receive(self) -> EventBatch | None:
        """Return the next rows, None at the end; blocks without holding the GIL."""
        while not self.ended:
            records, ends = np.empty(self._rows, EVENT_DTYPE), np.empty(self._rows, np.int64)
            payloads = np.empty(self._rows * 24 + self._held + _SPARE, np.uint8)
            state = np.array([0, 0, 0, self._held], np.int64)
            _receive(self._get, self._free, self._connection, self._slot, records, ends, payloads, state)
            n, used, result, self._held = (int(v) for v in state)
            self.ended, self.failed = result < 0, result == -2
            if n:
                return EventBatch(records[:n], ends[:n], payloads[:used].tobytes())
        return None


def records_from_arrow(table: object) -> EventBatch:
    """Return the batch that an Arrow table of `COPY_COLUMNS[1:]` holds; the way through ADBC."""
    import pyarrow as pa

    assert isinstance(table, pa.Table)
    records: NDArray[np.void] = np.empty(table.num_rows, EVENT_DTYPE)
    for name in EVENT_DTYPE.names or ():
        column = table.column(name).combine_chunks()
        values = column.fill_null(-1).to_numpy(zero_copy_only=False)
        never = (values == -1) & column.is_valid().to_numpy(zero_copy_only=False)
        records[name] = np.where(never, np.iinfo(values.dtype).min, values)
    payload = table.column("payload").combine_chunks()
    if payload.null_count == len(payload):
        return EventBatch(records, np.zeros(table.num_rows, np.int64))
    payloads = [b"" if v is None else v or b"\0" for v in payload.to_pylist()]
    return EventBatch(records, np.cumsum([len(v) for v in payloads]), b"".join(payloads))
