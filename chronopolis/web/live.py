"""Following runs as they go: one look at the head for all who listen, and none while nobody does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from chronopolis.web.histories import Histories
from domain.errors import PolisError, UnknownRun
from domain.ports import Run

_RUNNING_S, _RESTING_S = 0.15, 1.0  # from look to look, while a run goes on and while it rests
_HEARTBEAT_S = 10.0
_MOST_LISTENERS = 64

_Message = dict[str, Any]


class _Watch:
    """One run and those who listen."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.listeners: set[asyncio.Queue[_Message]] = set()
        self.newest: _Message | None = None
        self.counted, self.events = -1, 0  # newest tick whose events are in the sum
        self.task: asyncio.Task[None] | None = None

    def tell(self, message: _Message) -> None:
        """Tell all; who has not read the last message gets this one in its place."""
        for queue in self.listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)


class Live:
    """Tells how far runs have come.

    Only what a reader of the store sees is told, so never a tick that is not durable.

    Parameters
    ----------
    histories : whose store is asked
    about : what else is to be told of a run, such as how its process fares
    """

    def __init__(self, histories: Histories, about: Callable[[Run], _Message]) -> None:
        self._histories = histories
        self._about = about
        self._watches: dict[int, _Watch] = {}
        self._ending = asyncio.Event()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return sum(len(watch.listeners) for watch in self._watches.values())

    @property
    def full(self) -> bool:
        """Whether no more may listen."""
        return self.listeners >= _MOST_LISTENERS

    def stop(self) -> None:
        """Have every stream end."""
        self._ending.set()

    async def stream(self, run: Run, *, until_rest: bool = False) -> AsyncIterator[str]:
        """Yield server-sent events until the client goes away, the run is gone, or the server ends.

        Parameters
        ----------
        run
        until_rest : end once the run is not running, after saying how it stands
        """
        watch = self._watches.setdefault(run.id, _Watch(run))
        mine: asyncio.Queue[_Message] = asyncio.Queue(1)
        watch.listeners.add(mine)
        if watch.newest is not None:
            mine.put_nowait(watch.newest)
        if watch.task is None or watch.task.done():
            watch.task = asyncio.create_task(self._look_after(watch))
        ended = asyncio.create_task(self._ending.wait())
        message: asyncio.Task[_Message] | None = None
        seen = None
        try:
            yield "retry: 1000\n\n"
            while True:
                message = message or asyncio.create_task(mine.get())
                done, _ = await asyncio.wait(
                    (message, ended), timeout=_HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED
                )
                if ended in done:
                    yield _event({"because": "the server ends"}, "end")
                    return
                if not done:
                    yield ": still here\n\n"
                    continue
                told, message = message.result(), None
                if "gone" in told:
                    yield _event({"because": told["gone"]}, "end")
                    return
                first = told["head_tick"] if seen is None else seen + 1
                seen = told["head_tick"]
                yield _event(told | {"first_tick": max(0, first)})
                if until_rest and not _goes_on(told):
                    yield _event({"because": f"the run is {told['status']}"}, "end")
                    return
        finally:
            for task in (message, ended):
                if task is not None:
                    task.cancel()
            watch.listeners.discard(mine)
            if not watch.listeners and self._watches.get(run.id) is watch:
                del self._watches[run.id]
                if watch.task is not None:
                    watch.task.cancel()

    async def _look_after(self, watch: _Watch) -> None:
        """Look at a run's head again and again while somebody listens."""
        while watch.listeners:
            try:
                message = await self._look(watch)
            except UnknownRun:
                watch.tell({"gone": "the run is gone"})
                return
            except (PolisError, OSError) as error:
                # The store is away: said once, and looked for again.
                known = watch.newest or {"head_tick": -1, "events": 0, "status": "paused"}
                message = known | {"away": str(error).splitlines()[0]}
            if message != watch.newest:
                watch.newest = message
                watch.tell(message)
            await asyncio.sleep(_RUNNING_S if _goes_on(message) else _RESTING_S)

    async def _look(self, watch: _Watch) -> _Message:
        run, histories = watch.run, self._histories

        def looked() -> _Message:
            store = histories.store
            lease, head = store.lease(run), store.head(run)
            tick = -1 if head is None else head.tick
            if tick > watch.counted:
                watch.events += sum(histories.browsing.event_counts(run, watch.counted + 1, tick))
                watch.counted = tick
            status = {"status": lease.status, "target": lease.target, "problem": lease.problem}
            return {"head_tick": tick, "events": watch.events} | status

        message = await histories.quick.do(looked)
        histories.saw(run, message["head_tick"])
        return message | self._about(run)


def _goes_on(message: _Message) -> bool:
    """Whether a run has somebody who writes it, or is about to."""
    return message["status"] == "running" or message.get("continuing", {}).get("state") == "running"


def _event(values: _Message, name: str = "") -> str:
    data = json.dumps(values, ensure_ascii=False)
    return f"event: {name}\ndata: {data}\n\n" if name else f"id: {values['head_tick']}\ndata: {data}\n\n"
