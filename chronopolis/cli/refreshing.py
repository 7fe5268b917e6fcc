"""`polis db refresh`: take the rollups of a run further, so that questions over long runs stay quick."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, facts


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis db refresh brave-otter",
            "polis db refresh brave-otter --anew  # forget what is there, and make it again",
        )
    )(refresh)


def refresh(
    run: RunName,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget the rollups first, and make them from all events.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take the rollups of a run to its newest tick.

    They are a cache of what events say, which `polis sql` reads where it helps; no answer depends on them, but for the
    view samples, which has as many ticks as were taken in.
    """
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        found = store.find(run)
        values = take_in(store, found, output, anew=anew)
    if as_json:
        output.result(values)
    else:
        rows = {
            "rolled up": f"to tick {values['rolled_through']:,}",
            "sampled": f"to tick {values['sampled_through']:,}",
        }
        output.show(facts(rows, title=f"{values['run']} · tick {values['head_tick']:,}", good=True))


def take_in(store: Any, run: Any, output: Output, *, anew: bool = False) -> dict[str, Any]:
    """Refresh, and show how far it has come."""
    from chronopolis.cli.live import CheckDisplay
    from workers.rollups import refresh

    with CheckDisplay(output, f"rolling up {run.name}") as display:
        return refresh(store, run, anew=anew, on_progress=display.update)


def take_in_a_little(store: Any, run: Any, output: Output) -> None:
    """Refresh if that takes seconds; else say that it would help."""
    from workers.rollups import FIRST_EVENTS_MAX, events_behind

    behind = events_behind(store, run)
    if behind > FIRST_EVENTS_MAX:
        output.say(
            f"{behind:,} events are not rolled up: `polis db refresh {run.name}` makes questions about them quicker"
        )
    elif behind:
        take_in(store, run, output)
