"""Compare the events of a tick: the first that differs, and in which columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.events import EVENT_DTYPE, EventBatch, as_json


def first_differing(a: EventBatch, b: EventBatch) -> tuple[int, list[str]] | None:
    """Return the ordinal of the first event that differs and its differing columns; None if all are the same.

    Where one side has no event of that ordinal there are no columns to name.
    """
    if a.hash() == b.hash():
        return None
    n = min(len(a), len(b))
    differing = np.flatnonzero(a.records[:n] != b.records[:n])
    at = int(differing[0]) if len(differing) else n
    for i in range(at):
        if a.payload(i) != b.payload(i):
            at = i
            break
    columns = []
    if at < n:
        columns = [c for c in EVENT_DTYPE.names or () if a.records[c][at] != b.records[c][at]]
        if a.payload(at) != b.payload(at):
            columns.append("payload")
    return at, columns


def event_at(batch: EventBatch, at: int) -> dict[str, Any] | None:
    """Return an event as people read it, None if there is none."""
    return as_json(batch.records[at], batch.payload(at)) if at < len(batch) else None
