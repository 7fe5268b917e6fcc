"""Work that would block the event loop, in a bounded number of threads, with a bounded wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chronopolis.web.errors import Busy, TookTooLong

T = TypeVar("T")


class Crew:
    """A bounded pool of threads with a bounded queue.

    What has not come back in time is answered as such, but its thread can't be stopped: it counts as work in
    hand until it ends. So a database that hangs costs at most all threads and the queue, and everything goes on
    by itself once it answers again.

    Parameters
    ----------
    name : of its threads
    threads, most : how many work, and how many pieces of work are in hand or wait at most
    timeout_s : how long an answer is waited for
    """

    def __init__(self, name: str, *, threads: int, most: int, timeout_s: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most, self.timeout_s = most, timeout_s
        self.in_hand = 0

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin a piece of work.

        Raises
        ------
        Busy
        """
        if self.in_hand >= self._most:
            raise Busy
        self.in_hand += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: asyncio.Future) -> None:
        self.in_hand -= 1
        if not future.cancelled():
            future.exception()  # whoever waited may have gone: then nobody is told, and nobody has to be

    async def wait(self, future: asyncio.Future[T]) -> T:
        """Return what comes of work in hand.

        Raises
        ------
        TookTooLong
        """
        try:
            # Shielded: the work goes on though nobody waits for it any more, and gives back its thread by itself.
            return await asyncio.wait_for(asyncio.shield(future), self.timeout_s)
        except TimeoutError:
            if future.done() and not future.cancelled() and future.exception() is not None:
                raise  # the work's own
            raise TookTooLong(self.timeout_s) from None

    async def do(self, work: Callable[[], T]) -> T:
        """Do a piece of work and return what comes of it."""
        return await self.wait(self.submit(work))

    def close(self) -> None:
        """Take no more work; what hangs is left to the end of the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)
