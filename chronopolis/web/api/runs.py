"""Runs: which there are, what one is made of, where it stands, and what is marked on its line of time."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from chronopolis.standing import standing_of
from chronopolis.web.api.described import Described
from chronopolis.web.api.models import Density, Health, Marks, RunBrief, RunDetail
from chronopolis.web.api.parameters import First, Found, Last, span
from chronopolis.web.services import Services, Using
from domain.configuration import RELEASE
from domain.inputs import Input
from domain.ports import Run
from workers.bootstrap import Standing

router = APIRouter(tags=["runs"], route_class=Described)

_CHILDREN_MAX, _INTERVENTIONS_MAX = 200, 2_000


def version_of(run: Run) -> str:
    """Return what tells a run from any other that ever had its name: part of addresses that may be kept for ever."""
    return f"{run.id}-{run.genesis_hash[:4].hex()}-{run.created_at[:19].translate(_NO_DIGITS)}"


_NO_DIGITS = {ord(c): None for c in "-:T+ "}


@router.get("/healthz", tags=["server"])
async def healthz(using: Using) -> Health:
    """Say that the server is ready."""
    return Health(ok=True, release=RELEASE, uptime_s=round(time.monotonic() - using.started, 1))


@router.get("/api/runs")
async def runs(
    using: Using,
    sort: Annotated[Literal["oldest", "newest", "name"], Query()] = "newest",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[RunBrief]:
    """List runs."""
    histories = using.histories
    found = await histories.quick.do(lambda: histories.browsing.standings(order=sort, limit=limit))
    return [RunBrief(**standing_of(each)) for each in found]


@router.get("/api/runs/{run}")
async def one_run(run: Found, using: Using) -> RunDetail:
    """Return what a run is made of, where it stands, and what was forked from it."""
    child = using.children.of(run)
    values = await using.histories.quick.do(lambda: _detail(using, run))
    return RunDetail(**values, continuing=None if child is None else child.as_dict())


def _detail(using: Services, run: Run) -> dict[str, Any]:
    store, browsing = using.store, using.histories.browsing
    lease, head = store.lease(run), store.head(run)
    standing = Standing(run, lease, -1 if head is None else head.tick, None if head is None else head.chain_hash)
    return standing_of(standing) | {
        "parent_name": None if run.parent is None else store.find(str(run.parent)).name,
        "version": version_of(run),
        "configuration": asdict(run.configuration),
        "genesis_hash": run.genesis_hash.hex(),
        "state_hash": None if head is None else head.state_hash.hex(),
        "engines": run.engines,
        "lineage": [
            {"run": source, "first": first, "last": None if source == run.id else last}
            for source, first, last in store.lineage(run)
        ],
        "children": [standing_of(each) for each in browsing.standings(parent=run.id, limit=_CHILDREN_MAX)],
        "holder": lease.holder,
        "problem": lease.problem,
        "events": store.total_events(run),
        "snapshots": len(store.snapshot_ticks(run)),
        "late_inputs": store.late_inputs(run),
    }


@router.get("/api/runs/{run}/density")
async def density(
    run: Found, using: Using, first: First = 0, last: Last = None, bins: Annotated[int, Query(ge=1, le=4000)] = 400
) -> Density:
    """Count the events of a stretch of ticks, in bins of equal width: the shape of a line of time."""
    histories = using.histories
    low, high = span(first, last, await histories.head(run))
    width = max(1, -(-(high - low + 1) // bins))
    counts = await histories.quick.do(lambda: histories.browsing.event_counts(run, low, high, width=width))
    return Density(first=low, last=high, width=width, events=counts)


@router.get("/api/runs/{run}/marks")
async def marks(run: Found, using: Using) -> Marks:
    """Return where a run was forked, who intervened, and which ticks have a snapshot."""
    histories = using.histories

    def found() -> dict[str, Any]:
        forks = [standing_of(each) for each in histories.browsing.standings(parent=run.id, order="oldest")]
        return {
            "forks": [{"tick": fork["fork_tick"], "run": fork["run"], "name": fork["name"]} for fork in forks],
            "interventions": [_told(given) for _, given in using.store.interventions(run)][:_INTERVENTIONS_MAX],
            "snapshots": using.store.snapshot_ticks(run),
        }

    return Marks(**await histories.quick.do(found))


def _told(given: Input) -> dict[str, Any]:
    what = {name: value for name, value in given.answer.items() if name not in ("by", "why")}
    return {
        "tick": given.effect_tick, "agent": given.key.agent, "by": given.answer.get("by") or "",
        "why": given.answer.get("why") or "", "what": what, "asked_tick": given.key.asked_tick, "call": given.key.call,
    }  # fmt: skip
