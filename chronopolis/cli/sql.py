"""`polis sql`: questions in SQL, of one run or of all. Asking changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output
from chronopolis.cli.sql_answer import show_answer

LIMIT, TIMEOUT_S = 10_000, 30.0


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis sql brave-otter  # a prompt; \\d lists the views",
            "polis sql brave-otter -c 'SELECT kind, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC'",
            "polis sql brave-otter -f question.sql --json | jq .",
            "polis sql brave-otter -c 'SELECT * FROM trades' --limit 0 --parquet trades.parquet",
            "polis sql -c 'SELECT run, count(*) FROM deaths GROUP BY run'  # all runs; of a fork its own ticks",
        )
    )(sql)


def sql(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="Only this run, all of its history; if left out all runs, of a fork its own ticks.",
        ),
    ] = None,
    command: Annotated[
        list[str] | None, typer.Option("-c", "--command", metavar="QUERY", help="Ask this and leave; may be repeated.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-f", "--file", metavar="FILE", help="Ask what stands in a file; - is standard input."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a line of names.")] = False,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="Write the rows to a Parquet file.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.001, max=3_600, help="Seconds that a query may take.")
    ] = TIMEOUT_S,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Most rows of an answer; 0: all there are.")
    ] = LIMIT,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Ask history in SQL: a prompt, or the query of -c or -f.

    Reads only: the role can't write. With RUN, the views show that run alone, its ancestors' share of its history
    included. --json writes one JSON object a row. A query that takes too long is stopped, with exit code 3; one that
    the database does not take leaves with 2.
    """
    from chronopolis.cli.refreshing import take_in_a_little
    from workers.bootstrap import open_analyst, open_store

    output = Output(as_json=as_json, quiet=quiet)
    queries = _queries(command, file, formats=(as_json, as_csv, parquet is not None))
    with open_store(say=output.say) as store:
        found = None if run is None else store.find(run)
        take_in_a_little(store, found, output, queries)
        with open_analyst(store, found, timeout_s=timeout) as analyst:
            if queries is None:
                from chronopolis.cli.sql_prompt import converse
                from chronopolis.completing import require_lineages

                converse(
                    analyst, output, store.database.settings.home, run=found.name if found else "", limit=limit,
                    check=lambda query: require_lineages(store, found, [query]),
                )  # fmt: skip
                return
            for query in queries:
                show_answer(analyst, query, output, limit=limit or None, as_csv=as_csv, parquet=parquet)


def _queries(command: list[str] | None, file: Path | None, *, formats: tuple[bool, ...]) -> list[str] | None:
    """Return the queries to ask; None for a prompt."""
    from chronopolis.errors import WrongUsage
    from chronopolis.sql_text import statements_of

    if sum(formats) > 1:
        raise WrongUsage("--json, --csv and --parquet can't be meant together")
    if command and file is not None:
        raise WrongUsage("-c and -f can't be meant together")
    if command:
        texts = command
    elif file is not None and str(file) != "-":
        try:
            texts = [file.read_text(encoding="utf-8")]
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUsage(f"{file} can't be read: {getattr(error, 'strerror', None) or error}") from None
    elif file is not None or not sys.stdin.isatty():
        texts = [sys.stdin.read()]
    elif any(formats):
        raise WrongUsage("--json, --csv and --parquet need a query", "Give it with -c or -f.")
    else:
        return None
    queries = [query for text in texts for query in statements_of(text)]
    if not queries:
        raise WrongUsage("there is no query in it")
    if formats[2] and len(queries) > 1:
        raise WrongUsage(f"--parquet takes one query, and these are {len(queries)}")
    return queries
