"""Answers of SQL as people and programs want them: JSON lines, CSV, a table, frames."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chronopolis.errors import WrongUsage

if TYPE_CHECKING:
    import polars as pl

    from workers.bootstrap import AnswerColumn

Rows = Sequence[tuple[Any, ...]]

_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric", "oid"}
_TEXT_WIDTH_LEAST = 16
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but for tabs and ends of lines


def json_lines(columns: Sequence[AnswerColumn], rows: Rows) -> str:
    """Return one JSON object a row, a line each; of columns of one name the last is kept, numbered ones are all."""
    names = unique_names([c.name for c in columns])
    read = [_READERS.get(c.type, _plain) for c in columns]
    return "".join(
        json.dumps({n: f(v) for n, f, v in zip(names, read, row, strict=True)}, ensure_ascii=False) + "\n"
        for row in rows
    )


def csv_lines(rows: Rows, *, header: Sequence[AnswerColumn] = ()) -> str:
    """Return rows as CSV, after a line of names if `header` is given; NULL is empty, lists are JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(unique_names([c.name for c in header]))
    writer.writerows([_csv_value(v) for v in row] for row in rows)
    return out.getvalue()


def frame_of(columns: Sequence[AnswerColumn], chunks: Iterable[Rows]) -> pl.DataFrame:
    """Return rows as a frame. Numbers of arbitrary precision become floats, JSON stays text, bytes are hex digits."""
    import polars as pl

    frames = [chunk_frame(columns, chunk) for chunk in chunks if chunk]
    return pl.concat(frames) if frames else chunk_frame(columns, [])


def chunk_frame(columns: Sequence[AnswerColumn], rows: Rows) -> pl.DataFrame:
    """Return some rows of an answer as a frame; what has no type of its own there, such as an interval, as text.

    Raises
    ------
    WrongUsage
        If a column holds arrays of arrays, whose depth its type does not tell: polars would make nulls of them.
    """
    import polars as pl

    schema = schema_of(columns)
    for i, (name, kind) in enumerate(schema.items()):
        if isinstance(kind, pl.List) and any(isinstance(each, list) for row in rows for each in row[i] or ()):
            raise WrongUsage(f"column {name} holds arrays of arrays", f"Ask for it as text: {name}::text.")
    numbers = [i for i, c in enumerate(columns) if c.type == "numeric"]
    if numbers:  # here, since polars refuses whole numbers that take more than 128 bits
        rows = [tuple(_float(v) if i in numbers else v for i, v in enumerate(row)) for row in rows]
    odd = [i for i, kind in enumerate(schema.values()) if kind == pl.String and columns[i].type not in _TEXTS]
    if odd:
        rows = [tuple(_text(v) if i in odd else v for i, v in enumerate(row)) for row in rows]
    return pl.DataFrame(list(rows), schema=schema, orient="row", strict=False)


def schema_of(columns: Sequence[AnswerColumn]) -> dict[str, Any]:
    """Return the polars type of each column, by name."""
    import polars as pl

    kinds: dict[str, Any] = {
        "int2": pl.Int16, "int4": pl.Int32, "int8": pl.Int64, "oid": pl.Int64, "float4": pl.Float32,
        "float8": pl.Float64, "numeric": pl.Float64, "bool": pl.Boolean, "date": pl.Date,
        "timestamp": pl.Datetime("us"), "timestamptz": pl.Datetime("us", "UTC"), "int4[]": pl.List(pl.Int32),
        "int8[]": pl.List(pl.Int64), "text[]": pl.List(pl.String), "float8[]": pl.List(pl.Float64),
    }  # fmt: skip
    names = unique_names([c.name for c in columns])
    return {name: kinds.get(c.type, pl.String) for name, c in zip(names, columns, strict=True)}


def unique_names(names: Sequence[str]) -> list[str]:
    """Return names with those that come again numbered: ``count``, ``count_2``."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out


def table_of(columns: Sequence[AnswerColumn], rows: Rows, *, width: int | None = None) -> Any:
    """Return rows as a table for people; where `width` is less than it needs, each row as lines of name and value.

    A table that is squeezed folds its numbers: 1000 over two lines reads as 100.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = [replace(column, name=_inert(column.name)) for column in columns]
    told = [["" if v is None else _inert(_shown(v)) for v in row] for row in rows]
    if told and width is not None and _width_needed(columns, told) > width:
        table = Table.grid(padding=(0, 2))
        for number, row in enumerate(told, 1):
            table.add_row(Text(f"row {number:,}", style="bold"))
            for column, value in zip(columns, row, strict=True):
                table.add_row(Text(f"  {column.name}"), Text(value, overflow="fold"))
        return table
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(
            Text(column.name), justify="right" if column.type in _NUMBERS else "left", overflow="fold"
        )  # fmt: skip
    for row in told:
        table.add_row(*(Text(value) for value in row))
    return table


def _width_needed(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table has to be for names and numbers to stay whole; long text may fold."""
    longest = [max(map(len, each)) for each in zip(*rows, strict=True)]
    whole = [n if c.type in _NUMBERS else min(n, _TEXT_WIDTH_LEAST) for c, n in zip(columns, longest, strict=True)]
    return 1 + sum(3 + max(len(c.name), n) for c, n in zip(columns, whole, strict=True))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e-4 or abs(value) >= 1e12 else f"{value:.6f}".rstrip("0").rstrip(".")
    return str(_plain(value))


def _inert(text: str) -> str:
    """Return a text with control characters spelled out, as psql does: a terminal would obey them."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, int | float | str):
        return value
    return str(value)


def _parsed(value: Any) -> Any:
    return None if value is None else json.loads(value)


def _float(value: int | float | None) -> float | None:
    """Return the nearest float; what is too large for one is infinite, as it is for Postgres' own text."""
    return None if value is None else float(str(value))


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else str(value)


def _csv_value(value: Any) -> Any:
    if isinstance(value, list | bool):
        return json.dumps(_plain(value), ensure_ascii=False)
    return "" if value is None else _plain(value)


_TEXTS = ("text", "varchar", "bpchar", "name", "json", "jsonb", "bytea", "unknown")
_READERS = {"json": _parsed, "jsonb": _parsed}
