"""What is left: whatever under /api is nobody's is answered in JSON, by any method, whatever is mounted beside it."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from chronopolis.web.errors import NoSuchPage


class _Nothing:
    """An application of its own, so that its route is asked whatever the method."""

    def __init__(self, others: Sequence[APIRouter]) -> None:
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say that there is nothing, or by which methods it may be asked for."""
        asked = [route for router in self._others for route in router.routes if isinstance(route, Route)]
        known = [route.methods or () for route in asked if route.matches(scope)[0] is Match.PARTIAL]
        if known:
            allowed = ", ".join(sorted({method for methods in known for method in methods}))
            raise HTTPException(405, f"{scope['path']} is asked for by {allowed}", headers={"Allow": allowed})
        raise NoSuchPage(scope["path"])


def after(routers: Sequence[APIRouter]) -> APIRouter:
    """Return the router that takes what these leave."""
    end = _Nothing(routers)
    return APIRouter(routes=[Route(path, end, include_in_schema=False) for path in ("/api", "/api/{rest:path}")])
