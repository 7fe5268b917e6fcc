"""The same question on Postgres and, over an export, on DuckDB."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from domain.ports import Run
from infrastructure.asking import Analyst
from infrastructure.postgres_store import PostgresStore


@cache
def duck(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the views of an exported folder."""
    connection = duckdb.connect()
    connection.execute(f"SET file_search_path = '{folder}'; SET threads = 1")
    connection.execute((folder / "views.sql").read_text())
    return connection


def answers(
    store: PostgresStore, run: Run, connection: duckdb.DuckDBPyConnection, query: str
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return names and rows of an answer, after seeing that both give the same."""
    with Analyst(store.database, run.name, timeout_s=60) as analyst:
        answer = analyst.ask(query)
        ours = [tuple(map(_plain, row)) for chunk in answer for row in chunk]
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    theirs = [tuple(map(_plain, row)) for row in cursor.fetchall()]
    assert names == [c.name for c in answer.columns]
    assert len(theirs) == len(ours)
    for mine, other in zip(ours, theirs, strict=True):
        assert all(map(_alike, mine, other)), f"Postgres says {mine}, DuckDB {other}"
    return names, ours


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def columns_of(store: PostgresStore, run: Run, view: str, *, without: Iterable[str] = ()) -> list[str]:
    """Return the columns of a view."""
    with Analyst(store.database, run.name) as analyst:
        answer = analyst.ask(f"SELECT * FROM {view} LIMIT 0")
        list(answer)
    return [c.name for c in answer.columns if c.name not in without]
