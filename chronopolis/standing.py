"""Where runs stand, as `polis runs --json`, `/api/runs` and `chronopolis.runs` list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `polis --help` loads has to be light
    from domain.advance import Header
    from domain.ports import DamagedRun, Lease, Run
    from workers.bootstrap import Standing

DAMAGED = "damaged"
"""The status of a run of which it can't be told where it stands; no lease has it."""


def standing(run: Run, lease: Lease, head: Header | None) -> dict[str, Any]:
    """Return who a run is and how far it has come."""
    return standing_at(run, lease, -1 if head is None else head.tick, None if head is None else head.chain_hash)


def standing_at(run: Run, lease: Lease, head_tick: int, head_hash: bytes | None) -> dict[str, Any]:
    """Return the same where tick and chain hash of the head are known, -1 and None before the first tick."""
    return {
        "run": run.id,
        "name": run.name,
        "status": lease.status,
        "head_tick": head_tick,
        "head_hash": None if head_hash is None else head_hash.hex(),
        "target": lease.target,
        "agents": run.configuration.agents,
        "seed": run.seed,
        "mind": run.configuration.mind,
        "parent": run.parent,
        "fork_tick": run.fork_tick,
        "created_at": run.created_at,
        "damage": None,
    }


def standing_of(each: Standing | DamagedRun) -> dict[str, Any]:
    """Return the same of one of a list of runs: of a damaged one what can't be told is None, and `damage` says why."""
    from domain.ports import DamagedRun

    if not isinstance(each, DamagedRun):
        return standing_at(each.run, each.lease, each.head_tick, each.head_hash)
    return {
        "run": each.id,
        "name": each.name,
        "status": DAMAGED,
        **dict.fromkeys(("head_tick", "head_hash", "target", "agents")),
        "seed": each.seed,
        "mind": None,
        "parent": each.parent,
        "fork_tick": each.fork_tick,
        "created_at": each.created_at,
        "damage": each.because,
    }
