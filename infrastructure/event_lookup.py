"""Single events from a run's leaves: by place, or by agent, kind, cause and what they name.

Where `event_reader` streams whole stretches, this asks for a few rows. A closed stretch finds them by its indexes
on agent and on tick; a hot one is short enough to be scanned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from domain.events import ABSENT, EVENT_DTYPE, EventBatch
from infrastructure.copy_binary import COPY_COLUMNS

Leaf = tuple[str, int, int]
"""Name of a leaf, and the first and last tick of it that a run reads."""

_COLUMNS = sql.SQL(", ").join(sql.Identifier(name) for name in COPY_COLUMNS[1:])


@dataclass(frozen=True)
class Wanted:
    """Which events: all conditions hold at once, an empty one says nothing.

    Attributes
    ----------
    agents : whose they are
    kinds : numbers of kinds
    causes : packed addresses, one of which is the event's cause
    naming : addresses as "tick:ordinal", one of which the payload names
    parties : agents of whom it is one's own event, or one is its target
    """

    agents: Sequence[int] = ()
    kinds: Sequence[int] = ()
    causes: Sequence[int] = ()
    naming: Sequence[str] = ()
    parties: Sequence[int] = ()

    def conditions(self) -> tuple[list[sql.Composable], list[Any]]:
        """Return SQL and its values."""
        parts: list[sql.Composable] = []
        values: list[Any] = []
        for column, given in (("agent", self.agents), ("kind", self.kinds), ("cause", self.causes)):
            if len(given):
                parts.append(sql.SQL("{} = ANY(%s)").format(sql.Identifier(column)))
                values.append([int(each) for each in given])
        if len(self.parties):
            parts.append(sql.SQL("(agent = ANY(%s) OR target = ANY(%s))"))
            values += [[int(each) for each in self.parties]] * 2
        if len(self.naming):
            # Addresses stand in quotes in canonical JSON, so one can't be the beginning of another.
            names = sql.SQL(" OR ").join([sql.SQL("position(%s IN payload) > 0")] * len(self.naming))
            parts.append(sql.SQL("({})").format(names))
            values += [f'"{address}"'.encode("ascii") for address in self.naming]
        return parts, values


def events_at(
    connection: psycopg.Connection[Any], leaves: Sequence[Leaf], places: Sequence[tuple[int, int]]
) -> EventBatch:
    """Return the events at these places in order; those that do not exist are left out."""
    rows: list[tuple[Any, ...]] = []
    for leaf, first, last in leaves:
        here = sorted({place for place in places if first <= place[0] <= last})
        if not here:
            continue
        ticks = sorted({tick for tick, _ in here})
        query = sql.SQL("SELECT {} FROM {} WHERE tick = ANY(%s) AND (tick::int8 << 32 | ordinal) = ANY(%s)").format(
            _COLUMNS, sql.Identifier("polis", leaf)
        )
        packed = [tick << 32 | ordinal for tick, ordinal in here]
        rows += connection.execute(query, (ticks, packed), binary=True).fetchall()
    return _batch(rows)


def find_events(
    connection: psycopg.Connection[Any], leaves: Sequence[Leaf], wanted: Wanted, *, newest: int | None = None
) -> EventBatch:
    """Return the events of these leaves that are wanted, in order; only the newest if so asked.

    Parameters
    ----------
    leaves : in the order of ticks; with `newest` they are read from the last on, and no further than needed
    """
    rows: list[tuple[Any, ...]] = []
    parts, values = wanted.conditions()
    for leaf, first, last in reversed(leaves) if newest is not None else leaves:
        where = sql.SQL(" AND ").join([sql.SQL("tick BETWEEN %s AND %s"), *parts])
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(_COLUMNS, sql.Identifier("polis", leaf), where)
        given = [first, last, *values]
        if newest is not None:
            query += sql.SQL(" ORDER BY tick DESC, ordinal DESC LIMIT %s")
            given.append(newest - len(rows))
        rows += connection.execute(query, given, binary=True).fetchall()
        if newest is not None and len(rows) >= newest:
            break
    return _batch(rows)


def _batch(rows: list[tuple[Any, ...]]) -> EventBatch:
    rows.sort(key=lambda row: (row[0], row[1]))
    records = np.empty(len(rows), EVENT_DTYPE)
    for i, row in enumerate(rows):
        records[i] = tuple(ABSENT if value is None else value for value in row[:-1])
    return EventBatch.of(records, ((i, bytes(row[-1])) for i, row in enumerate(rows) if row[-1]))
