"""Closing of full stretches beside a run's writer: the indexes that no tick could afford.

On a thread and a connection of its own. While ticks go on it takes turns with snapshots, so that these have one process
of low priority beside them, not two; at a run's end it doesn't, and another connection lends a hand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from infrastructure.database import Database
from infrastructure.scheduling import yield_to_ticks
from infrastructure.stretches import Stretches

STRETCHES_BEHIND = 16
"""Full stretches without their indexes before a run flat out waits: sixteen million events, up to 50,000 agents."""
STATISTICS_TARGET = 25
"""Of closed stretches: a sample of 7,500 rows tells of a million what the planner asks, in a quarter of the time."""
_LOOK_EVERY_S, _AGAIN_AFTER_S, _PATIENCE_S = 0.1, 0.5, 30.0


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
    note : callable, told of what was refused
    """

    def __init__(
        self, database: Database, stretches: Stretches, durable: Callable[[], int], note: Callable[[Exception], None]
    ) -> None:
        self._database, self._stretches, self._durable, self._note = database, stretches, durable, note
        self._changed = threading.Condition()
        self._in_hand: set[int] = set()  # first ticks of stretches that are being closed
        self._given_up: set[int] = set()
        self._ending = self._finishing = self._stuck = self._making_way = False
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

    def wait_if_behind(self, *, unless: Callable[[], bool]) -> None:
        """Wait while more than `STRETCHES_BEHIND` full stretches have no indexes yet; half a minute at most.

        Ticks flat out fill stretches faster than a process of low priority closes them. Without an end to that, the
        newest part of a long run would be sought in without an index, and its end would take minutes. Nobody waits
        for a closer that can't work, nor when `unless` says so.
        """
        patience = time.monotonic() + _PATIENCE_S
        while len(self._stretches.closable(self._durable())) > STRETCHES_BEHIND and time.monotonic() < patience:
            with self._changed:
                if self._stuck or self._ending or not self._thread.is_alive() or unless():
                    return
                self._changed.wait(_LOOK_EVERY_S)

    def end(self, lent: psycopg.Connection[Any] | None = None) -> None:
        """End once the stretch in hand is closed; with a connection `lent`, once all are that are full."""
        with self._changed:
            self._ending, self._finishing = True, lent is not None
            self._changed.notify_all()
        if lent is not None:
            while self._close_next(lambda: lent):
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

        while not self._ending or self._finishing:
            if self._close_next(connection):
                continue
            with self._changed:
                if self._ending:
                    break
                self._changed.wait(_AGAIN_AFTER_S if self._stuck else _LOOK_EVERY_S)
        if own is not None:
            own.close()

    def _close_next(self, connection: Callable[[], psycopg.Connection[Any]]) -> bool:
        """Close the oldest full stretch that nobody has in hand; return whether there was one and it could be closed.

        At the end each is tried once, and what can't be closed keeps nobody from the others.
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
            self._stuck = False
        except Exception as error:  # whatever it is, ticks go on
            self._stuck = True
            self._note(error)
            if self._finishing:
                self._given_up.add(first)
            return self._finishing
        finally:
            with self._changed:
                self._in_hand.discard(first)
                self._changed.notify_all()
        return True
