"""What the answers of the API are made with: one of each a server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from chronopolis.web.children import Children
from chronopolis.web.histories import Histories
from chronopolis.web.live import Live
from domain.ports import Run

_HEAL_EVERY_S = 2.0


@dataclass
class Services:
    """The parts that outlive a request.

    Attributes
    ----------
    store : the event store, opened once
    histories : cursors of the runs that were looked at last
    live : tells how far runs have come
    children : processes that go on with runs
    started : when the server began, in monotonic seconds
    """

    store: Any
    histories: Histories
    live: Live
    children: Children
    started: float
    _healed: float = 0.0

    @classmethod
    def over(cls, store: Any) -> Services:
        """Make all of them over a store that is open."""
        histories, children = Histories(store), Children(store.database.settings)

        def about(run: Run) -> dict[str, Any]:
            child = children.of(run)
            return {} if child is None else {"continuing": child.as_dict()}

        return cls(store, histories, Live(histories, about), children, time.monotonic())

    def heal(self) -> None:
        """Have an embedded database that is gone started again, now and then at most; nobody waits for it."""
        now = time.monotonic()
        if now - self._healed < _HEAL_EVERY_S or self.store.database.embedded is None:
            return
        self._healed = now
        task = asyncio.ensure_future(self.histories.slow.do(self.store.database.ensure_running))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def stop(self) -> None:
        """Have streams end, so that the server can."""
        self.live.stop()

    async def close(self) -> None:
        """End what was started."""
        self.live.stop()
        await self.children.close()
        self.histories.close()


def services_of(request: Request) -> Services:
    """Return the services of the app that a request came to."""
    found: Services = request.app.state.services
    return found


Using = Annotated[Services, Depends(services_of)]
"""How an endpoint asks for them."""
