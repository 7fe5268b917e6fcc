"""Pages of a run's events: some kinds, of one agent, from a place on, a few of the millions that there may be.

`infrastructure.event_lookup` finds all events that something wants; here somebody turns the pages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import Connection

from domain.events import (
    ABSENT,
    CATALOGUE_VERSION,
    EVENT_DTYPE,
    VERSIONS_BY_CATALOGUE,
    EventBatch,
    empty_records,
)
from domain.ports import Run
from domain.upcast import current_versions, to_current
from infrastructure.copy_binary import COPY_COLUMNS
from infrastructure.event_lookup import ids
from infrastructure.postgres_store import PostgresStore

END = 2**31 - 1
_PATIENCE_S = 1.5  # then a page is cut short, and the next one goes on from there
_COLUMNS = sql.SQL(", ").join(sql.Identifier(name) for name in COPY_COLUMNS[1:])

_TOLD_OF_AGENT = ("tick", "ordinal", "kind", "needs", "given", "taken", "cell", "detail")
_OF_AGENT = sql.SQL(", ").join(sql.SQL("coalesce({}, -1)").format(sql.Identifier(name)) for name in _TOLD_OF_AGENT)


@dataclass(frozen=True)
class Page:
    """Some events in order, and where to go on.

    Attributes
    ----------
    events : as today's definitions have them
    after : (tick, ordinal) after which the next page begins; None if this was the last
    """

    events: EventBatch
    after: tuple[int, int] | None


class EventPages:
    """Turns the pages of a store.

    Parameters
    ----------
    store : PostgresStore
    """

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def page_of_events(
        self,
        run: Run,
        first: int,
        last: int,
        *,
        limit: int,
        kinds: Sequence[int] = (),
        agent: int | None = None,
        party: int | None = None,
        after: tuple[int, int] = (-1, END),
        newest_first: bool = False,
        patience_s: float = _PATIENCE_S,
    ) -> Page:
        """Return some of the events of ticks first … last.

        Parameters
        ----------
        run, first, last
        limit : at most so many
        kinds : numbers of kinds; empty: all
        agent : whose own events
        party : whose own events, or those that were directed at this agent
        after : (tick, ordinal) that the page begins after; before, if the newest come first
        newest_first : whether the page is taken from the end; its events are in order all the same
        patience_s : after how long the page is cut short; inf: never

        Notes
        -----
        A page may be short, or empty, and not the last: so long a history is not searched in one go. Who takes what
        comes for the whole must have the patience for it, since a cold disk may need long for little.
        """
        head = self.store.head(run)
        last = min(last, -1 if head is None else head.tick)
        if newest_first:
            last = min(last, after[0]) if after[0] >= 0 else last
        else:
            first = max(first, after[0])
        began, reached = time.monotonic(), None
        rows: list[tuple[Any, ...]] = []
        # An agent's own events are found by an index; others lie side by side, the more so the fewer are left out.
        size = 4_096 if agent is not None else 256 if len(kinds) or party is not None else max(4, limit // 64)
        with self.store.database.lend() as connection:
            cursor = connection.connection.driver_connection.cursor(binary=True)  # type: ignore[union-attr]
            segments = self.store.segments(connection, run, first, last)
            leaves = [leaf for each in segments for leaf in self.store.leaves(connection, run, each)]
            for leaf, low, high in _windows(leaves, size, newest_first):
                query, given = _query(leaf, low, high, kinds, agent, party, after, limit - len(rows), newest_first)
                rows += cursor.execute(query, given).fetchall()
                if len(rows) >= limit:
                    reached = rows[-1][0], rows[-1][1]
                    break
                if time.monotonic() - began > patience_s and (low > first if newest_first else high < last):
                    reached = (low, 0) if newest_first else (high, END)
                    break
            rows.sort(key=lambda row: (row[0], row[1]))
            events = _current(connection, segments, _batch(rows))
        return Page(events, reached)

    def told_of_agent(self, run: Run, agent: int, last: int, *, limit: int) -> NDArray[np.void]:
        """Return an agent's own events up to a tick, in order: what they say of the agent alone.

        Its place, needs and goods, kind and detail; all other columns are absent.
        """
        head = self.store.head(run)
        last = min(last, -1 if head is None else head.tick)
        found = [empty_records(0)]
        with self.store.database.lend() as connection:
            segments = self.store.segments(connection, run, 0, last)
            as_today = _are_as_today(connection, segments)
            cursor = connection.connection.driver_connection.cursor(binary=True)  # type: ignore[union-attr]
            leaves = [leaf for each in segments for leaf in self.store.leaves(connection, run, each)]
            for leaf, low, high in leaves:
                if as_today:
                    found.append(_told(cursor, leaf, low, high, agent))
                    continue
                query, given = _query(leaf, low, high, (), agent, None, (-1, END), limit, False)
                found.append(_current(connection, segments, _batch(cursor.execute(query, given).fetchall())).records)
        return np.concatenate(found)[:limit]


def _windows(leaves: list[tuple[str, int, int]], size: int, newest_first: bool) -> Iterator[tuple[str, int, int]]:
    """Cut leaves into windows of ticks, larger and larger, from one end or the other."""
    for leaf, first, last in reversed(leaves) if newest_first else leaves:
        done = 0
        while done <= last - first:
            take = min(size, last - first + 1 - done)
            low = last - done - take + 1 if newest_first else first + done
            yield leaf, low, low + take - 1
            done += take
            size *= 4


def _query(
    leaf: str, low: int, high: int, kinds: Sequence[int], agent: int | None, party: int | None,
    after: tuple[int, int], limit: int, newest_first: bool,
) -> tuple[sql.Composed, list[Any]]:  # fmt: skip
    where = ["tick BETWEEN %s AND %s"]
    given: list[Any] = [low, high]
    if len(kinds):
        where.append("kind = ANY(%s)")
        given.append([int(kind) for kind in kinds])
    if agent is not None:
        where.append("agent = ANY(%s::int4[])")
        given.append(ids([agent]))
    if party is not None:
        where.append("(agent = ANY(%s::int4[]) OR target = ANY(%s::int4[]))")
        given += [ids([party])] * 2
    if after[0] >= 0:
        where.append("(tick, ordinal) < (%s, %s)" if newest_first else "(tick, ordinal) > (%s, %s)")
        given += after
    order = " DESC" if newest_first else ""
    query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY tick{}, ordinal{} LIMIT %s").format(
        _COLUMNS, sql.Identifier("polis", leaf), sql.SQL(" AND ".join(where)), sql.SQL(order), sql.SQL(order)
    )
    return query, [*given, limit]


def _batch(rows: Sequence[tuple[Any, ...]]) -> EventBatch:
    records = np.empty(len(rows), EVENT_DTYPE)
    for i, row in enumerate(rows):
        records[i] = tuple(ABSENT if value is None else value for value in row[:-1])
    return EventBatch.of(records, ((i, bytes(row[-1])) for i, row in enumerate(rows) if row[-1]))


def _told(cursor: Any, leaf: str, low: int, high: int, agent: int) -> NDArray[np.void]:
    where = "tick BETWEEN %s AND %s AND agent = ANY(%s::int4[])"
    query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY tick, ordinal").format(
        _OF_AGENT, sql.Identifier("polis", leaf), sql.SQL(where)
    )
    rows = np.array(cursor.execute(query, (low, high, ids([agent]))).fetchall(), np.int64)
    records = empty_records(len(rows))
    records["agent"] = agent
    for column, values in zip(_TOLD_OF_AGENT, rows.T, strict=False):
        records[column] = values
    return records


def _are_as_today(connection: Connection, segments: list[tuple[int, int, int]]) -> bool:
    """Whether every kind is still as the catalogues have it by which these ticks were written."""
    query = text("SELECT DISTINCT catalogue FROM polis.ticks WHERE run = :run AND tick BETWEEN :low AND :high")
    written = {
        row.catalogue
        for source, low, high in segments
        for row in connection.execute(query, {"run": source, "low": low, "high": high})
    }
    known, today = VERSIONS_BY_CATALOGUE, current_versions()
    return all(c in known and all(today.get(k) == v for k, v in known[c].items()) for c in written)


def _current(connection: Connection, segments: list[tuple[int, int, int]], events: EventBatch) -> EventBatch:
    """Return events as today's definitions have them.

    Raises
    ------
    UnknownEventKind
        If a later release wrote them.
    """
    if not len(events):
        return events
    ticks = events.records["tick"]
    query = text("SELECT tick, catalogue FROM polis.ticks WHERE run = :run AND tick = ANY(:ticks)")
    catalogues: dict[int, int] = {}
    for source, low, high in segments:
        here = [int(tick) for tick in np.unique(ticks) if low <= tick <= high]
        if here:
            rows = connection.execute(query, {"run": source, "ticks": here})
            catalogues |= {row.tick: row.catalogue for row in rows}
    written = [catalogues.get(int(tick), CATALOGUE_VERSION) for tick in ticks]
    parts, start = [], 0
    for stop in range(1, len(written) + 1):
        if stop == len(written) or written[stop] != written[start]:
            part = events.slice(start, stop)
            parts.append(to_current(part, written[start]))
            start = stop
    return EventBatch.concat(parts)
