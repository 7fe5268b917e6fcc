"""Forks and interventions, for the command, the Python API and the web alike: plain values in, plain values out."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import Any

import replay
from chronopolis.names import memorable_name
from domain.errors import RunExists
from domain.ports import EventStore, Run
from domain.scenario import changes_between
from replay.scenario import scenarios_of


def make_fork(
    store: EventStore,
    run_name: str,
    *,
    at: int | None = None,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    interventions: Sequence[Mapping[str, Any]] = (),
    by: str = "",
    why: str = "",
    ticks: int | None = None,
) -> dict[str, Any]:
    """Fork a run and return what `polis fork --json` says.

    Parameters
    ----------
    store : EventStore
    run_name : the parent's name, id, or the unique beginning of its name
    at : the last tick that both share; the parent's newest if left out
    name : of the child; a memorable one if left out
    settings, seed, interventions, by, why : as `replay.fork` has them
    ticks : how far beyond the fork the child is to go; to its parent's target if left out

    Returns
    -------
    dict, {"run", "name", "parent", "forked_at", …}

    Raises
    ------
    UnknownRun, RunExists, BeyondHead, InvalidConfiguration, InvalidInput, OtherRules
    """
    parent = store.find(run_name)
    head = store.head(parent)
    newest = -1 if head is None else head.tick
    tick = max(newest, 0) if at is None else at
    given = {
        "at": tick, "settings": settings, "seed": seed, "interventions": interventions,
        "by": by or getpass.getuser(), "why": why, "target": None if ticks is None else tick + ticks,
    }  # fmt: skip
    child = _named(store, parent, name, given)
    return _told(store, parent, child) | {"interventions": len(interventions)}


def _named(store: Any, parent: Run, name: str | None, given: dict[str, Any]) -> Run:
    if name is not None:
        return replay.fork(store, parent, name=name, **given)
    while True:
        try:
            return replay.fork(store, parent, name=memorable_name(store.names()), **given)
        except RunExists:  # another polis drew it in this very moment
            continue


def _told(store: EventStore, parent: Run, child: Run) -> dict[str, Any]:
    assert child.fork_tick is not None
    at = child.fork_tick
    head = store.head(child)
    return {
        "run": child.id,
        "name": child.name,
        "parent": parent.name,
        "parent_run": parent.id,
        "forked_at": at,
        "head_hash": None if head is None else head.chain_hash.hex(),
        "target": store.lease(child).target,
        "changed": changes_between(*(scenarios_of(store, run).at(at + 1) for run in (parent, child))),
    }


__all__ = ["make_fork"]
