"""Rows for comparing layouts: events of a real society, encoded for COPY in the shape of each layout."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.laboratory import world_of
from domain.advance import advance, new_world
from domain.configuration import genesis_hash
from domain.decide import Decider
from domain.events import KINDS, PART_SHIFTS, TIE, EventBatch
from infrastructure.copy_binary import COPY_COLUMNS, encode_rows

_OIDS = {2: 21, 4: 23, 8: 20}


def real_events(agents: int, seed: int, events: int) -> EventBatch:
    """Return at least so many events of whole ticks, tick 0 left out: it is one of a kind."""
    configuration = world_of(agents)
    world, decider = new_world(configuration), Decider(seed, configuration)
    _, header = advance(world, decider, genesis_hash(seed, configuration))
    batches, count = [], 0
    while count < events:
        batch, header = advance(world, decider, header.chain_hash)
        # Rooms are made for the most that a tick could emit: keep what it did.
        batches.append(EventBatch(batch.records.copy(), batch.payload_ends.copy(), batch.payload_bytes))
        count += len(batch)
    decider.close()
    return EventBatch.concat(batches)


def tick_edges(events: EventBatch) -> NDArray[np.int64]:
    """Return where each tick begins, and the end."""
    inner = np.flatnonzero(np.diff(events.records["tick"])) + 1
    return np.concatenate([[0], inner, [len(events)]])


# -- the shapes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """What a table of events looks like, and how rows for it are encoded.

    Attributes
    ----------
    name : for people
    columns : as in CREATE TABLE
    encode : from events of whole ticks to the rows of a COPY BINARY stream
    a_row_a_tick : a row is a tick rather than an event
    view : SELECT that gives a row an event, if the table doesn't
    """

    name: str
    columns: str
    encode: Callable[[EventBatch], bytes]
    a_row_a_tick: bool = False
    view: str = ""


@njit(cache=False, nogil=True)
def _encode_columns(values, widths, ends, payloads, out):  # type: ignore[no-untyped-def]
    """Encode rows of int2, int4 and int8 (-1: NULL, but in the first three) and a payload."""
    at, start = 0, 0
    for i in range(values.shape[0]):
        count = widths.shape[0] + 1
        out[at], out[at + 1] = count >> 8, count & 255
        at += 2
        for k in range(widths.shape[0]):
            value, width = values[i, k], widths[k]
            if value == -1 and k > 2:
                out[at : at + 4] = 255
                at += 4
                continue
            out[at], out[at + 1], out[at + 2], out[at + 3] = 0, 0, 0, width
            at += 4
            for b in range(width):
                out[at + b] = (value >> (8 * (width - 1 - b))) & 255
            at += width
        size = ends[i] - start
        if size == 0:
            out[at : at + 4] = 255
            at += 4
        else:
            for b in range(4):
                out[at + b] = (size >> (8 * (3 - b))) & 255
            at += 4
            out[at : at + size] = payloads[start : ends[i]]
            at += size
        start = ends[i]
    return at


def _encode_wide(columns: list[tuple[NDArray[np.int64], int]], events: EventBatch) -> bytes:
    values = np.stack([column for column, _ in columns], axis=1)
    widths = np.array([width for _, width in columns], np.int64)
    payloads = np.frombuffer(events.payload_bytes or b"\0", np.uint8)
    out = np.empty(len(events) * (6 + int((widths + 4).sum())) + len(payloads), np.uint8)
    return out[: _encode_columns(values, widths, events.payload_ends, payloads, out)].tobytes()


def _column(events: EventBatch, name: str) -> NDArray[np.int64]:
    return events.records[name].astype(np.int64)


def _part(events: EventBatch, column: str, part: str) -> NDArray[np.int64]:
    shift, mask = PART_SHIFTS[part]
    packed = _column(events, column)
    return np.where(packed == -1, -1, (packed >> shift) & mask)


def _keys(events: EventBatch) -> list[tuple[NDArray[np.int64], int]]:
    return [(np.ones(len(events), np.int64), 4), (_column(events, "tick"), 4), (_column(events, "ordinal"), 4)]


_KINDS_WITH_TIES = np.array([k.number for k in KINDS if TIE[1] in k.fields])


def _encode_unpacked(events: EventBatch) -> bytes:
    detail = _column(events, "detail")
    tied = np.isin(events.records["kind"], _KINDS_WITH_TIES)
    columns = _keys(events) + [(_column(events, name), 4) for name in ("agent", "target", "cell")]
    columns += [(np.where(tied, detail >> 16, detail), 4), (np.where(tied, detail & 0xFFFF, -1), 2)]
    columns += [(_column(events, "kind"), 2)]
    for good in ("given", "taken"):
        columns += [(_part(events, good, "good"), 2)]
        columns += [(_part(events, good, part), 4) for part in ("quantity", "holding")]
    columns += [(_part(events, "needs", part), 2) for part in ("energy", "satiety", "company")]
    columns += [(_part(events, "cause", "tick"), 4), (_part(events, "cause", "ordinal"), 4)]
    return _encode_wide(columns, events)


def _encode_narrow(events: EventBatch) -> bytes:
    four = [(_column(events, name), 4) for name in ("agent", "target", "cell")]
    return _encode_wide([*_keys(events), *four, (_column(events, "given"), 8), (_column(events, "kind"), 2)], events)


_ARRAYS = (("agent", 4), ("cause", 8), ("needs", 8), ("given", 8), ("taken", 8), ("target", 4), ("cell", 4),
           ("detail", 4), ("kind", 2), ("payload_end", 4))  # fmt: skip


def _ticks(events: EventBatch) -> Iterator[EventBatch]:
    edges = tick_edges(events)
    for start, stop in itertools.pairwise(edges):
        yield events.slice(int(start), int(stop))


def _encode_arrays(events: EventBatch) -> bytes:
    rows = []
    for tick in _ticks(events):
        n = len(tick)
        row = [struct.pack(">h ii ii", len(_ARRAYS) + 3, 4, 1, 4, int(tick.records["tick"][0]))]
        for name, width in _ARRAYS:
            values = np.empty(n, [("length", ">i4"), ("value", f">i{width}")])
            values["length"] = width
            values["value"] = tick.payload_ends if name == "payload_end" else tick.records[name]
            body = values.tobytes()
            row.append(struct.pack(">iiiiii", 20 + len(body), 1, 0, _OIDS[width], n, 1) + body)
        row.append(struct.pack(">i", len(tick.payload_bytes)) + tick.payload_bytes)
        rows.append(b"".join(row))
    return b"".join(rows)


_INT = {2: "int2", 4: "int4", 8: "int8"}
_KEYS = "run int4 NOT NULL, tick int4 NOT NULL, ordinal int4 NOT NULL"
_PACKED = (
    f"{_KEYS}, agent int4, cause int8, needs int8, given int8, taken int8, target int4, cell int4, detail int4, "
    "kind int2 NOT NULL, payload bytea"
)
_UNPACKED = (
    f"{_KEYS}, agent int4, target int4, cell int4, detail int4, tie_strength int2, kind int2 NOT NULL, "
    "given_good int2, given_quantity int4, given_holding int4, taken_good int2, taken_quantity int4, "
    "taken_holding int4, energy int2, satiety int2, company int2, cause_tick int4, cause_ordinal int4, payload bytea"
)
_UNNESTED = ", ".join(name for name, _ in _ARRAYS if name != "payload_end")

PACKED = Shape("packed, 13 columns", _PACKED, lambda events: encode_rows(1, events))
UNPACKED = Shape("unpacked, 21 columns", _UNPACKED, _encode_unpacked)
NARROW = Shape(
    "narrow, 9 columns",
    f"{_KEYS}, agent int4, target int4, cell int4, given int8, kind int2 NOT NULL, payload bytea",
    _encode_narrow,
)
ARRAYS = Shape(
    "a row a tick, arrays",
    "run int4 NOT NULL, tick int4 NOT NULL, "
    + ", ".join(f"{name} {_INT[width]}[]" for name, width in _ARRAYS)
    + ", payloads bytea",
    _encode_arrays,
    a_row_a_tick=True,
    view=f"SELECT run, tick, e.place - 1 AS ordinal, {', '.join('e.' + n.strip() for n in _UNNESTED.split(','))}, "
    "substr(t.payloads, 1 + coalesce(t.payload_end[e.place - 1], 0), "
    "e.payload_end - coalesce(t.payload_end[e.place - 1], 0)) AS payload FROM {table} t, "
    f"unnest({', '.join(f't.{name}' for name, _ in _ARRAYS)}) WITH ORDINALITY "
    f"AS e ({', '.join(name for name, _ in _ARRAYS)}, place)",
)
assert len(_PACKED.split(",")) == len(COPY_COLUMNS)
