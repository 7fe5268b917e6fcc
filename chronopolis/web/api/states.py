"""The world at a tick: terrain, frames for the map, and the state in full."""

from __future__ import annotations

import io
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from chronopolis import people
from chronopolis.errors import WrongUsage
from chronopolis.moment import state_values
from chronopolis.naming import living_agent
from chronopolis.state_frames import cells_frame, people_frame
from chronopolis.web.api.described import Described
from chronopolis.web.api.models import StateAnswer
from chronopolis.web.api.parameters import TICK_MAX, Found, Tick, binary
from chronopolis.web.api.runs import version_of
from chronopolis.web.frames import encode_frame, encode_terrain
from chronopolis.web.lanes import arrivals
from chronopolis.web.services import Using
from domain.ports import Run
from domain.state import World
from replay.cursor import Cursor

router = APIRouter(tags=["state"], route_class=Described)

FRAMES_MAX = 64
_FRAMES_AT_A_TIME = 4  # then somebody who moves the slider comes before whoever reads ahead
_ARROW = "application/vnd.apache.arrow.stream"

Version = Annotated[
    str | None,
    Query(alias="v", max_length=64, description="`version` of the run: with it the answer may be kept for ever."),
]


@router.get(
    "/api/runs/{run}/terrain", response_class=Response, responses=binary("Header, elevation, biomes, capacities")
)
async def terrain(run: Found, using: Using, request: Request, version: Version = None) -> Response:
    """Return the land, which never changes, in bytes; docs/api.md has the layout."""
    kept = _kept(request, run, version, "terrain")
    if isinstance(kept, Response):
        return kept
    await using.histories.tick(run, 0)
    data = await using.histories.look(run, lambda cursor: encode_terrain(cursor.at(0)))
    return Response(data, media_type="application/octet-stream", headers=kept)


@router.get("/api/runs/{run}/frames", response_class=Response, responses=binary("Frames, end to end"))
async def frames(
    run: Found,
    using: Using,
    request: Request,
    first: Tick = None,
    count: Annotated[int, Query(ge=1, le=FRAMES_MAX, description="How many frames; fewer come at the head.")] = 1,
    step: Annotated[int, Query(ge=1, le=100_000, description="Ticks from one frame to the next.")] = 1,
    ties: Annotated[bool, Query(description="Whether pairs of agents that know each other are told.")] = False,
    version: Version = None,
) -> Response:
    """Return what the map is drawn from, in bytes; docs/api.md has the layout.

    The newest request for a run is answered first; one whose client has hung up is not answered at all.
    """
    histories, arrival = using.histories, next(arrivals)
    begin = await histories.tick(run, first)
    end = begin + (count - 1) * step
    head = begin if end == begin else await _known_head(using, run, end)
    ticks = range(begin, min(end, head) + 1, step)
    whole = first is not None and end <= head
    kept = _kept(request, run, version if whole else None, f"{begin}-{len(ticks)}-{step}-{ties:d}")
    if isinstance(kept, Response):
        return kept

    parts: list[bytes] = []
    for at in range(0, len(ticks), _FRAMES_AT_A_TIME):
        wanted = ticks[at : at + _FRAMES_AT_A_TIME]

        def encoded(cursor: Cursor, wanted: range = wanted) -> list[bytes]:
            return [encode_frame(cursor.at(tick), ties=ties) for tick in wanted]

        parts += await histories.look(run, encoded, arrival=arrival, gone=request.is_disconnected)
    return Response(b"".join(parts), media_type="application/octet-stream", headers=kept)


async def _known_head(using: Using, run: Run, tick: int) -> int:
    known = using.histories.known_head(run)
    return known if tick <= known else await using.histories.head(run)


def _kept(request: Request, run: Run, version: str | None, what: str) -> dict[str, str] | Response:
    """Return headers that say how long an answer may be kept, or the answer that it is kept already.

    A name may be given again after a run was dropped, so only an address that holds the run's version is for ever.
    """
    tag = f'"{version_of(run)}-{what}-1"'
    mine = version == version_of(run)
    keep = "private, max-age=31536000, immutable" if mine else "private, no-cache"
    # Frames hardly shrink, and to compress them takes longer than to make them.
    headers = {"ETag": tag, "Cache-Control": keep, "Content-Encoding": "identity"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return headers


@router.get(
    "/api/runs/{run}/state",
    response_model=StateAnswer,
    responses={200: {"content": {_ARROW: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def state(
    run: Found,
    using: Using,
    tick: Tick = None,
    form: Annotated[Literal["json", "arrow"], Query(alias="format")] = "json",
    of: Annotated[Literal["agents", "cells"], Query(description="Which table, for Arrow.")] = "agents",
    agent: Annotated[str | None, Query(max_length=100, description="Only this agent, by id or name.")] = None,
    cell: Annotated[
        int | None, Query(ge=0, le=TICK_MAX, description="Only who is there; in JSON that cell besides, as `cell`.")
    ] = None,
) -> Response:
    """Return the state as JSON, or a table of it as an Arrow stream."""
    if of == "cells" and (form == "json" or agent is not None):
        raise WrongUsage("of=cells is a table of all cells, for Arrow alone", "Ask with format=arrow and no agent.")
    wanted = await using.histories.tick(run, tick)

    def told(cursor: Cursor) -> bytes:
        world = cursor.at(wanted)
        if cell is not None and cell >= (n_cells := world.width * world.height):
            raise WrongUsage(f"there is no cell {cell}: the map has cells 0 to {n_cells - 1}")
        who = None if agent is None else living_agent(using.store, run, world, agent)
        return _arrow(world, of, who, cell) if form == "arrow" else _as_json(world, run, who, cell)

    data = await using.histories.look(run, told)
    if form == "arrow":
        return Response(data, media_type=_ARROW, headers={"X-Tick": str(wanted)})
    return Response(data, media_type="application/json")


def _arrow(world: World, of: str, agent: int | None, cell: int | None) -> bytes:
    frame = people_frame(world) if of == "agents" else cells_frame(world)
    if agent is not None:
        frame = frame.filter(frame["agent"] == agent)
    if cell is not None:
        frame = frame.filter(frame["cell"] == cell)
    written = io.BytesIO()
    frame.write_ipc_stream(written, compat_level=_compatible())
    return written.getvalue()


def _compatible() -> Any:
    import polars as pl

    return pl.CompatLevel.oldest()  # strings as every Arrow reads them


def _as_json(world: World, run: Run, agent: int | None, cell: int | None) -> bytes:
    everybody = [one for one in people.brief(world) if agent in (None, one["agent"]) and cell in (None, one["cell"])]
    values = state_values(run, world) | {"agents": everybody}
    values |= {} if cell is None else {"cell": people.place(world, cell)}
    return json.dumps(values, ensure_ascii=False).encode()
