"""Where the ticks of a run are read: headers, events and snapshots, lineage resolved. `tick_writer` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql as literal
from sqlalchemy import and_, func, select
from sqlalchemy import text as sql
from sqlalchemy.engine import Connection

from domain.advance import Header
from domain.columns import AREAS
from domain.errors import CorruptHistory, StoreUnavailable
from domain.events import EventBatch
from domain.ports import Headers, Run, Snapshot
from infrastructure import schema
from infrastructure.dropping import refuse_dropped
from infrastructure.event_lookup import Leaf, LeafLookup
from infrastructure.event_reader import read_segment, read_some
from infrastructure.leaves import Segment
from infrastructure.lineage import LineageReader
from infrastructure.snapshots import decode_snapshot

_BY_FILTER = sql(
    "coalesce((SELECT amname = 'brin' FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
    "WHERE c.oid = to_regclass(format('polis.%I', leaf || '_agent'))), false) AS by_filter"
)
"""Which index a closed stretch has on agents; see `index_agents` in the migrations."""

_NUMBERS = ("tick", "events", "catalogue", *(f"area_{area}" for area in AREAS))
_HASHES = ("events_hash", "state_hash", "chain_hash")
_OF_HEADER = (*_NUMBERS, *_HASHES)
_HEADERS_AT_ONCE = 8_192


class RecordedHistory(LineageReader):
    """The part of `PostgresStore` that reads ticks."""

    def head(self, run: Run) -> Header | None:
        """Return the newest header."""
        t = schema.ticks
        with self.database.lend() as connection:
            for source, first, last in reversed(self.segments(connection, run, 0, 2**31 - 1)):
                query = select(*(t.c[name] for name in _OF_HEADER)).where(
                    and_(t.c.run == source, t.c.tick >= first, t.c.tick <= last)
                )
                row = connection.execute(query.order_by(t.c.tick.desc()).limit(1)).one_or_none()
                if row is not None:
                    return _headers_of([[tuple(row)]]).at(0)
        return None

    def headers(self, run: Run, first: int, last: int) -> Headers:
        """Return the headers of ticks first … last, as far as they exist."""
        with self.database.lend() as connection:
            segments = self.segments(connection, run, first, last)
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            try:
                return _headers_of(_header_rows(raw, segments))
            except psycopg.OperationalError as error:
                raise StoreUnavailable(str(error).strip()) from None

    def total_events(self, run: Run, *, first: int = 0) -> int:
        """Return how many events a run has from a tick on, its parent's up to the fork included."""
        t = schema.ticks
        total = 0
        with self.database.lend() as connection:
            for source, low, high in self.segments(connection, run, first, 2**31 - 1):
                where = and_(t.c.run == source, t.c.tick >= low, t.c.tick <= high)
                total += int(
                    connection.execute(select(func.coalesce(func.sum(t.c.events), 0)).where(where)).scalar_one()
                )
        return total

    def read(self, run: Run, first: int, last: int, *, headers: Headers | None = None) -> Iterator[EventBatch]:
        """Yield the stored events of ticks first … last in order, in batches that hold whole ticks."""
        if headers is None:
            head = self.head(run)
            newest = -1 if head is None else head.tick
        else:
            newest = int(headers.ticks[-1]) if len(headers) else -1
        with self.database.lend() as connection:
            leaves: list[tuple[str, int, int, NDArray[np.int64], bool]] = []
            for segment in self.segments(connection, run, first, min(last, newest)):
                for leaf, low, high in self.leaves(connection, run, segment):
                    if headers is None:
                        counts = _counts_in(connection, segment[0], low, high)
                    else:
                        counts = _counts_of(headers, low, high)
                    leaves.append((leaf, low, high, counts, self._leaves.is_hot(segment[0], leaf)))
        for leaf, low, high, counts, hot in leaves:
            with self._there(run, leaf, low):
                yield from read_segment(self.database, leaf, low, high, counts, hot=hot)

    def selected(
        self,
        run: Run,
        first: int,
        last: int,
        *,
        agent: int | None = None,
        kinds: Sequence[int] = (),
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[EventBatch]:
        """Yield the stored events that are an agent's own, or of some kinds, or both; see `HistoryReader.selected`."""
        head = self.head(run)
        last = min(last, -1 if head is None else head.tick)
        with self.database.lend() as connection:
            segments = self.segments(connection, run, first, last)
            leaves = [
                (leaf, low, high, self._leaves.is_hot(segment[0], leaf))
                for segment in segments for leaf, low, high in self.leaves(connection, run, segment)
            ]  # fmt: skip
        for leaf, low, high, hot in leaves:
            # A quarter of a stretch at a time, since a kind may be frequent; where no index finds ticks, all at once.
            width = high - low + 1 if hot or agent is not None else max(1, (high - low + 1) // 4)
            for first_ in range(low, high + 1, width):
                last_ = min(high, first_ + width - 1)
                with self._there(run, leaf, first_):
                    found = read_some(self.database, leaf, first_, last_, agent=agent, kinds=kinds)
                if on_progress:
                    on_progress(last_, last)
                if len(found):
                    yield found

    @contextmanager
    def lookup(self, run: Run) -> Iterator[LeafLookup]:
        """Lend something that finds single events of a run, up to the head that it has now."""
        head, t = self.head(run), schema.stretches
        with self.database.lend() as connection:
            leaves: list[Leaf] = []
            for source, low, high in self.segments(connection, run, 0, -1 if head is None else head.tick):
                overlapping = and_(t.c.run == source, t.c.tick_first <= high, t.c.tick_end > low)
                query = select(t, _BY_FILTER).where(overlapping).order_by(t.c.tick_first)
                here = [
                    Leaf(r.leaf, max(low, r.tick_first), min(high, r.tick_end - 1), r.closed, r.by_filter)
                    for r in connection.execute(query)
                ]
                self.require_listed(connection, run, (source, low, high), [(f.name, f.first, f.last) for f in here])
                leaves += here
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            # The stretch that a run rests in has an index on ticks and no statistics: it would be scanned whole.
            raw.execute("SET enable_seqscan = off")
            try:
                yield LeafLookup(raw, leaves)
            except psycopg.errors.UndefinedTable:
                self._find_all(run, [(leaf.name, leaf.first) for leaf in leaves])
                raise
            finally:
                if not raw.broken:
                    raw.execute("RESET enable_seqscan")

    @contextmanager
    def _there(self, run: Run, leaf: str, tick: int) -> Iterator[None]:
        """Tell whatever goes wrong in reading a leaf as what it is, where that is no longer there."""
        try:
            yield
        except Exception:
            self._find_all(run, [(leaf, tick)])
            raise

    def _find_all(self, run: Run, leaves: Sequence[tuple[str, int]]) -> None:
        """Raise `RunDropped` if somebody dropped the run meanwhile, `CorruptHistory` if one of these leaves is gone."""
        with self.database.lend() as connection:
            refuse_dropped(connection, str(run.id))
            for leaf, tick in leaves:
                there = connection.execute(sql("SELECT to_regclass(:leaf)"), {"leaf": f"polis.{leaf}"}).scalar_one()
                if there is None:
                    raise CorruptHistory(tick, -1, f"run {run.name}: the table of its events, polis.{leaf}, is gone")

    def first_own_tick(self, run: Run) -> int | None:
        """Return the lowest tick that is recorded in a run itself."""
        t = schema.ticks
        with self.database.lend() as connection:
            found = connection.execute(select(func.min(t.c.tick)).where(t.c.run == run.id)).scalar_one()
        return None if found is None else int(found)

    def stray_tick(self, run: Run) -> int | None:
        """Return the lowest tick above the newest header that has events stored."""
        # One statement, so that a tick that is committed meanwhile shows both its header and its events.
        query = sql(
            "SELECT min(tick) FROM polis.stored_events WHERE run = :run "
            "AND tick > (SELECT coalesce(max(tick), -1) FROM polis.ticks WHERE run = :run)"
        )
        with self.database.lend() as connection:
            found = connection.execute(query, {"run": run.id}).scalar_one()
        return None if found is None else int(found)

    def snapshots(self, run: Run, last: int) -> Iterator[Snapshot]:
        """Yield snapshots at ticks up to `last`, newest first."""
        t = schema.snapshots
        with self.database.lend() as connection:
            segments = self.segments(connection, run, 0, last)
        for source, low, high in reversed(segments):
            newest = high
            while True:  # one at a time: nearly always the first is good
                query = select(t).where(and_(t.c.run == source, t.c.tick >= low, t.c.tick <= newest))
                with self.database.lend() as connection:
                    found = connection.execute(query.order_by(t.c.tick.desc()).limit(1)).one_or_none()
                if found is None:
                    break
                newest = found.tick - 1
                yield decode_snapshot(found)

    def snapshot_ticks(self, run: Run) -> list[int]:
        """Return the ticks that have a snapshot."""
        t = schema.snapshots
        found: list[int] = []
        with self.database.lend() as connection:
            for source, low, high in self.segments(connection, run, 0, 2**31 - 1):
                where = and_(t.c.run == source, t.c.tick >= low, t.c.tick <= high)
                found += connection.execute(select(t.c.tick).where(where).order_by(t.c.tick)).scalars().all()
        return found


def _counts_in(connection: Connection, source: int, first: int, last: int) -> NDArray[np.int64]:
    """Return how many events the headers of ticks first … last count, 0 where there is no header."""
    t = schema.ticks
    where = and_(t.c.run == source, t.c.tick >= first, t.c.tick <= last)
    ticks, events = connection.execute(select(func.array_agg(t.c.tick), func.array_agg(t.c.events)).where(where)).one()
    counts = np.zeros(last - first + 1, np.int64)
    if ticks:
        counts[np.array(ticks) - first] = events
    return counts


def _counts_of(headers: Headers, first: int, last: int) -> NDArray[np.int64]:
    """Return how many events the headers of ticks first … last count, 0 where there is no header."""
    counts = np.zeros(last - first + 1, np.int64)
    inside = (headers.ticks >= first) & (headers.ticks <= last)
    counts[headers.ticks[inside] - first] = headers.events[inside]
    return counts


def _header_rows(connection: psycopg.Connection[Any], segments: Sequence[Segment]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the headers of segments in order, some thousands at a time.

    Not by SQLAlchemy, whose rows take 1.3 KB a header and five times as long; a long run has a hundred thousand.
    """
    columns = literal.SQL(", ").join(map(literal.Identifier, _OF_HEADER))
    query = literal.SQL(
        "SELECT {} FROM polis.ticks WHERE run = %s AND tick BETWEEN %s AND %s ORDER BY tick LIMIT {}"
    ).format(columns, _HEADERS_AT_ONCE)
    for source, low, high in segments:
        first = low
        while first <= high:
            rows = connection.execute(query, (source, first, high), binary=True).fetchall()
            yield rows
            if len(rows) < _HEADERS_AT_ONCE:
                break
            first = rows[-1][0] + 1


def _headers_of(parts: Iterable[Sequence[tuple[Any, ...]]]) -> Headers:
    """Return rows that have the columns `_OF_HEADER` as columns."""
    numbers = [np.empty((len(_NUMBERS), 0), np.int64)]
    hashes: list[list[bytes]] = [[] for _ in _HASHES]
    for rows in parts:
        if rows:
            columns = list(zip(*rows, strict=True))
            numbers.append(np.array(columns[: len(_NUMBERS)], np.int64))
            for kept, found in zip(hashes, columns[len(_NUMBERS) :], strict=True):
                kept.extend(found)
    ticks, events, catalogues, *areas = np.concatenate(numbers, axis=1)
    events_hash, state_hash, chain_hash = hashes
    return Headers(
        ticks=ticks,
        events=events,
        catalogues=catalogues,
        events_hash=events_hash,
        state_hash=state_hash,
        chain_hash=chain_hash,
        areas=np.stack(areas, axis=1).view(np.uint64),
    )
