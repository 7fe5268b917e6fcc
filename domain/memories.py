"""Memories as events tell of them."""

from __future__ import annotations

import json

import numpy as np

from domain.errors import UnknownEventKind
from domain.events import MEMORY_FORGOTTEN, MEMORY_FORMED, EventBatch
from domain.ports import Memory

KINDS_OF_MEMORY = ("observation", "conversation", "reflection", "plan")
"""By code, as `MemoryFormed` has it in `detail`."""


def memories_in(batch: EventBatch) -> tuple[list[Memory], list[tuple[str, int]]]:
    """Return the memories formed in a batch of events, and (id, tick) of those forgotten in it, in order.

    Raises
    ------
    UnknownEventKind
        If a memory is of a kind that this release does not have.
    """
    records, formed, forgotten = batch.records, [], []
    made, lost = MEMORY_FORMED.number, MEMORY_FORGOTTEN.number
    for i in np.flatnonzero(np.isin(records["kind"], [made, lost])).tolist():
        tick, ordinal, agent = (int(records[name][i]) for name in ("tick", "ordinal", "agent"))
        payload = json.loads(batch.payload(i))
        if records["kind"][i] == lost:
            forgotten.append((str(payload["memory"]), tick))
            continue
        code, importance = int(records["detail"][i]) >> 16, int(records["detail"][i]) & 0xFFFF
        if not 0 <= code < len(KINDS_OF_MEMORY):
            raise UnknownEventKind(f"{MEMORY_FORMED.name} of memory kind {code}")
        memory = Memory(
            id=f"{tick}:{ordinal}",
            agent=agent,
            born=tick,
            forgotten=None,
            importance=importance,
            kind=KINDS_OF_MEMORY[code],
            text=str(payload["text"]),
            cites=tuple(payload.get("cites") or ()),
        )
        formed.append(memory)
    return formed, forgotten
