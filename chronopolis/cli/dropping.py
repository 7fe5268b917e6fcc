"""`polis drop`: let a whole run go. The only command that takes history away."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.busy import BusyDisplay
from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, facts, mebibytes
from chronopolis.sentences import counted

if TYPE_CHECKING:
    from domain.ports import DamagedRun, Lease, Run


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis drop brave-otter --because 'a trial'  # asks first",
            "polis drop brave-otter --because 'a trial' --yes --json  # for scripts: its whole name, or its number",
        )
    )(drop)


def drop(
    run: RunName,
    because: Annotated[
        str,
        typer.Option("--because", metavar="TEXT", help="The reason, which its tombstone keeps.", show_default=False),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Drop a whole run, its rollups, measures and memories with it; there is no way back.

    Its number, name, seed and head hash stay, with the reason: who asks for it later is told. Refused while a fork
    reads it or somebody writes it. Its own forks go first; its parent stays as it is. If Chroma can't be reached, the
    run is dropped all the same, and its memories stay there, unread, until `polis memory rebuild`. Of a damaged run
    it is said what was missing.
    """
    from chronopolis.errors import WrongUsage
    from domain.errors import RunIsHeld
    from workers.bootstrap import belongings_of, drop_run, forget_memories, open_store

    output = Output(as_json=as_json, quiet=quiet)
    if not because.strip():
        raise WrongUsage("--because is empty", "Say why, for whoever finds the tombstone.")
    with open_store(say=output.say) as store:
        found = _found(store, run, output)
        with BusyDisplay(output, f"counting what run {found.name} has"):
            what, lease = belongings_of(store.database, found), _lease(store, found)
        what.require_unread(found.name)
        if lease is not None and lease.status == "running":
            raise RunIsHeld(found.name, lease.holder or "another process")
        size = f"{counted(what.events, 'event')}, {mebibytes(what.bytes)}"
        if yes and run not in (found.name, str(found.id)):
            raise WrongUsage(f"--yes asks nothing, so it wants the whole name: {found.name}")
        if not yes:
            _ask(output, found, size)
        with BusyDisplay(output, f"dropping run {found.name}: {size}") as display:
            stone = drop_run(store.database, found, because.strip(), on_wait=display.waiting)
            display.waiting("its memories")
            problem = forget_memories(store, found, say=output.say)
    if problem is not None:
        # By its number, since the name may be taken again by then.
        output.warn(f"its memories stay in the index until `polis memory rebuild {found.id}`: {problem}")
    values: dict[str, Any] = {
        "run": stone.run, "name": stone.name, "seed": stone.seed, "head_tick": stone.head_tick,
        "head_hash": None if stone.head_hash is None else stone.head_hash.hex(), "because": stone.because,
        "dropped_at": stone.dropped_at.isoformat(), "events": what.events, "bytes": what.bytes,
        "missing": list(stone.missing),
    }  # fmt: skip
    if as_json:
        output.result(values)
        return
    rows = {
        "gone": size,
        "head tick": None if stone.head_tick is None else f"{stone.head_tick:,}",
        "head hash": values["head_hash"],
        "because": stone.because,
        "missing": "\n".join(stone.missing) or None,
    }
    output.show(facts(rows, title=f"{stone.name} (number {stone.run}) · dropped"))


def _found(store: Any, name: str, output: Output) -> Run | DamagedRun:
    """Return the run of that name, also one that can't be read any more: its row says enough for letting it go."""
    from domain.errors import CorruptHistory

    try:
        return store.find(name)
    except CorruptHistory as error:
        damaged = store.damaged_runs()
        for same in (lambda d: d.name == name, lambda d: str(d.id) == name, lambda d: d.name.startswith(name)):
            found = [each for each in damaged if same(each)]
            if len(found) == 1:
                output.warn(str(error))
                return found[0]
        raise


def _lease(store: Any, run: Run | DamagedRun) -> Lease | None:
    """Return where a run stands, None if it is so damaged that nothing says so."""
    from domain.errors import CorruptHistory

    try:
        return store.lease(run)
    except CorruptHistory:
        return None


def _ask(output: Output, run: Run | DamagedRun, size: str) -> None:
    """Have the name typed by a person.

    Raises
    ------
    WrongUsage
        If there is nobody to ask, or something else is typed; nothing was dropped.
    """
    from chronopolis.errors import WrongUsage

    if not sys.stdin.isatty():
        raise WrongUsage(
            f"dropping run {run.name} can't be undone, and nobody is there to ask", "Say --yes if it is meant."
        )
    was, output.quiet = output.quiet, False
    output.say(f"This drops run {run.name} for ever: {size}. Type its name to go on:")
    output.quiet = was
    if sys.stdin.readline().strip() != run.name:
        raise WrongUsage("that is not its name; nothing was dropped")
