"""The writer of a run: ticks into Postgres, each with its header, durable in order.

In mode `tick` a transaction (`infrastructure/tick_transactions.py`) is one tick and the caller waits for it; the server
has begun while the tick was still being decided. In mode `group` a thread commits whatever ticks have piled up since
the last commit, at most `MAX_TICKS_IN_FLIGHT`, as one transaction.

If the server goes away the writer waits, says so, connects again, takes the lock again under the
epoch that it had, looks which ticks are there, and sends the rest. Nothing is lost or doubled; and where the server
that came back has lost ticks itself, nothing is written behind the hole.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import psycopg

from domain.advance import Header
from domain.errors import InvalidConfiguration, LeaseLost, PolisError, StoreUnavailable, TicksLost
from domain.events import CATALOGUE_VERSION, EventBatch, empty_records
from domain.ports import Run
from domain.state import World
from infrastructure import lease
from infrastructure.allocation import BUFFERS_OF_TENS_OF_MB, keep_freed_memory
from infrastructure.copy_binary import encode_rows
from infrastructure.copy_statement import ROWS_A_MARK
from infrastructure.database import Database, in_one_line
from infrastructure.errors import TakesNoWrites
from infrastructure.housekeeping import Housekeeper
from infrastructure.scheduling import ask_for_short_slices
from infrastructure.stretches import Stretches
from infrastructure.tick_transactions import AppendRefused, DiskFull, Pending, TickTransactions
from infrastructure.writer_figures import WriterFigures

DURABILITIES = ("tick", "group")
MAX_TICKS_IN_FLIGHT = 256
MAX_BYTES_IN_FLIGHT = 64 << 20
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LAST_PATIENCE_S = 10.0
"""How long a run that is to stop still waits for a server that is away: one that is embedded is back in seconds."""

_log = logging.getLogger(__name__)


_AWAY = "the database went away"
_FULL = "the disk of the database is full: make room, and the run goes on by itself"
_ONLY_READS = "the database takes no writes for now"


class TickWriter:
    """Implements `domain.ports.Appender`; enter it to take the lease.

    Parameters
    ----------
    database : Database
    run : Run
    durability : "tick" or "group"
    target : int, optional, the run's new target tick
    take_over : bool, end another writer if there is one
    say : callable, told when the server is gone and when it is back
    on_wait : callable, told again and again what a tick waits for that is to be made durable
    """

    def __init__(
        self,
        database: Database,
        run: Run,
        *,
        durability: str,
        target: int | None = None,
        take_over: bool = False,
        say: Callable[[str], None] | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        if durability not in DURABILITIES:
            raise InvalidConfiguration("durability", durability, f"must be one of {', '.join(DURABILITIES)}")
        self.database, self.run, self.durability = database, run, durability
        self._rows_a_mark = ROWS_A_MARK if durability == "tick" else None  # of many ticks at once it would cost more
        self._target, self._take_over = target, take_over
        self.say = say or _log.warning
        self._on_wait = on_wait or (lambda what: None)
        self.figures = WriterFigures()
        self._durable = -1
        self._connection: psycopg.Connection[Any] | None = None
        self._transactions: TickTransactions | None = None
        self._pending: list[Pending] = []
        self._in_flight = 0
        self._bytes_in_flight = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._closing = False
        self._hurried: float | None = None
        self._recorded: str | None = None  # the problems that the run's status tells, once it is recorded
        self._thread: threading.Thread | None = None

    # -- lease -------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        encode_rows(0, EventBatch.of(empty_records(1)))  # compiled before the clock starts
        ask_for_short_slices(0)
        if self.run.configuration.agents >= BUFFERS_OF_TENS_OF_MB:
            keep_freed_memory()
        self._connection = self._open_connection()
        try:
            try:
                self.epoch = lease.acquire(self._connection, self.run, target=self._target, take_over=self._take_over)
            except psycopg.errors.ReadOnlySqlTransaction as error:
                raise TakesNoWrites(str(error).strip()) from None
            self._durable = self._stored_head()
            self._stretches = Stretches(self.run, self._connection)
            self._transactions = self._transactions_on(self._connection)
            self._housekeeper = Housekeeper(
                self.database, self.run, self._stretches, self.figures, lambda: self._durable, epoch=self.epoch
            )
            self._housekeeper.start()
        except BaseException as error:
            if isinstance(error, AppendRefused):
                self.set_status("failed", problem=str(error))
            lease.release(self._connection)
            self._connection.close()
            raise
        if self.durability == "group":
            self._start_committing()
        return self

    def _start_committing(self) -> None:
        self._thread = threading.Thread(target=self._commit_groups, name="polis-commit", daemon=True)
        self._thread.start()

    def _stop_committing(self) -> None:
        """Let the thread commit what it was given, and end it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()
        try:
            if kind is None:
                self.flush()
        finally:
            self._stop_committing()
            try:
                self._housekeeper.close(finish=kind is None)
                if kind is None:
                    self._record_late()
            finally:  # also when somebody has no patience for indexes
                if self._connection is not None:
                    lease.release(self._connection)
                    self._connection.close()

    def _record_late(self) -> None:
        """Let the run's status say what went wrong after it was recorded."""
        problems = [problem for problem in self.figures.problems if problem not in (self._recorded or "")]
        if self._recorded is None or not problems:
            return
        with contextlib.suppress(psycopg.Error):  # away: the summary says it all the same
            assert self._connection is not None
            self._connection.execute(
                "UPDATE polis.leases SET status = CASE status WHEN 'complete' THEN 'degraded' ELSE status END, "
                "problem = concat_ws('; ', problem, %s::text), updated_at = now() WHERE run = %s AND epoch = %s",
                ("; ".join(problems), self.run.id, self.epoch),
            )

    def _open_connection(self) -> psycopg.Connection[Any]:
        connection = self.database.connect()
        if self.database.embedded is not None:
            ask_for_short_slices(connection.info.backend_pid)
        connection.execute("SET synchronous_commit = on; SET tcp_keepalives_idle = 30; SET lock_timeout = '60s'")
        return connection

    def _transactions_on(self, connection: psycopg.Connection[Any]) -> TickTransactions:
        return TickTransactions(
            self.run, epoch=self.epoch, connection=connection, stretches=self._stretches,
            marked=self._rows_a_mark is not None,
        )  # fmt: skip

    def _stored_head(self) -> int:
        assert self._connection is not None
        row = self._connection.execute("SELECT max(tick) FROM polis.ticks WHERE run = %s", (self.run.id,)).fetchone()
        if row is None or row[0] is None:
            return -1 if self.run.fork_tick is None else self.run.fork_tick
        return int(row[0])

    # -- what the runner calls ---------------------------------------------------------------------

    def begin(self, tick: int, *, inputs_used: int = 0) -> None:
        """Let the server begin with a tick while it is being decided; in mode `tick` only."""
        if self._thread is None and self._transactions is not None:
            self._transactions.begin(tick, inputs_used=inputs_used)

    @property
    def durable_tick(self) -> int:
        """The newest tick that is safe from any crash."""
        return self._durable

    @property
    def pause_tick(self) -> int:
        """The tick from which on somebody asks this writer to stop."""
        return self._housekeeper.pause[0]

    @property
    def pause_because(self) -> str:
        """Why, in their words."""
        return self._housekeeper.pause[1]

    def append(
        self, events: EventBatch, header: Header, *, inputs_used: int = 0, catalogue: int = CATALOGUE_VERSION
    ) -> None:
        """Take a tick; see `domain.ports.Appender.append`. One that an earlier release made says by which catalogue."""
        rows = encode_rows(self.run.id, events, rows_a_mark=self._rows_a_mark)
        pending = Pending(header, rows, inputs_used, catalogue)
        if self._thread is None:
            self._commit([pending])
            return
        if header.tick % self._stretches.ticks == 0 and self._error is None:
            self._housekeeper.wait_if_behind(
                header.tick, unless=lambda: self._hurried is not None, on_wait=self._tell_of_indexes
            )  # fmt: skip
        with self._changed:
            while (
                self._error is None
                and self._in_flight
                and (self._in_flight >= MAX_TICKS_IN_FLIGHT or self._bytes_in_flight >= MAX_BYTES_IN_FLIGHT)
            ):
                self._changed.wait()
            self._raise_error()
            self._pending.append(pending)
            self._in_flight += 1
            self._bytes_in_flight += len(pending.rows)
            self._changed.notify_all()

    def _tell_of_indexes(self, too_many: int) -> None:
        stretches = "1 full stretch" if too_many == 1 else f"{too_many:,} full stretches"
        self._on_wait(f"waiting until {stretches} of events more can be sought in")

    def hurry(self) -> None:
        """Be told that the run is to stop: no tick waits for indexes, and a server that is away not for long."""
        if self._hurried is None:  # no lock: a signal may come while this very thread holds any of them
            self._hurried = time.monotonic()

    def flush(self) -> None:
        """Return when everything appended is durable, and it is known what became of the snapshots."""
        with self._changed:
            while self._in_flight and self._error is None:
                self._changed.wait()
            self._raise_error()
        self._housekeeper.finish_snapshots()
        self.figures.stretches_left = len(self._stretches.closable(self._durable))

    def restart(self) -> None:
        """Forget what was appended and is not durable, and go on after `InputsChanged`."""
        if self._thread is not None:
            self._thread.join()  # it ended with the error
            self._error = None
            self._pending, self._in_flight, self._bytes_in_flight = [], 0, 0
            self._housekeeper.forget_above(self._durable)
            self._start_committing()

    def set_status(self, status: str, *, problem: str | None = None) -> None:
        """Record how the run stands, if the lease is still ours and the server is there; nothing is appended after."""
        self._abandon()
        self._stop_committing()  # it would be in the middle of a conversation on the same connection
        try:
            assert self._connection is not None
            self._connection.execute(
                "UPDATE polis.leases SET status = %s, problem = %s, updated_at = now() WHERE run = %s AND epoch = %s",
                (status, problem, self.run.id, self.epoch),
            )
            self._recorded = problem or ""
        except psycopg.Error as error:
            self.say(f"run {self.run.name}: its status could not be recorded: {in_one_line(error)}")

    def keep_snapshot(self, world: World) -> None:
        """Have this state kept as a snapshot, by another thread, once its tick is durable."""
        self._housekeeper.keep_snapshot(world.tick, world.state_hash, world.to_bytes())

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    # -- committing --------------------------------------------------------------------------------

    def _commit_groups(self) -> None:
        while True:
            with self._changed:
                while not self._pending and not self._closing:
                    self._changed.wait()
                if not self._pending:
                    return
                group, self._pending = self._pending, []
            try:
                self._commit(group)
            except BaseException as error:  # handed to the runner's thread, which raises it
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._in_flight -= len(group)
                self._bytes_in_flight -= sum(len(p.rows) for p in group)
                self._changed.notify_all()

    def _commit(self, group: Sequence[Pending]) -> None:
        """Make a group of ticks durable, however long the server is away."""
        attempt, began = 0, 0.0
        while group:
            try:
                if attempt:  # the commit may have been done before its acknowledgement was lost
                    head = self._stored_head()
                    if head < self._durable:  # what was synced is gone: it is not the database that went away
                        raise TicksLost(self.run.name, head + 1, self._durable)
                    group = [p for p in group if p.header.tick > head]
                    self._durable = max(self._durable, head)
                if group:
                    self._transact(group)
                break
            except (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable) as error:
                told = error.because if isinstance(error, StoreUnavailable) else str(error)
                because = next(iter(told.strip().splitlines()), repr(error)).removeprefix("ERROR:").strip()
                if not attempt:
                    began = time.monotonic()
                    what = _FULL if isinstance(error, DiskFull | psycopg.errors.DiskFull) else _AWAY
                    what = _ONLY_READS if isinstance(error, TakesNoWrites) else what
                    self.say(f"run {self.run.name}: {what} ({because}); waiting for it")
                self._reconnect(attempt, because)
                attempt += 1
        if attempt:
            self.figures.waited_s += time.monotonic() - began
            self.say(f"run {self.run.name}: the database is back after {time.monotonic() - began:.1f} s; going on")
        if group:
            self._durable = group[-1].header.tick
            self.figures.commits += 1
            self.figures.bytes += sum(len(p.rows) for p in group)
        self._housekeeper.tick_is_durable(self._durable)

    def _transact(self, group: Sequence[Pending]) -> None:
        assert self._transactions is not None
        self._transactions.commit(group)

    def _abandon(self) -> None:
        """Give up a tick that was begun and will not be appended."""
        if self._transactions is not None:
            self._transactions.abandon()

    def _reconnect(self, attempt: int, because: str) -> None:
        """Wait for the server and take the lock again; the wait ends soon once somebody wants the run to stop."""
        while True:
            until = time.monotonic() + _BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)]
            while self._hurried is None and time.monotonic() < until:
                time.sleep(_BACKOFF_S[0])
            if self._hurried is not None:
                if time.monotonic() > self._hurried + _LAST_PATIENCE_S:
                    again = f"`polis resume {self.run.name}` makes those ticks again that were not durable yet"
                    raise StoreUnavailable(f"{because}; {again}")
                time.sleep(_BACKOFF_S[0])
            attempt += 1
            try:
                if self._connection is not None:
                    self._connection.close()
                self.database.ensure_running()
                self._connection = self._open_connection()
                lease.reacquire(self._connection, self.run, epoch=self.epoch, tick=self._durable + 1)
                self._stretches.look(self._connection)  # one made within a transaction went with it
                self._transactions = self._transactions_on(self._connection)
                break
            except (LeaseLost, AppendRefused):
                raise
            except (psycopg.Error, PolisError) as error:
                if self._closing and not self._pending:
                    raise
                _log.info("still waiting: %s", error)
        self.figures.reconnections += 1
