"""What a server that shows runs asks of the store: lists, counts and pages of events, each in a query or two.

`domain.ports` has what replay needs: whole ticks in order. Here a few rows are looked up among millions.
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

from domain.events import ABSENT, CATALOGUE_VERSION, EVENT_DTYPE, VERSIONS_BY_CATALOGUE, EventBatch
from domain.inputs import INTERVENTION, answer_from
from domain.ports import Lease, Run
from domain.upcast import upcast
from infrastructure.copy_binary import COPY_COLUMNS
from infrastructure.lease import LOCK_CLASS
from infrastructure.postgres_store import PostgresStore, _run_of

_END = 2**31 - 1
_PATIENCE_S = 1.5  # then a page is cut short, and the next one goes on from there

_COLUMNS = sql.SQL(", ").join(sql.Identifier(name) for name in COPY_COLUMNS[1:])

_STANDINGS = """
SELECT r.*, l.status, l.target, l.epoch, l.holder, l.problem, h.tick AS head_tick, h.chain_hash AS head_hash,
       EXISTS (SELECT FROM pg_locks
               WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = :class AND objid = r.run
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS alive
FROM polis.runs r JOIN polis.leases l USING (run)
LEFT JOIN LATERAL (SELECT tick, chain_hash FROM polis.ticks t WHERE t.run = r.run ORDER BY tick DESC LIMIT 1) h ON true
WHERE :parent = 0 OR r.parent = :parent
ORDER BY {order} LIMIT :limit
"""
_ORDERS = {"oldest": "r.run", "newest": "r.run DESC", "name": "r.name"}


@dataclass(frozen=True)
class Standing:
    """A run and where it stands.

    Attributes
    ----------
    run, lease
    head_tick, head_hash : the newest tick and its chain hash; -1 and None before the first
    """

    run: Run
    lease: Lease
    head_tick: int
    head_hash: bytes | None


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


class Browsing:
    """Looks here and there in a store.

    Parameters
    ----------
    store : PostgresStore
    """

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def standings(self, *, parent: int = 0, order: str = "newest", limit: int = 1000) -> list[Standing]:
        """Return runs with where they stand, all or the forks of one."""
        query = text(_STANDINGS.format(order=_ORDERS[order]))
        with self.store._connect() as connection:
            rows = connection.execute(query, {"class": LOCK_CLASS, "parent": parent, "limit": limit}).all()
        found = []
        for row in rows:
            run, tick, chain = _run_of(row), row.head_tick, row.head_hash
            if tick is None and run.parent is not None:  # a fork that has not begun stands where it was forked
                head = self.store.head(run)
                tick, chain = (None, None) if head is None else (head.tick, head.chain_hash)
            status = "running" if row.alive else ("paused" if row.status == "running" else row.status)
            lease = Lease(status, row.target, row.epoch, row.holder if row.alive else None, row.problem)
            found.append(Standing(run, lease, -1 if tick is None else tick, None if chain is None else bytes(chain)))
        return found

    def event_counts(self, run: Run, first: int, last: int, *, width: int = 1) -> list[int]:
        """Return how many events there are in ticks first … last, summed over `width` ticks each."""
        counts = np.zeros(max(0, -(-(last - first + 1) // width)), np.int64)
        query = text(
            "SELECT (tick - :first) / :width AS bin, sum(events)::int8 AS events FROM polis.ticks "
            "WHERE run = :run AND tick BETWEEN :low AND :high GROUP BY 1"
        )
        with self.store._connect() as connection:
            for source, low, high in self.store._segments(connection, run, first, last):
                given = {"run": source, "low": low, "high": high, "first": first, "width": width}
                for row in connection.execute(query, given):
                    counts[row.bin] += row.events
        return [int(n) for n in counts]

    def interventions(self, run: Run) -> list[dict[str, Any]]:
        """Return who changed the world from outside: when, by whom and why, in order."""
        query = text(
            "SELECT asked_tick, effect_tick, agent, call, answer FROM polis.inputs WHERE run = :run "
            "AND purpose = :purpose AND asked_tick BETWEEN :low AND :high ORDER BY effect_tick, agent, call LIMIT 10000"
        )
        found = []
        with self.store._connect() as connection:
            for source, low, high in self.store._segments(connection, run, 0, _END):
                given = {"run": source, "purpose": INTERVENTION, "low": low - 1, "high": high}
                for row in connection.execute(query, given):
                    answer = answer_from(bytes(row.answer))
                    by, why = answer.pop("by", ""), answer.pop("why", "")
                    found.append({
                        "tick": row.effect_tick, "agent": row.agent, "by": by, "why": why, "what": answer,
                        "asked_tick": row.asked_tick, "call": row.call,
                    })  # fmt: skip
        return sorted(found, key=lambda each: (each["tick"], each["agent"], each["call"]))

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
        after: tuple[int, int] = (-1, _END),
        newest_first: bool = False,
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

        Notes
        -----
        A page may be short, or empty, and not the last: so long a history is not searched in one go.
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
        with self.store._connect() as connection:
            cursor = connection.connection.driver_connection.cursor(binary=True)  # type: ignore[union-attr]
            leaves = _leaves(connection, self.store._segments(connection, run, first, last))
            for leaf, low, high in _windows(leaves, size, newest_first):
                query, given = _query(leaf, low, high, kinds, agent, party, after, limit - len(rows), newest_first)
                rows += cursor.execute(query, given).fetchall()
                if len(rows) >= limit:
                    reached = rows[-1][0], rows[-1][1]
                    break
                if time.monotonic() - began > _PATIENCE_S and (low > first if newest_first else high < last):
                    reached = (low, 0) if newest_first else (high, _END)
                    break
            rows.sort(key=lambda row: (row[0], row[1]))
            events = _current(connection, self.store._segments(connection, run, first, last), _batch(rows))
        return Page(events, reached)

    def events_of_agent(self, run: Run, agent: int, last: int, *, limit: int) -> EventBatch:
        """Return an agent's own events up to a tick, in order, without their payloads."""
        head = self.store.head(run)
        last = min(last, -1 if head is None else head.tick)
        parts: list[NDArray[np.void]] = []
        with self.store._connect() as connection:
            cursor = connection.connection.driver_connection.cursor(binary=True)  # type: ignore[union-attr]
            segments = self.store._segments(connection, run, 0, last)
            for leaf, low, high in _leaves(connection, segments):
                query, given = _query(leaf, low, high, (), agent, None, (-1, _END), limit, False)
                batch = _batch(cursor.execute(query, given).fetchall())
                parts.append(_current(connection, segments, batch).records)
        records = np.concatenate([np.empty(0, EVENT_DTYPE), *parts])[:limit]
        return EventBatch(records, np.zeros(len(records), np.int64))

    def thoughts(
        self, run: Run, first: int, last: int, *, agent: int | None, limit: int, after: tuple[int, int]
    ) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
        """Return thoughts by the tick and agent that were asked, without prompts, and where to go on.

        `after` is (tick, agent): all that was asked of one agent in one tick comes on one page.
        """
        query = text(
            "SELECT asked_tick, agent, purpose, call, effect_tick, answer, engine, adapter, latency_ms, tokens_in, "
            "tokens_out, attempts, reused_from FROM polis.inputs WHERE run = :run AND purpose <> :intervention "
            "AND asked_tick BETWEEN :low AND :high AND (asked_tick, agent) > (:tick, :who) "
            "AND (:agent < 0 OR agent = :agent) ORDER BY asked_tick, agent, purpose, call LIMIT :limit"
        )
        found: list[dict[str, Any]] = []
        with self.store._connect() as connection:
            for source, low, high in self.store._segments(connection, run, 0, _END):
                given = {
                    "run": source, "intervention": INTERVENTION, "low": max(first, low - 1), "high": min(last, high),
                    "tick": after[0], "who": after[1], "agent": -1 if agent is None else agent,
                    "limit": limit + 1 - len(found),
                }  # fmt: skip
                for row in connection.execute(query, given).mappings():
                    found.append(dict(row) | {"answer": answer_from(bytes(row["answer"]))})
        if len(found) <= limit:
            return found, None
        beyond = found[limit]["asked_tick"], found[limit]["agent"]
        page = [each for each in found[:limit] if (each["asked_tick"], each["agent"]) != beyond] or found[:limit]
        return page, (page[-1]["asked_tick"], page[-1]["agent"])


def _leaves(connection: Connection, segments: list[tuple[int, int, int]]) -> list[tuple[str, int, int]]:
    query = text(
        "SELECT leaf, tick_first, tick_end FROM polis.stretches "
        "WHERE run = :run AND tick_first <= :high AND tick_end > :low ORDER BY tick_first"
    )
    found = []
    for source, low, high in segments:
        for row in connection.execute(query, {"run": source, "low": low, "high": high}):
            found.append((row.leaf, max(low, row.tick_first), min(high, row.tick_end - 1)))
    return found


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
        where.append("agent = %s")
        given.append(agent)
    if party is not None:
        where.append("(agent = %s OR target = %s)")
        given += [party, party]
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


def _current(connection: Connection, segments: list[tuple[int, int, int]], events: EventBatch) -> EventBatch:
    """Return events as today's definitions have them."""
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
            current = written[start] == CATALOGUE_VERSION
            parts.append(part if current else upcast(part, VERSIONS_BY_CATALOGUE[written[start]]))
            start = stop
    return EventBatch.concat(parts)
