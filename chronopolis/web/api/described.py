"""What endpoints have in common: they describe themselves, and take no parameter that they do not know.

The first line of what they say is their summary, the rest their description.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from difflib import get_close_matches
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from chronopolis.errors import WrongUsage
from domain.errors import shown


class Described(APIRoute):
    """A route that takes its summary from the docstring instead of the function's name, and knows its parameters."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        summary, _, rest = (inspect.getdoc(endpoint) or "").partition("\n")
        given["summary"] = given.get("summary") or summary.rstrip(".")
        given["description"] = given.get("description") or rest.strip()
        super().__init__(path, endpoint, **given)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers, after a look at the names of the parameters: one misspelt would ask something else."""
        answer, known = super().get_route_handler(), _parameters(self.dependant)

        async def checked(request: Request) -> Response:
            for name in request.query_params:
                if name not in known and self.path.startswith("/api/"):
                    raise WrongUsage(f"{request.url.path} has no parameter {shown(name)}", _instead(name, known))
            return await answer(request)

        return checked


def _parameters(dependant: Dependant) -> list[str]:
    """Return the names of the query parameters of an endpoint and of what it depends on."""
    own = [field.alias for field in dependant.query_params]
    return own + [name for inner in dependant.dependencies for name in _parameters(inner)]


def _instead(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    if near:
        return f"Did you mean {near[0]}? There are {', '.join(known)}."
    return f"There are {', '.join(known)}." if known else "It takes none."
