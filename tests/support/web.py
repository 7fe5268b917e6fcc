"""A real server on a real port for tests, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from chronopolis.web.server import create_app
from chronopolis.web.serving import bound, make_server


@contextmanager
def served(store: Any, *, app: FastAPI | None = None, **guarded: Any) -> Iterator[httpx.Client]:
    """Serve a store, and lend a client; `client.app` is the application."""
    application = app or create_app(store=store, **guarded)
    listening = bound("127.0.0.1", 0)
    port = listening.getsockname()[1]
    ready = threading.Event()
    server = make_server(application, ready.set)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), name="server", daemon=True)
    thread.start()
    assert ready.wait(60), "the server did not come up"
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            client.app = application  # type: ignore[attr-defined]
            yield client
    finally:
        server.should_exit = True
        thread.join(60)
        listening.close()
        assert not thread.is_alive(), "the server did not end"
