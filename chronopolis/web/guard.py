"""The guard in front of everything: who may come in, how often, and with how much. Pages and websockets included.

A server on loopback is reachable by every page that the browser of this machine has open: one may resolve its own
name to 127.0.0.1 (DNS rebinding), post a form, or open a websocket, which no browser forbids. So the name that was
asked for is checked, and where a request says which page it comes from, that must be one of ours.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi.exceptions import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chronopolis.web.errors import problem
from chronopolis.web.rates import TokenBucket

BODY_MAX = 1 << 20
_SAFE = ("GET", "HEAD", "OPTIONS")
_OPEN = ("/healthz",)  # what a probe may ask without a token: it tells nothing
_READS, _READS_AT_ONCE = 400.0, 1_500.0  # a second; a slider that is dragged in three windows stays below it
_CHANGES, _CHANGES_AT_ONCE = 5.0, 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Guard:
    """An ASGI middleware.

    Parameters
    ----------
    app : what it guards
    token : what clients have to show, as ``Authorization: Bearer …`` or as the cookie that ``/?token=…`` sets;
        None: nothing
    host : address that is served on; if it is not this machine's own, any address (not any name) may be asked for
    allowed : other names under which it may be asked for
    reads, changes : buckets, for tests
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None = None,
        host: str = "127.0.0.1",
        allowed: Iterable[str] = (),
        reads: TokenBucket | None = None,
        changes: TokenBucket | None = None,
    ) -> None:
        self.app, self.token = app, token
        names = {host.strip("[]").lower(), *_LOOPBACK, *(name.strip("[]").lower() for name in allowed)}
        self.by_address = not _is_loopback(host)
        if self.by_address:
            names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        self.names = names
        self.reads = reads or TokenBucket(_READS, _READS_AT_ONCE)
        self.changes = changes or TokenBucket(_CHANGES, _CHANGES_AT_ONCE)
        # Cookies know no ports: two servers on one host must not take each other's. And a token may hold what no
        # cookie can.
        digest = hashlib.sha256(b"chronopolis cookie\0" + (token or "").encode()).hexdigest()
        self.cookie, self.cookie_value = f"polis_{digest[:8]}", digest[8:]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, send, *refusal)
            return
        if self.token is not None and scope["type"] == "http" and await self._let_in(scope, send):
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self.app(scope, _at_most(receive, BODY_MAX), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        """Return (status, type, message) of what is wrong with a request, if anything is."""
        host, origins = headers.get("host", ""), headers.getlist("origin")
        if len(headers.getlist("host")) != 1 or not self._is_ours(host):
            return 403, "ForbiddenHost", (
                "this server does not answer to that name; use the address that it printed, or start it with "
                "--allow-host NAME"
            )  # fmt: skip
        if any(_netloc(origin) != host.lower() for origin in origins):
            return 403, "ForbiddenOrigin", "another site asked for this; only pages of this server may"
        changes = scope["type"] == "http" and scope["method"] not in _SAFE
        client = (scope.get("client") or ("unknown",))[0]
        bucket = self.changes if changes and scope["path"].startswith("/api/") else self.reads
        if not bucket.take(client, time.monotonic()):
            return 429, "TooManyRequests", f"more than {bucket.rate:g} requests a second; slow down"
        if not self._may(scope, headers):
            return 401, "TokenNeeded", (
                "give the token that the server printed: as 'Authorization: Bearer TOKEN', or open /?token=TOKEN once"
            )  # fmt: skip
        size = headers.get("content-length", "0")
        if not size.isdigit() or int(size) > BODY_MAX:
            return 413, "BodyTooLarge", f"a request holds at most {BODY_MAX:,} bytes"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if name is None or "@" in host:
            return False
        if name in self.names:
            return True
        # An address can't be made to point elsewhere, as a name can.
        return self.by_address and _is_address(name)

    def _may(self, scope: Scope, headers: Headers) -> bool:
        if self.token is None or scope["path"] in _OPEN:
            return True
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._matches(shown.strip()):
            return True
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            morsel = None
        if morsel is not None and secrets.compare_digest(morsel.value.encode(), self.cookie_value.encode()):
            return True
        return self._token_in(scope) is not None

    def _token_in(self, scope: Scope) -> str | None:
        """Return the token of the address, if it is the right one and this is how one comes in."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token")
        return given if given is not None and self._matches(given) else None

    def _matches(self, shown: str) -> bool:
        return self.token is not None and secrets.compare_digest(shown.encode(), self.token.encode())

    async def _let_in(self, scope: Scope, send: Send) -> bool:
        """Answer /…?token=… by a cookie and the address without it, so that the token stays in no history."""
        if self._token_in(scope) is None:
            return False
        query = [(k, v) for k, v in parse_qsl(scope["query_string"].decode("latin-1")) if k != "token"]
        # One slash: "//elsewhere" would lead to another site.
        there = "/" + scope["path"].lstrip("/") + (f"?{urlencode(query)}" if query else "")
        headers = MutableHeaders()
        headers["Location"] = there.encode("ascii", "ignore").decode()
        headers["Set-Cookie"] = f"{self.cookie}={self.cookie_value}; Path=/; HttpOnly; SameSite=Lax"
        headers["Cache-Control"] = "no-store"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Content-Length"] = "0"
        await send({"type": "http.response.start", "status": 303, "headers": headers.raw})
        await send({"type": "http.response.body", "body": b""})
        return True


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").lower()
    return name in _LOOPBACK or (_is_address(name) and ip_address(name).is_loopback)


def _netloc(origin: str) -> str:
    """Return host and port of an origin; nothing if it is none, as "null" is."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, kind: str, message: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before it was accepted: answered with 403
        return
    await problem(status, kind, message)(scope, receive, send)


class BodyTooLarge(HTTPException):
    """More came than may."""

    def __init__(self) -> None:
        super().__init__(413, f"a request holds at most {BODY_MAX:,} bytes")


def _at_most(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that stops one who sends more than a request may hold, whatever its length was said to be."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise BodyTooLarge
        return message

    return counted


_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def _with_headers(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
        await send(message)

    return told
