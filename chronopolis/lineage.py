"""Lineage: which run was forked from which, as trees."""

from __future__ import annotations

from typing import Any

from chronopolis.forking import fork_told
from domain.advance import Header
from domain.ports import EventStore, Lease, Run


def family_tree(store: EventStore, of: Run | None = None) -> list[dict[str, Any]]:
    """Return the trees of all runs, or the one that a run is in.

    Returns
    -------
    list of dict, each {"run", "name", "status", "head_tick", "head_hash", "target", "here", "parent", "forked_at",
        "changed", "interventions", "children"}; from "parent" on they are None for a run that is no fork
    """
    found = store.runs()
    children: dict[int | None, list[tuple[Run, Lease, Header | None]]] = {}
    for each in found:
        children.setdefault(each[0].parent, []).append(each)

    def node(run: Run, lease: Lease, head: Header | None) -> dict[str, Any]:
        told: dict[str, Any] = dict.fromkeys(("parent", "forked_at", "changed", "interventions"))
        if run.parent is not None:
            told = {name: value for name, value in fork_told(store, run).items() if name in told}
        return {
            "run": run.id,
            "name": run.name,
            "status": lease.status,
            "head_tick": -1 if head is None else head.tick,
            "head_hash": None if head is None else head.chain_hash.hex(),
            "target": lease.target,
            "here": of is not None and run.id == of.id,
            **told,
            "children": [node(*each) for each in children.get(run.id, [])],
        }

    def root_of(run: Run) -> int:
        by_id = {each[0].id: each[0] for each in found}
        while run.parent is not None:
            run = by_id[run.parent]
        return run.id

    roots = children.get(None, [])
    return [node(*each) for each in roots if of is None or each[0].id == root_of(of)]
