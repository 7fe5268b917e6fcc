"""Where engines answer, for whoever needs no line to one."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def api_url(url: str) -> str:
    """Return where the API begins: ``/v1`` is added where nothing but a host is given."""
    return url.rstrip("/") + "/v1" if urlsplit(url).path in ("", "/") else url.rstrip("/")
