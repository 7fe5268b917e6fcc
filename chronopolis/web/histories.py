"""The histories that the server has open: one cursor a run, few runs, bounded memory, newest request first."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import replay
from chronopolis.errors import NoTicksYet
from chronopolis.web.crew import Crew
from chronopolis.web.lanes import Lane, arrivals
from domain.errors import BeyondHead, UnknownRun
from domain.ports import Run
from domain.state import World
from replay.cursor import Cursor
from workers.bootstrap import Browsing

T = TypeVar("T")

_MOST_RUNS = 4
_MIB = 512
_KNOWN_FOR_S = 1.0  # how long a run that was found is believed to be there still
_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,62}")


@dataclass
class _Open:
    run: Run
    lane: Lane = field(default_factory=Lane)
    cursor: Cursor | None = None
    head: int = -1
    names: dict[int, str] = field(default_factory=dict)

    def close(self) -> None:
        """End what a cursor reads ahead; in a thread, since it waits for what is being read, and for who uses it."""
        if self.cursor is not None:
            threading.Thread(target=self.cursor.close, name="polis-close", daemon=True).start()


class Histories:
    """Cursors of the runs that were looked at last.

    All of it runs in the event loop's thread, except what is handed to the crew; a cursor is used by one
    thread at a time.

    Parameters
    ----------
    store : an event store
    most_runs : how many cursors are kept
    mib : what all cursors together may keep of states and events
    quick, slow : who does what takes milliseconds, and what may take many seconds
    """

    def __init__(
        self, store: Any, *, most_runs: int = _MOST_RUNS, mib: int = _MIB, quick: Crew | None = None,
        slow: Crew | None = None,
    ) -> None:  # fmt: skip
        self.store = store
        self.browsing = Browsing(store)
        self.quick = quick or Crew("polis-look", threads=6, most=256, timeout_s=20)
        self.slow = slow or Crew("polis-search", threads=2, most=32, timeout_s=300)
        self._most, self._mib_each = most_runs, max(1, mib // most_runs)
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._found: OrderedDict[str, tuple[float, Run]] = OrderedDict()
        self._alone: dict[tuple[str, int], Lane] = {}
        self._mutex = threading.Lock()

    @property
    def open_runs(self) -> list[int]:
        """The runs that have a cursor, the one looked at last at the end."""
        return list(self._open)

    async def run(self, name: str) -> Run:
        """Return a run by name, id, or the beginning of its name.

        Raises
        ------
        UnknownRun
        """
        if not _NAME.fullmatch(name):
            raise UnknownRun(name)
        known = self._found.get(name)
        if known is not None and time.monotonic() - known[0] < _KNOWN_FOR_S:
            return known[1]
        try:
            run = await self.quick.do(lambda: self.store.find(name))
        except UnknownRun:
            if known is not None:  # it was dropped: another may get its name
                if known[1].id in self._open:
                    self._open.pop(known[1].id).close()
                self._found.pop(name, None)
            raise
        self._found[name] = (time.monotonic(), run)
        self._found.move_to_end(name)
        while len(self._found) > 256:
            self._found.popitem(last=False)
        return run

    async def head(self, run: Run) -> int:
        """Return the newest tick, asked anew.

        Raises
        ------
        NoTicksYet
        """
        head = await self.quick.do(lambda: self.store.head(run))
        if head is None:
            raise NoTicksYet(run.name)
        opened = self._opened(run)
        opened.head = max(opened.head, head.tick)
        return head.tick

    def known_head(self, run: Run) -> int:
        """Return the newest tick that was seen, -1 if none was: the head lies there or above."""
        return self._opened(run).head

    def names(self, run: Run) -> dict[int, str]:
        """Return the names of the dead that were looked up, by id, to be added to."""
        return self._opened(run).names

    def saw(self, run: Run, head: int) -> None:
        """Be told that there is a tick."""
        if run.id in self._open:
            self._open[run.id].head = max(self._open[run.id].head, head)

    async def tick(self, run: Run, wanted: int | None) -> int:
        """Return a tick that there is: the one wanted, or the newest.

        Raises
        ------
        BeyondHead, NoTicksYet
        """
        if wanted is not None and 0 <= wanted <= self._opened(run).head:
            return wanted  # a head never goes back
        head = await self.head(run)
        if wanted is None:
            return head
        if not 0 <= wanted <= head:
            raise BeyondHead(run.name, wanted, head)
        return wanted

    async def look(
        self,
        run: Run,
        work: Callable[[Cursor], T],
        *,
        arrival: int | None = None,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> T:
        """Have something done with the run's cursor, the newest request first.

        Parameters
        ----------
        run
        work : what to do, in a thread, while nobody else uses the cursor
        arrival : when the request came, if it comes back for more
        gone : whether nobody waits for the answer any more; asked when its turn has come

        Raises
        ------
        Superseded, Busy, TookTooLong, and whatever the work raises
        """
        opened = self._opened(run)
        await opened.lane.enter(next(arrivals) if arrival is None else arrival)
        try:
            if gone is not None and await gone():
                raise ClientWentAway
            future = self.quick.submit(lambda: work(self._cursor(opened)))
        except BaseException:
            opened.lane.leave()
            raise
        # The lane is left when the thread is done, which may be long after its answer was given up.
        future.add_done_callback(lambda _: opened.lane.leave())
        return await self.quick.wait(future)

    async def alone(self, key: tuple[str, int], work: Callable[[], T]) -> T:
        """Have slow work done, of all that has the same key one at a time: the next may find it done already."""
        lane = self._alone.setdefault(key, Lane())
        await lane.enter(next(arrivals))

        def leave(_: object) -> None:
            lane.leave()
            if lane.idle:
                self._alone.pop(key, None)

        try:
            future = self.slow.submit(work)
        except BaseException:
            leave(None)
            raise
        future.add_done_callback(leave)
        return await self.slow.wait(future)

    def state(self, run: Run, tick: int) -> World:
        """Return a state, to be read only; for work in a thread, which a cursor serves one after another."""
        opened = self._open.get(run.id)
        if opened is None or opened.run != run:
            return replay.at(self.store, run, tick)
        return self._cursor(opened).at(tick)

    def _cursor(self, opened: _Open) -> Cursor:
        with self._mutex:
            if opened.cursor is None:
                opened.cursor = Cursor(self.store, opened.run, cache_mib=self._mib_each)
            return opened.cursor

    def _opened(self, run: Run) -> _Open:
        opened = self._open.get(run.id)
        if opened is None or opened.run.genesis_hash != run.genesis_hash or opened.run.name != run.name:
            if opened is not None:
                opened.close()
            opened = self._open[run.id] = _Open(run)
        self._open.move_to_end(run.id)
        for number in list(self._open):
            if len(self._open) <= self._most:
                break
            if number != run.id and self._open[number].lane.idle:
                self._open.pop(number).close()
        return opened

    def close(self) -> None:
        """Let go of all, and wait for what is being read: the store may be closed next."""
        for opened in self._open.values():
            if opened.cursor is not None:
                opened.cursor.close()
        self._open.clear()
        self.quick.close()
        self.slow.close()


class ClientWentAway(Exception):
    """Nobody waits for the answer any more, so it was not made."""
