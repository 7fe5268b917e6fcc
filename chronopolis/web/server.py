"""The application: the HTTP API, its description, and the guard in front of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI

from chronopolis.web import errors
from chronopolis.web.api import ROUTERS
from chronopolis.web.guard import Guard
from chronopolis.web.safety import Safety
from chronopolis.web.services import Services
from domain.configuration import RELEASE
from workers.bootstrap import Settings, open_store

_ABOUT = """
Read runs at any tick, search their events, ask for causes, fork and intervene, follow a run that is going on.

Ticks that are durable never change, so what is read of them may be kept. Errors are
`{"error": {"type": …, "message": …}}`; the message says what to do.
"""


def create_app(
    settings: Settings | None = None,
    *,
    token: str | None = None,
    store: Any = None,
    host: str = "127.0.0.1",
    allowed: Sequence[str] = (),
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    settings : Settings, optional
        Where the database is; by default as the environment says. It is opened when the application starts.
    token : str, optional
        What clients have to show; None: nothing.
    store : an event store that is open already, and stays so when the application ends
    host : the address that it is served on
    allowed : other names under which it may be asked for, such as that of a proxy

    Returns
    -------
    FastAPI
        Serve it in one process: what is open is kept in its memory.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            opened = store
            if opened is None:
                opened = await asyncio.to_thread(lambda: stack.enter_context(open_store(settings)))
            app.state.services = Services.over(opened)
            try:
                yield
            finally:
                await app.state.services.close()

    app = FastAPI(
        title="Chronopolis", version=RELEASE, description=_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={"default": {"model": errors.Problem, "description": "What went wrong"}},
    )  # fmt: skip
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Safety)
    app.add_middleware(Guard, token=token, host=host, allowed=allowed)  # added last, it stands in front
    return app
