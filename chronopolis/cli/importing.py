"""`polis import`: runs that another database made, from the archive that `polis export --archive` wrote there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output, facts, mebibytes, plain


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "import",
        epilog=examples(
            "polis import otter.polis",
            "polis import otter.polis --look  # what is in it; nothing is taken in",
            "polis import otter.polis --prefix lab2-  # where another run of that name is here already",
        ),
    )(import_archive)


def _file(text: str) -> Path:
    from chronopolis.given import folder_named

    return folder_named("FILE", text, what="file").expanduser()


def import_archive(
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=_file, help="The archive.")],
    look: Annotated[bool, typer.Option("--look", help="Say what is in it; take nothing in.")] = False,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="TEXT", help="Put this before the names of the runs that come.")
    ] = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take runs of another database into this one, from an archive: all of them, or none.

    Every tick is folded and compared with its header before it becomes history here, and inputs and snapshots are
    verified after it: what was changed on the way is refused, with the tick where it begins. A run has the hashes that
    it had. What is here already as far as in the archive stays as it is.
    """
    from workers.archives import take_in
    from workers.bootstrap import open_archive, open_incoming, open_store

    output = Output(as_json=as_json, quiet=quiet)
    with open_archive(file) as archive:  # before a database is started
        values = _told(archive)
    if look:
        _show(output, values, title="archive")
        return
    with (
        open_store(say=output.say) as store,
        open_incoming(file, store) as incoming,
        TakingIn(output, "reading the archive") as display,
    ):
        taken = take_in(incoming, prefix=prefix, say=output.say, on_progress=display.step)
    came = [told | run.as_dict() for told, run in zip(values["runs"], taken, strict=True)]
    _show(output, values | {"runs": came}, title="taken in")


class TakingIn(CheckDisplay):
    """Shows which run is being taken in, or verified, and how far."""

    def step(self, doing: str, tick: int, last: int) -> None:
        """Show that `tick` of `last` is done."""
        if self._progress is not None and doing != self.doing:
            self._progress.update(self._task, description=doing)
        self.doing = doing
        self.update(tick, last)


def _told(archive: Any) -> dict[str, Any]:
    path, runs = archive.path.absolute(), archive.runs
    told = [
        {
            "name": run.name, "seed": run.seed, "forked_from": None if run.parent is None else runs[run.parent].name,
            "fork_tick": run.fork_tick, "head_tick": run.last_tick, "head_hash": run.head_hash, "events": run.events,
            "status": run.status, "asked_for": run.asked_for, "release": run.release, "created_at": run.created_at,
        }
        for run in runs
    ]  # fmt: skip
    return {"file": str(path), "bytes": path.stat().st_size, "release": archive.release, "runs": told}


def _show(output: Output, values: dict[str, Any], *, title: str) -> None:
    if output.as_json:
        output.result(values)
        return
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for run in values["runs"]:
        tick = f"tick {run['head_tick']:,}" if run["head_tick"] >= 0 else "not begun"
        note = "" if run["asked_for"] else "ancestor"
        if run.get("was_there"):
            note = f"{run['ticks']:,} new" if run["ticks"] else "was here"
        table.add_row(plain(run["name"]), tick, run["head_hash"], *([note] if note else []))
    rows = {"file": values["file"], "size": mebibytes(values["bytes"]), "runs": table}
    output.show(facts(rows, title=title, good=True))
