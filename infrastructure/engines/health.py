"""Whether a model server on loopback is well."""

from __future__ import annotations

import contextlib
import http.client
import urllib.request


def is_healthy(url: str, *, within_s: float) -> bool:
    """Return whether the server at `url` says that it is well."""
    # Not through a proxy: it would look on a loopback of its own.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    with contextlib.suppress(OSError, http.client.HTTPException), direct(f"{url}/health", timeout=within_s) as answer:
        return bool(answer.status == 200)
    return False
