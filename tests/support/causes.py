"""Causes found the plain way, to compare with: every event read, every link of it asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from domain.ports import EventStore, Run
from replay.all_links import links_of
from replay.link import Link
from replay.timelines import Event, Place, Timelines, place_of


@contextmanager
def looking(store: EventStore, run: Run) -> Iterator[Timelines]:
    """Lend the timelines of a run."""
    head = store.head(run)
    assert head is not None
    with store.lookup(run) as lookup:
        yield Timelines(store, run, lookup, head.tick)


def everything(store: EventStore, run: Run, first: int = 0, last: int = 10**6) -> list[Event]:
    """Return the events of some ticks, in order."""
    return [event for batch in store.read(run, first, last) for event in batch]


def all_links(look: Timelines, events: list[Event]) -> dict[Place, list[Link]]:
    """Return what each of these events rests on."""
    return {place_of(event): links_of(event, look) for event in events}


def nodes(tree: list[dict[str, Any]], side: str) -> Iterator[dict[str, Any]]:
    """Yield all nodes of a tree of causes or effects."""
    for node in tree:
        yield node
        yield from nodes(node.get(side, []), side)
