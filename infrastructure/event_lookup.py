"""Single events from a run's leaves: by place, or by agent, kind, cause and what they name.

Where `event_reader` streams whole stretches, this asks for a few rows. A closed stretch finds them by its indexes
on agents and ticks; a hot one is short enough to be scanned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from domain.errors import StoreUnavailable
from domain.events import ABSENT, EVENT_DTYPE, EventBatch
from infrastructure.copy_binary import COPY_COLUMNS

_WINDOW = 64
MANY = 32
"""Agents at once beyond which a filter is worth less than reading the stretch, since it is asked for each of them."""
_COLUMNS = sql.SQL(", ").join(sql.Identifier(name) for name in COPY_COLUMNS[1:])
_IN_TICKS = sql.SQL("tick BETWEEN %s AND %s")
# A filter knows an agent by an int4 alone, and psycopg sends a small number as int2.
_OF_AGENTS, _OF_MANY = sql.SQL("agent = ANY(%s::int4[])"), sql.SQL("agent + 0 = ANY(%s::int4[])")


@dataclass(frozen=True)
class Leaf:
    """A leaf of a run's events, and which ticks of it are read; a closed one has an index on agents, or a filter."""

    name: str
    first: int
    last: int
    closed: bool
    by_filter: bool = False


class LeafLookup:
    """Implements `domain.ports.EventLookup` over one connection.

    Parameters
    ----------
    connection : as the application
    leaves : in the order of ticks
    """

    def __init__(self, connection: psycopg.Connection[Any], leaves: Sequence[Leaf]) -> None:
        self._connection, self._leaves = connection, leaves

    def at(self, places: Sequence[tuple[int, int]]) -> EventBatch:
        """Return the events at these (tick, ordinal) in order; those that do not exist are left out."""
        rows: list[tuple[Any, ...]] = []
        for leaf in self._leaves:
            here = sorted({place for place in places if leaf.first <= place[0] <= leaf.last})
            if here:
                ticks = sorted({tick for tick, _ in here})
                packed = [tick << 32 | ordinal for tick, ordinal in here]
                which = sql.SQL("tick = ANY(%s) AND (tick::int8 << 32 | ordinal) = ANY(%s)")
                rows += self._rows(leaf, which, [ticks, packed])
        return _batch(rows)

    def find(
        self,
        first: int,
        last: int,
        *,
        ticks: Sequence[int] = (),
        agents: Sequence[int] = (),
        kinds: Sequence[int] = (),
        causes: Sequence[int] = (),
        naming: Sequence[str] = (),
        parties: Sequence[int] = (),
        newest: int | None = None,
    ) -> EventBatch:
        """Return some events of ticks first … last; see `domain.ports.EventLookup.find`."""
        parts: list[sql.Composable] = []
        values: list[Any] = []
        if len(agents):
            values.append(ids(agents))
        for column, given in (("kind", kinds), ("cause", causes)):
            if len(given):
                parts.append(sql.SQL("{} = ANY(%s)").format(sql.Identifier(column)))
                values.append([int(each) for each in given])
        if len(parties):
            parts.append(sql.SQL("(agent = ANY(%s::int4[]) OR target = ANY(%s::int4[]))"))
            values += [ids(parties)] * 2
        if len(naming):
            # Addresses stand in quotes in canonical JSON, so one can't be the beginning of another.
            names = sql.SQL(" OR ").join([sql.SQL("position(%s IN payload) > 0")] * len(naming))
            parts.append(sql.SQL("({})").format(names))
            values += [f'"{address}"'.encode("ascii") for address in naming]

        if len(ticks):
            parts.append(sql.SQL("tick = ANY(%s::int4[])"))

        def where(leaf: Leaf) -> sql.Composed:
            # A few ticks lie in few pages, while all that some agents ever did lies in very many.
            by_tick = len(ticks) > 0 or (leaf.by_filter and len(agents) > MANY)
            whose = [] if not len(agents) else [_OF_MANY if by_tick else _OF_AGENTS]
            return sql.SQL(" AND ").join([_IN_TICKS, *whose, *parts])

        leaves = [leaf for leaf in self._leaves if leaf.first <= last and leaf.last >= first]
        rows: list[tuple[Any, ...]] = []
        if newest is None:
            for leaf in leaves:
                here = [[tick for tick in ids(ticks) if leaf.first <= tick <= leaf.last]] if len(ticks) else []
                if here != [[]]:
                    bounds = [max(first, leaf.first), min(last, leaf.last)]
                    rows += self._rows(leaf, where(leaf), [*bounds, *values, *here])
            return _batch(rows)
        assert not len(ticks), "the newest are looked for from the end, and not in single ticks"
        for leaf in reversed(leaves):
            for low, high in _windows(max(first, leaf.first), min(last, leaf.last), whole=leaf.closed):
                rows += self._rows(leaf, where(leaf), [low, high, *values], newest=newest - len(rows))
                if len(rows) >= newest:
                    return _batch(rows)
        return _batch(rows)

    def _rows(
        self, leaf: Leaf, where: sql.Composable, values: list[Any], *, newest: int | None = None
    ) -> list[tuple[Any, ...]]:
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(_COLUMNS, sql.Identifier("polis", leaf.name), where)
        if newest is not None:
            query += sql.SQL(" ORDER BY tick DESC, ordinal DESC LIMIT {}").format(newest)
        try:
            return self._connection.execute(query, values, binary=True).fetchall()
        except psycopg.OperationalError as error:
            raise StoreUnavailable(str(error).strip().splitlines()[0]) from None


def ids(agents: Sequence[int]) -> list[int]:
    """Return those that an agent can have: no other number is an int4."""
    return [int(agent) for agent in agents if 0 <= agent < 2**31]


def _windows(first: int, last: int, *, whole: bool) -> Iterator[tuple[int, int]]:
    """Yield ranges of ticks from the newest back: all at once, or ever wider ones where only ticks are indexed."""
    width = last - first + 1 if whole else _WINDOW
    while last >= first:
        low = max(first, last - width + 1)
        yield low, last
        last, width = low - 1, width * 4


def _batch(rows: list[tuple[Any, ...]]) -> EventBatch:
    rows.sort(key=lambda row: (row[0], row[1]))
    records = np.empty(len(rows), EVENT_DTYPE)
    for i, row in enumerate(rows):
        records[i] = tuple(ABSENT if value is None else value for value in row[:-1])
    return EventBatch.of(records, ((i, bytes(row[-1])) for i, row in enumerate(rows) if row[-1]))
