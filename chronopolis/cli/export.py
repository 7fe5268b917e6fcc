"""`polis export`: a run as Parquet files, for DuckDB, polars and whatever else reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, facts, mebibytes


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis export brave-otter --parquet otter",
            "polis export brave-otter --parquet otter --from 1000 --to 2000 --overwrite",
            "polis export brave-otter --parquet otter && cd otter && duckdb -init views.sql",
        )
    )(export)


def _folder(text: str) -> Path:
    from chronopolis.given import folder_named

    return folder_named("--parquet", text)


def export(
    run: RunName,
    parquet: Annotated[
        Path,
        typer.Option(
            "--parquet", metavar="DIR", parser=_folder, help="The folder to write; it must not be there, or be empty."
        ),
    ],
    first: Annotated[int, typer.Option("--from", metavar="T", min=0, help="First tick.")] = 0,
    last: Annotated[
        int | None, typer.Option("--to", metavar="T", min=0, help="Last tick; the newest if left out.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Put it in the place of an earlier export.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a run to Parquet files by kind of event and block of ticks.

    Its ancestors' share of its history is included. `views.sql` in the folder makes the views of `polis sql` in
    DuckDB. The folder is there whole or not at all.
    """
    from chronopolis.cli.live import CheckDisplay
    from chronopolis.cli.refreshing import take_in
    from chronopolis.errors import WrongUsage
    from workers.bootstrap import export_run, open_store

    output = Output(as_json=as_json, quiet=quiet)
    if last is not None and first > last:
        raise WrongUsage(f"--from {first} lies after --to {last}")
    with open_store(say=output.say) as store:
        found = store.find(run)
        take_in(store, found, output)
        with CheckDisplay(output, f"exporting {found.name}") as display:
            values = export_run(
                store, found, parquet, first=first, last=last, overwrite=overwrite, on_progress=display.update,
                on_rows=lambda table, rows: display.beyond(f"{rows:,} rows of {table}"),
            )  # fmt: skip
    if as_json:
        output.result(values)
    else:
        output.show(_panel(values))


def _panel(values: dict[str, Any]) -> Any:
    rows = {
        "folder": values["folder"],
        "ticks": f"{values['first_tick']:,} to {values['last_tick']:,}",
        "events": values["events"],
        "thoughts": values["rows"].get("deliberations"),
        "size": mebibytes(values["bytes"]),
        "head hash": values["head_hash"],
    }
    return facts(rows, title=f"{values['run']} · exported", good=True)
