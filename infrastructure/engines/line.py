"""JSON over HTTP with a limit on everything: one deadline for the whole exchange, one size for the whole answer.

httpx limits each read, so a server that sends a byte now and then is never late. Here the exchange runs on an
event loop of its own, where it can be cancelled as a whole, wherever it stands.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from concurrent.futures import CancelledError, wait
from typing import Any
from urllib.parse import urlsplit

import httpx

from domain.errors import EngineAnsweredNonsense, EngineRefused, EngineTimedOut, EngineUnavailable
from infrastructure.engines.address import LOOPBACK
from infrastructure.passwords import without_password

ANSWER_BYTES_MAX = 1 << 20
_CONNECT_S_MAX = 5.0
_LISTEN_S = 0.2
_SAID_MAX = 300
_MAY_PASS = (408, 409, 425, 429)
"""Refusals that are about the moment and not about the question."""


class Line:
    """A line to one server. Threads may share it, and a forked child opens its own loop and connections.

    Parameters
    ----------
    url : str
        What paths are appended to.
    key : str, optional
        Sent as a bearer token; in no message and no `repr`.
    bytes_max : int
        Largest answer; what is larger is cut off.

    Raises
    ------
    EngineRefused
        If the URL is none.
    """

    def __init__(self, url: str, *, key: str | None = None, bytes_max: int = ANSWER_BYTES_MAX) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EngineRefused(f"{without_password(url)!r} is no URL of an engine; it must look like http://host:8000")
        self.url = url.rstrip("/")
        self.shown_url = without_password(self.url)
        self._is_here = parts.hostname in LOOPBACK
        self._headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._bytes_max = bytes_max
        self._mutex = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient | None = None
        self._under_way = set[asyncio.Task[Any]]()  # of the loop; nobody else looks at it
        self._is_closed = False

    def get(self, path: str, *, timeout_s: float) -> Any:
        """Return what the server has at `path`; errors as `post`."""
        return self._exchange("GET", path, None, timeout_s)

    def post(self, path: str, body: object, *, timeout_s: float) -> Any:
        """Send `body` and return the answer.

        Raises
        ------
        EngineUnavailable
            If nobody answers there, or the server says that it is busy or has failed.
        EngineTimedOut
            If the whole answer is not there in time.
        EngineRefused
            If the server says that the request is wrong.
        EngineAnsweredNonsense
            If what comes is too large, not HTTP, or not JSON.
        """
        return self._exchange("POST", path, body, timeout_s)

    def close(self) -> None:
        """Close the connections and end the loop; who waits for an answer, or asks later, is told so."""
        with self._mutex:
            loop, client, pid = self._loop, self._client, self._pid
            self._loop = self._client = None
            self._is_closed = True
        if loop is None or client is None or pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(self._end(client), loop).result(timeout=5)
        loop.call_soon_threadsafe(loop.stop)

    def _exchange(self, method: str, path: str, body: object, timeout_s: float) -> Any:
        if timeout_s <= 0:
            raise EngineTimedOut(timeout_s)
        with self._mutex:  # until the loop has it: one that was closed in between would never come to it
            if self._is_closed:
                raise EngineUnavailable(self.shown_url, "we closed the line to it")
            loop, client = self._open()
            under_way = asyncio.run_coroutine_threadsafe(self._limited(client, method, path, body, timeout_s), loop)
        try:
            while not under_way.done():  # not all at once: polars has Ctrl-C wait for the end of a wait
                wait((under_way,), timeout=_LISTEN_S)
            status, data = under_way.result()
        except CancelledError:
            raise EngineUnavailable(self.shown_url, "we closed the line to it") from None
        except BaseException:  # Ctrl-C while waiting, for one
            under_way.cancel()
            raise
        return self._read(status, data)

    async def _limited(
        self, client: httpx.AsyncClient, method: str, path: str, body: object, timeout_s: float
    ) -> tuple[int, bytes]:
        if (task := asyncio.current_task()) is not None:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    return await self._receive(client, method, path, body)
                except httpx.RemoteProtocolError as error:
                    if not _was_hung_up(error):
                        raise
                    # A kept connection that the server had closed meanwhile: the request was never read.
                    return await self._receive(client, method, path, body)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            raise EngineTimedOut(timeout_s) from None
        except httpx.RemoteProtocolError as error:
            if _was_hung_up(error):
                raise EngineUnavailable(self.shown_url, str(error)) from None
            raise EngineAnsweredNonsense(f"it does not speak HTTP: {_short(str(error))}") from None
        except httpx.HTTPError as error:
            raise EngineUnavailable(self.shown_url, _short(str(error) or type(error).__name__)) from None

    async def _receive(self, client: httpx.AsyncClient, method: str, path: str, body: object) -> tuple[int, bytes]:
        data = b""
        async with client.stream(method, self.url + path, json=body) as response:
            if "content-encoding" in response.headers:
                raise EngineAnsweredNonsense("it compressed its answer, which we had asked it not to")
            async for part in response.aiter_raw():
                data += part
                if len(data) > self._bytes_max:
                    raise EngineAnsweredNonsense(f"the answer is larger than {self._bytes_max:,} bytes; it was cut off")
            return response.status_code, data

    def _read(self, status: int, data: bytes) -> Any:
        if status >= 500 or status in _MAY_PASS:
            raise EngineUnavailable(self.shown_url, f"HTTP {status}: {_said(data)}")
        if status >= 300:
            raise EngineRefused(f"HTTP {status}: {_said(data)}")
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise EngineAnsweredNonsense(f"not JSON: {_said(data)}") from None

    def _open(self) -> tuple[asyncio.AbstractEventLoop, httpx.AsyncClient]:
        if self._loop is None or self._client is None or self._pid != os.getpid():
            self._loop, self._under_way = asyncio.new_event_loop(), set()
            # The deadline is over the whole; connecting has one of its own, so that a dead host is noticed.
            self._client = httpx.AsyncClient(
                headers=self._headers,
                timeout=httpx.Timeout(None, connect=_CONNECT_S_MAX),
                trust_env=not self._is_here,  # a proxy would look for our server on its own loopback
                limits=httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30),
            )
            self._pid = os.getpid()
            threading.Thread(target=_run, args=(self._loop,), name=f"line to {self.shown_url}", daemon=True).start()
        return self._loop, self._client

    async def _end(self, client: httpx.AsyncClient) -> None:
        # Only what we began: what it began in turn is its own to end, and would warn if it was cancelled before it ran.
        under_way = list(self._under_way)
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await client.aclose()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _was_hung_up(error: httpx.RemoteProtocolError) -> bool:
    return "disconnected" in str(error) or "closed connection" in str(error)


def _said(data: bytes) -> str:
    """Return what an answer says of itself, short: its error message where it has one."""
    text = data[:4096].decode("utf-8", "replace")
    try:
        found = json.loads(data)
        error = found.get("error", found.get("detail", found.get("message", text)))
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError, RecursionError):
        pass
    return _short(text) or "(nothing)"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SAID_MAX else text[:_SAID_MAX] + "…"
