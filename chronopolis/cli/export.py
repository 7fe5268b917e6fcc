"""`polis export`: a run as Parquet files for whatever reads them, or whole runs as an archive for another database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output, facts, mebibytes


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis export brave-otter --parquet otter",
            "polis export brave-otter --parquet otter --from 1000 --to 2000 --overwrite",
            "polis export brave-otter --parquet otter && cd otter && duckdb -init views.sql",
            "polis export brave-otter --archive otter.polis  # for `polis import` elsewhere: to verify, replay, fork",
            "polis export famine no-famine --archive paper.polis",
        )
    )(export)


def _folder(text: str) -> Path:
    from chronopolis.given import folder_named

    return folder_named("--parquet", text)


def _file(text: str) -> Path:
    from chronopolis.given import folder_named

    return folder_named("--archive", text, what="file")


def export(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Name of the run, its id, or the beginning of its name.")
    ],
    parquet: Annotated[
        Path | None,
        typer.Option(
            "--parquet", metavar="DIR", parser=_folder, help="The folder to write; it must not be there, or be empty."
        ),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="FILE", parser=_file, help="The archive to write, of one run or of several."),
    ] = None,
    first: Annotated[int | None, typer.Option("--from", metavar="T", min=0, help="First tick, with --parquet.")] = None,
    last: Annotated[
        int | None, typer.Option("--to", metavar="T", min=0, help="Last tick, with --parquet; the newest if left out.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Put it in the place of an earlier export.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a run to Parquet files by kind of event and block of ticks, or whole runs to an archive.

    Its ancestors' share of its history is included. `views.sql` in the folder makes the views of `polis sql` in
    DuckDB. An archive is one file that `polis import` takes into another database: there a run has the same hashes, and
    can be verified, executed again, forked and gone on with. Either is there whole or not at all.
    """
    from chronopolis.errors import WrongUsage
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    if (parquet is None) == (archive is None):
        raise WrongUsage("say what to write", "Give one of --parquet DIR and --archive FILE.")
    if archive is not None and (first is not None or last is not None):
        raise WrongUsage("--from and --to are for --parquet: an archive holds whole runs")
    if parquet is not None and len(runs) > 1:
        raise WrongUsage("--parquet writes one run", "--archive takes several.")
    if first is not None and last is not None and first > last:
        raise WrongUsage(f"--from {first} lies after --to {last}")
    with open_store(say=output.say) as store:
        if archive is not None:
            values = _archived(store, runs, archive, overwrite=overwrite, output=output)
        elif parquet is not None:
            values = _exported(store, runs[0], parquet, first or 0, last, overwrite=overwrite, output=output)
    if as_json:
        output.result(values)
    else:
        output.show(_panel(values) if archive is None else _archive_panel(values))


def _exported(
    store: Any, run: str, folder: Path, first: int, last: int | None, *, overwrite: bool, output: Output
) -> dict[str, Any]:
    from chronopolis.cli.live import CheckDisplay
    from chronopolis.cli.refreshing import take_in
    from workers.bootstrap import export_run

    found = store.find(run)
    take_in(store, found, output)
    with CheckDisplay(output, f"exporting {found.name}") as display:
        return export_run(
            store, found, folder, first=first, last=last, overwrite=overwrite, on_progress=display.update,
            on_rows=lambda table, rows: display.beyond(f"{rows:,} rows of {table}"),
        )  # fmt: skip


def _archived(store: Any, runs: list[str], file: Path, *, overwrite: bool, output: Output) -> dict[str, Any]:
    from chronopolis.cli.live import CheckDisplay
    from workers.bootstrap import archive_runs

    found = list({each.id: each for each in map(store.find, runs)}.values())
    with CheckDisplay(output, f"archiving {', '.join(each.name for each in found)}") as display:
        return archive_runs(
            store, found, file, overwrite=overwrite, on_progress=lambda run, tick, last: display.update(tick, last)
        )


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


def _archive_panel(values: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for run in values["runs"]:
        why = [] if run["asked_for"] else ["ancestor"]
        tick = f"tick {run['head_tick']:,}" if run["head_tick"] >= 0 else "not begun"
        table.add_row(run["name"], tick, run["head_hash"], *why)
    rows = {"file": values["file"], "size": mebibytes(values["bytes"]), "runs": table}
    return facts(rows, title="archived", good=True)
