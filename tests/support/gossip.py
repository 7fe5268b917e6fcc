"""An OpenAI-compatible server that answers by the schema alone: it passes news on whenever that is allowed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

_KINDS = ("gossip", "accept", "greet", "ignore")
"""What is done: the first of these that the schema allows. The words hold no news, which travel with the act."""


def _answer_to(body: dict[str, Any]) -> str:
    schema = body["response_format"]["json_schema"]["schema"]["properties"]
    digest = hashlib.sha256(json.dumps(body["messages"]).encode()).digest()
    if "insight" in schema:
        return json.dumps({"insight": "It is as they say.", "cites": schema["cites"]["items"]["enum"][:1]})
    choices = schema["act"]["enum"]
    kind = next(kind for kind in _KINDS if any(choice.startswith(kind) for choice in choices))
    fitting = [choice for choice in choices if choice.startswith(kind)]
    words = "" if choices == ["ignore"] else "Listen, friend."
    return json.dumps({"do": "socialise", "act": fitting[digest[0] % len(fitting)], "say": words})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "gossip", "object": "model"}]})

    def do_POST(self) -> None:
        text = _answer_to(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 200, "completion_tokens": 20, "total_tokens": 220}
        self._send({"object": "chat.completion", "model": "gossip", "choices": [choice], "usage": usage})

    def _send(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def gossip_server(address: str = "127.0.0.1") -> Iterator[str]:
    """Serve gossips at an address of this host; gives the URL."""
    server = ThreadingHTTPServer((address, 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://{address}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def gossip_url() -> Iterator[str]:
    """The URL of a server of gossips."""
    with gossip_server() as url:
        yield url
