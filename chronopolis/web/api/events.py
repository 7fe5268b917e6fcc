"""The events of a run, page by page."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from chronopolis.record import kinds_named
from chronopolis.sentences import parts
from chronopolis.web.api.described import Described
from chronopolis.web.api.models import EventsAnswer
from chronopolis.web.api.parameters import ADDRESS, TICK_MAX, First, Found, Last, Told, agent_named, place_after, span
from chronopolis.web.paging import NEAR_TICKS, page_nearby
from chronopolis.web.services import Using
from domain.events import EventBatch

router = APIRouter(tags=["events"], route_class=Described)

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
        int | None, Query(ge=0, le=TICK_MAX, description="Only events of this agent, or directed at it.")
    ] = None,
    after: Annotated[str | None, Query(pattern=ADDRESS, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = 200,
    newest: Annotated[bool, Query(description="Take the page from the end; `next` then leads backwards.")] = False,
    told: Told = False,
) -> Response:
    """Return events in order, as `polis events --json` has them.

    A page may be short, or empty, while `next` is not null: a long history is not searched in one go.
    """
    histories = using.histories
    kinds = kinds_named(kind or ())
    low, high = span(first, last, await histories.head(run))
    number = await agent_named(using, run, agent, high)
    if party is not None:
        await agent_named(using, run, str(party), high)

    place = place_after(after)
    wanted: dict[str, Any] = {
        "limit": limit, "kinds": [k.number for k in kinds], "agent": number, "party": party, "after": place,
        "newest_first": newest,
    }  # fmt: skip
    # All that happened lies side by side, so a page of it holds few ticks; so does a page of a few ticks.
    anything = not kinds and number is None and party is None
    edge = _from(low, high, place, newest)
    near = edge[:NEAR_TICKS] if anything or len(edge) <= NEAR_TICKS else None
    if near is not None:
        shown, there = await histories.look(run, lambda cursor: _told(*page_nearby(cursor, near, **wanted), told))
        if there is None and len(near) < len(edge):
            there = f"{near[-1]}:{0 if newest else TICK_MAX}"
        return _answer(shown, there)
    page = await histories.quick.do(lambda: histories.browsing.page_of_events(run, low, high, **wanted))
    return _answer(*await histories.quick.do(lambda: _told(page.events, page.after, told)))


def _from(low: int, high: int, after: tuple[int, int], newest: bool) -> range:
    """Return the ticks that are left, from the one on that the page begins with."""
    if newest:
        return range(high if after[0] < 0 else min(high, after[0]), low - 1, -1)
    return range(max(low, after[0]), high + 1)


def _told(events: EventBatch, after: tuple[int, int] | None, in_words: bool) -> tuple[list[dict[str, Any]], str | None]:
    told = [event | {"told": parts(event)} for event in events] if in_words else list(events)
    return told, None if after is None else f"{after[0]}:{after[1]}"


def _answer(events: list[dict[str, Any]], there: str | None) -> Response:
    return Response(json.dumps({"events": events, "next": there}, ensure_ascii=False), media_type="application/json")
