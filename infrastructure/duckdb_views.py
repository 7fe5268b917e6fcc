"""The public views over an exported folder, in DuckDB's SQL: the same names and columns as in Postgres.

Paths are relative to the folder: run the file there, or ``SET file_search_path`` to it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from domain.events import CAUSE, GIVEN, KINDS, NEEDS, TAKEN, EventKind, Field
from domain.ports import Run
from infrastructure.event_tables import schema_of_kind

_MIGRATIONS = Path(__file__).parent.parent / "migrations" / "sql"
_OF_EVENTS = """\
-- holdings: what an agent holds of a good after an event that changed it
CREATE OR REPLACE VIEW holdings AS
SELECT run, tick, ordinal, agent, given_good AS good, given_holding AS holding FROM events WHERE given_good IS NOT NULL
UNION ALL
SELECT run, tick, ordinal, agent, taken_good, taken_holding FROM events WHERE taken_good IS NOT NULL
UNION ALL
SELECT run, tick, ordinal, agent, 'tool', tool_uses FROM crafts;

-- positions: where an agent is after an event that says so
CREATE OR REPLACE VIEW positions AS
SELECT run, tick, ordinal, agent, cell FROM arrivals
UNION ALL
SELECT run, tick, ordinal, agent, cell FROM moves
UNION ALL
SELECT run, tick, ordinal, agent, cell FROM births;

-- activity: how many events of a kind there were in 100 ticks
CREATE OR REPLACE VIEW activity AS
SELECT run, tick - tick % 100 AS tick, kind, count(*) AS events FROM events GROUP BY run, tick - tick % 100, kind;

-- agent_activity: how many events of a kind an agent had in 1,000 ticks
CREATE OR REPLACE VIEW agent_activity AS
SELECT run, tick - tick % 1000 AS tick, agent, kind, count(*) AS events
FROM events WHERE agent IS NOT NULL GROUP BY run, tick - tick % 1000, agent, kind;

-- footsteps: how many steps were made from a cell to another in 1,000 ticks
CREATE OR REPLACE VIEW footsteps AS
SELECT run, tick - tick % 1000 AS tick, from_cell, cell, count(*) AS steps
FROM moves GROUP BY run, tick - tick % 1000, from_cell, cell;
"""


def views_sql(run: Run, *, tables: tuple[str, ...]) -> str:
    """Return the statements that make the views of one exported run."""
    return "\n".join(_statements(run, tables))


def _statements(run: Run, tables: tuple[str, ...]) -> Iterator[str]:
    yield f"-- Views of run {run.name} over the files of this folder, for DuckDB."
    yield "-- `cd` here, then `duckdb -init views.sql`."
    yield ""
    for kind in KINDS:
        yield f"-- {kind.name}: {kind.summary}"
        yield f"CREATE OR REPLACE VIEW {kind.view} AS"
        columns = ", ".join(f'"{name}"' for name in schema_of_kind(kind.number).names)
        yield f"SELECT {run.id}::INTEGER AS run, {columns}"
        yield f"FROM read_parquet('events/kind={kind.name}/*/*.parquet');"
        yield ""
    yield "-- Every event, by the general columns."
    yield "CREATE OR REPLACE VIEW events AS"
    yield "\nUNION ALL ".join(_general(kind) for kind in KINDS) + ";"
    yield ""
    for table in tables:
        yield f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM read_parquet('{table}.parquet');"
    yield ""
    yield _OF_EVENTS
    yield from _derived().values()


def _derived() -> dict[str, str]:
    """Return the views over the views of kinds by name, each as the latest revision that has it says."""
    found = {}
    for file in sorted(_MIGRATIONS.glob("*/derived.sql")):
        for statement in file.read_text(encoding="utf-8").split("\n\n"):
            view = re.search(r"^CREATE (?:OR REPLACE )?VIEW (\w+) AS$", statement, re.MULTILINE)
            if view is not None:
                found[view[1]] = statement.strip().replace("CREATE VIEW", "CREATE OR REPLACE VIEW") + "\n"
    return found


def _general(kind: EventKind) -> str:
    """Return the SELECT that gives a kind's events the columns of the view `events`."""
    columns = [f"'{kind.name}' AS kind"]
    columns += [f"{_whole(kind, name)} AS {name}" for name in ("agent", "target", "cell", "detail")]
    own = {(f.name, f.column) for f in kind.fields}
    for prefix, fields in (("given", GIVEN), ("taken", TAKEN)):
        for part, f in zip(("good", "quantity", "holding"), fields, strict=True):
            missing = "NULL::VARCHAR" if part == "good" else "NULL::INTEGER"
            columns.append(f"{f.name if (f.name, f.column) in own else missing} AS {prefix}_{part}")
    columns += [f"{f.name if (f.name, f.column) in own else 'NULL::INTEGER'} AS {f.name}" for f in NEEDS]
    columns += [f.name for f in CAUSE]
    columns.append(f"{'payload' if kind.payload else 'NULL::VARCHAR'} AS payload")
    return f"SELECT run, tick, ordinal, {', '.join(columns)} FROM {kind.view}"


def _whole(kind: EventKind, column: str) -> str:
    """Return the stored column of a kind, put together again from its named parts."""
    parts = [f for f in kind.fields if f.column == column]
    if not parts:
        return "NULL::INTEGER"
    terms = [_number(f) if f.part in ("", "low") else f"({_number(f)} << 16)" for f in parts]
    return f"({' + '.join(terms)})::INTEGER" if len(terms) > 1 or parts[0].codes else terms[0]


def _number(f: Field) -> str:
    """Return a field's stored number: of a coded one, the code of its word."""
    if f.codes is None:
        return f.name
    codes = " ".join(f"WHEN '{code.name.lower()}' THEN {int(code)}" for code in f.codes)  # type: ignore[attr-defined]
    return f"(CASE {f.name} {codes} END)"
