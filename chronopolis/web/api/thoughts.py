"""What minds were asked, what they said, and what they remember."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query

from chronopolis.errors import NothingFound
from chronopolis.web.api.described import Described
from chronopolis.web.api.models import ConversationsAnswer, Freely, MemoriesAnswer, ThoughtsAnswer
from chronopolis.web.api.parameters import (
    ADDRESS,
    AgentId,
    First,
    Found,
    Last,
    Tick,
    TickInPath,
    agent_named,
    place_after,
    span,
)
from chronopolis.web.remembering import conversations, memories_of
from chronopolis.web.services import Using
from replay import scenarios_of

router = APIRouter(tags=["minds"], route_class=Described)

Who = Annotated[str | None, Query(max_length=100, description="Only of this agent, by id or name.")]
After = Annotated[str | None, Query(pattern=ADDRESS, description="`next` of the page before.")]
AfterThought = Annotated[
    str | None, Query(pattern=r"^\d{1,9}:\d{1,9}:[a-z_]{1,40}:\d{1,9}$", description="`next` of the page before.")
]
Newest = Annotated[bool, Query(description="Take the page from the end; `next` then leads backwards.")]


@router.get("/api/runs/{run}/thoughts")
async def thoughts(
    run: Found, using: Using, agent: Who = None, first: First = 0, last: Last = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200, after: AfterThought = None, newest: Newest = False,
) -> ThoughtsAnswer:  # fmt: skip
    """List thoughts by the tick at which they were asked for, without their prompts."""
    histories = using.histories
    low, high = span(first, last, await histories.head(run))
    who = await agent_named(using, run, agent, high)
    place = None if after is None else _key(after)
    found, there = await histories.quick.do(
        lambda: histories.browsing.thoughts(run, low, high, agent=who, limit=limit, after=place, newest_first=newest)
    )
    return ThoughtsAnswer(thoughts=found, next=None if there is None else ":".join(map(str, there)))


def _key(text: str) -> tuple[int, int, str, int]:
    asked, agent, purpose, call = text.split(":")
    return int(asked), int(agent), purpose, int(call)


@router.get("/api/runs/{run}/thoughts/{agent}/{tick}")
async def thought(run: Found, agent: AgentId, tick: TickInPath, using: Using) -> Freely:
    """Return the thought that was asked of an agent at a tick, or taken by it then: its very prompt and answer."""
    store = using.store

    def found() -> dict[str, Any]:
        rows = store.deliberations(run, agent=agent, first=tick, last=tick)
        if not rows:
            # A fork may have other delays than those that its ancestors asked with.
            scenarios = scenarios_of(store, run)
            delay = max(scenarios.at(each).configuration.think_delay for each in scenarios.firsts)
            rows = store.deliberations(run, agent=agent, first=max(0, tick - delay), last=tick)
            rows = [row for row in rows if row["effect_tick"] == tick]
        if not rows:
            raise NothingFound(
                f"run {run.name}: agent {agent} was asked nothing at tick {tick:,}, and nothing took effect"
            )
        row = rows[-1]
        return row | {"request": _request(row.pop("prompt")), "run": run.id}

    return Freely(**await using.histories.quick.do(found))


def _request(prompt: str | None) -> Any:
    try:
        return None if prompt is None else json.loads(prompt)
    except ValueError:
        return prompt


@router.get("/api/runs/{run}/conversations")
async def talks(
    run: Found, using: Using, agent: Who = None, first: First = 0, last: Last = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many speeches are read.")] = 500, after: After = None,
    newest: Newest = False,
) -> ConversationsAnswer:  # fmt: skip
    """Return conversations with their speeches, in the order in which they were opened."""
    histories = using.histories
    low, high = span(first, last, await histories.head(run))
    who = await agent_named(using, run, agent, high)
    found, there = await histories.quick.do(
        lambda: conversations(
            histories.browsing, run, who, low, high, limit=limit, after=place_after(after), newest_first=newest
        )
    )
    return ConversationsAnswer(conversations=found, next=None if there is None else f"{there[0]}:{there[1]}")


@router.get("/api/runs/{run}/memories")
async def memories(
    run: Found, using: Using, agent: Annotated[str, Query(max_length=100)], tick: Tick = None,
    forgotten: Annotated[bool, Query(description="Whether forgotten ones are told too.")] = False,
) -> MemoriesAnswer:  # fmt: skip
    """Return what an agent remembers at a tick."""
    histories = using.histories
    wanted = await histories.tick(run, tick)
    who = await agent_named(using, run, agent, wanted)
    assert who is not None
    found = await histories.quick.do(lambda: memories_of(histories.browsing, run, who, wanted))
    kept = [each for each in found if forgotten or each["forgotten"] is None]
    return MemoriesAnswer(tick=wanted, agent=who, memories=kept)
