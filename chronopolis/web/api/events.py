"""The events of a run, page by page."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from chronopolis.errors import WrongUsage
from chronopolis.record import kinds_named
from chronopolis.web.api.models import EventsAnswer
from chronopolis.web.api.parameters import ADDRESS, First, Found, Last, agent_named, place_after, span
from chronopolis.web.services import Using

router = APIRouter(tags=["events"])

EVENTS_MAX = 1_000


@router.get("/api/runs/{run}/events", response_model=EventsAnswer)
async def events(
    run: Found,
    using: Using,
    first: First = 0,
    last: Last = None,
    kind: Annotated[
        list[str] | None, Query(max_length=40, description="Only these kinds, such as GoodsTraded; may be repeated.")
    ] = None,
    agent: Annotated[str | None, Query(max_length=100, description="Only this agent's own events; id or name.")] = None,
    party: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Only events of this agent, or directed at it.")
    ] = None,
    after: Annotated[str | None, Query(pattern=ADDRESS, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = 200,
    newest: Annotated[bool, Query(description="Take the page from the end; `next` then leads backwards.")] = False,
) -> Response:
    """Return events in order, as `polis events --json` has them.

    A page may be short, or empty, while `next` is not null: a long history is not searched in one go.
    """
    histories = using.histories
    kinds = kinds_named(kind or ())
    low, high = span(first, last, await histories.head(run))
    if low > high and last is not None and first > last:
        raise WrongUsage(f"first={first} lies after last={last}")
    number = await agent_named(using, run, agent, high)

    def found() -> bytes:
        page = histories.browsing.page_of_events(
            run, low, high, limit=limit, kinds=[k.number for k in kinds], agent=number, party=party,
            after=place_after(after), newest_first=newest,
        )  # fmt: skip
        values: dict[str, Any] = {
            "events": list(page.events),
            "next": None if page.after is None else f"{page.after[0]}:{page.after[1]}",
        }
        return json.dumps(values, ensure_ascii=False).encode()

    return Response(await histories.quick.do(found), media_type="application/json")
