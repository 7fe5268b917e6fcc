"""What endpoints have in common: they describe themselves, and take no parameter that they do not know.

The first line of what they say is their summary, the rest their description.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable
from difflib import get_close_matches
from typing import Any, get_args, get_origin

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
        """Return what answers, after a look at the parameters: one misspelt, or given twice, asks something else."""
        answer, known = super().get_route_handler(), _parameters(self.dependant)

        async def checked(request: Request) -> Response:
            for name in request.query_params if self.path.startswith("/api/") else ():
                if name not in known:
                    raise WrongUsage(f"{request.url.path} has no parameter {shown(name)}", _instead(name, known))
                if not known[name] and len(request.query_params.getlist(name)) > 1:  # the last alone would be read
                    raise WrongUsage(f"{request.url.path} takes {name} once")
            return await answer(request)

        return checked


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """Return the query parameters of an endpoint and of what it depends on, by name: whether it may be repeated."""
    found = {field.alias: _is_list(field.field_info.annotation) for field in dependant.query_params}
    for inner in dependant.dependencies:
        found |= _parameters(inner)
    return found


def _is_list(annotation: Any) -> bool:
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def _instead(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, 1)
    if near:
        return f"Did you mean {near[0]}? There are {', '.join(known)}."
    return f"There are {', '.join(known)}." if known else "It takes none."
