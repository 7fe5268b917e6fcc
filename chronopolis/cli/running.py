"""`polis run` and `polis resume`: advance a run, show how, and stop when told to."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.errors import STOPPED, StoppedAtOnce
from chronopolis.cli.forking import settings_of
from chronopolis.cli.garbage import collect_as_usual
from chronopolis.cli.live import RunDisplay
from chronopolis.cli.options import (
    Answers,
    AnswersMode,
    AsJson,
    BreakAt,
    Durability,
    DurabilityMode,
    FiguresFile,
    Pace,
    Patience,
    Quiet,
    RunName,
    Threads,
    examples,
)
from chronopolis.cli.output import Output, facts, figures_text
from chronopolis.cli.stopping import stoppable

if TYPE_CHECKING:
    from domain.configuration import Configuration
    from domain.ports import EventStore, Run
    from workers.runner import Summary

TICKS_MAX = 2_000_000_000


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
    agents: Annotated[int, typer.Option(metavar="N", help="Founders at tick 0.")] = 500,
    ticks: Annotated[int, typer.Option(metavar="T", help="The tick to end at.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="S", help="Decides everything that is left to chance.")] = 1,
    width: Annotated[int, typer.Option(help="Cells in a row of the grid.")] = 100,
    height: Annotated[int, typer.Option(help="Rows of the grid.")] = 100,
    mind: Annotated[
        str, typer.Option(help="Who forms intentions: reflex, scripted, llama, vllm or openai.")
    ] = "reflex",
    answers: AnswersMode = Answers.REUSE,
    adapters: Annotated[
        list[str] | None,
        typer.Option(
            "--adapter", metavar="GROUP=NAME", help="LoRA adapter of a persona group (an occupation); may be repeated."
        ),
    ] = None,
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
    require_once(context, base, settings or [])
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


# -- what demo uses as well ----------------------------------------------------------------------------


def require_ticks(ticks: int) -> None:
    """Refuse a target that is no tick."""
    from domain.errors import InvalidConfiguration

    if not 0 <= ticks <= TICKS_MAX:
        raise InvalidConfiguration("ticks", ticks, f"must lie between 0 and {TICKS_MAX:,}")


def require_writable(figures: Path | None) -> None:
    """Refuse a file of figures that can't be added to, before a run is made."""
    from chronopolis.errors import WrongUsage

    try:
        if figures is not None:
            figures.open("a").close()
    except OSError as error:
        raise WrongUsage(f"--figures {figures}: {error.strerror}") from None


def require_expression(break_at: str | None, configuration: Configuration | None = None) -> None:
    """Refuse a breakpoint that means nothing, before anything is opened or made."""
    if break_at is not None:
        from domain.expressions import parse
        from replay.judging import require_cells

        wanted = parse(break_at)
        if configuration is not None:
            require_cells(wanted, configuration)


def require_once(context: typer.Context, options: Iterable[str], settings: list[str]) -> None:
    """Refuse what is given both as an option of its own and with --set."""
    from chronopolis.errors import WrongUsage

    for name in sorted(settings_of(settings).keys() & set(options)):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise WrongUsage(f"--{name} and --set {name}=… set the same; give one of them")


def configuration_of(base: dict[str, Any], settings: list[str]) -> Configuration:
    """Return the configuration of options and ``KEY=VALUE`` settings, which come last.

    Raises
    ------
    WrongUsage, InvalidConfiguration
    """
    from domain.configuration import Configuration

    return Configuration.from_mapping(base | settings_of(settings))


def groups_of(adapters: list[str]) -> dict[str, str]:
    """Return persona group → adapter of options ``GROUP=NAME``.

    Raises
    ------
    WrongUsage
    """
    from chronopolis.errors import WrongUsage
    from domain.codes import Occupation

    known = [o.name.lower() for o in Occupation]
    groups: dict[str, str] = {}
    for each in adapters:
        group, equals, name = each.partition("=")
        if not equals or not name or group not in known:
            raise WrongUsage(f"--adapter {each}: write GROUP=NAME, the group one of {', '.join(known)}")
        groups[group] = name
    return groups


def profile_of(path: Path | None) -> dict[str, int]:
    """Return what a profile says of thinking; of a file that is none, say so."""
    import json

    from chronopolis.errors import WrongUsage

    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
        return {name: int(found[name]) for name in ("think_delay", "think_budget")}
    except OSError as error:
        raise WrongUsage(f"--profile {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise WrongUsage(
            f"--profile {path}: it is no profile ({type(error).__name__}: {error})",
            "`polis minds calibrate` prints one.",
        ) from None


def create_run(
    store: Any,
    name: str | None,
    *,
    seed: int,
    configuration: Configuration,
    target: int,
    engines: dict[str, Any] | None = None,
    groups: dict[str, str] | None = None,
    parent: Run | None = None,
    fork_tick: int | None = None,
) -> Run:
    """Make a run, under a memorable name if none is given; look first whether its minds can be had."""
    from chronopolis.names import memorable_name
    from domain.errors import RunExists
    from workers.bootstrap import Settings
    from workers.staff import identity_of

    engines = engines or identity_of(configuration.mind, Settings.from_environment(), groups=groups)
    made = {"seed": seed, "configuration": configuration, "target": target, "engines": engines}
    made |= {"parent": parent, "fork_tick": fork_tick}
    if name is not None:
        return store.create(name, **made)
    while True:
        drawn = memorable_name(store.names())
        try:
            return store.create(drawn, **made)
        except RunExists:  # another polis drew it in this very moment
            continue


def drive(
    output: Output,
    store: EventStore,
    run: Run,
    *,
    target: int,
    durability: str = "tick",
    threads: int = 1,
    pace_ms: float | None = None,
    take_over: bool = False,
    answers: str = "reuse",
    patience_s: float = 60.0,
    figures: Path | None = None,
    break_at: str | None = None,
    begun: str = "",
) -> Summary:
    """Advance a run to `target` with a live display, until it is done or a signal asks it to stop.

    `begun` is said once the run is ours.
    """
    from chronopolis.cli.doctor import compiled_kernels
    from replay.watch import Breakpoint
    from workers.bootstrap import Settings
    from workers.minutes import Minutes
    from workers.runner import Runner
    from workers.staff import thinking_for

    compiled = compiled_kernels()
    if compiled is None:
        output.warn("the rules are compiled anew, for about half a minute: `polis doctor` says why they can't be kept")
    elif compiled == 0:
        output.say("compiling the rules for this machine: once, for about half a minute")
    staff = thinking_for(
        store, run, Settings.from_environment(), answers=answers, patience_s=patience_s, say=output.say
    )
    collect_as_usual()
    with staff as thinking, RunDisplay(output, run.name) as display:
        runner = Runner(
            store, run, durability=durability, threads=threads, pace_ms=pace_ms, take_over=take_over,
            thinking=thinking, breakpoint_=None if break_at is None else Breakpoint(store, run, break_at),
            on_begin=(lambda: output.say(begun)) if begun else None, on_progress=display.update, say=output.warn,
            on_end=lambda left: _tell_of_the_rest(output, run.name, left),
            minutes=None if figures is None else Minutes(lambda minute: _add_line(figures, minute)),
        )  # fmt: skip
        with stoppable(runner, output, run.name) as is_left:
            try:
                return runner.run(target)
            except KeyboardInterrupt:
                raise StoppedAtOnce(run.name) from None
            except Exception:
                if is_left():  # who was interrupted somewhere deep, as while compiling, may say something else of it
                    raise StoppedAtOnce(run.name) from None
                raise


def _tell_of_the_rest(output: Output, name: str, left: int) -> None:
    """Say what is waited for once all ticks are durable, where it takes its time."""
    if left > 3:
        output.say(f"{name}: all ticks are durable; the last {left} stretches of events are being indexed")


def _add_line(file: Path, values: dict[str, Any]) -> None:
    """Add a JSON line to a file; a run does not fail because it can't."""
    import json

    with suppress(OSError), file.open("a") as out:
        out.write(json.dumps(values) + "\n")


def finish(output: Output, summary: Summary, *, resumed: bool) -> None:
    """Write the summary and leave with the code that its status asks for."""
    values = summary.as_dict() | {"resumed": resumed}
    if output.as_json:
        output.result(values)
    else:
        output.show(summary_panel(values))
    if values["status"] == "paused":
        output.quiet = False
        because = f", since {values['paused_because']}" if values.get("paused_because") else ""
        output.say(f"stopped at tick {values['head_tick']:,}{because}; `polis resume {values['name']}` goes on")
        raise typer.Exit(STOPPED)
    if values["status"] != "complete":
        output.warn(f"run {values['name']} ended {values['status']}: {values.get('problem') or 'see its figures'}")
        raise typer.Exit(1)


def _thoughts(values: dict[str, Any]) -> str | None:
    if "thoughts" not in values:
        return None
    ms, tokens = values["latency_ms"], values["tokens"]
    return " · ".join((
        f"{values['thoughts']:,} taken, {values['refused']:,} refused",
        f"{values['asked']:,} asked, {values['reused']:,} reused",
        f"mean {ms['mean']:,.0f} ms, p95 {ms['p95']:,.0f} ms",
        f"{tokens['in']:,} tokens in, {tokens['out']:,} out",
        *([f"{unsaid:,} could not be said"] if (unsaid := sum(values.get("unsaid", {}).values())) else []),
    ))  # fmt: skip


def _waited(values: dict[str, Any]) -> str | None:
    for_minds, for_database = values.get("waited_s") or 0.0, values.get("database_waited_s") or 0.0
    parts = [f"{for_minds:.1f} s for thoughts"] if for_minds else []
    parts += [f"{for_database:.1f} s for the database"] if for_database else []
    return ", ".join(parts) or None


def _refused(values: dict[str, Any]) -> str | None:
    """Return in a line which interventions came to nothing, and why the first did."""
    refused = values.get("interventions_refused")
    if not refused:
        return None
    first, n = refused[0], len(refused)
    whom = "" if first["agent"] is None else f" (agent {first['agent']})"
    told = f"tick {first['tick']:,}{whom}, {first['because']}"
    return f"1 intervention, at {told}" if n == 1 else f"{n:,} interventions; the first at {told}"


_HAPPENED = ("trades", "births", "deaths", "utterances")
"""Figures that are no state: a runner counts them from where it began."""


def summary_panel(values: dict[str, Any]) -> Any:
    """Return the summary of a run for people."""
    ms = values["tick_ms"]
    happened = {name: n for name, n in values["figures"].items() if name in _HAPPENED}
    society = {name: value for name, value in values["figures"].items() if name not in _HAPPENED}
    rows = {
        "head": f"tick {values['head_tick']:,} of {values['ticks']:,}",
        "head hash": values["head_hash"],
        "events": f"{values['events']:,} in this process, {values['events_per_s']:,.0f} a second",
        "tick": f"p50 {ms['p50']:.2f} ms · p99 {ms['p99']:.2f} ms · max {ms['max']:.2f} ms",
        "thoughts": _thoughts(values),
        "society": figures_text({"people": society.get("population", 0), **society}),
        "happened": f"{figures_text(happened)}, in this process" if happened else None,
        "memory": f"{values['peak_rss_mb']:,.0f} MB here at most, {values['pss_all_mb']:,.0f} MB with the database",
        "waited": _waited(values),
        "not kept": f"{values['snapshots_failed']} snapshots" if values.get("snapshots_failed") else None,
        "late": f"{values['late_inputs']} answers came late and were not used" if values.get("late_inputs") else None,
        "refused": _refused(values),
        "problem": values.get("problem"),
    }
    good = {"complete": True, "paused": None}.get(values["status"], False)
    return facts(rows, title=f"{values['name']} · seed {values['seed']} · {values['status']}", good=good)
