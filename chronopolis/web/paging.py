"""Pages of events of a few ticks, from what a cursor has in memory: where somebody looks, the next look is nearby."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chronopolis.record import taken
from domain.events import EventBatch
from replay.cursor import Cursor

NEAR_TICKS = 64
"""More ticks than these are searched by the database, which has indexes."""


def page_nearby(
    cursor: Cursor,
    ticks: Sequence[int],
    *,
    limit: int,
    kinds: Sequence[int],
    agent: int | None,
    party: int | None,
    after: tuple[int, int],
    newest_first: bool,
) -> tuple[EventBatch, tuple[int, int] | None]:
    """Return some events of ticks, as `infrastructure.event_pages` does, and where to go on.

    Parameters
    ----------
    cursor
    ticks : consecutive, in the order in which they are read: falling if the newest come first
    limit, kinds, agent, party, after, newest_first : as `Browsing.page_of_events` has them
    """
    parts: list[EventBatch] = []
    left = limit
    for tick in ticks:
        events = cursor.events(tick)
        records = events.records
        kept = np.ones(len(records), bool)
        if len(kinds):
            kept &= np.isin(records["kind"], kinds)
        if agent is not None:
            kept &= records["agent"] == agent
        if party is not None:
            kept &= (records["agent"] == party) | (records["target"] == party)
        if tick == after[0]:
            ordinals = records["ordinal"]
            kept &= ordinals < after[1] if newest_first else ordinals > after[1]
        found = np.flatnonzero(kept)
        found = found[-left:] if newest_first else found[:left]
        parts.append(events if len(found) == len(records) else taken(events, found))
        left -= len(found)
        if left == 0:
            break
    page = EventBatch.concat(reversed(parts) if newest_first else parts)
    if left or not len(page):
        return page, None
    edge = page.records[0 if newest_first else -1]
    return page, (int(edge["tick"]), int(edge["ordinal"]))
