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
    from chronopolis.sql_text import mentions
    from workers.rollups import FIRST_EVENTS_MAX, events_behind, events_unmeasured, refresh

    named = [view for view in ("samples", "measures") if queries is None or any(mentions(q, view) for q in queries)]
    runs = [run] if run is not None else [each for each, _, _ in store.runs()] if named else []
    left, late = FIRST_EVENTS_MAX, []
    for each in runs:
        behind = events_behind(store, each) if run is not None or "samples" in named else 0
        unmeasured = events_unmeasured(store, each) if "measures" in named else 0
        if behind + unmeasured > left:
            late.append(each.name)
            continue
        left -= behind + unmeasured
        if behind:
            with CheckDisplay(output, f"rolling up {each.name}") as display:
                refresh(store, each, on_progress=display.update)
        if unmeasured:
            _measure(store, each, output)
    if not late:
        return
    whose = late[0] if len(late) == 1 else f"{late[0]} and {len(late) - 1:,} more"
    remedy = f"`polis db refresh {late[0]}`"
    if named and queries is not None:
        output.warn(f"{' and '.join(named)} may lack the newest ticks of {whose}: {remedy} completes them")
    else:
        output.say(f"the newest events of {whose} are not rolled up: {remedy} makes questions about them quicker")


def _measure(store: Any, run: Any, output: Output) -> None:
    import replay
    from chronopolis.cli.live import CheckDisplay

    with CheckDisplay(output, f"measuring {run.name}") as display:
        replay.fill_measures(store, run, on_progress=display.update)
