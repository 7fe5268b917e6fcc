"""One query string with Postgres, COPY data included, never holding the GIL while the server works.

psycopg's `get_result` and `put_copy_data` wait inside libpq with the GIL held: a thread that commits would stop the
one that decides the next ticks. Here libpq never blocks, and what there is to wait for is waited for by `poll`.
"""

from __future__ import annotations

import select
from collections.abc import Iterable

import psycopg
from psycopg.pq import ExecStatus, abc

_AT_ONCE = 128 << 10  # bytes; a socket holds about two hundred thousand
_READ, _WRITE = select.POLLIN, select.POLLOUT
_COPY = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)


class Conversation:
    """A query string of one or several statements, until its last answer.

    Parameters
    ----------
    pgconn : of a connection that nobody else uses meanwhile
    """

    def __init__(self, pgconn: abc.PGconn) -> None:
        self._pgconn = pgconn
        self._poll = select.poll()
        self._socket = pgconn.socket
        self._poll.register(self._socket, _READ)
        pgconn.nonblocking = 1

    def close(self) -> None:
        """Let the connection block again, as others expect of it; one that is broken stays as it is."""
        if self._pgconn.status == psycopg.pq.ConnStatus.OK:
            self._pgconn.nonblocking = 0

    def ask(self, query: bytes) -> abc.PGresult | None:
        """Send the string; return what `answer` does.

        Raises
        ------
        psycopg.OperationalError
            If the connection breaks.
        """
        self.begin(query)
        return self.answer()

    def begin(self, query: bytes) -> None:
        """Send the string, and let the server work on it; `answer` comes for the result."""
        self._pgconn.send_query(query)
        self._flush()

    def send(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Send COPY data, so much at a time that the server has begun before all of it is copied.

        libpq keeps what the socket does not take, and moves all of it forward whenever the socket took some:
        megabytes handed over at once would be moved many times.
        """
        waiting = 0
        for piece in pieces:
            for start in range(0, len(piece), _AT_ONCE):
                some = piece[start : start + _AT_ONCE]
                self._pgconn.put_copy_data(some)
                waiting += len(some)
                if waiting >= _AT_ONCE:
                    self._flush()
                    waiting = 0
        self._flush()

    def end_copy(self, because: bytes | None = None) -> abc.PGresult | None:
        """End the COPY at hand, or give it up for a reason; return what `answer` does."""
        self._pgconn.put_copy_end(because)
        self._flush()
        return self.answer()

    def _flush(self) -> None:
        while self._pgconn.flush():
            self._poll.modify(self._socket, _READ | _WRITE)
            for _, ready in self._poll.poll():
                if ready & ~_WRITE:
                    self._pgconn.consume_input()  # an error may come in the middle, and unread it would block both
        self._poll.modify(self._socket, _READ)

    def answer(self) -> abc.PGresult | None:
        """Return the COPY that waits for data, or what failed; None when all is done and well."""
        failed = None
        while True:
            while self._pgconn.is_busy():
                self._poll.poll()
                self._pgconn.consume_input()
            result = self._pgconn.get_result()
            if result is None:
                return failed
            if result.status in _COPY:
                return result
            if result.status not in _GOOD and failed is None:
                failed = result
