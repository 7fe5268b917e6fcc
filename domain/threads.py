"""Threads that a tick is spread over: parts of its rows on each, with the same result on any number of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from domain._prefetch import FAR

T = TypeVar("T")


class Threads:
    """The caller's thread and others beside it.

    Parameters
    ----------
    count : how many in all

    Attributes
    ----------
    count : how many in all
    used : set of int, idents of the threads that really worked
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.used: set[int] = set()
        self._pool = ThreadPoolExecutor(count - 1, "polis-tick") if count > 1 else None

    def close(self) -> None:
        """End the threads."""
        if self._pool:
            self._pool.shutdown()

    def over(self, rows: int, work: Callable[[int, int], T], *, at_least: int = FAR) -> list[T]:
        """Return what ``work(first, end)`` returns for parts of the rows that together are all, a thread each.

        Fewer rows than `at_least` are done by the caller alone: to wake another thread takes as long as some thousands.
        """

        def do(first: int, end: int) -> T:
            self.used.add(threading.get_ident())
            return work(first, end)

        if self._pool is None or rows < at_least:
            return [do(0, rows)]
        edges = [rows * i // self.count for i in range(self.count + 1)]
        others = [self._pool.submit(do, edges[i], edges[i + 1]) for i in range(1, self.count)]
        try:
            mine = do(edges[0], edges[1])
        finally:
            wait(others)  # nobody works on when somebody looks at what went wrong
        return [mine, *(other.result() for other in others)]

    def beside(self, rows: int, work: Callable[[], T]) -> Callable[[], T]:
        """Begin work on so many rows that needs nobody else's, and return what waits for its result."""
        if self._pool is None or rows < FAR:
            return work
        return self._pool.submit(work).result
