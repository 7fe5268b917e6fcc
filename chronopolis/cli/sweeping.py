"""`polis sweep`: one scenario over many seeds and values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.errors import CHECK_FAILED, ENVIRONMENT, STOPPED
from chronopolis.cli.options import (
    Adapters,
    Answers,
    AnswersMode,
    AsJson,
    Durability,
    DurabilityMode,
    Founders,
    Height,
    Mind,
    Patience,
    Quiet,
    Width,
    examples,
)
from chronopolis.cli.output import Output
from chronopolis.cli.run_options import groups_of as adapter_groups
from chronopolis.cli.run_options import require_once, settings_of, values_of
from chronopolis.cli.sweep_answer import ended, tell
from chronopolis.cli.sweep_driving import draw, measured, run_sweep

if TYPE_CHECKING:
    from chronopolis.sweep import ForkPoint, Sweep, SweepCrew
    from chronopolis.sweep.ending import Ending

_MEASURES = ("population", "deaths_so_far", "hungry", "gini_wealth", "trades_so_far")
"""What is told of each setting if nobody names measures."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis sweep plain --seeds 1-20 --agents 500 --ticks 2000  # twenty societies, mean and spread",
            "polis sweep famine --vary hunger=45,60,75 --seeds 1-10 --ticks 3000  # thirty, three settings",
            "polis sweep famine --vary hunger=45,60,75 --seeds 1-20 --ticks 3000  # what is there stays",
            "polis sweep futures --from brave-otter --at 900 --seeds 1-50 --ticks 2000  # fifty futures of tick 900",
            "polis sweep famine --vary hunger=45,60 --measure population --measure price_food --plot famine.png",
            "polis sweep famine --vary hunger=45,60 --seeds 1-10 --csv > famine.csv  # a line a run",
        )
    )(sweep)


def sweep(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the names of its runs begin with.")],
    seeds: Annotated[str, typer.Option(metavar="SEEDS", help="Such as 1-20, or 1-5,8,13.")] = "1-10",
    varied: Annotated[
        list[str] | None,
        typer.Option(
            "--vary", metavar="KEY=V1,V2…", help="A constant of the scenario, and what it is to be; may be repeated."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other constant, the same in all; may be repeated."),
    ] = None,
    ticks: Annotated[int, typer.Option(metavar="T", help="The tick that each ends at.")] = 1000,
    agents: Founders = 500,
    width: Width = 100,
    height: Height = 100,
    parent: Annotated[
        str | None, typer.Option("--from", metavar="RUN", help="A run that all are to be forks of.")
    ] = None,
    at: Annotated[
        int | None, typer.Option(min=0, metavar="T", help="With --from: the last tick that all share; the newest.")
    ] = None,
    measures: Annotated[
        list[str] | None,
        typer.Option("--measure", metavar="M", help="What to tell at the end; as `polis measures --list` has them."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write a picture of how they went, .png or .svg.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=256, metavar="J", help="Runs at a time; one for every two cores if left out."),
    ] = None,
    mind: Mind = "reflex",
    answers: AnswersMode = Answers.REUSE,
    adapters: Adapters = None,
    patience: Patience = 60.0,
    durability: DurabilityMode = Durability.GROUP,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a line of names: a line a run.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run one scenario with many seeds and settings, and tell how they fared: mean and standard deviation.

    Each is a run of its own, such as famine-hunger60-seed3, to be shown, forked, compared and asked like any other. The
    same command goes on after a stop or a crash; with more seeds, values or ticks it does what is not done yet.
    """
    from chronopolis.errors import WrongUsage
    from chronopolis.panels import require_picture
    from chronopolis.sweep import Genesis, plan_sweep, seeds_of
    from domain.measures import ALIASES, MEASURES, measure_named
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    if as_json and as_csv:
        raise WrongUsage("--json and --csv can't be meant together")
    told = list(dict.fromkeys(measures or _MEASURES))
    for each in told:
        measure_named(each, MEASURES, ALIASES)
    if picture is not None:
        require_picture(picture, len(told))
    values, constants, wanted_seeds = values_of(varied or []), settings_of(settings or []), seeds_of(seeds)
    options: dict[str, Any] = {"agents": agents, "width": width, "height": height, "mind": mind}
    require_once(context, options, constants)
    require_once(context, options, values, "--vary")
    if twice := values.keys() & constants.keys():
        raise WrongUsage(f"--set and --vary {min(twice)}: give it to one of them")
    groups = adapter_groups(adapters or [])
    genesis = Genesis(options | constants, groups=groups)
    if parent is None:
        if at is not None:
            raise WrongUsage("--at says where runs are forked, and of which?", "Give --from RUN.")
        plan_sweep(name, ticks=ticks, seeds=wanted_seeds, values=values, origin=genesis)  # before a database is opened
    else:
        _require_none_of(context, *options, "adapters")
    with open_store(say=output.say) as store:
        origin = genesis if parent is None else _fork_point(store, parent, at, constants)
        planned = plan_sweep(name, ticks=ticks, seeds=wanted_seeds, values=values, origin=origin)
        endings, crew = run_sweep(
            output, store, planned, jobs=jobs or max(1, (os.cpu_count() or 1) // 2), groups=groups,
            options=[f"--durability={durability.value}", f"--answers={answers.value}", f"--patience={patience}"],
        )  # fmt: skip
        runs = measured(output, store, planned, endings, told)
        failed = None if picture is None else draw(output, store, planned, runs, told, picture)
    tell(output, planned, runs, told, as_csv=as_csv)
    if failed is not None:
        raise failed
    _leave(output, planned, [run.ending for run in runs], crew)


def _fork_point(store: Any, parent: str, at: int | None, constants: dict[str, Any]) -> ForkPoint:
    from chronopolis.record import require_tick
    from chronopolis.sweep import ForkPoint
    from replay.scenario import scenarios_of

    run = store.find(parent)
    run.require_our_rules()
    tick = require_tick(store, run, at)
    return ForkPoint(run, tick, scenarios_of(store, run).at(tick + 1), constants)


def _require_none_of(context: typer.Context, *names: str) -> None:
    """Refuse what a fork can't have otherwise than its parent."""
    from chronopolis.errors import WrongUsage

    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = {"adapters": "adapter"}.get(name, name)
            raise WrongUsage(f"--{option} and --from: forks have what their parent has", "Leave one of them out.")


def _leave(output: Output, planned: Sweep, endings: list[Ending], crew: SweepCrew) -> None:
    """Leave with the code of what came of all: what failed goes before what was stopped."""
    from chronopolis.sweep.ending import COMPLETE, DEGRADED, FAILED

    lacking = [ending for ending in endings if ending.status != COMPLETE]
    if not lacking:
        return
    failed = [ending for ending in lacking if ending.status in (DEGRADED, FAILED)]
    done = f"{len(endings) - len(lacking):,} of {len(endings):,} runs of {planned.name} are complete"
    if failed:
        output.warn(f"{done}; {ended(failed[0])}" + (f", and {len(failed) - 1:,} more" if failed[1:] else ""))
    else:
        output.quiet = False
        output.say(f"{done}; the same command goes on")
    raise typer.Exit(ENVIRONMENT if crew.halted is not None else CHECK_FAILED if failed else STOPPED)
