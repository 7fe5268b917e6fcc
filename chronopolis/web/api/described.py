"""How endpoints describe themselves: the first line of what they say is their summary, the rest their description."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute


class Described(APIRoute):
    """A route that takes its summary from the docstring instead of the function's name."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        summary, _, rest = (inspect.getdoc(endpoint) or "").partition("\n")
        given["summary"] = given.get("summary") or summary.rstrip(".")
        given["description"] = given.get("description") or rest.strip()
        super().__init__(path, endpoint, **given)
