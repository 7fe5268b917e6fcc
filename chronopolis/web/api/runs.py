"""Runs: which there are, what one is made of, where it stands."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from chronopolis.web.api.models import Health, RunBrief, RunDetail
from chronopolis.web.api.parameters import Found
from chronopolis.web.services import Using
from domain.advance import Header
from domain.configuration import RELEASE
from domain.ports import Lease, Run

router = APIRouter(tags=["runs"])

Standing = tuple[Run, Lease, Header | None]


def brief(run: Run, lease: Lease, head: Header | None) -> dict[str, Any]:
    """Return a run as `polis runs --json` lists it, its parent besides."""
    return {
        "run": run.id,
        "name": run.name,
        "status": lease.status,
        "head_tick": -1 if head is None else head.tick,
        "head_hash": None if head is None else head.chain_hash.hex(),
        "target": lease.target,
        "agents": run.configuration.agents,
        "seed": run.seed,
        "mind": run.configuration.mind,
        "parent": run.parent,
        "fork_tick": run.fork_tick,
        "created_at": run.created_at,
    }


def version_of(run: Run) -> str:
    """Return what tells a run from any other that ever had its name: part of addresses that may be kept for ever."""
    return f"{run.id}-{run.genesis_hash[:4].hex()}-{run.created_at[:19].translate(_DIGITS)}"


_DIGITS = {ord(c): None for c in "-:T+ "}


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
    found: list[Standing] = await using.histories.quick.do(using.store.runs)
    if sort == "newest":
        found = found[::-1]
    elif sort == "name":
        found = sorted(found, key=lambda each: each[0].name)
    return [RunBrief(**brief(*each)) for each in found[:limit]]


@router.get("/api/runs/{run}")
async def one_run(run: Found, using: Using) -> RunDetail:
    """Return what a run is made of, where it stands, and what was forked from it."""
    return RunDetail(**await using.histories.quick.do(lambda: _detail(using.store, run)))


def _detail(store: Any, run: Run) -> dict[str, Any]:
    lease, head = store.lease(run), store.head(run)
    return brief(run, lease, head) | {
        "version": version_of(run),
        "configuration": asdict(run.configuration),
        "genesis_hash": run.genesis_hash.hex(),
        "state_hash": None if head is None else head.state_hash.hex(),
        "engines": run.engines,
        "lineage": [
            {"run": source, "first": first, "last": None if source == run.id else last}
            for source, first, last in store.lineage(run)
        ],
        "children": [brief(*each) for each in store.runs() if each[0].parent == run.id],
        "holder": lease.holder,
        "problem": lease.problem,
        "events": store.total_events(run),
        "snapshots": len(store.snapshot_ticks(run)),
        "late_inputs": store.late_inputs(run),
    }
