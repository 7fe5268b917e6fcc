"""`polis db refresh`: take what is kept of a run beside its events to its newest tick.

Rollups make questions over long runs quick. The views `samples` and `measures` have only the ticks that were taken in,
so a question that names one of these is never answered from a part of a run without a word.
"""

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
    """Take the rollups and measures of a run to its newest tick.

    They are a cache of what events say, which `polis sql` reads where it helps; no answer depends on them, but for the
    views samples and measures, which have as many ticks as were taken in.
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
            "measured": f"to tick {values['head_tick']:,}",
        }
        output.show(facts(rows, title=f"{values['run']} · tick {values['head_tick']:,}", good=True))


def take_in(store: Any, run: Any, output: Output, *, anew: bool = False) -> dict[str, Any]:
    """Refresh rollups and measures, and show how far it has come."""
    from chronopolis.cli.live import CheckDisplay
    from workers.rollups import refresh

    with CheckDisplay(output, f"rolling up {run.name}") as display:
        values = refresh(store, run, anew=anew, on_progress=display.update)
    _measure(store, run, output)
    return values


def take_in_a_little(store: Any, run: Any, output: Output, queries: list[str] | None) -> None:
    """Refresh what queries look at, if that takes seconds; else say what would help, and what their answers lack.

    Parameters
    ----------
    run : the run that is asked about, or None for all
    queries : None for a prompt, at which anything may be asked
    """
    from chronopolis.cli.live import CheckDisplay
    from chronopolis.completing import completing
    from workers.rollups import refresh

    found = completing(store, run, queries)
    for behind in found.now:
        if behind.rollups:
            with CheckDisplay(output, f"rolling up {behind.run.name}") as display:
                refresh(store, behind.run, on_progress=display.update)
        if behind.measures:
            _measure(store, behind.run, output)
    if found.remark:
        (output.warn if found.views else output.say)(found.remark)


def _measure(store: Any, run: Any, output: Output) -> None:
    import replay
    from chronopolis.cli.live import CheckDisplay

    with CheckDisplay(output, f"measuring {run.name}") as display:
        replay.fill_measures(store, run, on_progress=display.update)
