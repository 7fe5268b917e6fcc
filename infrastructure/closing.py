"""Closing of full stretches beside a run's writer: the indexes that no tick could afford.

On a thread and a connection of its own. While ticks go on it takes turns with snapshots, so that these have one process
of low priority beside them, not two; at a run's end it doesn't, and another connection lends a hand.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from domain.errors import StoreUnavailable
from infrastructure.database import Database, in_one_line
from infrastructure.scheduling import yield_to_ticks
from infrastructure.stretches import Stretches

STRETCHES_BEHIND = 16
"""Full stretches without their indexes before a run flat out waits: sixteen million events, up to 50,000 agents."""
STATISTICS_TARGET = 25
"""Of closed stretches: a sample of 7,500 rows tells of a million what the planner asks, in a quarter of the time."""
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, StoreUnavailable)
"""Errors of a server that may be back in a moment; also of one that has no room on its disk, only reads, or is busy."""
_LOOK_EVERY_S, _AGAIN_AFTER_S, _PATIENCE_S = 0.1, 0.5, 30.0
_TRIES_AT_THE_END = 3


def beside_the_ticks(database: Database) -> psycopg.Connection[Any]:
    """Return a connection for work that no tick waits for: one process of low priority; its commits are not synced."""
    connection = database.connect()
    connection.execute(
        "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '384MB'; SET synchronous_commit = off; "
        f"SET default_statistics_target = {STATISTICS_TARGET}"
    )
    if database.embedded is not None:
        yield_to_ticks(connection.info.backend_pid)
    return connection


class Closer:
    """Closes full stretches, the oldest first, until it is ended.

    Parameters
    ----------
    database : Database, connected to when there is something to close
    stretches : Stretches of the run
    durable : callable, the newest durable tick
    note : callable, told of errors, also of a server that is away

    Attributes
    ----------
    refused : the newest reason why a stretch could not be closed
    """

    def __init__(
        self, database: Database, stretches: Stretches, durable: Callable[[], int], note: Callable[[Exception], None]
    ) -> None:
        self._database, self._stretches, self._durable, self._note = database, stretches, durable, note
        self._changed = threading.Condition()
        self._in_hand: set[int] = set()  # first ticks of stretches that are being closed
        self._given_up: set[int] = set()
        self._tries: collections.Counter[int] = collections.Counter()
        self._ending = self._finishing = self._stuck = self._making_way = False
        self.refused = ""
        self._thread = threading.Thread(target=self._work, name="polis-closing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def make_way(self) -> bool:
        """Begin nothing more until `go_on`, and return whether nothing is in hand."""
        with self._changed:
            self._making_way = True
            return not self._in_hand

    def go_on(self) -> None:
        """Go on after `make_way`, at once: or somebody with a snapshot every moment would let no index be made."""
        if self._making_way:
            with self._changed:
                self._making_way = False
                self._changed.notify_all()

    def wait_if_behind(self, *, unless: Callable[[], bool], on_wait: Callable[[int], None] = lambda left: None) -> None:
        """Wait while more than `STRETCHES_BEHIND` full stretches have no indexes yet; half a minute at most.

        Ticks flat out fill stretches faster than a process of low priority closes them. Without an end to that, the
        newest part of a long run would be sought in without an index, and its end would take minutes. Nobody waits
        for a closer that can't work, nor when `unless` says so. `on_wait` is told again and again how many are
        still to be closed until then.
        """
        patience = time.monotonic() + _PATIENCE_S
        while (full := len(self._stretches.closable(self._durable()))) > STRETCHES_BEHIND:
            if self._stuck or self._ending or not self._thread.is_alive() or unless() or time.monotonic() > patience:
                return
            on_wait(full - STRETCHES_BEHIND)
            with self._changed:
                self._changed.wait(_LOOK_EVERY_S)

    def end(self, lend: Callable[[], psycopg.Connection[Any]] | None = None) -> None:
        """End once the stretch in hand is closed; if somebody can `lend` a connection, once all are that are full."""
        with self._changed:
            self._ending, self._finishing = True, lend is not None
            self._changed.notify_all()
        if lend is not None:
            while self._close_next(lend):
                pass
        self._thread.join()

    def _work(self) -> None:
        yield_to_ticks(threading.get_native_id())
        own: psycopg.Connection[Any] | None = None

        def connection() -> psycopg.Connection[Any]:
            nonlocal own
            if own is None or own.closed:
                own = beside_the_ticks(self._database)
            return own

        while True:
            with self._changed:
                ending = self._ending
                if ending and not self._finishing:
                    break
            if self._close_next(connection):
                continue
            if ending:
                break
            with self._changed:
                if not self._ending:
                    self._changed.wait(_AGAIN_AFTER_S if self._stuck else _LOOK_EVERY_S)
        if own is not None:
            own.close()

    def _close_next(self, connection: Callable[[], psycopg.Connection[Any]]) -> bool:
        """Close the oldest full stretch that nobody has in hand; return whether to go on with the next.

        While ticks go on, what was refused is tried again after a while. At the end it is given up, at once or, where
        the server was away, after some tries: it keeps nobody from the others.
        """
        with self._changed:
            if self._making_way and not self._ending:
                return False
            waiting = [f for f in self._stretches.closable(self._durable()) if f not in self._in_hand | self._given_up]
            if not waiting:
                return False
            first, last_of_all = waiting[0], self._finishing and len(waiting) == 1 and not self._in_hand
            self._in_hand.add(first)
        try:
            if last_of_all:
                connection().execute("SET max_parallel_maintenance_workers = 1")  # the other core has nothing to do
            self._stretches.close(first, connection())
        except Exception as error:  # whatever it is, ticks go on
            self._stuck, self.refused = True, in_one_line(error)
            if not self._finishing:  # at the end, whoever ends it says how many are left, and why
                self._note(error)
            return self._finishing and self._is_worth_going_on(first, error)
        finally:
            with self._changed:
                self._in_hand.discard(first)
                self._changed.notify_all()
        self._stuck = False
        return True

    def _is_worth_going_on(self, first: int, error: Exception) -> bool:
        """Decide, at the end, about a stretch that was refused and whoever tried."""
        if isinstance(error, StoreUnavailable):
            return False  # no connection is to be had: the stretch is left to whoever has one
        self._tries[first] += 1
        if isinstance(error, AWAY) and self._tries[first] < _TRIES_AT_THE_END:
            time.sleep(_AGAIN_AFTER_S)
        else:
            self._given_up.add(first)
        return True
