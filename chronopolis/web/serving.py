"""Serve the application from this process: one loop, one port, and an end that waits for nobody."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from chronopolis.web.errors import PortTaken

_LAST_ANSWERS_S = 3
_MESSAGE_MAX, _HEAD_MAX = 1 << 20, 1 << 16


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises
    ------
    PortTaken
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise PortTaken(host, port, error.strerror or str(error)) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise PortTaken(host, port, error.strerror or str(error)) from None
    return listening


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Streams that would go on for ever are told first: uvicorn waits for every answer to end.
        self.config.app.state.services.stop()  # type: ignore[union-attr]
        await super().shutdown(sockets=sockets)


def make_server(app: FastAPI, on_ready: Callable[[], None]) -> uvicorn.Server:
    """Return a server of one process; `on_ready` is called once requests are answered."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_LAST_ANSWERS_S,
        lifespan="on", ws_max_size=_MESSAGE_MAX, h11_max_incomplete_event_size=_HEAD_MAX,
    )  # fmt: skip
    return _Server(config, on_ready)


def serve(app: FastAPI, listening: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; what is being answered then has a few seconds to end."""
    server = make_server(app, on_ready)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        # It has ended in good order, and then raises the signal once more for whoever else would know of it.
        if not server.started:
            raise
