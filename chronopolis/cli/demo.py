"""`polis demo`: a society of 500 agents that think, run, verified by replay, and shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from chronopolis.cli.checking import verification_panel
from chronopolis.cli.driving import create_run, drive
from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output, facts
from chronopolis.cli.run_options import configuration_of, require_ticks
from chronopolis.cli.summary import finish, summary_panel

if TYPE_CHECKING:
    from domain.ports import Run

AGENTS, TICKS, SEED = 500, 3_000, 7
BUDGET = 45  # thoughts in 1,000 ticks: some four minutes where a core makes one in two seconds


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis demo", "polis demo --ticks 300  # a short one", "polis demo --mind reflex  # by rules alone: seconds"
        )
    )(demo)


def demo(
    agents: int = typer.Option(AGENTS, metavar="N", help="Founders at tick 0."),
    ticks: int = typer.Option(TICKS, metavar="T", min=1, help="The tick to end at."),
    seed: int = typer.Option(SEED, metavar="S", help="Decides everything that is left to chance."),
    mind: str = typer.Option("llama", help="Who thinks for agents: llama, scripted, or reflex (nobody)."),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run 500 agents for 3,000 ticks with a language model, verify the run by replay, tell of it, say what to try."""
    output = Output(as_json=as_json, quiet=quiet)
    require_ticks(ticks)
    settings = {"agents": agents, "mind": mind} | ({} if mind == "reflex" else {"think_budget": BUDGET})
    configuration = configuration_of(settings, [])

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
        told = _stories(store, run) if configuration.thinks else None
    values = summary.as_dict()
    checked = verification.as_dict() | {"run": run.id, "name": run.name}
    if as_json:
        more = {"verification": checked, "next": [command for command, _ in next_commands]}
        output.result(values | more | ({"stories": told} if told else {}))
    else:
        output.show(summary_panel(values), verification_panel(checked), *_story_panels(told))
        output.show(_next_lines(next_commands))
    if not verification.ok:
        raise typer.Exit(1)


def _stories(store: Any, run: Run) -> dict[str, Any]:
    from dataclasses import asdict

    from chronopolis.record import head_tick
    from chronopolis.story import longest_conversation, telling_chain

    last = head_tick(store, run)
    chain = telling_chain(store, run, last=last)
    lines = longest_conversation(store, run, last=last)
    return {"conversation": [asdict(line) for line in lines], "chain": None if chain is None else asdict(chain)}


def _story_panels(told: dict[str, Any] | None) -> list[Any]:
    """Return what the run has to tell: a conversation, and a thought from percept to action."""
    if told is None:
        return []
    panels = []
    if told["conversation"]:
        lines = {
            f"tick {line['tick']:,}": f"{line['speaker']} to {line['to']} ({line['act']}): “{line['text']}”"
            for line in told["conversation"]
        }
        panels.append(facts(lines, title="a conversation"))
    chain = told["chain"]
    if chain is not None:
        thought, action = chain["thought"], chain["action"]
        rows = {
            "percept": chain["percept"].partition("\n")[0],
            "memory": "\n".join(f"{m['score'] / 1e6:.2f}  {m['text']}" for m in chain["memories"]) or "none yet",
            "thought": json.dumps(thought, ensure_ascii=False),
            "intention": f"{thought['intention']}, where the rules would {chain['instead_of']}",
            "action": "none under it" if action is None else f"tick {action['tick']:,}: {action['kind']}",
        }
        panels.append(facts(rows, title=f"{chain['name']} thinks, from tick {chain['asked_tick']:,}"))
    return panels


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
    thought = bool(store.deliberations(run, last=newest))
    thoughts = [(f"polis thought {name} --all", "what they thought")] if thought else []
    return [
        (f"polis state {name} --map", "the world"),
        *thoughts,
        (f"polis state {name} --tick {tick} --agent {agent}", "who it was that traded then"),
        (f"polis events {name} --agent {agent} --from {max(0, tick - 20)} --to {tick}", "what led to it"),
        (f"polis reexecute {name}", "decide it all again, asking no model"),
        (f"polis resume {name} --ticks 1000", "go on"),
    ][:5]


def _next_lines(commands: list[tuple[str, str]]) -> Any:
    from rich.table import Table

    table = Table.grid(padding=(0, 3))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_row("[bold]Try next[/bold]")
    for row in commands:
        table.add_row(*row)
    return table
