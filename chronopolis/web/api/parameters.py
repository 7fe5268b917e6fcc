"""The parameters that many endpoints share, with their bounds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query

from chronopolis.errors import UnknownAgent, WrongUsage
from chronopolis.naming import recorded_names
from chronopolis.people import id_in
from chronopolis.record import agent_of_run
from chronopolis.web.services import Services, Using
from domain.ports import Run

TICK_MAX = 2**31 - 1

Tick = Annotated[int | None, Query(ge=0, le=TICK_MAX, description="The tick to look at; the newest if left out.")]
First = Annotated[int, Query(ge=0, le=TICK_MAX, description="The first tick.")]
Last = Annotated[
    int | None, Query(ge=0, le=TICK_MAX, description="The last tick, included; the newest if left out or beyond it.")
]
TickInPath = Annotated[int, Path(ge=0, le=TICK_MAX)]
Ordinal = Annotated[int, Path(ge=0, le=TICK_MAX)]
AgentId = Annotated[int, Path(ge=0, le=TICK_MAX, description="The agent's id.")]

Told = Annotated[
    bool, Query(description="Tell events in words besides, as `told`: parts of a sentence, an id where a name stands.")
]


async def _found(
    run: Annotated[str, Path(max_length=63, description="Name of the run, its id, or the beginning of its name.")],
    using: Using,
) -> Run:
    return await using.histories.run(run)


Found = Annotated[Run, Depends(_found)]
"""The run that the path names; 404 if there is none."""


def binary(description: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of an answer in bytes."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": description, "content": {"application/octet-stream": schema}}}


def span(first: int, last: int | None, head: int) -> tuple[int, int]:
    """Return the ticks that are meant, cut off at the head; none at all if they begin beyond it.

    Raises
    ------
    WrongUsage
        If the last lies before the first.
    """
    if last is not None and first > last:
        raise WrongUsage(f"first={first} lies after last={last}")
    return first, head if last is None else min(last, head)


ADDRESS = r"^\d{1,10}:\d{1,10}$"
_END = 2**31 - 1


def place_after(address: str | None) -> tuple[int, int]:
    """Return the tick and ordinal of "tick:ordinal"; a place before everything if there is none."""
    if address is None:
        return -1, _END
    tick, _, ordinal = address.partition(":")
    return min(int(tick), _END), min(int(ordinal), _END)


async def agent_named(using: Services, run: Run, agent: str | None, last: int) -> int | None:
    """Return the id of an agent that is given by id or name; a name is that of somebody who has come by a tick.

    Raises
    ------
    UnknownAgent
        Of an id, if nobody of that id has come into the run so far.
    """
    if agent is None:
        return None
    number = id_in(agent)
    if number is None:
        return await using.histories.slow.do(lambda: agent_of_run(using.store, run, agent, last=last))
    if not 0 <= number < run.configuration.agents:  # else it is a founder
        names = using.histories.names(run)
        if number not in names:
            names |= await using.histories.quick.do(lambda: recorded_names(using.store, run, {number}))
        if number not in names:
            raise UnknownAgent(run.name, last, agent)
    return number
