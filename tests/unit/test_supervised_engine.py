"""An engine whose server comes back, or does not: with a server and clients that are made up."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from domain.errors import EngineUnavailable
from domain.ports import Completed, Completion
from infrastructure.engines.supervised import SupervisedEngine

pytestmark = pytest.mark.unit

ASKED = Completion(({"role": "user", "content": "What now?"},), None, max_tokens=8, seed=7)
ANSWER = Completed(text="Rest.", tokens_in=1, tokens_out=1, latency_ms=1, adapter=None, engine="made up")


class Server:
    """Starts again at another place each time, unless something is in the way."""

    in_the_way: Exception | None = None

    def __init__(self) -> None:
        self._ports = itertools.count(1)

    def ensure_running(self) -> None:
        if self.in_the_way is not None:
            raise self.in_the_way
        self.running = SimpleNamespace(url=f"http://127.0.0.1:{next(self._ports)}", key="")

    attach = ensure_running

    def leave(self) -> None:
        pass


class Client:
    """Answers as long as its server runs."""

    def __init__(self, server: Server, running: Any, made: list[Client]) -> None:
        self.server, self.running, self.is_closed = server, running, False
        made.append(self)

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        if self.running is not self.server.running or self.server.in_the_way:
            raise EngineUnavailable(self.running.url, "Connection refused")
        return ANSWER

    def close(self) -> None:
        self.is_closed = True


def engine_on(server: Server) -> tuple[SupervisedEngine, list[Client]]:
    made: list[Client] = []
    return SupervisedEngine(server, {}, lambda running: Client(server, running, made)), made  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError()], ids=repr)
def test_whatever_keeps_a_server_from_coming_back_is_told(error: Exception) -> None:
    engine, _ = engine_on(server := Server())
    server.in_the_way = error
    with pytest.raises(EngineUnavailable, match=r"No space left|RuntimeError"):
        engine.complete(ASKED, timeout_s=5)


def test_clients_of_servers_that_are_gone_are_closed_a_restart_later_and_the_rest_at_the_end() -> None:
    engine, made = engine_on(server := Server())
    for _ in range(4):
        server.running = SimpleNamespace(url="elsewhere", key="")
        assert engine.complete(ASKED, timeout_s=5) == ANSWER
    assert [client.is_closed for client in made] == [True, True, True, False, False]
    engine.close()
    assert all(client.is_closed for client in made)


def test_a_server_is_not_started_again_for_an_engine_that_was_closed() -> None:
    server = Server()
    engine, made = engine_on(server)
    engine.close()
    server.ensure_running()  # elsewhere by now
    at = server.running
    with pytest.raises(EngineUnavailable, match="refused"):
        engine.complete(ASKED, timeout_s=5.0)
    assert server.running is at and len(made) == 1
