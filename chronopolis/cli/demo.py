"""`polis demo`: a society of 500 agents, run, verified by replay, and shown."""

from __future__ import annotations

from typing import Any

import typer

from chronopolis.cli.checking import verification_panel
from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output
from chronopolis.cli.running import configuration_of, create_run, drive, finish, summary_panel

AGENTS, TICKS, SEED = 500, 3_000, 7


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(epilog=examples("polis demo", "polis demo --ticks 300  # a short one"))(demo)


def demo(
    agents: int = typer.Option(AGENTS, metavar="N", help="Founders at tick 0."),
    ticks: int = typer.Option(TICKS, metavar="T", min=1, help="The tick to end at."),
    seed: int = typer.Option(SEED, metavar="S", help="Decides everything that is left to chance."),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run 500 agents for 3,000 ticks, verify the run by replaying it, and say what to try next."""
    output = Output(as_json=as_json, quiet=quiet)
    configuration = configuration_of({"agents": agents}, [])

    import replay
    from workers.bootstrap import open_store

    with open_store(say=output.say) as store:
        run = create_run(store, None, seed=seed, configuration=configuration, target=ticks)
        output.say(f"run {run.name}: {agents:,} agents, {ticks:,} ticks, seed {seed}")
        summary = drive(output, store, run, target=ticks)
        if summary.status != "complete":
            finish(output, summary, resumed=False)
        with CheckDisplay(output, f"verifying {run.name} by replay") as display:
            verification = replay.verify(store, run, on_progress=display.update)
        next_commands = _to_try(store, run)
    values = summary.as_dict()
    checked = verification.as_dict() | {"run": run.id, "name": run.name}
    if as_json:
        output.result(values | {"verification": checked, "next": [command for command, _ in next_commands]})
    else:
        output.show(summary_panel(values), verification_panel(checked), _next_lines(next_commands))
    if not verification.ok:
        raise typer.Exit(1)


def _to_try(store: Any, run: Any) -> list[tuple[str, str]]:
    """Return five commands that work as they stand, with somebody to whom something happened."""
    from chronopolis.record import head_tick, select_events
    from domain.events import GOODS_TRADED

    newest = head_tick(store, run)
    agent, tick = 0, newest
    for events in select_events(store, run, first=newest // 2, last=newest, kinds=(GOODS_TRADED,)):
        agent, tick = int(events.records["agent"][0]), int(events.records["tick"][0])
        break
    name = run.name
    return [
        (f"polis state {name} --map", "the world"),
        (f"polis state {name} --tick {tick} --agent {agent}", "who it was that traded then"),
        (f"polis events {name} --agent {agent} --from {max(0, tick - 20)} --to {tick}", "what led to it"),
        (f"polis reexecute {name}", "decide it all again"),
        (f"polis resume {name} --ticks 1000", "go on"),
    ]


def _next_lines(commands: list[tuple[str, str]]) -> Any:
    from rich.table import Table

    table = Table.grid(padding=(0, 3))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_row("[bold]Try next[/bold]")
    for row in commands:
        table.add_row(*row)
    return table
