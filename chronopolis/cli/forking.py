"""`polis fork`: what if, from any tick of a run on."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from chronopolis.cli.options import AsJson, RunName, examples
from chronopolis.cli.output import Output, facts
from chronopolis.errors import WrongUsage


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog=examples(
            "polis fork brave-otter --at 900  # then `polis resume` of the child runs it on",
            "polis fork brave-otter --at 900 --set hunger=30 --name less-hungry",
            "polis fork brave-otter --at 900 --seed 8  # the same people, other chances",
        )
    )(fork)


def fork(
    run: RunName,
    at: Annotated[
        int | None, typer.Option("--at", min=0, metavar="T", help="Last tick that both share; the newest if left out.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="X", help="Name of the child; a memorable one if left out.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A constant of the scenario from T + 1 on; may be repeated."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="S", help="What decides chance from T + 1 on.")] = None,
    by: Annotated[str, typer.Option(help="Who forks.")] = "",
    why: Annotated[str, typer.Option(help="The reason, for whoever reads the history.")] = "",
    ticks: Annotated[
        int | None,
        typer.Option("--ticks", min=0, metavar="N", help="Ticks beyond T that the child is to have; as its parent's."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a run that shares another's history up to a tick, and is its own from there on.

    Nothing is copied, and the parent goes on as if nobody had asked. A fork that changes nothing repeats its parent,
    hash by hash; `polis resume CHILD` runs it on.
    """
    from chronopolis.forking import make_fork
    from workers.bootstrap import open_store

    output = Output(as_json=as_json)
    wanted = settings_of(settings or [])
    with open_store(say=output.say) as store:
        made = make_fork(store, run, at=at, name=name, settings=wanted, seed=seed, by=by, why=why, ticks=ticks)
    if as_json:
        output.result(made)
        return
    output.show(facts(fork_rows(made), title=f"{made['name']} · a fork of {made['parent']}", good=True))
    output.say(f"`polis resume {made['name']}` runs it on")


def settings_of(given: list[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` settings by name; numbers are numbers.

    Raises
    ------
    WrongUsage
    """
    wanted: dict[str, Any] = {}
    for setting in given:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise WrongUsage(f"--set {setting}: write KEY=VALUE, such as --set hunger=30")
        wanted[key.strip()] = int(value) if re.fullmatch(r"-?[0-9]+(_[0-9]+)*", value) else value
    return wanted


def fork_rows(made: dict[str, Any]) -> dict[str, Any]:
    """Return a fork for people."""
    return {
        "forked at": f"tick {made['forked_at']:,}",
        "shared hash": made["head_hash"],
        "changed": changes_text(made["changed"]) or "nothing: it repeats its parent",
        "interventions": made["interventions"] or None,
        "to run to": f"tick {made['target']:,}",
    }


def changes_text(changed: dict[str, Any]) -> str:
    """Return what a fork changed, on a line; empty if nothing."""
    parts = [f"{name} {each['before']} → {each['after']}" for name, each in changed["settings"].items()]
    if changed["seed"] is not None:
        parts.append(f"seed {changed['seed']['before']} → {changed['seed']['after']}")
    return ", ".join(parts)
