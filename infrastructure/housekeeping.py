"""Housekeeping of a run beside its writer: snapshots, the next stretch, who asks it to stop.

One thread with a connection of its own, so that no tick waits for it; full stretches have their `Closer`. Nothing here
is history: what fails is counted and said, and tried again when it matters.
"""

from __future__ import annotations

import collections
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from domain.configuration import STATE_VERSION
from domain.ports import Run
from infrastructure.closing import AWAY, Closer, beside_the_ticks
from infrastructure.database import Database, in_one_line
from infrastructure.failpoints import reach
from infrastructure.scheduling import yield_to_ticks
from infrastructure.snapshots import digest_of, encode_snapshot
from infrastructure.stretches import Stretches
from infrastructure.writer_figures import WriterFigures

_MAX_SNAPSHOT_BYTES_WAITING = 64 << 20
"""Beyond two snapshots: while a stretch is closed beside ticks flat out, which takes a second, thirty may come."""
_LISTEN_EVERY_S, _AWAY_S = 0.1, 1.0
NEVER = 2**31 - 1
_log = logging.getLogger(__name__)


class Housekeeper:
    """Runs until closed; `keep_snapshot` and `tick_is_durable` never wait for the database."""

    def __init__(
        self,
        database: Database,
        run: Run,
        stretches: Stretches,
        figures: WriterFigures,
        durable: Callable[[], int],
        *,
        epoch: int = 0,
    ) -> None:
        self._database, self._run, self._stretches, self._figures = database, run, stretches, figures
        self._durable, self._epoch = durable, epoch
        self.pause: tuple[int, str] = (NEVER, "")
        self._listened = 0.0
        self._away_because = ""
        self._waiting: collections.deque[tuple[int, bytes, bytes]] = collections.deque()
        self._changed = threading.Condition()
        self._closing = self._resting = self._stuck = self._awaited = False
        self._closer = Closer(database, stretches, durable, self._note)
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._work, name="polis-housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._closer.start()

    def close(self, *, finish: bool) -> None:
        """End; if `finish`, first write the snapshots that wait, and let the hot stretch be sought in."""
        with self._changed:
            self._closing, self._resting = True, finish
            if not finish:
                self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()
        self._closer.end()
        left = len(self._stretches.closable(self._durable()))
        if finish and left:
            what = "1 full stretch of events has" if left == 1 else f"{left} full stretches of events have"
            self._append_problem(f"{what} no indexes yet", self._closer.refused)
        if self._connection is not None:
            self._connection.close()

    def keep_snapshot(self, tick: int, state_hash: bytes, state_bytes: bytes) -> None:
        """Queue a snapshot; if the thread is far behind, this one is left out and counted."""
        with self._changed:
            waiting = sum(len(data) for _, _, data in self._waiting)
            if len(self._waiting) >= 2 and waiting + len(state_bytes) > _MAX_SNAPSHOT_BYTES_WAITING:
                self._figures.snapshots_failed += 1
                return
            self._waiting.append((tick, state_hash, state_bytes))
            self._changed.notify_all()

    def wait_if_behind(self, tick: int, *, unless: Callable[[], bool], on_wait: Callable[[int], None]) -> None:
        """Wait for indexes, see `Closer`, but not when the run is asked to stop before `tick`, or `unless` says so."""
        self._closer.wait_if_behind(
            unless=lambda: self.pause[0] <= tick or not self._thread.is_alive() or unless(), on_wait=on_wait
        )

    def finish_snapshots(self) -> None:
        """Return when those that wait for a durable tick are written or refused, or can't be for now.

        They don't wait for an index meanwhile: who calls this does, and no tick.
        """
        with self._changed:
            self._awaited = True
            while self._waiting and self._waiting[0][0] <= self._durable():
                if self._stuck or not self._thread.is_alive():
                    return
                self._changed.notify_all()
                self._changed.wait(_LISTEN_EVERY_S)

    def forget_above(self, tick: int) -> None:
        """Drop snapshots of ticks that will be decided again."""
        with self._changed:
            self._waiting = collections.deque(s for s in self._waiting if s[0] <= tick)

    def tick_is_durable(self, tick: int) -> None:
        """Wake the thread if a snapshot waits for this tick, or a stretch is nearly full."""
        self._awaited = False
        # Without the lock: a missed wake-up is made up for by the next tick, or by the time-out.
        if (self._waiting and self._waiting[0][0] <= tick) or tick % 64 == 0:
            with self._changed:
                self._changed.notify_all()

    def _work(self) -> None:
        yield_to_ticks(threading.get_native_id())
        while True:
            with self._changed:
                if not self._closing:
                    self._changed.wait(_LISTEN_EVERY_S)
                closing = self._closing
            try:
                self._write_snapshots()
                self._listen()
                if not closing:
                    self._stretches.make_ahead(self._durable(), self._connect())
                elif self._resting:
                    self._closer.end(lend=self._connect)
                    self._connect().execute("SELECT polis.rest_stretch(%s, %s)", (self._run.id, self._durable()))
                self._stuck = False
            except Exception as error:  # whatever it is, the next snapshot and whoever asks for a pause must find us
                self._stuck = True
                self._note(error)
                if isinstance(error, AWAY):
                    self._listened = time.monotonic() + _AWAY_S
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
            if closing:
                self._count_left()
                return

    def _count_left(self) -> None:
        """Count the snapshots that are given up since the server was away to the end, and say why."""
        left = len(self._waiting)
        if left:
            self._figures.snapshots_failed += left
            what = "1 snapshot" if left == 1 else f"{left} snapshots"
            self._append_problem(f"{what} could not be kept", self._away_because)

    def _append_problem(self, what: str, because: str) -> None:
        """Tell what is missing, and why unless that was told while ticks went on."""
        because = because or "the server was away"
        told = any(because in problem for problem in self._figures.problems)
        self._figures.problems.append(what if told else f"{what}: {because}")

    def _note(self, error: Exception) -> None:
        """Record what was refused; what is away for a while is tried again."""
        because = in_one_line(error)
        self._away_because = because if isinstance(error, AWAY) else self._away_because
        if not isinstance(error, AWAY) and because not in self._figures.problems:
            self._figures.problems.append(because)
        _log.info("run %s: housekeeping has to wait: %s", self._run.name, because)

    def _write_snapshots(self) -> None:
        """Write those that wait and are durable; one that is refused is given up, the others stay."""
        with self._changed:
            due = [snapshot for snapshot in self._waiting if snapshot[0] <= self._durable()]
            at_once = self._awaited or self._closing
        if due and not self._closer.make_way() and not at_once:
            return  # our turn comes when what is in hand is closed
        try:
            for snapshot in due:
                with self._changed:
                    if snapshot not in self._waiting:
                        continue  # its tick was given up meanwhile
                try:
                    self._write_snapshot(*snapshot)
                except AWAY:
                    raise
                except Exception as error:
                    self._figures.snapshots_failed += 1
                    self._note(error)
                with self._changed:
                    if self._waiting and self._waiting[0] is snapshot:
                        self._waiting.popleft()
                    self._changed.notify_all()
        finally:
            self._closer.go_on()

    def _listen(self) -> None:
        """See whether somebody asks this writer to stop."""
        if time.monotonic() - self._listened < _LISTEN_EVERY_S:
            return
        query = "SELECT tick, because FROM polis.pause_requests WHERE run = %s AND epoch = %s"
        row = self._connect().execute(query, (self._run.id, self._epoch)).fetchone()
        self.pause = (NEVER, "") if row is None else (int(row[0]), str(row[1]))
        self._listened = time.monotonic()

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = beside_the_ticks(self._database)
        return self._connection

    def _write_snapshot(self, tick: int, state_hash: bytes, state_bytes: bytes) -> None:
        data = encode_snapshot(state_bytes)
        connection = self._connect()
        with connection.transaction():
            connection.execute(
                "INSERT INTO polis.snapshots (run, tick, state_version, state_hash, digest, data) "
                "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (self._run.id, tick, STATE_VERSION, state_hash, digest_of(data), data),
                binary=True,
            )
            reach("in_snapshot", tick)
        self._figures.snapshots += 1
