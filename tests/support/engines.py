"""A small real HTTP server that answers as good and bad engines do, by the first word of the path."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


def answer(text: str | None, **more: Any) -> bytes:
    """Return the bytes of a chat completion that says `text`."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text} | more}
    usage = {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47}
    return json.dumps({"object": "chat.completion", "model": "base", "choices": [choice], "usage": usage}).encode()


GOOD = answer('{"intention": "rest"}')


@dataclass
class Engines:
    """The server: where it is, and what it was asked."""

    port: int
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def url(self, behaviour: str) -> str:
        """Return the base URL of the engine that behaves so."""
        return f"http://127.0.0.1:{self.port}/{behaviour}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engines: Engines
    body: dict[str, Any]

    def do_GET(self) -> None:
        if self.path == "/not_http/health":
            _not_http(self)
        elif not self.path.endswith(("/v1/models", "/health")):
            self._send(b"404 page not found", 404)
        else:
            self._send(json.dumps({"object": "list", "data": [{"id": "base", "object": "model"}]}).encode())

    def do_POST(self) -> None:
        behaviour, _, _ = self.path.lstrip("/").partition("/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.engines.asked.append(body)
        self.body = body
        self.engines.headers.append(dict(self.headers.items()))
        with contextlib.suppress(OSError):  # whoever asked went away
            _BEHAVIOURS[behaviour](self)

    def _send(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _status(number: int, message: str) -> Callable[[_Handler], None]:
    body = json.dumps({"error": {"code": number, "message": message}}).encode()
    return lambda h: h._send(body, number)


def _late(h: _Handler) -> None:
    time.sleep(1.0)
    h._send(GOOD)


def _drips(h: _Handler) -> None:
    """Send a byte now and then: no single read is ever late."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Padding: " + b"x" * 400:
        h.wfile.write(bytes([byte]))
        h.wfile.flush()
        time.sleep(0.02)


def _ten_megabytes(h: _Handler) -> None:
    h.send_response(200)
    h.send_header("Transfer-Encoding", "chunked")
    h.end_headers()
    part = b"a" * 65_536
    for _ in range(160):
        h.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    h.wfile.write(b"0\r\n\r\n")


def _hangs_up(h: _Handler) -> None:
    h.close_connection = True
    h.connection.shutdown(socket.SHUT_RDWR)


def _not_http(h: _Handler) -> None:
    h.wfile.write(b"220 mail.example ESMTP\r\n\r\n")
    h.close_connection = True


def _cut(h: _Handler) -> None:
    h.send_response(200)
    h.send_header("Content-Length", "1000")
    h.end_headers()
    h.wfile.write(GOOD[:20])
    _hangs_up(h)


def _chosen(h: _Handler) -> None:
    """Take the choice that is listed first, in words as an engine says it that knows no schema."""
    listed = re.findall(r"^- (.*)$", h.body["messages"][1]["content"].partition("Choices:\n")[2], re.MULTILINE)
    h._send(answer(f"Well. {listed[0]}, I would say."))


def _now_and_then(h: _Handler) -> None:
    """Say nothing of use to every third."""
    if len(h.engines.asked) % 3:
        _chosen(h)
    else:
        h._send(answer("That is a strange thing to ask."))


def _soon_away(h: _Handler) -> None:
    if len(h.engines.asked) > 12:
        _hangs_up(h)
    else:
        _chosen(h)


def _busy_at_first(h: _Handler) -> None:
    if len(h.engines.asked) < 4:
        _status(429, "slow down")(h)
    else:
        _chosen(h)


def _slow(h: _Handler) -> None:
    time.sleep(0.5)
    _chosen(h)


def _soon_hangs(h: _Handler) -> None:
    """Answer all of the first six but one, and then nobody."""
    at = next(k for k, body in enumerate(h.engines.asked) if body is h.body)
    if at == 0 or at > 5:
        time.sleep(300)
    _chosen(h)


def _hangs(h: _Handler) -> None:
    time.sleep(300)


_BEHAVIOURS: dict[str, Callable[[_Handler], None]] = {
    "good": lambda h: h._send(GOOD),
    "thinks": lambda h: h._send(answer(None, reasoning_content="I am tired.") if len(h.engines.asked) == 1 else GOOD),
    "chosen": _chosen,
    "now_and_then": _now_and_then,
    "soon_away": _soon_away,
    "busy_at_first": _busy_at_first,
    "slow": _slow,
    "soon_hangs": _soon_hangs,
    "hangs": _hangs,
    "late": _late,
    "drips": _drips,
    "ten_megabytes": _ten_megabytes,
    "garbage": lambda h: h._send(b"\x00\xffnot json at all"),
    "other_json": lambda h: h._send(b'{"choices": "none today"}'),
    "a_list": lambda h: h._send(b"[1, 2]"),
    "nested": lambda h: h._send(b"[" * 100_000),
    "no_text": lambda h: h._send(answer(None)),
    "compressed": lambda h: h._send(b"\x1f\x8b", **{"Content-Encoding": "gzip"}),
    "hangs_up": _hangs_up,
    "not_http": _not_http,
    "cut": _cut,
    "moved": lambda h: h._send(b"", 302, Location="http://192.0.2.1/"),
    "bad_request": _status(400, "max_tokens is too large"),
    "no_key": _status(401, "Invalid API Key"),
    "no_model": _status(404, "The model `base` does not exist."),
    "busy": _status(429, "slow down"),
    "broken": _status(500, "CUDA out of memory"),
    "loading": _status(503, "Loading model"),
}


@pytest.fixture
def engines() -> Iterator[Engines]:
    """Return a server of engines good and bad."""
    known = Engines(0)
    handler = type("Handler", (_Handler,), {"engines": known})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    known.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield known
    server.shutdown()
    server.server_close()


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
