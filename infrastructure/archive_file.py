"""The file of an archive: whole runs, with what they read of their ancestors, for another database to take in.

An uncompressed tar of

::

    manifest.json            format, release; of each run what it is made of, where it stood, and its tables
    runs/0/ticks.parquet     headers, a row a tick
    runs/0/events.parquet    events as they are stored and hashed, a row each; no tick lies in two row groups
    runs/0/inputs.parquet    answers of minds and interventions; also texts, late_inputs and snapshots
    runs/1/…                 ancestors come before those that read them

in which every table is named with its size and SHA-256. Whatever reads Parquet reads them; nothing is ever unpacked.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.configuration import HASHING_VERSION, RELEASE, STATE_VERSION, Configuration, genesis_hash, require_name
from domain.errors import InvalidConfiguration
from domain.events import EVENT_DTYPE, VERSIONS_BY_CATALOGUE, EventBatch
from domain.ports import Headers
from infrastructure.errors import ArchiveRefused

FORMAT = 1
_TABLES = ("ticks", "events", "inputs", "texts", "late_inputs", "snapshots")
_TABLES = ("ticks", "events", "inputs", "texts", "late_inputs", "snapshots")
_MANIFEST = "manifest.json"
_MANIFEST_BYTES_MAX = 64 << 20
_HASH_AT_ONCE = 1 << 20
_NAMES = EVENT_DTYPE.names or ()
_EVENTS = pa.schema(
    [*((name, pa.from_numpy_dtype(EVENT_DTYPE[name])) for name in _NAMES), ("payload", pa.large_binary())]
)
_AGAIN = "Nothing was taken in. Copy the file again, or have it made again."


@dataclass(frozen=True)
class ArchivedRun:
    """What an archive says of a run.

    Attributes
    ----------
    name, seed, configuration, genesis_hash, rules_version, state_version, hashing_version, engines, release, created_at
        As the run's row has them; the configuration as canonical JSON, the hash as hex digits.
    parent, fork_tick : the ancestor's position in the archive, and the last tick that both share; None, None
    status, target, problem : where it stood
    asked_for : whether it was, and is not there only because another one reads it
    first_tick, last_tick : of its own that the archive has; last_tick < first_tick if there are none
    events : how many these ticks have
    head_hash : chain hash of the last tick that it reads, as hex digits; "" before tick 0
    tables : by name, {"rows", "bytes", "sha256"}
    """

    name: str
    seed: int
    configuration: str
    genesis_hash: str
    rules_version: int
    state_version: int
    hashing_version: int
    engines: dict[str, Any]
    release: str
    created_at: str
    parent: int | None
    fork_tick: int | None
    status: str
    target: int
    problem: str | None
    asked_for: bool
    first_tick: int
    last_tick: int
    events: int
    head_hash: str
    tables: dict[str, dict[str, Any]]


def write_archive(file: IO[bytes], runs: list[tuple[ArchivedRun, Path]]) -> None:
    """Write runs, each with the folder of its tables, as one archive."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        told = {"format": FORMAT, "release": RELEASE, "runs": [asdict(run) for run, _ in runs]}
        text = json.dumps(told, indent=1, ensure_ascii=False).encode()
        about = tarfile.TarInfo(_MANIFEST)
        about.size = len(text)
        tar.addfile(about, io.BytesIO(text))
        for number, (run, folder) in enumerate(runs):
            for name in run.tables:
                about = tarfile.TarInfo(f"runs/{number}/{name}.parquet")
                path = folder / f"{name}.parquet"
                about.size = path.stat().st_size
                with path.open("rb") as source:
                    tar.addfile(about, source)


def told_of(path: Path, rows: int) -> dict[str, Any]:
    """Return what a manifest says of a table's file."""
    with path.open("rb") as file:
        return {"rows": rows, "bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


class ArchiveFile:
    """An archive that is read; close it.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    release : that made it
    runs : list of ArchivedRun, ancestors first

    Raises
    ------
    ArchiveRefused
        If it is none, is cut off, or was made by a later release.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._map = pa.memory_map(str(path))
        except (OSError, pa.ArrowException) as error:
            raise ArchiveRefused(path, _cannot_open(path, error)) from None
        try:
            with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
                self._places = {each.name: (each.offset_data, each.size) for each in tar if each.isfile()}
            told = self._manifest()
            self.release = str(told["release"])
            self.runs = [_archived(path, each, number) for number, each in enumerate(told["runs"])]
        except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
            self._map.close()
            raise self._none(error) from None
        except BaseException:
            self._map.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._map.close()

    def require_whole(self) -> None:
        """Compare every table with the hash that the manifest has of it.

        Raises
        ------
        ArchiveRefused
        """
        for number, run in enumerate(self.runs):
            for name, told in run.tables.items():
                digest = hashlib.sha256()
                data = memoryview(self._bytes(number, name))
                for start in range(0, len(data), _HASH_AT_ONCE):
                    digest.update(data[start : start + _HASH_AT_ONCE])
                if len(data) != told.get("bytes") or digest.hexdigest() != told.get("sha256"):
                    raise ArchiveRefused(
                        self.path, f"it is damaged: the {name} of run {run.name} are not as written", _AGAIN
                    )

    def require_known(self, number: int, headers: Headers) -> None:
        """Refuse events by definitions that this release does not have.

        Raises
        ------
        ArchiveRefused
        """
        unknown = {int(each) for each in headers.catalogues} - VERSIONS_BY_CATALOGUE.keys()
        if unknown:
            because = (
                f"run {self.runs[number].name} has events of catalogue {max(unknown)}, which a later release defines"
            )
            raise self.refusal(because, "Take it in with that release, or a later one.")

    def refusal(self, because: str, hint: str) -> ArchiveRefused:
        """Return the error that says why this file is not taken in."""
        return ArchiveRefused(self.path, because, hint)

    def rows(self, number: int, table: str) -> Iterator[list[dict[str, Any]]]:
        """Yield rows of a table of the run at that position, some hundred at a time."""
        for batch in self._parquet(number, table).iter_batches(batch_size=500):
            yield batch.to_pylist()

    def headers(self, number: int) -> Headers:
        """Return the headers of a run's own ticks."""
        found = self._parquet(number, "ticks").read()
        column = {name: found[name] for name in found.column_names}
        areas = sorted((name for name in column if name.startswith("area_")), key=column_order(found.column_names))
        return Headers(
            ticks=column["tick"].to_numpy().astype(np.int64),
            events=column["events"].to_numpy().astype(np.int64),
            catalogues=column["catalogue"].to_numpy().astype(np.int64),
            events_hash=column["events_hash"].to_pylist(),
            state_hash=column["state_hash"].to_pylist(),
            chain_hash=column["chain_hash"].to_pylist(),
            areas=np.stack([column[name].to_numpy().astype(np.int64) for name in areas], axis=1).view(np.uint64)
            if len(found) else np.empty((0, len(areas)), np.uint64),
        )  # fmt: skip

    def events(self, number: int) -> Iterator[EventBatch]:
        """Yield the stored events of a run's own ticks, in batches that hold whole ticks."""
        file = self._parquet(number, "events")
        for group in range(file.num_row_groups):
            table = file.read_row_group(group).combine_chunks()
            records = np.empty(table.num_rows, EVENT_DTYPE)
            for name in _NAMES:
                records[name] = table[name].to_numpy()
            payload = table["payload"].combine_chunks().fill_null(b"") if table.num_rows else None
            if payload is None:
                continue
            offsets = np.frombuffer(payload.buffers()[1], np.int64)[payload.offset : payload.offset + len(payload) + 1]
            data = payload.buffers()[2]
            held = b"" if data is None else data.to_pybytes()[int(offsets[0]) : int(offsets[-1])]
            yield EventBatch(records, (offsets[1:] - offsets[0]).copy(), held)

    def _parquet(self, number: int, table: str) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(pa.BufferReader(self._bytes(number, table)))
        except (pa.ArrowException, OSError) as error:
            raise ArchiveRefused(
                self.path, f"the {table} of run {self.runs[number].name} can't be read: {error}"
            ) from None

    def _bytes(self, number: int, table: str) -> pa.Buffer:
        place = self._places.get(f"runs/{number}/{table}.parquet")
        if place is None:
            raise ArchiveRefused(self.path, f"it lacks the {table} of run {self.runs[number].name}", _AGAIN)
        return self._read(*place)

    def _read(self, offset: int, size: int) -> pa.Buffer:
        self._map.seek(offset)
        found = self._map.read_buffer(size)
        if found.size != size:
            raise ArchiveRefused(self.path, "it is cut off", _AGAIN)
        return found

    def _manifest(self) -> Mapping[str, Any]:
        offset, size = self._places[_MANIFEST]
        if size > _MANIFEST_BYTES_MAX:
            raise ValueError("its manifest is too large")
        told: Mapping[str, Any] = json.loads(self._read(offset, size).to_pybytes())
        if int(told["format"]) > FORMAT:
            because = f"release {told.get('release')} made it, in a form that this release does not know"
            raise ArchiveRefused(self.path, because, "Take it in with that release, or a later one.")
        return told

    def _none(self, error: Exception) -> ArchiveRefused:
        cut = isinstance(error, tarfile.ReadError) and "unexpected end" in str(error)
        because = "it is cut off" if cut else "it is no archive of runs"
        return ArchiveRefused(self.path, because, _AGAIN if cut else "Name a file that `polis export --archive` wrote.")


def column_order(names: list[str]) -> Any:
    """Return a key that sorts names as they stand in a table."""
    return {name: k for k, name in enumerate(names)}.__getitem__


def event_table(batch: EventBatch) -> pa.Table:
    """Return stored events as they stand in an archive."""
    columns = [pa.array(np.ascontiguousarray(batch.records[name])) for name in _NAMES]
    offsets = np.concatenate([[0], batch.payload_ends]).astype(np.int64)
    payload = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(batch), [None, pa.py_buffer(offsets), pa.py_buffer(batch.payload_bytes)]
    )
    return pa.Table.from_arrays([*columns, payload], schema=_EVENTS)


def empty_event_table() -> pa.Table:
    """Return the table of no events."""
    return _EVENTS.empty_table()


def _archived(path: Path, told: Mapping[str, Any], number: int) -> ArchivedRun:
    """Return what a manifest says of a run, once it is such as could have been written here.

    Raises
    ------
    ArchiveRefused
    KeyError, TypeError, ValueError
        If it is no manifest.
    """
    run = ArchivedRun(**{name: told[name] for name in ArchivedRun.__dataclass_fields__})
    versions = {"state": run.state_version, "hashing": run.hashing_version}
    ours = {"state": STATE_VERSION, "hashing": HASHING_VERSION}
    if versions != ours:
        because = f"run {run.name} is of release {run.release}, whose states or hashes this release can't compare"
        raise ArchiveRefused(path, because, "Take it in with the release that made it.")
    try:
        require_name(run.name)
        configuration = Configuration.from_mapping(json.loads(run.configuration))
        genesis = genesis_hash(
            run.seed, configuration, rules=run.rules_version, state=run.state_version, hashing=run.hashing_version
        )
    except InvalidConfiguration as error:
        raise ArchiveRefused(path, f"run {run.name} is none that this release could read: {error}") from None
    if genesis.hex() != run.genesis_hash:
        because = f"run {run.name}: seed, configuration and versions do not have the recorded genesis hash"
        raise ArchiveRefused(path, f"it was changed: {because}", "Nothing was taken in.")
    if run.tables.keys() != set(_TABLES):
        raise ValueError("it does not name all tables")
    if run.tables.keys() != set(_TABLES):
        raise ValueError("it does not name all tables")
    if run.parent is not None and not 0 <= run.parent < number:
        raise ValueError("an ancestor comes after a run that reads it")
    return run


def _cannot_open(path: Path, error: Exception) -> str:
    if not path.exists():
        return "there is no such file"
    if path.is_dir():
        return "it is a folder"
    return getattr(error, "strerror", None) or ("it is empty" if not path.stat().st_size else str(error))


__all__ = [
    "ArchiveFile", "ArchivedRun", "empty_event_table", "event_table", "told_of",
    "write_archive",
]  # fmt: skip
