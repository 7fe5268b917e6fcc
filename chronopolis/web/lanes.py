"""Who may use a thing that serves one at a time: the newest request first, since older ones are soon unwanted."""

from __future__ import annotations

import asyncio
import itertools

from chronopolis.web.errors import Superseded

_MOST_WAITING = 64


class Lane:
    """One at a time, the newest request first; the oldest is dropped when too many wait.

    A slider that is dragged asks for a hundred ticks a second. Served in order of arrival, the picture would
    run ever further behind the hand; served newest first, it is never more than one answer behind.

    Parameters
    ----------
    most_waiting : how many wait before the oldest is dropped
    """

    def __init__(self, most_waiting: int = _MOST_WAITING) -> None:
        self._most = most_waiting
        self._busy = False
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def idle(self) -> bool:
        """Whether nobody uses it or waits for it."""
        return not self._busy and not self._waiting

    async def enter(self, arrival: int) -> None:
        """Wait for one's turn; `leave` must follow.

        Parameters
        ----------
        arrival : from `arrivals`, taken once a request: one that needs the lane several times keeps its place

        Raises
        ------
        Superseded
        """
        if not self._busy:
            self._busy = True
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, mine))
        if len(self._waiting) > self._most:
            oldest = min(self._waiting, key=lambda each: each[0])
            self._waiting.remove(oldest)
            if not oldest[1].done():
                oldest[1].set_exception(Superseded())
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self.leave()  # it had just become our turn
            else:
                self._waiting = [each for each in self._waiting if each[1] is not mine]
            raise

    def leave(self) -> None:
        """Hand the turn to the newest who waits."""
        while self._waiting:
            newest = max(self._waiting, key=lambda each: each[0])
            self._waiting.remove(newest)
            if not newest[1].done():
                newest[1].set_result(None)
                return
        self._busy = False


arrivals = itertools.count()
"""Numbers of requests in order of arrival."""
