"""What the memories in a difference say: state keeps their addresses, the words are in the events."""

from __future__ import annotations

import json
from typing import Any

from domain.events import EventBatch
from domain.ports import HistoryReader, Run
from replay.diff_result import Difference

MOST = 200
"""So many are looked up at most: each may lie in another part of the history."""


def tell_memories(
    reader: HistoryReader, found: Difference, entries: list[dict[str, Any]], *, most: int = MOST
) -> list[dict[str, Any]]:
    """Put the text beside each memory that entries of a difference name, the first `most` of either side.

    Parameters
    ----------
    reader : HistoryReader
    found : the difference
    entries : as `found.entries` returns them; changed, and returned
    """
    told = [entry for entry in entries if (entry["area"], entry["what"]) == ("minds", "memories")]
    for side, run in (("a", found.a), ("b", found.b)):
        addresses = [str(kept["memory"]) for entry in told for kept in entry[side]][:most]
        texts = _texts(reader, run, set(addresses)) if addresses else {}
        for entry in told:
            entry[side] = [
                kept | {"text": texts[kept["memory"]]} if kept["memory"] in texts else kept for kept in entry[side]
            ]
    return entries


def _texts(reader: HistoryReader, run: Run, addresses: set[str]) -> dict[str, str | None]:
    places = sorted((int(tick), int(ordinal)) for tick, ordinal in (address.split(":") for address in addresses))
    with reader.lookup(run) as lookup:
        events: EventBatch = lookup.at(places)
    ticks, ordinals = events.records["tick"].tolist(), events.records["ordinal"].tolist()
    payloads = [json.loads(events.payload(i) or b"{}") for i in range(len(events))]
    return {f"{t}:{o}": told.get("text") for t, o, told in zip(ticks, ordinals, payloads, strict=True)}
