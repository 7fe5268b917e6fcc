"""An engine whose server is ours: if it was killed, it is started again within the time that a question has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from domain.errors import EngineTimedOut, EngineUnavailable
from domain.ports import Completed, Completion
from infrastructure.engines.client import ChatEngine
from infrastructure.engines.server import ModelServer, Running


class SupervisedEngine:
    """A share in a server, and a client to it, behind the `Engine` port.

    Parameters
    ----------
    server : ModelServer
        Attached here, left by `close`.
    identity : mapping
    client : callable
        Makes the client of a running server.

    Raises
    ------
    EngineServerFailed, DataFolderUnusable
        If the server does not start.
    """

    def __init__(
        self,
        server: ModelServer,
        identity: Mapping[str, Any],
        client: Callable[[Running], ChatEngine],
    ) -> None:
        self.identity = dict(identity)
        self._server = server
        self._make_client = client
        self._mutex = threading.Lock()
        self._restart: _Restart | None = None
        self._closed = False
        server.attach()
        self._met = server.running
        self._client = client(self._met)
        self._outdated: ChatEngine | None = None

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        """Ask; once more if the server had gone. See `domain.ports.Engine`."""
        began = time.monotonic()
        client = self._client
        try:
            return client.complete(wanted, timeout_s=timeout_s)
        except EngineUnavailable as error:
            if self._closed:  # by whom we are asked: a server that was started now would be nobody's
                raise
            left_s = timeout_s - (time.monotonic() - began)
            client = self._bring_back(error, left_s)
        try:
            return client.complete(wanted, timeout_s=timeout_s - (time.monotonic() - began))
        except EngineTimedOut:
            raise EngineTimedOut(timeout_s) from None

    def close(self) -> None:
        """Close the client and give up the share; a second time does nothing."""
        self._closed = True
        for client in (self._client, self._outdated):
            if client is not None:
                client.close()
        self._server.leave()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return int(self._server.running.process.pid)

    @property
    def url(self) -> str:
        """Where the server answers; it wants the key that stands beside it in server.json."""
        return self._server.running.url

    def ensure_running(self) -> None:
        """Start the server again if it was killed.

        Raises
        ------
        EngineServerFailed, DataFolderUnusable
        """
        self._server.ensure_running()
        self._take(self._server.running)

    def _bring_back(self, error: EngineUnavailable, left_s: float) -> ChatEngine:
        """Start the server again, or wait for the thread that does; it goes on when our time is up."""
        with self._mutex:
            if self._restart is None or not self._restart.is_alive():
                self._restart = _Restart(self)
                self._restart.start()
            restart = self._restart
        restart.join(max(0.0, left_s))
        if restart.is_alive():
            raise EngineUnavailable(error.url, f"{error.because}; it is being started again")
        if restart.failed is not None:
            first = str(restart.failed).partition("\n")[0]
            raise EngineUnavailable(error.url, first or type(restart.failed).__name__)
        return self._client

    def _take(self, running: Running) -> None:
        with self._mutex:
            if (running.url, running.key) == (self._met.url, self._met.key):
                return
            outdated, self._outdated = self._outdated, self._client
            self._client, self._met = self._make_client(running), running
        # One restart later: threads may be waiting in it still, until they find that its connections are dead.
        if outdated is not None:
            outdated.close()


class _Restart(threading.Thread):
    """Brings a server back."""

    def __init__(self, engine: SupervisedEngine) -> None:
        super().__init__(name="restart of an engine", daemon=True)
        self._engine = engine
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            self._engine._server.ensure_running()
            self._engine._take(self._engine._server.running)
        except Exception as error:  # a full disk, for one: whoever waits is to be told
            self.failed = error
