"""`python -m benchmarks.sql`: the questions of the cookbook, asked of ten million events; writes docs/benchmarks/sql.*.

Each question is asked once with nothing rolled up, then `--repeat` times with rollups, then of an export on DuckDB. The
run is 500 agents for 20,000 ticks, flat out; it is recorded first if the home has none of that name.

python -m benchmarks.sql                                  some minutes on two cores, in a home of its own
python -m benchmarks.sql --home DIR --run ten-million     a home where that run is
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.laboratory import new_home, remove_home
from benchmarks.machine import machine
from benchmarks.samples import median
from benchmarks.tables import table
from chronopolis.cookbook import Question, questions
from domain.ports import Run
from infrastructure.asking import Analyst
from infrastructure.errors import QueryTimedOut
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from workers.bootstrap import open_rollups, open_store
from workers.rollups import refresh

_OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
_BAR_S = 2.0
_PATIENCE_S = 120.0
_POLIS = (sys.executable, "-m", "chronopolis.cli.main")
_RUN = (
    "--agents 500 --ticks 20000 --seed 11 --mind scripted --set lifespan=8000 --set adulthood=500 "
    "--set birth_interval=500 --set hunger=60 --durability group --quiet"
)
_PLAIN = {
    "How many events of each kind?": (
        "SELECT kind, count(*) FROM events GROUP BY kind",
        "SELECT kind, sum(events) FROM activity GROUP BY kind",
    ),
    "How does everybody fare, over all ticks?": (
        "SELECT avg(energy), avg(satiety), avg(company) FROM events",
        "SELECT avg(energy), avg(satiety), avg(company) FROM samples",
    ),
    "Who moves most?": (
        "SELECT agent, count(*) FROM moves GROUP BY agent ORDER BY 2 DESC LIMIT 10",
        "SELECT agent, sum(events) FROM agent_activity WHERE kind = 'AgentMoved' GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    ),
    "How did one agent fare?": ("SELECT tick, cell, energy FROM agent_history WHERE agent = 17 ORDER BY tick", None),
    "What happened in ten ticks?": (
        "SELECT * FROM events WHERE tick BETWEEN 9000 AND 9009 ORDER BY tick, ordinal", None,
    ),
}  # fmt: skip
"""Questions as one would ask them first, and as one asks them of a rollup; None where the events themselves will do."""
_SAMPLED = " samples"
"""A view that a question can only ask once something is rolled up."""


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sql", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--home", type=Path, help="keep a home, such as one where the run is")
    parser.add_argument("--run", default="ten-million")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    home = given.home or new_home()
    os.environ["POLIS_HOME"] = str(home)
    os.environ.pop("POLIS_DATABASE_URL", None)
    before = machine()
    try:
        with open_store(Settings.from_environment()) as store:
            if given.run not in store.names():
                subprocess.run([*_POLIS, "run", "--name", given.run, *_RUN.split()], check=True)
            result = {"machine": before, **_measure(store, store.find(given.run), given.repeat)}
    finally:
        if given.home is None:
            remove_home(home)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "sql.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.out / "sql.md").write_text(_page(result))
    print(_page(result))
    return 1 if _over_the_bar(result) else 0


def _over_the_bar(result: dict[str, Any]) -> list[str]:
    """Return the questions whose slowest repetition took longer than the bar."""
    return [q["question"] for q in result["questions"] if q["slowest_s"] > _BAR_S]


def _measure(store: PostgresStore, run: Run, repeat: int) -> dict[str, Any]:
    asked = {q.name: {"question": q.title, "name": q.name} for q in questions()}
    open_rollups(store).forget(run)
    for question in questions():
        if _SAMPLED not in question.sql:
            asked[question.name]["raw_s"] = _seconds(lambda q=question: _ask(store, run, q.sql))
            _say(question, asked[question.name])
    refreshed_s = _seconds(lambda: refresh(store, run))
    again_s = _seconds(lambda: refresh(store, run))
    for question in questions():
        taken = [_seconds(lambda q=question: _ask(store, run, q.sql)) for _ in range(repeat)]
        asked[question.name] |= {"rolled_up_s": median(taken), "slowest_s": max(taken)}
        _say(question, asked[question.name])
    plain = {
        title: [
            None if query is None else max(_seconds(lambda q=query: _ask(store, run, q)) for _ in range(repeat))
            for query in queries
        ]
        for title, queries in _PLAIN.items()
    }
    folder = Path(tempfile.mkdtemp(prefix="polis-x-"))
    try:
        exported = _export(run, folder / "run")
        duck = _duck(folder / "run")
        for question in questions():
            taken = [_seconds(lambda q=question: duck.execute(q.sql).fetchall()) for _ in range(repeat)]
            asked[question.name]["duckdb_s"] = median(taken)
            _say(question, asked[question.name])
        duck.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    head = store.head(run)
    return {
        "run": {
            "events": store.total_events(run),
            "ticks": 0 if head is None else head.tick,
            "bytes": store.size_bytes(run),
        },
        "refresh": {"first_s": refreshed_s, "again_s": again_s, "bytes": _rollup_bytes(store, run)},
        "export": exported,
        "questions": list(asked.values()),
        "plain": plain,
        "repeat": repeat,
        "nice": os.nice(0),
    }


def _say(question: Question, found: dict[str, Any]) -> None:
    figures = " · ".join(f"{name} {value:.2f}" for name, value in found.items() if isinstance(value, float))
    print(f"{question.name}: {figures}", file=sys.stderr, flush=True)


def _ask(store: PostgresStore, run: Run, query: str) -> None:
    """Ask as `polis sql` does, a session each; one that takes too long counts as its patience."""
    with Analyst(store.database, run.name, timeout_s=_PATIENCE_S) as analyst:
        try:
            for _ in analyst.ask(query):
                pass
        except QueryTimedOut:
            pass


def _seconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return round(time.perf_counter() - began, 4)


def _rollup_bytes(store: PostgresStore, run: Run) -> int:
    query = (
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::int8 FROM pg_class "
        "WHERE relnamespace = 'polis_rollup'::regnamespace AND relkind = 'r' AND relname LIKE '%%\\_r' || %s"
    )
    with store.database.connect() as connection:
        row = connection.execute(query, (str(run.id),)).fetchone()
    return 0 if row is None else int(row[0])


def _export(run: Run, folder: Path) -> dict[str, Any]:
    """Export in a process of its own, whose memory is its own too."""
    began = time.perf_counter()
    said = subprocess.run(
        [*_POLIS, "export", run.name, "--parquet", str(folder), "--json", "--quiet"], check=True, capture_output=True
    )
    seconds = time.perf_counter() - began
    values = json.loads(said.stdout.splitlines()[-1])
    return {
        "s": round(seconds, 2), "bytes": values["bytes"], "events": values["events"],
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }  # fmt: skip


def _duck(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET file_search_path = '{folder}'")
    connection.execute((folder / "views.sql").read_text())
    return connection


def _page(result: dict[str, Any]) -> str:
    run, rolled, export, host = result["run"], result["refresh"], result["export"], result["machine"]
    rows = [
        [
            f"[{q['question']}](../cookbook/{q['name']}.sql)",
            "–" if "raw_s" not in q else f"> {_PATIENCE_S:g}" if q["raw_s"] >= _PATIENCE_S else f"{q['raw_s']:.2f}",
            f"{q['rolled_up_s']:.2f}", f"{q['slowest_s']:.2f}", f"{q['duckdb_s']:.2f}",
        ]
        for q in result["questions"]
    ]  # fmt: skip
    plain, repeat, over = [], result["repeat"], _over_the_bar(result)
    for title, (asked, instead) in _PLAIN.items():
        asked_s, instead_s = result["plain"][title]
        better = "" if instead is None else f"`{instead}`"
        plain.append((f"{title}<br>`{asked}`", f"{asked_s:.2f}", better, "" if instead is None else f"{instead_s:.2f}"))
    head = (
        "question", "nothing rolled up, s", "rolled up, median, s", f"slowest of {repeat}, s (bar ≤ {_BAR_S:g})",
        "DuckDB, s",
    )  # fmt: skip
    return f"""# SQL on ten million events

Written by `python -m benchmarks.sql`: the questions of the [cookbook](../cookbook.md), each in a session of its own as
`polis sql` opens it, its plan and the fetching of its rows included. With nothing rolled up each was asked once, else
{repeat} times in a row; DuckDB's figure is a median. The run has
{run["events"]:,} events in {run["ticks"]:,} ticks and takes {run["bytes"] / 1e6:,.0f} MB. What has no figure under
"nothing rolled up" asks the view samples, which there is only once something is.

{table(head, rows).strip()}

{_verdict(over, len(rows))}

Not all that can be asked is. These are plain questions as one would put them first, which read the events themselves,
and what to ask instead, of a rollup; the slowest of {repeat} each:

{table(("question", "s", "instead", "s"), plain).strip()}

| what | |
|---|---:|
| rolling everything up, once | {rolled["first_s"]:.1f} s |
| the same when nothing is new | {rolled["again_s"] * 1000:.0f} ms |
| what the rollups take | {rolled["bytes"] / 1e6:,.0f} MB |
| `polis export`, interpreter and all | {export["s"]:.1f} s |
| the exported folder | {export["bytes"] / 1e6:,.0f} MB |
| most memory of the exporting process | {export["peak_rss_mb"]:,} MB |

<sub>{host["when"]}, {host["cores"]} cores of {host["model"]}, load {host["load_1min"]} before, commit
{(host["commit"] or "?")[:12]}{_beside(result)}</sub>
"""


def _beside(result: dict[str, Any]) -> str:
    """Say so if the machine had other work to do meanwhile, which came first."""
    return f"; at nice {result['nice']}, beside other work that came first" if result["nice"] else ""


def _verdict(over: list[str], n: int) -> str:
    if not over:
        return "Every question of the cookbook is within the bar, in its slowest repetition too."
    return f"{len(over)} of {n} questions are **over the bar** in their slowest repetition: {' · '.join(over)}"


if __name__ == "__main__":
    sys.exit(main())
