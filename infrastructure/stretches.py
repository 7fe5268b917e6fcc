"""Stretches: the leaves of `stored_events`, each for a range of ticks of one run.

A hot stretch has no index, so that a tick pays for none, and is short enough to be scanned
(docs/decisions/0002-physical-layout.md). The next one is made ahead of time.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from domain.ports import Run

EVENTS_A_STRETCH = 1_000_000
_EVENTS_AN_AGENT_TICK = 1.25  # what reflex runs have been seen to emit


def ticks_a_stretch(agents: int) -> int:
    """Return how many ticks of a society of so many founders go into one leaf."""
    return max(16, EVENTS_A_STRETCH // max(1, int(agents * _EVENTS_AN_AGENT_TICK)))


class Stretches:
    """Knows which leaf a tick belongs in.

    Parameters
    ----------
    run : Run
    connection : of the writer, used only while entering
    """

    def __init__(self, run: Run, connection: psycopg.Connection[Any]) -> None:
        self.run = run
        self.ticks = ticks_a_stretch(run.configuration.agents)
        self._known: list[tuple[int, int, str]] = []
        self._closed: set[int] = set()
        self._mutex = threading.Lock()
        self.look(connection)

    def look(self, connection: psycopg.Connection[Any]) -> None:
        """Look which leaves there are: at first, and after a transaction that may have made one was lost."""
        query = "SELECT tick_first, tick_end, leaf, closed FROM polis.stretches WHERE run = %s ORDER BY tick_first"
        with self._mutex:
            rows = connection.execute(query, (self.run.id,)).fetchall()
            self._known = [(int(a), int(b), str(c)) for a, b, c, _ in rows]
            self._closed = {int(first) for first, _, _, closed in rows if closed}

    def leaf_of(self, tick: int, connection: psycopg.Connection[Any]) -> tuple[str, int]:
        """Return the leaf of a tick and the first tick after it, making the leaf if need be."""
        with self._mutex:
            for first, end, leaf in reversed(self._known):
                if first <= tick < end:
                    return leaf, end
            first, end = tick, tick + self.ticks
            row = connection.execute("SELECT polis.open_stretch(%s, %s, %s)", (self.run.id, first, end)).fetchone()
            assert row is not None
            self._known.append((first, end, str(row[0])))
            return str(row[0]), end

    def make_ahead(self, durable: int, connection: psycopg.Connection[Any]) -> None:
        """Make the next leaf when the newest is more than half full."""
        with self._mutex:
            newest = self._known[-1] if self._known else None
        if newest is not None and durable > newest[1] - self.ticks // 2:
            self.leaf_of(newest[1], connection)

    def split(self, ticks: Sequence[int], connection: psycopg.Connection[Any]) -> Iterator[tuple[str, slice]]:
        """Yield each leaf that ascending ticks belong in, and which of them do."""
        start = 0
        while start < len(ticks):
            leaf, end = self.leaf_of(ticks[start], connection)
            stop = bisect_left(ticks, end, start)
            yield leaf, slice(start, stop)
            start = stop

    def closable(self, durable: int) -> list[int]:
        """Return the first ticks of stretches that take no more events and are not closed yet."""
        with self._mutex:
            return [first for first, end, _ in self._known if end <= durable and first not in self._closed]

    def close(self, first: int, connection: psycopg.Connection[Any]) -> None:
        """Give a full stretch the indexes that its hot time could not afford; a fifth of a second or more."""
        connection.execute("SELECT polis.close_stretch(%s, %s)", (self.run.id, first))
        with self._mutex:
            self._closed.add(first)
