"""The page that describes the API: one file, which asks nothing of any other host."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)


@cache
def _page() -> str:
    return Path(__file__).parent.with_name("docs.html").read_text()


@router.get("/api/docs")
async def docs() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(_page(), headers={"Cache-Control": "no-cache"})
