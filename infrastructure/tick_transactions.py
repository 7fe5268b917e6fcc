"""The transactions of a run's ticks: rows and headers into Postgres, fenced, each as one query string.

A transaction first takes the lease row FOR SHARE and checks its epoch, then counts the inputs of its ticks, then copies
the events, then inserts the headers, then commits. The server itself looks at lease and inputs before it takes a row,
and refuses the whole string if they are not as the ticks were decided with. The inputs are counted by a statement of
its own, after the lock is ours: whoever records an input holds the same row, so that none can slip in between.

A tick that somebody waits for is sent with marks among its rows (`infrastructure/copy_statement.py`), the last of which
brings its header; of a group the headers are inserted by a statement of the string.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from domain.advance import Header
from domain.errors import InputsChanged, LeaseLost, StoreUnavailable
from domain.events import CATALOGUE_VERSION
from domain.ports import Run
from infrastructure.conversation import Conversation
from infrastructure.copy_binary import HEADER, TRAILER, mark_row
from infrastructure.copy_statement import copy_statement
from infrastructure.errors import InfrastructureError, TakesNoWrites
from infrastructure.failpoints import reach
from infrastructure.leaves import LINEAGE
from infrastructure.stretches import Stretches

_LEASE_LOST, _INPUTS_CHANGED = "PL001", "PL002"  # SQLSTATEs of polis.refuse_ticks
_AS_SQL, _AS_RECORD = r"'\x{}'", r"\\x{}"  # how bytes are written: a record's backslash twice
_LOCK_NOT_AVAILABLE, _DISK_FULL, _ONLY_READS = "55P03", "53100", "25006"

_log = logging.getLogger(__name__)


class DiskFull(StoreUnavailable):
    """The server is there, and has no room for the tick."""


class AppendRefused(InfrastructureError):
    """Postgres refused a tick for good: a second writer without a lease, or a schema that is not ours."""

    def __init__(self, run: str, because: str) -> None:
        super().__init__(run, because)
        self.run, self.because = run, because

    def __str__(self) -> str:
        return f"run {self.run}: the tick was refused and nothing was written: {self.because}"


@dataclass
class Pending:
    """A tick on its way: its rows as COPY sends them, and its header."""

    header: Header
    rows: memoryview
    inputs_used: int = 0
    catalogue: int = CATALOGUE_VERSION


@dataclass(frozen=True)
class _Begun:
    """A transaction that waits for the rows of its tick."""

    tick: int
    conversation: Conversation


class TickTransactions:
    """Commits ticks of a run, one group after the other, on one connection.

    Parameters
    ----------
    run : Run
    epoch : that the writer's lease has
    connection : of the writer, which nobody else uses while one of these works
    stretches : Stretches of the run
    marked : whether there are marks among the rows of ticks
    """

    def __init__(
        self, run: Run, *, epoch: int, connection: psycopg.Connection[Any], stretches: Stretches, marked: bool
    ) -> None:
        self.run, self._epoch, self._connection, self._stretches = run, epoch, connection, stretches
        self._marked = marked
        self._begun: _Begun | None = None
        self._prepare()

    def begin(self, tick: int, *, inputs_used: int = 0) -> None:
        """Let the server take the lock, look at the inputs and wait for rows, while the tick is being decided."""
        assert self._marked, "the header comes with the rows, since COMMIT is on its way"
        try:
            query, _ = self._query([tick], inputs_used)
            conversation = Conversation(self._connection.pgconn)
            conversation.begin(query)
            self._begun = _Begun(tick, conversation)
        except psycopg.Error as error:  # `commit` will find out
            _log.info("run %s: tick %s could not be begun: %s", self.run.name, tick, error)

    def commit(self, group: Sequence[Pending]) -> None:
        """Commit a group of ticks: in the transaction that is begun, if it is for them.

        Raises
        ------
        LeaseLost, InputsChanged, AppendRefused
            Nothing was written, and the same ticks will not be taken.
        StoreUnavailable, DiskFull, TakesNoWrites, psycopg.OperationalError, psycopg.InterfaceError
            They may be taken later, on another connection; where it broke after COMMIT was sent they may be there.
        """
        begun, self._begun = self._begun, None
        first, last = group[0].header.tick, group[-1].header.tick
        if begun is not None and begun.tick == first == last:
            conversation, parts = begun.conversation, [slice(0, 1)]
            result = conversation.answer()
        else:
            inserted = () if self._marked else (self._insert(group),)
            query, parts = self._query([p.header.tick for p in group], sum(p.inputs_used for p in group), *inserted)
            conversation = Conversation(self._connection.pgconn)
            result = conversation.ask(query)
        headers = [_row_of_ticks(self.run.id, p, _AS_RECORD) for p in group] if self._marked else []
        marks = [mark_row(header.encode()) for header in headers]
        self._send(conversation, result, [[p.rows for p in group[part]] for part in parts], marks, first, last)
        reach("after_commit", first)

    def abandon(self) -> None:
        """Give up a tick that was begun and will not be appended."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        with contextlib.suppress(psycopg.Error):
            result = begun.conversation.answer()
            if result is not None and result.status == ExecStatus.COPY_IN:
                begun.conversation.end_copy(b"the tick was given up")
            begun.conversation.close()
            self._connection.pgconn.exec_(b"ROLLBACK")

    def _query(self, ticks: Sequence[int], used: int, *headers: str) -> tuple[bytes, list[slice]]:
        """Return the query string for some ascending ticks, and which of them each COPY in it is for.

        Either the headers come among the rows, or here are the statements that take them.
        """
        copies = [(copy_statement(leaf), part) for leaf, part in self._stretches.split(ticks, self._connection)]
        if self._marked:
            copies = [(copy_statement(), slice(0, len(ticks)))]
        opening = "BEGIN", "EXECUTE polis_lease", f"EXECUTE polis_check ({ticks[0]}, {ticks[-1]}, {used})"
        query = "; ".join((*opening, *(copy for copy, _ in copies), *headers, "COMMIT"))
        return query.encode(), [part for _, part in copies]

    def _insert(self, group: Sequence[Pending]) -> str:
        rows = ", ".join(_row_of_ticks(self.run.id, pending, _AS_SQL) for pending in group)
        return f"INSERT INTO polis.ticks_r{self.run.id} VALUES {rows}"

    def _prepare(self) -> None:
        """Let the server read and plan what each tick asks of it once."""
        run, epoch = self.run.id, self._epoch
        try:
            self._connection.execute(f"PREPARE polis_lease AS SELECT FROM polis.leases WHERE run = {run} FOR SHARE")
            self._connection.execute(
                "PREPARE polis_check (int4, int4, int8) AS SELECT CASE "
                f"WHEN (SELECT epoch FROM polis.leases WHERE run = {run}) IS DISTINCT FROM {epoch} "
                f"THEN polis.refuse_ticks('{_LEASE_LOST}') "
                f"WHEN {self._inputs_query()} <> $3 THEN polis.refuse_ticks('{_INPUTS_CHANGED}') END"
            )
        except psycopg.ProgrammingError as error:  # somebody changed the schema
            raise AppendRefused(self.run.name, str(error.diag.message_primary)) from None

    def _inputs_query(self) -> str:
        """Return SQL that counts the inputs of ticks $1 … $2, those of the ancestors included."""
        own = f"(SELECT count(*) FROM polis.inputs_r{self.run.id} WHERE effect_tick BETWEEN $1 AND $2)"
        if self.run.parent is None:
            return own
        rows = self._connection.execute(sql.SQL(LINEAGE).format(run=self.run.id)).fetchall()
        counts = [
            f"(SELECT count(*) FROM polis.inputs_r{source} WHERE effect_tick BETWEEN $1 AND $2 "
            f"AND asked_tick BETWEEN {low - 1} AND {high})"
            for source, _, low, high, _ in rows
        ]
        return " + ".join(counts)

    def _send(
        self, conversation: Conversation, result: psycopg.pq.abc.PGresult | None, parts: Sequence[Sequence[memoryview]],
        marks: Sequence[bytes], first: int, last: int,
    ) -> None:  # fmt: skip
        """Send each part to the COPY that waits for it, and after the last what headers come among the rows."""
        try:
            for k, part in enumerate(parts):
                if result is None or result.status != ExecStatus.COPY_IN:
                    break
                if k == 0:
                    reach("before_copy", first)
                conversation.send((HEADER, *part))
                ends = k == len(parts) - 1
                if ends:
                    reach("between_copy_and_header", first)
                conversation.send((*marks, TRAILER) if ends else (TRAILER,))
                result = conversation.end_copy()
            if result is not None:
                self._raise_sql(result, first=first, last=last)
        finally:
            conversation.close()

    def _raise_sql(self, result: psycopg.pq.abc.PGresult, *, first: int, last: int) -> None:
        """Raise what Postgres said: not ours any more, gone for now, or refused for good."""
        pgconn = self._connection.pgconn
        state = (result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode()
        message = (result.error_message or pgconn.error_message).decode(errors="replace").strip()
        if pgconn.status == psycopg.pq.ConnStatus.BAD or state[:2] in ("08", "57") or not state:
            raise StoreUnavailable(message)
        if pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            pgconn.exec_(b"ROLLBACK")
        if state == _LEASE_LOST:
            raise LeaseLost(self.run.name, first, self._epoch)
        if state == _INPUTS_CHANGED:
            raise InputsChanged(self.run.name, first, last)
        if state == _DISK_FULL:
            raise DiskFull(message)
        if state == _ONLY_READS:
            raise TakesNoWrites(message)
        # Out of memory, too many connections; a deadlock; a lock that somebody held too long: may pass.
        if state[:2] in ("53", "40") or state == _LOCK_NOT_AVAILABLE:
            raise StoreUnavailable(message)
        raise AppendRefused(self.run.name, message)


def _row_of_ticks(run: int, pending: Pending, bytes_as: str) -> str:
    """Return a row of `ticks`: integers and our own hex digits, so nothing else needs quoting."""
    h = pending.header
    hashes = (bytes_as.format(v.hex()) for v in (h.events_hash, h.state_hash, h.chain_hash))
    areas = (str(a - (1 << 64) if a >= 1 << 63 else a) for a in h.areas)
    return f"({run},{h.tick},{h.events},{pending.catalogue},{','.join((*hashes, *areas))})"
