"""The COPY that takes rows: of many ticks into their leaf, or of one that somebody waits for, with marks among them.

Postgres gathers up to a thousand rows before it writes them, and remembers for each that it refers to the table's
description. Equal references lie in one row of a hash, so that n of them cost n², a millisecond at a thousand
(docs/decisions/0008). It can't be told to gather fewer, but writes what it has when a row is for a partition with a
trigger before each row. `copy_marks` is one, which takes none; a row for it is a mark.
"""

from __future__ import annotations

from infrastructure.copy_binary import COPY_COLUMNS

ROWS_A_MARK = 100
"""After how many rows of a tick there is a mark: figures in docs/benchmarks (copying)."""
_COLUMNS = ", ".join(COPY_COLUMNS)


def copy_statement(table: str = "stored_events") -> str:
    """Return the statement that takes rows, in `COPY_COLUMNS`: into a leaf, or with marks among them into any."""
    return f"COPY polis.{table} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
