"""`polis db dump` and `polis db restore`: all histories as one file, to keep or to take elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.live import ProgressDisplay
from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output, facts, mebibytes, plain

if TYPE_CHECKING:
    from workers.bootstrap import Database

_LINE_EVERY_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog=examples(
            "polis db dump histories.dump",
            "polis db dump histories.dump --force --json  # every night, say",
        )
    )(dump)
    app.command(
        epilog=examples(
            "POLIS_HOME=~/elsewhere polis db restore histories.dump",
            "polis db restore histories.dump --verify  # then folds every run and compares every header",
        )
    )(restore)


def _file(text: str) -> Path:
    from chronopolis.given import folder_named

    return folder_named("FILE", text, what="file").expanduser()


DumpFile = Annotated[Path, typer.Argument(metavar="FILE", parser=_file, help="The dump.")]


def dump(
    file: DumpFile,
    force: Annotated[bool, typer.Option("--force", help="Put it in the place of a file that is there.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write all histories to one file, while runs go on.

    It holds every run as of one moment, its snapshots, rollups and measures, in pg_dump's custom format; no passwords.
    The schema is not brought to this release first. The file is there whole or not at all.
    """
    from workers.bootstrap import dump_database, open_database

    output = Output(as_json=as_json, quiet=quiet)
    with open_database(say=output.say) as database, SizeDisplay(output, "dumping", "written") as display:
        values = dump_database(database, file, overwrite=force, on_progress=display.update)
    if as_json:
        output.result(values)
    else:
        rows = {"file": values["file"], "size": mebibytes(values["bytes"]), "schema": values["schema"]}
        output.show(_panel(values, rows, title="dumped"))


def restore(
    file: DumpFile,
    verify: Annotated[
        bool, typer.Option("--verify", help="Then verify every run; exit code 1 if one differs.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fill a database that has no histories from a dump: with all of it, or nothing.

    A dump of an earlier release is then brought to this one's schema. A run that was being written is resumed as after
    a crash. Restore only what you trust: a dump is SQL, which runs with all rights of the database's owner.
    """
    from workers.bootstrap import open_database, restore_database

    output = Output(as_json=as_json, quiet=quiet)
    with open_database(say=output.say) as database:
        with SizeDisplay(output, "restoring", "read", then="making indexes") as display:
            values = restore_database(database, file, on_progress=display.update)
        if verify:
            values["damaged"] = _damaged(database, output)
    if as_json:
        output.result(values)
    else:
        since = f"{values['dumped_schema']}, brought to " if values["dumped_schema"] != values["schema"] else ""
        rows = {"file": values["file"], "schema": since + values["schema"]}
        if verify:
            rows["verified"] = "all are whole" if not values["damaged"] else f"damaged: {', '.join(values['damaged'])}"
        output.show(_panel(values, rows, title="restored"))
        if not verify and values["runs"]:
            output.say("`polis verify RUN` tells whether a run is as it was written")
    if values.get("damaged"):
        raise typer.Exit(1)


def _damaged(database: Database, output: Output) -> list[str]:
    """Return the names of the runs that are not as they were written; each is told as soon as it is found."""
    import replay
    from chronopolis.cli.live import CheckDisplay
    from workers.bootstrap import PostgresStore

    store, damaged = PostgresStore(database), []
    for each in store.damaged_runs():
        output.warn(each.because)
        damaged.append(each.name)
    for run, _, head in store.runs():
        if head is None:
            continue
        with CheckDisplay(output, f"verifying {run.name}") as display:
            found = replay.verify(store, run, on_progress=display.update)
        if not found.ok:
            output.warn(f"run {run.name} is damaged from tick {found.first_bad_tick} on: {found.reason}")
            damaged.append(run.name)
    return damaged


def _panel(values: dict[str, Any], rows: dict[str, Any], *, title: str) -> Any:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for run in values["runs"]:
        tick = "not begun" if run["head_tick"] < 0 else f"tick {run['head_tick']:,}"
        table.add_row(plain(run["name"]), tick, run["head_hash"] or "")
    title = f"{len(values['runs']):,} run{'' if len(values['runs']) == 1 else 's'} · {title}"
    return facts(rows | ({"runs": table} if values["runs"] else {}), title=title, good=not values.get("damaged"))


class SizeDisplay(ProgressDisplay):
    """Shows how much of a file is done, and that it goes on when all is, if there is something to do `then`."""

    def __init__(self, output: Output, doing: str, done: str, *, then: str = "") -> None:
        super().__init__(output, doing)
        self.done, self.then = done, then

    def amounts(self) -> tuple[Any, ...]:
        """Return the columns that tell how much is done."""
        from rich.progress import DownloadColumn

        return (DownloadColumn(binary_units=True),)

    def update(self, done: int, total: int | None) -> None:
        """Show how many bytes are done, of how many if that is known."""
        last = bool(self.then) and done == total
        if self._progress is not None:
            doing = self.then if last else self.doing
            self._progress.update(self._task, description=doing, completed=done, total=total)
        elif time.monotonic() - self._said >= _LINE_EVERY_S:
            self._said = time.monotonic()
            if last:
                self.output.say(f"{self.doing}: all {mebibytes(done)} are {self.done}, {self.then}")
                return
            of = "" if total is None else f" of about {mebibytes(total)}"
            self.output.say(f"{self.doing}: {mebibytes(done)}{of} {self.done}")
