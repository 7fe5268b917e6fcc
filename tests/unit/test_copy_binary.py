"""Rows as COPY sends them, against the format's description: a count of fields, then each with its length."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from domain.events import EVENT_DTYPE, EventBatch, empty_records
from infrastructure.copy_binary import encode_rows, mark_row

pytestmark = pytest.mark.unit

_FORMATS = {"<i2": ">h", "<i4": ">i", "<i8": ">q"}


def rows_of(run: int, batch: EventBatch) -> bytes:
    """Return the rows, field by field: a null has the length -1 and no bytes."""
    out = b""
    for position, record in enumerate(batch.records):
        out += struct.pack(">hii", 13, 4, run)
        for name in EVENT_DTYPE.names or ():
            form = _FORMATS[EVENT_DTYPE[name].str]
            null = record[name] == -1 and name not in ("tick", "ordinal", "kind")
            out += (
                struct.pack(">i", -1)
                if null
                else struct.pack(">i", struct.calcsize(form)) + struct.pack(form, record[name])
            )
        payload = batch.payload(position)
        out += struct.pack(">i", len(payload)) + payload if payload else struct.pack(">i", -1)
    return out


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_encoded_as_copy_reads_them(seed):
    generator = np.random.default_rng(seed)
    records = empty_records(200)
    for name in EVENT_DTYPE.names or ():
        limits = np.iinfo(EVENT_DTYPE[name])
        values = generator.integers(limits.min, limits.max, 200, EVENT_DTYPE[name], endpoint=True)
        few = generator.choice(np.array([-1, 0, 1, limits.min, limits.max], EVENT_DTYPE[name]), 200)
        records[name] = np.where(generator.random(200) < 0.5, few, values)
    payloads = [(i, generator.bytes(int(generator.integers(1, 90)))) for i in range(0, 200, 3)]
    for batch in (EventBatch.of(records, payloads), EventBatch.of(records), EventBatch.of(empty_records(0))):
        assert bytes(encode_rows(41, batch)) == rows_of(41, batch)


def test_a_mark_stands_between_so_many_rows_and_the_next():
    records = empty_records(10)
    records["ordinal"] = np.arange(10)
    batch = EventBatch.of(records, [(3, b"words"), (9, b"more")])
    rows = [rows_of(5, batch.slice(i, i + 1)) for i in range(10)]
    for rows_a_mark in (1, 3, 5, 9, 10, 11):
        groups = [b"".join(rows[i : i + rows_a_mark]) for i in range(0, 10, rows_a_mark)]
        assert bytes(encode_rows(5, batch, rows_a_mark=rows_a_mark)) == mark_row().join(groups)


def test_a_mark_is_a_row_of_nobodys_run():
    null = struct.pack(">i", -1)
    bare = struct.pack(">h", 13) + 3 * struct.pack(">ii", 4, 0) + 8 * null + struct.pack(">ih", 2, 0)
    assert mark_row() == bare + null
    assert mark_row(b"(1,2)") == bare + struct.pack(">i", 5) + b"(1,2)"
