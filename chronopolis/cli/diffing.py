"""`polis diff`: where two histories part, and in what their states differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output

if TYPE_CHECKING:
    from domain.ports import HistoryReader, Run

_ROWS = 10


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis diff brave-otter what-if  # at the last tick that both have",
            "polis diff brave-otter what-if --tick 1200 --agents 30",
            "polis diff brave-otter --tick-a 100 --tick-b 200  # two ticks of one run",
            "polis diff brave-otter what-if --json  # every difference; --limit N: the largest of each area",
            "polis diff brave-otter what-if --exit-code --quiet  # leaves with 1 if they differ",
        )
    )(diff)


def diff(
    run: Annotated[str, typer.Argument(metavar="A", help="Name of a run, its id, or the beginning of its name.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The other run or fork; A itself if left out.")
    ] = None,
    tick: Annotated[
        int | None,
        typer.Option(metavar="T", min=0, help="The tick to compare at; the last that both have if left out."),
    ] = None,
    tick_a: Annotated[int | None, typer.Option(metavar="T", min=0, help="The tick of A.")] = None,
    tick_b: Annotated[int | None, typer.Option(metavar="T", min=0, help="The tick of B.")] = None,
    agents: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Only the N agents that differ most; 10 if left out, with --json all."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="The N largest differences of each area; with --json all if left out."),
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Leave with 1 if they are not identical.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare two runs or forks, or two ticks of one run.

    Names the first tick at which the histories part, the areas of state and the first event that differ there, then
    what differs at a tick: who lives, where, goods, ties, cells, minds and figures of the society.
    Two runs are compared at the last tick that both have, unless a tick is given.
    """
    import replay
    from chronopolis.cli.difference_tables import tables
    from chronopolis.errors import WrongUsage
    from chronopolis.naming import names_in
    from replay.remembered import tell_memories
    from workers.bootstrap import open_store

    if tick is not None and (tick_a is not None or tick_b is not None):
        raise WrongUsage("--tick is the tick of both", "Give it, or --tick-a and --tick-b.")
    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        ours, theirs = _runs(store, run, other)
        if ours.id == theirs.id and other is None and tick_a is None and tick_b is None:
            hint = f"polis diff {ours.name} OTHER, or polis diff {ours.name} --tick-a T --tick-b T"
            raise WrongUsage("a run is compared with another one, or two of its ticks", hint)
        with CheckDisplay(output, f"comparing {ours.name} and {theirs.name}") as display:
            found = replay.diff(
                store, ours, theirs, tick_a=tick if tick_a is None else tick_a,
                tick_b=tick if tick_b is None else tick_b, on_progress=display.update,
            )  # fmt: skip
        if as_json:
            values = found.as_dict(limit=limit, agents=agents)
            tell_memories(store, found, values["differences"])
            output.result(values)
        else:
            rows = _ROWS if limit is None else limit
            entries = tell_memories(store, found, found.entries(limit=rows))
            event = (found.first_divergence or {}).get("event") or {}
            names = names_in(store, ours, [event.get("a")]), names_in(store, theirs, [event.get("b")])
            output.show(*tables(found, entries, agents=_ROWS if agents is None else agents, names=names))
    if exit_code and not found.identical:
        raise typer.Exit(1)


def _runs(store: HistoryReader, run: str, other: str | None) -> tuple[Run, Run]:
    from chronopolis.record import head_tick

    ours = store.find(run)
    theirs = ours if other is None else store.find(other)
    for each in (ours, theirs):
        head_tick(store, each)
    return ours, theirs
