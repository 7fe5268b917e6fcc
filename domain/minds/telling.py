"""Events told one at a time: the few of a tick that minds and interventions bring about."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.events import ABSENT, EventBatch, EventKind, empty_records, pack_cause, payload_of


class Telling:
    """Events of one tick in the order in which they are told.

    Parameters
    ----------
    tick : int
    first : ordinal of the first
    """

    def __init__(self, tick: int, first: int = 0) -> None:
        self.tick, self.first = tick, first
        self.records: list[np.void] = []
        self.payloads: list[bytes] = []

    def __len__(self) -> int:
        return len(self.records)

    def tell(
        self, kind: EventKind, agent: int, cause: int, payload: dict[str, Any] | bytes | None = None, **columns: int
    ) -> int:
        """Tell an event and return its packed address; columns that are left out are absent.

        The payload is by key, or in its canonical bytes already.
        """
        record: np.void = empty_records(1)[0]
        ordinal = self.first + len(self.records)
        record["tick"], record["ordinal"], record["kind"] = self.tick, ordinal, kind.number
        record["agent"], record["cause"] = agent, cause
        for name, value in columns.items():
            record[name] = value
        self.records.append(record)
        self.payloads.append(payload_of(**payload) if isinstance(payload, dict) else payload or b"")
        return int(pack_cause(self.tick, ordinal))

    def tell_each(self, kind: EventKind, cause: int, **columns: NDArray[np.int64]) -> None:
        """Tell one event without a payload for each row of these columns."""
        n = len(next(iter(columns.values())))
        records = empty_records(n)
        records["tick"], records["kind"], records["cause"] = self.tick, kind.number, cause
        records["ordinal"] = self.first + len(self.records) + np.arange(n)
        for name, values in columns.items():
            records[name] = values
        self.records += list(records)
        self.payloads += [b""] * n

    def batch(self) -> EventBatch:
        """Return what was told."""
        records = np.array(self.records, empty_records(0).dtype) if self.records else empty_records(0)
        return EventBatch.of(records, ((i, p) for i, p in enumerate(self.payloads) if p))


__all__ = ["ABSENT", "Telling"]
