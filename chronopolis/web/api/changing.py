"""What changes something: forks, interventions, and going on with a run. History itself never changes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from chronopolis.errors import WrongUsage
from chronopolis.forking import intervene as record_intervention
from chronopolis.forking import make_fork
from chronopolis.web.api.described import Described
from chronopolis.web.api.models import ContinueWanted, Continuing, ForkWanted, Freely, InterventionWanted, PauseAnswer
from chronopolis.web.api.parameters import Found
from chronopolis.web.children import Child
from chronopolis.web.errors import NothingRuns
from chronopolis.web.services import Services, Using
from domain.errors import PolisError, RunIsHeld
from domain.expressions import parse
from domain.ports import Run

router = APIRouter(tags=["change"], route_class=Described)

_SOMEBODY = "the debugger"


@router.post("/api/runs/{run}/fork", status_code=201)
async def fork(run: Found, wanted: ForkWanted, using: Using) -> Freely:
    """Fork a run at a tick, as `polis fork` does; with `run_on` it goes on at once.

    If it is made and then can't go on, `continuing` is null and `warnings` say why.
    """
    if wanted.run_on:
        using.children.require_room()  # before anything is made: who tries again would make another
    given: dict[str, Any] = {
        "at": wanted.at, "name": wanted.name, "settings": wanted.set or None, "seed": wanted.seed,
        "interventions": wanted.interventions, "by": wanted.by or _SOMEBODY, "why": wanted.why, "ticks": wanted.ticks,
    }  # fmt: skip
    made = await using.histories.slow.do(lambda: make_fork(using.store, run.name, **given))
    if wanted.run_on:
        ahead = wanted.ticks or max(1, made.get("target", 0) - made["forked_at"])
        made["continuing"] = None
        try:
            child = await using.children.start(await using.histories.run(made["name"]), ahead)
            made["continuing"] = child.as_dict()
        except PolisError as error:  # it is there all the same
            made["warnings"] = [*made["warnings"], f"it does not go on: {error}"]
    return Freely(**made)


@router.post("/api/runs/{run}/intervene", status_code=201)
async def intervene(run: Found, wanted: InterventionWanted, using: Using) -> Freely:
    """Change the world from outside at a tick that has not begun, as `polis intervene` does."""
    given = wanted.model_dump(exclude_none=True, exclude={"agent", "at", "by", "why"})
    if not given:
        raise WrongUsage("nothing to do", "Give endow, news, rest, remove, add or stock.")
    about: dict[str, Any] = {"agent": wanted.agent, "at": wanted.at, "by": wanted.by or _SOMEBODY, "why": wanted.why}
    return Freely(**await using.histories.slow.do(lambda: record_intervention(using.store, run, given, **about)))


@router.post("/api/runs/{run}/continue", status_code=202)
async def go_on(run: Found, wanted: ContinueWanted, using: Using) -> Continuing:
    """Go on with a run in a process of its own, as `polis resume RUN --ticks N` does.

    How it fares is told by /api/runs/{run} and /live, as `continuing`. It is asked to stop when this server ends.
    """
    lease, head = await using.histories.quick.do(lambda: (using.store.lease(run), using.store.head(run)))
    run.require_our_rules()
    if lease.status == "running":
        raise RunIsHeld(run.name, lease.holder or "another process")
    if wanted.break_at is not None:
        parse(wanted.break_at).require_change()  # what means nothing is refused before anything is started
    child = await using.children.start(run, wanted.ticks, break_at=wanted.break_at, pace_ms=wanted.pace_ms)
    return _continuing(run, child, -1 if head is None else head.tick)


@router.post("/api/runs/{run}/pause")
async def pause(run: Found, using: Using) -> PauseAnswer:
    """Ask whoever writes a run to stop after the tick at hand; it can be resumed.

    The process that this server started is waited for. A runner of somebody else's is asked through the store, as
    `polis watch --pause` does, and pauses a moment later.
    """
    child = await using.children.stop(run)
    if child is None:
        head = await _head(using, run)
        asked = await using.histories.quick.do(
            lambda: using.store.request_pause(run, tick=max(head, 0), because="the debugger was asked to")
        )
        if not asked:
            raise NothingRuns(run.name)
    lease, head = await using.histories.quick.do(lambda: using.store.lease(run)), await _head(using, run)
    whom = "its writer" if child is None else f"process {child.process.pid}"
    return PauseAnswer(run=run.id, name=run.name, head_tick=head, status=lease.status, asked=whom)


async def _head(using: Services, run: Run) -> int:
    head = await using.histories.quick.do(lambda: using.store.head(run))
    return -1 if head is None else head.tick


def _continuing(run: Run, child: Child, head: int) -> Continuing:
    target = max(head, 0) + child.ticks if child.state == "running" else head
    return Continuing(run=run.id, name=run.name, from_tick=head, target=target, **child.as_dict())
