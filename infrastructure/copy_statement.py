"""The COPY that takes rows for a leaf: gathered by the server into pages, or the rows of one tick each as it comes."""

from __future__ import annotations

from infrastructure.copy_binary import COPY_COLUMNS

ONE_BY_ONE = range(300, 3_001)
"""Rows of one COPY that are better written one by one: figures in docs/benchmarks (copying)."""
_COUNTS_REFERENCES = 170_000
"""From this version on, a server that gathers rows pays their square for the first thousand of a COPY."""
_COLUMNS = ", ".join(COPY_COLUMNS)


def copy_statement(leaf: str, *, one_by_one: bool = False) -> str:
    """Return the statement that takes rows for a leaf, in `COPY_COLUMNS`.

    Postgres gathers up to a thousand rows before it writes them. It gathers none where a condition has a volatile
    function in it, so rows that are to be written one by one come under one that always holds.
    """
    statement = f"COPY polis.{leaf} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
    return f"{statement} WHERE random() IS NOT NULL" if one_by_one else statement


def better_one_by_one(rows: int, server_version: int) -> bool:
    """Return whether so many rows are through sooner if the server gathers none.

    From Postgres 17 on a server remembers for each row that it gathers that it refers to the table's description, and
    equal references lie in one row of a hash: n of them cost n² (docs/decisions/0008). A row that is written by itself
    takes a record of its own in the WAL, nearly twice the bytes.

    Parameters
    ----------
    rows : of the whole COPY
    server_version : as libpq gives it, 180006 for 18.6
    """
    return rows in ONE_BY_ONE and server_version >= _COUNTS_REFERENCES
