"""Lineage: which run was forked from which, as trees."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from chronopolis.forking import fork_told
from chronopolis.standing import DAMAGED
from domain.advance import Header
from domain.errors import CorruptHistory
from domain.ports import DamagedRun, EventStore, Lease, Run

_OF_A_FORK = ("parent", "forked_at", "changed", "interventions")


def family_tree(store: EventStore, of: Run | None = None) -> list[dict[str, Any]]:
    """Return the trees of all runs, or the one that a run is in.

    Returns
    -------
    list of dict, each {"run", "name", "status", "head_tick", "head_hash", "target", "here", "damage", "parent",
        "forked_at", "changed", "interventions", "children"}; from "parent" on they are None for a run that is no fork,
        and so is of a damaged one what can't be told, and what a fork changed if its parent is damaged. A run whose
        parent can't be its parent begins a tree.
    """
    sound = {each[0].id: each for each in store.runs()}
    known: dict[int, Run | DamagedRun] = {number: each[0] for number, each in sound.items()}
    known |= {each.id: each for each in store.damaged_runs()}
    children: dict[int | None, list[Run | DamagedRun]] = {}
    for number in sorted(known):
        children.setdefault(_parent_of(known[number], known), []).append(known[number])

    def node(run: Run | DamagedRun) -> dict[str, Any]:
        told = _damaged(run, known) if isinstance(run, DamagedRun) else _told(store, *sound[run.id], known)
        below = [node(each) for each in children.get(run.id, [])]
        return {"run": run.id, "name": run.name, "here": of is not None and run.id == of.id, **told, "children": below}

    def root_of(run: Run) -> int:
        number: int | None = run.id
        while number is not None:
            root, number = number, _parent_of(known[number], known)
        return root

    return [node(each) for each in children.get(None, []) if of is None or each.id == root_of(of)]


def _parent_of(run: Run | DamagedRun, known: dict[int, Run | DamagedRun]) -> int | None:
    """Return the parent of a run that was there before it: every other would lead round and round, or nowhere."""
    return run.parent if run.parent in known and run.parent < run.id else None


def _told(
    store: EventStore, run: Run, lease: Lease, head: Header | None, known: dict[int, Run | DamagedRun]
) -> dict[str, Any]:
    of_fork: dict[str, Any] = dict.fromkeys(_OF_A_FORK)
    if run.parent is not None:
        of_fork |= _origin(run, known)
        with suppress(CorruptHistory):  # of its parent or its events, for those who ask for them
            fork = fork_told(store, run)
            of_fork = {name: fork[name] for name in _OF_A_FORK}
    return {
        "status": lease.status,
        "head_tick": -1 if head is None else head.tick,
        "head_hash": None if head is None else head.chain_hash.hex(),
        "target": lease.target,
        "damage": None,
        **of_fork,
    }


def _damaged(run: DamagedRun, known: dict[int, Run | DamagedRun]) -> dict[str, Any]:
    unknown = dict.fromkeys(("head_tick", "head_hash", "target"))
    origin = dict.fromkeys(_OF_A_FORK) | _origin(run, known)
    return {"status": DAMAGED, **unknown, "damage": run.because, **origin}


def _origin(run: Run | DamagedRun, known: dict[int, Run | DamagedRun]) -> dict[str, Any]:
    parent = None if run.parent is None else known.get(run.parent)
    return {"parent": None if parent is None else parent.name, "forked_at": run.fork_tick}
