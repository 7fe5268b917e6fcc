"""`polis run` and `polis resume`: make a run and advance it, or go on with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chronopolis.cli.driving import create_run, drive
from chronopolis.cli.options import (
    Adapters,
    Answers,
    AnswersMode,
    AsJson,
    BreakAt,
    Durability,
    DurabilityMode,
    FiguresFile,
    Founders,
    Height,
    Mind,
    Pace,
    Patience,
    Quiet,
    RunName,
    Threads,
    Width,
    examples,
)
from chronopolis.cli.output import Output
from chronopolis.cli.run_options import (
    configuration_of,
    groups_of,
    profile_of,
    require_expression,
    require_once,
    require_ticks,
    require_writable,
    settings_of,
)
from chronopolis.cli.summary import finish


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog=examples(
            "polis run --agents 200 --ticks 500 --seed 7",
            "polis run --ticks 100000 --pace 10 --durability group  # 100 ticks a second",
            "polis run --set sight=6 --set regrowth_percent=80 --name lean-years",
            "polis run --agents 500 --ticks 3000 --seed 7 --mind llama  # agents think with a language model",
            "polis run --mind vllm --adapter farmer=plain --adapter trader=shrewd",
            "polis run --break 'hungry > 0.3'  # pause at the tick where that becomes true",
            "polis run --agents 500 --ticks 5000 --seed 7 --json --quiet  # for scripts",
        )
    )(run)
    app.command(
        epilog=examples(
            "polis resume brave-otter  # on to the tick that the run was to reach",
            "polis resume brave --ticks 500  # 500 ticks beyond its newest",
            "polis resume brave-otter --take-over  # from a runner that hangs",
        )
    )(resume)


def run(
    context: typer.Context,
    agents: Founders = 500,
    ticks: Annotated[int, typer.Option(metavar="T", help="The tick to end at.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="S", help="Decides everything that is left to chance.")] = 1,
    width: Width = 100,
    height: Height = 100,
    mind: Mind = "reflex",
    answers: AnswersMode = Answers.REUSE,
    adapters: Adapters = None,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Delay and budget of thoughts, as `polis minds calibrate` prints."),
    ] = None,
    patience: Patience = 60.0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other constant of the scenario; may be repeated."),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="X", help="Name of the run; a memorable one if left out.")] = None,
    durability: DurabilityMode = Durability.TICK,
    pace: Pace = None,
    threads: Threads = 1,
    figures: FiguresFile = None,
    break_at: BreakAt = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a society and run it, every event recorded.

    The same seed and settings give the same history, whatever the durability, pace and threads.
    Ctrl-C finishes the tick at hand and says how to resume; a second one leaves at once.
    """
    output = Output(as_json=as_json, quiet=quiet)
    require_ticks(ticks)
    require_writable(figures)
    require_expression(break_at)
    base: dict[str, Any] = {"agents": agents, "width": width, "height": height, "mind": mind}
    require_once(context, base, settings_of(settings or []))
    base |= profile_of(profile)
    configuration = configuration_of(base, settings or [])
    require_expression(break_at, configuration)

    from workers.bootstrap import open_store

    with open_store(say=output.say) as store:
        groups = groups_of(adapters or [])
        made = create_run(store, name, seed=seed, configuration=configuration, target=ticks, groups=groups)
        output.say(
            f"run {made.name} (number {made.id}): {configuration.agents:,} agents, seed {seed}, to tick {ticks:,}"
        )
        summary = drive(
            output, store, made, target=ticks, durability=durability.value, threads=threads, pace_ms=pace,
            answers=answers.value, patience_s=patience, figures=figures, break_at=break_at,
        )  # fmt: skip
    finish(output, summary, resumed=False)


def resume(
    run: RunName,
    ticks: Annotated[
        int | None,
        typer.Option(metavar="MORE", min=1, help="Ticks beyond the newest; to the run's own target if left out."),
    ] = None,
    durability: DurabilityMode = Durability.TICK,
    pace: Pace = None,
    threads: Threads = 1,
    answers: AnswersMode = Answers.REUSE,
    patience: Patience = 60.0,
    take_over: Annotated[bool, typer.Option("--take-over", help="End another runner of this run first.")] = False,
    figures: FiguresFile = None,
    break_at: BreakAt = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a run: after a stop or a crash, or beyond its end."""
    output = Output(as_json=as_json, quiet=quiet)
    require_writable(figures)
    require_expression(break_at)

    from workers.bootstrap import open_store

    with open_store(say=output.say) as store:
        found = store.find(run)
        if store.lease(found).status == "running":
            with store.writer(found, durability=durability.value, take_over=take_over):
                pass  # whoever wrote it has ended: what comes next is beyond the newest tick that is there now
        head, lease = store.head(found), store.lease(found)
        newest = -1 if head is None else head.tick
        target = lease.target if ticks is None else max(newest, 0) + ticks
        require_ticks(target)
        if head is not None and newest >= target:
            begun = f"run {found.name} has reached its tick {target:,}; `--ticks MORE` goes beyond it"
        else:
            begun = f"run {found.name}: on from tick {newest:,} to {target:,}"
        summary = drive(
            output, store, found, target=max(target, newest), durability=durability.value, threads=threads,
            pace_ms=pace, take_over=take_over, answers=answers.value, patience_s=patience, figures=figures,
            break_at=break_at, begun=begun,
        )  # fmt: skip
    finish(output, summary, resumed=True)
