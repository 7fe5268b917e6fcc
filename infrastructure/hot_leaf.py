"""Where in a hot leaf some ticks lie.

It has no index, since a tick pays for none, and is scanned; but rows lie nearly in the order of ticks, so a bisection
over its pages says which part to scan.

Nearly: whoever reads that part counts what came, and scans the whole if anything is missing.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

_WINDOW = 8  # pages looked at together: one alone may be new and empty
_MARGIN = 64  # pages by which rows may be out of order: Postgres extends a table by no more at once


def pages_of(connection: psycopg.Connection[Any], leaf: str, first: int, last: int) -> tuple[int, int]:
    """Return (first page, page after the last) between which ticks first … last of a leaf nearly certainly lie."""
    name = sql.Identifier("polis", leaf)
    size = connection.execute(
        "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int8", (f"polis.{leaf}",)
    ).fetchone()
    pages = int(size[0]) if size else 0

    def tick_at(page: int) -> int | None:
        query = sql.SQL("SELECT min(tick) FROM {} WHERE ctid >= {} AND ctid < {}").format(
            name, sql.Literal(f"({page},0)"), sql.Literal(f"({page + _WINDOW},0)")
        )
        found = connection.execute(query).fetchone()
        return None if found is None or found[0] is None else int(found[0])

    # Where nothing is to be seen (pages that are new, or of a transaction that was rolled back) the part grows.
    low, high = 0, pages
    while high - low > _WINDOW:
        middle = (low + high) // 2
        tick = tick_at(middle)
        if tick is None or tick >= first:
            high = middle
        else:
            low = middle
    start, high, step = max(0, low - _MARGIN), low, 8 * _WINDOW
    while high < pages:  # the end lies soon after the beginning, as a rule
        high = min(pages, high + step)
        tick = tick_at(high)
        if tick is not None and tick > last:
            break
        step *= 2
    return start, min(pages, high + _MARGIN) if high < pages else pages + _MARGIN
