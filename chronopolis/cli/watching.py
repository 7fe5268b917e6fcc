"""`polis watch`: where something holds, forwards, backwards, or in a run that goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.bisecting import number
from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, facts

if TYPE_CHECKING:
    from domain.ports import EventStore, Run
    from replay.watch import Predicate

_POLL_S, _PAUSES_WITHIN_S = 0.1, 60.0
_TOLD = 5  # events


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis watch brave-otter 'hungry > 0.3'  # the first tick of a run that has ended",
            "polis watch brave-otter 'hungry > 0.3' --back-from 2000  # the last one up to tick 2000",
            "polis watch brave-otter --event AgentDied --agent 17",
            "polis watch brave-otter 'population < 400' --pause  # of a run that goes on in another terminal",
        )
    )(watch)


def watch(
    run: RunName,
    expression: Annotated[
        str | None, typer.Argument(metavar="[EXPR]", help="What must hold, as `polis bisect` takes it.")
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="KIND", help="One of these must happen; may be repeated.")
    ] = None,
    agent: Annotated[int | None, typer.Option(min=0, metavar="A", help="It must happen to this agent.")] = None,
    first: Annotated[
        int | None,
        typer.Option("--from", min=0, metavar="T", help="The first tick; of a live run the next one if left out."),
    ] = None,
    back_from: Annotated[
        int | None, typer.Option("--back-from", min=0, metavar="T", help="Go backwards from this tick.")
    ] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Stop the live run there; it can be resumed.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the tick at which something holds: the first from a tick on, the last before one, or the next of a live run.

    A run that goes on is followed as its ticks become durable. Leaves with 1 if it does not hold by the end.
    `polis run --break` stops at the very tick; this stops a run a few ticks later, from outside.
    """
    from chronopolis.errors import WrongUsage
    from chronopolis.record import kinds_named
    from replay.watch import Predicate
    from workers.bootstrap import open_store

    if expression is None and not event and agent is None:
        raise WrongUsage("say what to watch for", "An expression, such as 'hungry > 0.3', or --event AgentDied.")
    if first is not None and back_from is not None:
        raise WrongUsage("--from goes forwards, and --back-from backwards", "Give the one or the other.")
    predicate = Predicate.of(expression, kinds=kinds_named(event or ()), agent=agent)
    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        found = store.find(run)
        live = store.lease(found).status == "running" and back_from is None
        if pause and not live:
            raise WrongUsage(f"run {found.name} is not running, so there is nothing to pause")
        tick = _look(output, store, found, predicate, live=live, first=first, back_from=back_from)
        paused_at = _pause(output, store, found, tick, str(expression or event)) if pause and tick is not None else None
        values = _values(store, found, predicate, tick)
        happened = [] if as_json or tick is None else _happened(store, found, predicate, tick)
    values |= {"run": found.id, "name": found.name, "live": live, "paused_at": paused_at}
    values["direction"] = "forward" if back_from is None else "backward"
    if as_json:
        output.result(values)
    else:
        output.show(_panel(values, happened))
    if tick is None:
        raise typer.Exit(1)


def _look(
    output: Output, store: EventStore, run: Run, predicate: Predicate, *, live: bool, first: int | None,
    back_from: int | None,
) -> int | None:  # fmt: skip
    from chronopolis.record import require_tick
    from replay.watch import first_where, follow, last_where

    with CheckDisplay(output, f"watching {run.name}") as display:
        if back_from is not None:
            last = require_tick(store, run, back_from)
            return last_where(store, run, predicate, last=last, on_progress=display.update)
        if not live:
            low = require_tick(store, run, first or 0)
            return first_where(store, run, predicate, first=low, on_progress=display.update)
        head = store.head(run)
        newest = -1 if head is None else head.tick
        if first is not None and first <= newest:
            found = first_where(store, run, predicate, first=first, last=newest, on_progress=display.update)
            if found is not None:
                return found
        output.say(f"following run {run.name} from tick {newest + 1:,} on")

        def wait() -> bool:
            time.sleep(_POLL_S)
            return True

        after = max(newest, -1 if first is None else first - 1)
        return next(follow(store, run, predicate, after=after, wait=wait, on_progress=display.update), None)


def _pause(output: Output, store: EventStore, run: Run, tick: int, because: str) -> int | None:
    """Ask the run's writer to stop and wait until it has; return its newest tick."""
    if not store.request_pause(run, tick=tick, because=f"polis watch: {because} at tick {tick}"):
        output.warn(f"run {run.name} had ended before it could be asked to pause")
        return None
    until = time.monotonic() + _PAUSES_WITHIN_S
    while store.lease(run).status == "running":
        if time.monotonic() > until:
            output.warn(f"run {run.name} was asked to pause and has not within {_PAUSES_WITHIN_S:.0f} s")
            return None
        time.sleep(_POLL_S)
    head = store.head(run)
    return -1 if head is None else head.tick


def _values(store: EventStore, run: Run, predicate: Predicate, tick: int | None) -> dict[str, Any]:
    from replay.judging import look_at

    expression = predicate.expression
    head = store.head(run)
    values: dict[str, Any] = {
        "expression": None if expression is None else expression.text,
        "events": [kind.name for kind in predicate.kinds],
        "agent": predicate.agent,
        "tick": tick,
        "head_tick": -1 if head is None else head.tick,
        "values": {},
    }
    if expression is not None and tick is not None:
        values["values"] = expression.values(look_at(store, run, expression, tick))
    return values


def _happened(store: EventStore, run: Run, predicate: Predicate, tick: int) -> list[str]:
    """Return the events that were watched for, in words."""
    from chronopolis.naming import names_in
    from chronopolis.record import select_events
    from chronopolis.sentences import sentence

    if not predicate.kinds and predicate.agent is None:
        return []
    batches = select_events(store, run, first=tick, last=tick, kinds=predicate.kinds, agent=predicate.agent)
    events = [event for batch in batches for event in batch]
    names = names_in(store, run, events[:_TOLD])
    told = [f"{tick}:{event['ordinal']} {sentence(event, names)}" for event in events[:_TOLD]]
    return told + ([f"… and {len(events) - _TOLD:,} more"] if len(events) > _TOLD else [])


def _panel(v: dict[str, Any], happened: list[str]) -> Any:
    what = " with ".join(filter(None, (v["expression"], ", ".join(v["events"]))))
    if v["agent"] is not None:
        what += f" of agent {v['agent']}"
    rows: dict[str, Any] = {"watched for": what}
    if v["tick"] is None:
        return facts(rows | {"holds": "at no tick"}, title=v["name"], good=False)
    order = "last" if v["direction"] == "backward" else "first"
    rows["holds"] = f"{order} at tick {v['tick']:,}"
    rows["there"] = " · ".join(f"{term} {number(value)}" for term, value in v["values"].items()) or None
    rows["happened"] = "\n".join(happened) or None
    if v["paused_at"] is not None:
        rows["paused"] = f"after tick {v['paused_at']:,}; `polis resume {v['name']}` goes on"
    rows["go on"] = f"polis state {v['name']} --tick {v['tick']}\npolis events {v['name']} --tick {v['tick']}"
    return facts(rows, title=v["name"], good=True)
