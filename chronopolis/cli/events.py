"""`polis events`: what happened, in order, a line an event."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output

_EVENTS_FOR_PEOPLE = 100
_FEWER = "--from, --to, --agent and --kind"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis events brave-otter --tick 1200",
            "polis events brave-otter --agent 17 --from 1000 --to 1100",
            "polis events brave-otter --kind GoodsTraded --json | head  # one JSON object a line",
        )
    )(events)


def events(
    run: RunName,
    tick: Annotated[int | None, typer.Option(min=0, metavar="T", help="This tick alone; all if left out.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="A", help="Only this agent's own events; id or name.")] = None,
    kind: Annotated[list[str] | None, typer.Option(metavar="K", help="Only this kind; may be repeated.")] = None,
    first: Annotated[
        int | None, typer.Option("--from", min=0, metavar="T", help="The first tick; 0 if left out.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--to", min=0, metavar="T", help="The last; the newest if left out.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many events; 0 for all. Without --json it is 100.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what happened, in order; with --json one object a line, as they are read."""
    from chronopolis.errors import WrongUsage
    from chronopolis.record import agent_of_run, kinds_named, require_tick, select_events
    from workers.bootstrap import open_store

    if tick is not None and (first is not None or last is not None):
        raise WrongUsage("--tick means one tick, and --from and --to a range", "Give the one or the other.")
    kinds = kinds_named(kind or ())
    most = (0 if as_json else _EVENTS_FOR_PEOPLE) if limit is None else limit
    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        found = store.find(run)
        low = require_tick(store, found, 0 if tick is None and first is None else tick if first is None else first)
        high = require_tick(store, found, tick if last is None else last)
        if low > high:
            raise WrongUsage(f"--from {low} lies after --to {high}")
        shown = 0
        with CheckDisplay(output, f"looking through {found.name}") as display:
            number = None
            if agent is not None:
                number = agent_of_run(store, found, agent, last=high, on_progress=display.update)
            for batch in select_events(
                store, found, first=low, last=high, kinds=kinds, agent=number, on_progress=display.update
            ):
                with display.aside():
                    for event in batch:
                        if limit is None and shown == most > 0:
                            output.say(f"… the first {most}; --limit 0 shows all, {_FEWER} fewer")
                            return
                        shown += 1
                        if as_json:
                            output.line(event)
                        else:
                            output.out.print(_event_line(event), soft_wrap=True)
                        if shown == limit:  # who asked for so many does not wait until there is one more
                            return
                    output.hand_on()  # the next may be minutes away
        if not shown and not as_json:
            output.say(f"no such events in ticks {low:,} to {high:,}")


def _event_line(event: dict[str, Any]) -> Any:
    from rich.text import Text

    from chronopolis.sentences import inert

    values = dict(event)
    tick, ordinal, kind = values.pop("tick"), values.pop("ordinal"), values.pop("kind")
    cause = (values.pop("cause_tick", None), values.pop("cause_ordinal", None))
    # As `polis why` takes it.
    line = Text(f"{f'{tick}:{ordinal}':>12} ", style="dim")
    line.append(f"{kind:<18}", "bold")
    if "agent" in values:
        line.append(f" {values.pop('agent'):>5}", "cyan")
    if "target" in values:
        line.append(f" → {values.pop('target')}", "cyan")
    for name, value in values.items():
        line.append(f"  {name} ", "dim").append(inert(value) if isinstance(value, str) else json.dumps(value))
    if cause[0] is not None:
        line.append(f"  ← {cause[0]}:{cause[1]}", "dim")
    return line
