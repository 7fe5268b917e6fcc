"""What is left: an address under /api that is nobody's is answered in JSON, whatever is mounted beside it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from chronopolis.web.errors import NoSuchPage

router = APIRouter(include_in_schema=False)


@router.api_route("/api/{rest:path}", methods=["GET", "HEAD"])
async def nothing(rest: str, request: Request) -> None:
    """Say that there is nothing."""
    raise NoSuchPage(request.url.path)
