"""A run as a folder of Parquet files, for DuckDB, polars and whatever else reads them.

::

    <folder>/
    ├── manifest.json                        which run, which ticks, the head's hash, how many rows of what
    ├── run.json                             what the run is made of
    ├── views.sql                            the same views as in Postgres, for DuckDB
    ├── events/kind=AgentMoved/block=0/…     events of a kind, so many ticks a block
    ├── ticks.parquet
    ├── answers.parquet                      who gave each answer of a mind, and what it cost
    ├── deliberations.parquet                the same, with prompt and answer
    ├── samples.parquet                      the living at every hundredth tick, as far as they are rolled up
    └── measures.parquet                     as far as they are computed

Lineage is resolved: a fork's folder holds what it reads of its ancestors too. Everything is written to a folder beside
and renamed, so that a folder of that name is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.configuration import RELEASE
from domain.events import KIND_BY_NUMBER, KINDS, EventKind
from domain.ports import Run
from infrastructure.asking import Analyst, AnswerColumn
from infrastructure.duckdb_views import views_sql
from infrastructure.event_tables import gathered, schema_of_kind, table_of_kind
from infrastructure.export_folder import made_whole
from infrastructure.postgres_store import PostgresStore

FORMAT = 1
_BLOCK_EVENTS = 1_000_000  # about as many as a stretch of the store
_TABLES = {
    "ticks": "SELECT * FROM ticks WHERE tick BETWEEN {first} AND {last} ORDER BY tick",
    "deliberations": "SELECT * FROM deliberations WHERE asked_tick BETWEEN {first} AND {last} "
    "ORDER BY asked_tick, agent, purpose, call",
    "answers": "SELECT * FROM answers WHERE asked_tick BETWEEN {first} AND {last} "
    "ORDER BY asked_tick, agent, purpose, call",
    "samples": "SELECT * FROM samples WHERE tick BETWEEN {first} AND {last} ORDER BY tick, agent",
    "measures": "SELECT * FROM measures WHERE tick BETWEEN {first} AND {last} ORDER BY name, tick",
}
_HOUR_S = 3_600.0

Progress = Callable[[int, int], None]


def export_run(
    store: PostgresStore,
    run: Run,
    folder: Path,
    *,
    first: int = 0,
    last: int | None = None,
    overwrite: bool = False,
    on_progress: Progress | None = None,
    on_rows: Callable[[str, int], None] | None = None,
) -> dict[str, Any]:
    """Write ticks first … last of a run to a folder and return its manifest.

    Parameters
    ----------
    folder : must not be there, or be empty; with `overwrite` an earlier export may be
    on_progress : told how many ticks are done and how many there are, less one each
    on_rows : told of each further table how many of its rows are written

    Raises
    ------
    ExportRefused
        If there is something else in the folder.
    ExportFailed
        If the disk is full or may not be written; nothing is left behind.
    BeyondHead
    """
    head = store.head(run)
    last = run.require_range(first, last, head=head)
    assert head is not None, "a run without a tick has no range"
    folder = folder.absolute()
    with (
        made_whole(folder, overwrite=overwrite) as new,
        Analyst(store.database, run.name, timeout_s=_HOUR_S) as analyst,
    ):
        block = _block_ticks(store.total_events(run), head.tick + 1)
        counts = _write_events(store, run, new, first=first, last=last, block=block, on_progress=on_progress)
        tables = {name: _write_table(analyst, new, name, first, last, on_rows) for name in _TABLES}
        rows = {name: n for name, n in tables.items() if n is not None}
        manifest = {
            "format": FORMAT,
            "run": run.name,
            "number": run.id,
            "first_tick": first,
            "last_tick": last,
            "head_hash": store.headers(run, last, last).at(0).chain_hash.hex(),
            "block_ticks": block,
            "events": sum(counts.values()),
            "kinds": counts,
            "rows": rows,
            "release": RELEASE,
        }
        (new / "run.json").write_text(json.dumps(_about(store, run), indent=1, ensure_ascii=False) + "\n")
        (new / "views.sql").write_text(views_sql(run, tables=tuple(rows)))
        (new / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest | {"folder": str(folder), "bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())}


def _about(store: PostgresStore, run: Run) -> dict[str, Any]:
    read = store.lineage(run)
    names = {number: store.find(str(number)).name for number in {run.parent or run.id, *(s for s, _, _ in read)}}
    lineage = [{"run": names[s], "first_tick": a, "last_tick": b} for s, a, b in read]
    for segment in lineage:
        if segment["last_tick"] == 2**31 - 1:
            segment["last_tick"] = None
    return {
        "run": run.name, "number": run.id, "seed": run.seed, "configuration": asdict(run.configuration),
        "genesis_hash": run.genesis_hash.hex(), "rules_version": run.rules_version,
        "state_version": run.state_version, "hashing_version": run.hashing_version,
        "parent": names[run.parent] if run.parent else None, "fork_tick": run.fork_tick, "lineage": lineage,
        "engines": run.engines, "created_at": run.created_at,
    }  # fmt: skip


# -- events ------------------------------------------------------------------------------------------


def _block_ticks(events: int, ticks: int) -> int:
    """Return how many ticks have about `_BLOCK_EVENTS` events: one, two or five times a power of ten."""
    wanted = max(1.0, _BLOCK_EVENTS * ticks / max(1, events))
    power = 10 ** int(np.log10(wanted))
    return int(power * max(step for step in (1, 2, 5) if step * power <= wanted))


def _write_events(
    store: PostgresStore, run: Run, new: Path, *, first: int, last: int, block: int, on_progress: Progress | None
) -> dict[str, int]:
    """Write the events, a folder a kind and block of ticks, and return how many of each kind."""
    files = _Files(new / "events")
    counts = {kind.name: 0 for kind in KINDS}
    for events in gathered(store.read(run, first, last)):
        ticks = events.records["tick"]
        for number in range(int(ticks[0]) // block, int(ticks[-1]) // block + 1):
            start, stop = np.searchsorted(ticks, [number * block, (number + 1) * block])
            part = events.slice(int(start), int(stop))
            for kind_number in np.unique(part.records["kind"]):
                kind = KIND_BY_NUMBER[int(kind_number)]
                positions = np.flatnonzero(part.records["kind"] == kind_number)
                files.write(kind, number, table_of_kind(kind, part, positions))
                counts[kind.name] += len(positions)
        if on_progress is not None:
            on_progress(int(ticks[-1]) - first, last - first)
    files.close()
    for kind in KINDS:
        if not counts[kind.name]:  # a view finds its columns even so
            files.write(kind, first // block, schema_of_kind(kind.number).empty_table())
    files.close()
    return counts


class _Files:
    """The files being written: those of one block of ticks, a kind each."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._block = folder, -1
        self._open: dict[int, pq.ParquetWriter] = {}

    def write(self, kind: EventKind, block: int, table: pa.Table) -> None:
        if block != self._block:
            self.close()
            self._block = block
        if kind.number not in self._open:
            folder = self._folder / f"kind={kind.name}" / f"block={block}"
            folder.mkdir(parents=True, exist_ok=True)
            self._open[kind.number] = pq.ParquetWriter(folder / "0.parquet", table.schema, compression="zstd")
        self._open[kind.number].write_table(table)

    def close(self) -> None:
        for writer in self._open.values():
            writer.close()
        self._open = {}


# -- tables of their own -----------------------------------------------------------------------------

_ARROW = {
    "int2": pa.int16(), "int4": pa.int32(), "int8": pa.int64(), "float8": pa.float64(), "numeric": pa.float64(),
    "bool": pa.bool_(), "timestamptz": pa.timestamp("us", "UTC"), "int4[]": pa.list_(pa.int32()),
    "text[]": pa.list_(pa.string()),
}  # fmt: skip


def _write_table(
    analyst: Analyst, new: Path, name: str, first: int, last: int, on_rows: Callable[[str, int], None] | None
) -> int | None:
    """Write the rows of a view as they come; None if the schema has no such view."""
    there = [row for chunk in analyst.ask(f"SELECT to_regclass('polis_run.{name}')::text") for row in chunk]
    if there == [(None,)]:
        return None
    answer, count = analyst.ask(_TABLES[name].format(first=first, last=last)), 0
    chunks = iter(answer)
    rows = next(chunks, [])
    schema = _schema(answer.columns)
    at_once = 2_000 if "prompt" in schema.names else 50_000  # prompts are long
    with pq.ParquetWriter(new / f"{name}.parquet", schema, compression="zstd") as writer:
        while True:
            chunk = next(chunks, None)
            if chunk is None or len(rows) >= at_once:
                writer.write_table(_table(rows, schema))
                count += len(rows)
                rows = []
                if on_rows is not None:
                    on_rows(name, count)
            if chunk is None:
                return count
            rows += chunk


def _schema(columns: tuple[AnswerColumn, ...]) -> pa.Schema:
    return pa.schema([(c.name, _ARROW.get(c.type, pa.string())) for c in columns])


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    return pa.Table.from_arrays(
        [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )
