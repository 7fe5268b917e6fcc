"""Events as Arrow tables: one schema a kind, with the kind's own names, payload keys as typed columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from domain.events import ABSENT, CAUSE, EventBatch, EventKind, Field

GATHER_EVENTS = 262_144
"""Events that are turned to columns at once."""

_PAYLOAD_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("width", "height", "given", "family", "born", "lifespan", "asked", "call"), pa.int32()),
    **dict.fromkeys(("traits", "skills", "capacity", "regrowth", "stock"), pa.list_(pa.int32())),
    "cites": pa.list_(pa.string()),
    "minds": pa.bool_(),
}
"""Type of a payload's key, the same in every kind; text if it is not named. A test compares them with the views."""


def gathered(batches: Iterable[EventBatch]) -> Iterator[EventBatch]:
    """Yield batches put together until they are worth turning to columns; none is cut, and none is empty."""
    waiting: list[EventBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= GATHER_EVENTS:
            yield EventBatch.concat(waiting)
            waiting = []
    if sum(map(len, waiting)):
        yield EventBatch.concat(waiting)


def payload_type(key: str) -> pa.DataType:
    """Return the type of a payload's key."""
    return _PAYLOAD_TYPES.get(key, pa.string())


def payload_keys(kind: EventKind) -> list[str]:
    """Return the payload keys that are columns of a kind: all that its fields do not name already."""
    names = {f.name for f in kind.fields}
    return [key for key in kind.payload if key not in names]


@cache
def schema_of_kind(number: int) -> pa.Schema:
    """Return the columns of a kind, in the order in which its SQL view has them, without the run."""
    from domain.events import KIND_BY_NUMBER

    kind = KIND_BY_NUMBER[number]
    columns = [("tick", pa.int32()), ("ordinal", pa.int32())]
    columns += [(f.name, pa.string() if f.codes else pa.int32()) for f in (*kind.fields, *CAUSE)]
    if kind.payload:
        columns += [("payload", pa.string())] + [(key, payload_type(key)) for key in payload_keys(kind)]
    return pa.schema(columns)


def table_of_kind(kind: EventKind, events: EventBatch, positions: NDArray[np.int64]) -> pa.Table:
    """Return the events at these positions, all of one kind, as a table."""
    records = events.records[positions]
    columns: list[pa.Array] = [pa.array(np.ascontiguousarray(records[name])) for name in ("tick", "ordinal")]
    columns += [_column(f, records) for f in (*kind.fields, *CAUSE)]
    if kind.payload:
        bodies = [events.payload(int(i)).decode() for i in positions]
        values: list[dict[str, Any]] = [json.loads(body) if body else {} for body in bodies]
        columns.append(pa.array([body or None for body in bodies], pa.string()))
        columns += [_payload_column(key, values) for key in payload_keys(kind)]
    return pa.Table.from_arrays(columns, schema=schema_of_kind(kind.number))


def _column(field: Field, records: NDArray[np.void]) -> pa.Array:
    values = field.read(records[field.column].astype(np.int64))
    absent = values == ABSENT
    if field.codes is None:
        return pa.array(values.astype(np.int32), mask=absent if absent.any() else None)
    names = {int(code): code.name.lower() for code in field.codes}  # type: ignore[attr-defined]
    words = pa.array([names.get(i) for i in range(max(names) + 1)], pa.string())
    return words.take(pa.array(np.where(absent, 0, values), mask=absent))


def _payload_column(key: str, values: list[dict[str, Any]]) -> pa.Array:
    wanted = payload_type(key)
    found = [value.get(key) for value in values]
    if wanted == pa.string():  # what has parts of its own stays JSON
        found = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in found]
    return pa.array(found, wanted)
