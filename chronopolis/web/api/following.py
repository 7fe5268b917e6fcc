"""A run as it goes on: server-sent events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from chronopolis.web.api.described import Described
from chronopolis.web.api.parameters import Found
from chronopolis.web.errors import Busy
from chronopolis.web.services import Using

router = APIRouter(tags=["live"], route_class=Described)

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One message when the stream begins, and one each time the run has moved on",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/api/runs/{run}/live", response_class=StreamingResponse, responses=_STREAM)
async def live(
    run: Found,
    using: Using,
    until: Annotated[
        str | None, Query(pattern="^rest$", description="`rest`: end once the run is not running.")
    ] = None,
) -> StreamingResponse:
    """Follow a run: `{"head_tick", "first_tick", "events", "status", …}` as ticks become durable.

    `first_tick` is the first that was not told before, `events` how many the run has up to `head_tick`. A message
    named `end` says why the stream ends; a comment comes every ten seconds if there is nothing to tell.
    """
    if using.live.full:
        raise Busy
    stream = using.live.stream(run, until_rest=until == "rest")
    return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
