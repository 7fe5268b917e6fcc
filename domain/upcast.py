"""Upcasters: bring events of earlier schema versions to today's, on reading and never in the store.

Hashes cover the stored bytes, so evolution can't break them. To change a kind: raise its `version` and
`CATALOGUE_VERSION`, add the new catalogue to `VERSIONS_BY_CATALOGUE`, and register a pure function
`upcast_v1_v2` here. They are applied in turn, by whatever folds events or reads them for people. SQL and Parquet
show what is stored: a view of a kind with two versions asks `ticks.catalogue` which one a row is of. None changes an
event's kind or whose it is: events are chosen by both before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from domain.errors import UnknownEventKind
from domain.events import CATALOGUE_VERSION, KIND_BY_NUMBER, VERSIONS_BY_CATALOGUE, EventBatch

Upcaster = Callable[[np.void, bytes], tuple[np.void, bytes]]
"""Takes a record (a copy, to change) and its payload in one version; returns both in the next."""

UPCASTERS: dict[tuple[int, int], Upcaster] = {}
"""(kind number, version that it takes) → function. Empty while every kind is at version 1."""


def current_versions() -> dict[int, int]:
    """Return kind number → version in this release."""
    return {number: kind.version for number, kind in KIND_BY_NUMBER.items()}


def to_current(events: EventBatch, catalogue: int) -> EventBatch:
    """Return stored events as today's definitions have them, upcast if an earlier catalogue wrote them.

    Raises
    ------
    UnknownEventKind
        If a later release wrote them.
    """
    if catalogue == CATALOGUE_VERSION:
        return events
    if catalogue not in VERSIONS_BY_CATALOGUE:
        raise UnknownEventKind("of catalogue", catalogue)
    return upcast(events, VERSIONS_BY_CATALOGUE[catalogue])


def upcast(
    batch: EventBatch,
    versions: Mapping[int, int],
    *,
    upcasters: Mapping[tuple[int, int], Upcaster] | None = None,
    current: Mapping[int, int] | None = None,
) -> EventBatch:
    """Return a batch in today's schema versions; the same object if it is in them already.

    Parameters
    ----------
    batch : EventBatch, as stored
    versions : kind number → schema version in which the batch was written
    upcasters, current : in place of this release's own, for tests

    Raises
    ------
    UnknownEventKind
        If a kind or a version is not known here, or no upcaster leads on from it.
    """
    upcasters = UPCASTERS if upcasters is None else upcasters
    current = current_versions() if current is None else current
    present = [int(k) for k in np.unique(batch.records["kind"])]
    for kind in present:
        if kind not in current or kind not in versions or versions[kind] > current[kind]:
            raise UnknownEventKind(kind, versions.get(kind))
    old = [kind for kind in present if versions[kind] < current[kind]]
    if not old:
        return batch
    records = batch.records.copy()
    payloads = [batch.payload(i) for i in range(len(batch))]
    for i in np.flatnonzero(np.isin(records["kind"], old)):
        kind = int(records["kind"][i])
        for version in range(versions[kind], current[kind]):
            step = upcasters.get((kind, version))
            if step is None:
                raise UnknownEventKind(kind, version)
            records[i], payloads[i] = step(records[i].copy(), payloads[i])
    return EventBatch.of(records, ((i, p) for i, p in enumerate(payloads) if p))
