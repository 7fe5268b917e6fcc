"""Where runs stand, many in one query; of each that is damaged, why that can't be told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.engine import Row

from domain.configuration import Configuration
from domain.errors import CorruptHistory, InvalidConfiguration, UnknownRun
from domain.ports import DamagedRun, Lease, Run
from infrastructure.lease import ALIVE, gone
from infrastructure.leaves import require_ancestors, require_earlier

if TYPE_CHECKING:
    from infrastructure.recorded_history import RecordedHistory

_STANDINGS = """
SELECT r.*, l.status, l.target, l.epoch, l.holder, l.problem, h.tick AS head_tick, h.chain_hash AS head_hash,
       {alive} AS alive, h.tick IS NULL OR coalesce(s.low <= f.tick AND s.high > h.tick AND s.gapless, false) AS listed
FROM polis.runs r LEFT JOIN polis.leases l ON l.run = r.run
LEFT JOIN LATERAL (SELECT tick, chain_hash FROM polis.ticks t WHERE t.run = r.run ORDER BY tick DESC LIMIT 1) h ON true
LEFT JOIN LATERAL (SELECT tick FROM polis.ticks t WHERE t.run = r.run ORDER BY tick LIMIT 1) f ON true
LEFT JOIN (
    SELECT run, min(tick_first) AS low, max(tick_end) AS high,
           sum(tick_end - tick_first) = max(tick_end) - min(tick_first) AS gapless
    FROM polis.stretches GROUP BY run
) s ON s.run = r.run
WHERE :parent = 0 OR r.parent = :parent
ORDER BY {order} LIMIT :limit
"""
"""Stretches are partitions and don't overlap: as long together as from first to last, they leave nothing out."""
_ORDERS = {"oldest": "r.run", "newest": "r.run DESC", "name": "r.name"}


@dataclass(frozen=True)
class Standing:
    """A run and where it stands.

    Attributes
    ----------
    run, lease
    head_tick, head_hash : the newest tick and its chain hash; -1 and None before the first
    """

    run: Run
    lease: Lease
    head_tick: int
    head_hash: bytes | None


def standings(
    store: RecordedHistory, *, parent: int = 0, order: str = "newest", limit: int | None = None
) -> list[Standing | DamagedRun]:
    """Return runs with where they stand, all or the forks of one; a damaged one stands in its place with the reason."""
    query = text(_STANDINGS.format(alive=ALIVE, order=_ORDERS[order]))
    with store.database.lend() as connection:
        rows = connection.execute(query, {"parent": parent, "limit": limit}).all()
        # Asked anew: what a store remembers of lineages is of a time when they were whole.
        parents = {run: of for run, of in connection.execute(text("SELECT run, parent FROM polis.runs"))}
    found: list[Standing | DamagedRun] = []
    for row in rows:
        try:
            found.append(_standing(store, row, parents))
        except CorruptHistory as error:
            found.append(_damaged(row, str(error)))
        except UnknownRun:  # somebody dropped it meanwhile
            continue
    return found


def _standing(store: RecordedHistory, row: Row[Any], parents: dict[int, int | None]) -> Standing:
    run, tick, chain = run_of(row), row.head_tick, row.head_hash
    require_ancestors(run.id, parents, told=run.name)
    if row.status is None:
        raise gone(run.name)
    if not row.listed:
        lost = "polis.stretches has no row any more that says where some of its events lie"
        raise CorruptHistory(-1, -1, f"run {run.name}: {lost}")
    if tick is None and run.parent is not None:  # a fork that has not begun stands where it was forked
        head = store.head(run)
        tick, chain = (None, None) if head is None else (head.tick, head.chain_hash)
    return Standing(run, lease_of(row), -1 if tick is None else tick, None if chain is None else bytes(chain))


def _damaged(row: Row[Any], because: str) -> DamagedRun:
    made = row.created_at.isoformat(timespec="seconds")
    return DamagedRun(row.run, row.name, row.seed, row.parent, row.fork_tick, made, " ".join(because.split()))


def lease_of(row: Row[Any]) -> Lease:
    """Return the lease of a row of `leases` that says whether its writer is alive."""
    status = "running" if row.alive else ("paused" if row.status == "running" else row.status)
    return Lease(status, row.target, row.epoch, row.holder if row.alive else None, row.problem)


def run_of(row: Row[Any]) -> Run:
    """Return the run of a row of `runs`.

    Raises
    ------
    CorruptHistory
        If its configuration can't be read, or its parent came no earlier: somebody changed it, or a later release wrote
        it.
    """
    require_earlier(row.parent, row.run, told=row.name)
    try:
        values = json.loads(row.configuration)
        if not isinstance(values, dict):
            raise ValueError("it is no JSON object")
        configuration = Configuration.from_mapping(values)
    except (ValueError, RecursionError, InvalidConfiguration) as error:
        raise CorruptHistory(-1, -1, f"run {row.name}: its configuration can't be read: {error}") from None
    return Run(
        id=row.run,
        name=row.name,
        seed=row.seed,
        configuration=configuration,
        genesis_hash=bytes(row.genesis_hash),
        rules_version=row.rules_version,
        state_version=row.state_version,
        hashing_version=row.hashing_version,
        parent=row.parent,
        fork_tick=row.fork_tick,
        engines=row.engines,
        created_at=row.created_at.isoformat(timespec="seconds"),
    )
