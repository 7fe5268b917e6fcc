"""Runs of a database as an archive; `infrastructure/archive_file.py` says what that is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import BigInteger, DateTime, Integer, LargeBinary, SmallInteger, Table, select, union
from sqlalchemy.dialects.postgresql import JSONB

from domain.errors import CorruptHistory
from domain.ports import Run
from infrastructure import schema
from infrastructure.archive_file import ArchivedRun, empty_event_table, event_table, told_of, write_archive
from infrastructure.event_tables import gathered
from infrastructure.postgres_store import PostgresStore
from infrastructure.whole_file import folder_beside, made_whole, require_free

_ROWS_AT_ONCE = 1_000
_HOW: dict[str, Any] = {"compression": "zstd", "compression_level": 3}
_TYPES: tuple[tuple[type, pa.DataType], ...] = (
    (SmallInteger, pa.int16()), (BigInteger, pa.int64()), (Integer, pa.int32()), (LargeBinary, pa.large_binary()),
    (DateTime, pa.timestamp("us", "UTC")),
)  # fmt: skip

Progress = Callable[[str, int, int], None]


def archive_runs(
    store: PostgresStore,
    runs: Sequence[Run],
    file: Path,
    *,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Write runs, with what they read of their ancestors, to one file, and return what is in it.

    Parameters
    ----------
    runs : each as far as it has come; they may go on meanwhile
    overwrite : whether the file may be there already
    on_progress : told of which run how many ticks of how many are written

    Returns
    -------
    {"file", "bytes", "runs": [{"name", "ticks", "head_tick", "head_hash", "events", "asked_for"}]}, ancestors first

    Raises
    ------
    BackupRefused, BackupFailed
        Nothing half written is left, and a file that was there is as it was.
    CorruptHistory
        If a header is missing.
    """
    file = file.absolute()
    require_free(file, overwrite=overwrite, option="--overwrite")
    wanted = _with_ancestors(store, runs)
    with made_whole(file, mode=0o666) as new, folder_beside(file) as folder:
        found: list[tuple[ArchivedRun, Path]] = []
        for number, (run, last) in enumerate(wanted.values()):
            part = folder / str(number)
            part.mkdir()
            found.append((_written(store, run, last, part, list(wanted), runs, on_progress), part))
        with new.open("wb") as opened:
            write_archive(opened, found)
            opened.flush()
            os.fsync(opened.fileno())
    told = [
        {
            "name": run.name, "ticks": max(0, run.last_tick - run.first_tick + 1), "head_tick": run.last_tick,
            "head_hash": run.head_hash, "events": run.events, "asked_for": run.asked_for,
        }
        for run, _ in found
    ]  # fmt: skip
    return {"file": str(file), "bytes": file.stat().st_size, "runs": told}


def _with_ancestors(store: PostgresStore, runs: Sequence[Run]) -> dict[int, tuple[Run, int]]:
    """Return all runs that are needed, ancestors first, each with the last tick that is needed of it, by its number."""
    needed: dict[int, int] = {}
    for run in runs:
        head = store.head(run)
        needed[run.id] = max(needed.get(run.id, -1), -1 if head is None else head.tick)
        for source, _, last in store.lineage(run)[:-1]:
            needed[source] = max(needed.get(source, -1), last)
        child = run
        while child.parent is not None and child.fork_tick is not None:
            # An ancestor that has no tick of its own in the lineage is part of it all the same.
            needed[child.parent] = max(needed.get(child.parent, -1), child.fork_tick)
            child = store.find(str(child.parent))
    # A parent is always made before its forks, so its number is lower.
    return {number: (store.find(str(number)), needed[number]) for number in sorted(needed)}


def _written(
    store: PostgresStore, run: Run, last: int, folder: Path, order: list[int], asked_for: Sequence[Run],
    on_progress: Progress | None,
) -> ArchivedRun:  # fmt: skip
    """Write the tables of a run's own ticks up to `last`; return what a manifest says of it."""
    first = 0 if run.fork_tick is None else run.fork_tick + 1
    lease, tables = store.lease(run), {}
    events = 0
    with pq.ParquetWriter(folder / "events.parquet", empty_event_table().schema, **_HOW) as writer:
        for batch in gathered(store.read(run, first, last)) if first <= last else ():
            writer.write_table(event_table(batch), row_group_size=len(batch))
            events += len(batch)
            if on_progress is not None:
                on_progress(run.name, int(batch.records["tick"][-1]) - first, last - first)
    tables["events"] = told_of(folder / "events.parquet", events)
    t = schema
    mine = t.inputs.c.run == run.id, t.inputs.c.asked_tick <= last
    kept = union(select(t.inputs.c.prompt).where(*mine), select(t.inputs.c.raw).where(*mine))
    queries: dict[str, tuple[Table, list[Any]]] = {
        "ticks": (t.ticks, [t.ticks.c.run == run.id, t.ticks.c.tick <= last]),
        "inputs": (t.inputs, list(mine)),
        "texts": (t.texts, [t.texts.c.run == run.id, t.texts.c.hash.in_(kept)]),
        "late_inputs": (t.late_inputs, [t.late_inputs.c.run == run.id, t.late_inputs.c.asked_tick <= last]),
        "snapshots": (t.snapshots, [t.snapshots.c.run == run.id, t.snapshots.c.tick <= last]),
    }
    for name, (table, where) in queries.items():
        tables[name] = _write_table(store, table, where, folder / f"{name}.parquet")
    head = store.headers(run, last, last) if last >= 0 else None
    if head is not None and not len(head):
        raise CorruptHistory(last, -1, f"run {run.name}: its header is missing")
    with store.database.lend() as connection:
        release = connection.execute(select(t.runs.c.release).where(t.runs.c.run == run.id)).scalar_one()
    is_wanted = any(run.id == each.id for each in asked_for)
    return ArchivedRun(
        name=run.name, seed=run.seed, configuration=run.configuration.canonical(),
        genesis_hash=run.genesis_hash.hex(), rules_version=run.rules_version, state_version=run.state_version,
        hashing_version=run.hashing_version, engines=dict(run.engines), release=release, created_at=run.created_at,
        parent=None if run.parent is None else order.index(run.parent), fork_tick=run.fork_tick,
        status=lease.status if is_wanted and lease.status != "running" else "paused", target=lease.target,
        problem=lease.problem if is_wanted else None, asked_for=is_wanted, first_tick=first, last_tick=last,
        events=events, head_hash="" if head is None else head.at(0).chain_hash.hex(), tables=tables,
    )  # fmt: skip


def _write_table(store: PostgresStore, table: Table, where: list[Any], path: Path) -> dict[str, Any]:
    """Write rows of a table without its run, as they come, and return what a manifest says of them."""
    columns = [column for column in table.columns if column.name != "run"]
    shape = pa.schema([(column.name, _type_of(column.type)) for column in columns])
    as_json = [isinstance(column.type, JSONB) for column in columns]
    query = select(*columns).where(*where).order_by(*table.primary_key.columns)
    count = 0
    with store.database.transaction() as connection, pq.ParquetWriter(path, shape, **_HOW) as writer:
        rows = connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
        for part in rows.partitions():
            turned = zip(*part, strict=True)
            values = [
                [None if v is None else json.dumps(v) for v in column] if json_wanted else column
                for column, json_wanted in zip(turned, as_json, strict=True)
            ]
            arrays = [pa.array(list(v), type=field.type) for v, field in zip(values, shape, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=shape))
            count += len(part)
    return told_of(path, count)


def _type_of(column: Any) -> pa.DataType:
    return next((arrow for kind, arrow in _TYPES if isinstance(column, kind)), pa.large_string())


__all__ = ["archive_runs"]
