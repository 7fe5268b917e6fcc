"""Connections that streams of events come over, kept for the next stream.

A connection of its own for each costs as much as reading some thousand events: the server starts a process,
which then has to learn what tables there are.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg

_MOST_IDLE = 4


class ReadConnections:
    """Lends connections; threads may share it.

    Parameters
    ----------
    connect : callable, opens one
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._idle: list[psycopg.Connection[Any]] = []
        self._mutex = threading.Lock()

    def take(self) -> psycopg.Connection[Any]:
        """Return a connection that is the caller's until it is given back or closed.

        Raises
        ------
        StoreUnavailable
            If the server does not answer now.
        """
        while True:
            with self._mutex:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                connection = self._connect()
                # Workers would interleave rows; scans that start where another left off would rotate them.
                connection.execute("SET max_parallel_workers_per_gather = 0; SET synchronize_seqscans = off")
                return connection
            # Nobody has asked it anything: if there is something to read, it is the server saying goodbye.
            if not connection.closed and not select.select([connection.fileno()], [], [], 0)[0]:
                return connection
            connection.close()

    def give_back(self, connection: psycopg.Connection[Any]) -> None:
        """Keep a connection for the next stream, if it is fit for one."""
        if not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            with self._mutex:
                if len(self._idle) < _MOST_IDLE:
                    self._idle.append(connection)
                    return
        connection.close()

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
