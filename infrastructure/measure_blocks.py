"""Blocks of measures in Postgres. Amounts travel as the server's own array bytes: no Python object a tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy.engine import Connection

from domain.measures import MEASURES
from domain.ports import Block

_FLOAT8, _FLOAT8_ARRAY = 701, 1022  # type numbers
_HEAD = np.dtype([("dimensions", ">i4"), ("nulls", ">i4"), ("type", ">i4"), ("size", ">i4"), ("first", ">i4")])
_ITEM = np.dtype([("length", ">i4"), ("amount", ">f8")])


class _Amounts:
    """float64 amounts on their way to the server."""

    def __init__(self, amounts: NDArray[np.float64]) -> None:
        self.amounts = amounts


class _AmountsDumper(Dumper):
    format = Format.BINARY
    oid = _FLOAT8_ARRAY

    def dump(self, obj: _Amounts) -> bytes:
        items = np.empty(len(obj.amounts), _ITEM)
        items["length"], items["amount"] = 8, obj.amounts
        head = np.array([(1, 0, _FLOAT8, len(items), 1)], _HEAD)
        return head.tobytes() + items.tobytes()


def _amounts_of(data: bytes) -> NDArray[np.float64]:
    if len(data) <= _HEAD.itemsize:
        return np.empty(0)
    return np.frombuffer(data, _ITEM, offset=_HEAD.itemsize)["amount"].astype(np.float64)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def read(connection: Connection, source: int, names: Sequence[str], first: int, last: int) -> list[Block]:
    """Return what is kept of a run, of blocks that begin in ticks first … last, by tick."""
    with _driver(connection).cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT name, version, tick_first, amounts FROM polis.measure_blocks WHERE source = %s AND name = ANY(%s) "
            "AND tick_first BETWEEN %s AND %s ORDER BY tick_first, name",
            (source, list(names), first, last),
        )
        found, blocks = cursor.pgresult, []
        assert found is not None
        for at in range(found.ntuples):
            name, version, tick, amounts = (found.get_value(at, k) or b"" for k in range(4))
            number, start = int.from_bytes(version, "big", signed=True), int.from_bytes(tick, "big", signed=True)
            blocks.append(Block(name.decode(), number, start, _amounts_of(amounts)))
    return blocks


def keep(connection: Connection, source: int, blocks: Sequence[Block]) -> None:
    """Keep blocks, and what their names mean.

    Two that fill the same blocks compute the same amounts, so either may win; in one order, so that neither waits
    for the other for ever.
    """
    rows = sorted(blocks, key=lambda b: (b.first, b.name))
    known = [MEASURES[name] for name in sorted({b.name for b in blocks} & MEASURES.keys())]
    with _driver(connection).cursor() as cursor:
        cursor.adapters.register_dumper(_Amounts, _AmountsDumper)
        cursor.executemany(
            "INSERT INTO polis.measure_names VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET "
            "version = excluded.version, kind = excluded.kind, unit = excluded.unit, divisor = excluded.divisor, "
            "meaning = excluded.meaning WHERE measure_names.version < excluded.version",
            [(m.name, m.version, m.kind, m.unit, m.divisor, m.meaning) for m in known],
        )
        cursor.executemany(
            "INSERT INTO polis.measure_blocks AS kept VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (source, name, tick_first) DO UPDATE SET version = excluded.version, "
            "amounts = excluded.amounts "
            "WHERE kept.version <> excluded.version OR cardinality(kept.amounts) < cardinality(excluded.amounts)",
            [(source, b.name, b.first, b.version, _Amounts(b.amounts)) for b in rows],
        )
