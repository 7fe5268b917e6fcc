"""`polis state`: the world at a tick, as figures, as a map, and agent by agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.options import AsJson, RunName, TickOfRun, examples
from chronopolis.cli.output import Output, facts, figures_text, plain
from chronopolis.sentences import amount, counted

if TYPE_CHECKING:
    from domain.state import World


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis state brave-otter --tick 1200",
            "polis state brave-otter --tick 1200 --agent 17",
            "polis state brave-otter --agent 'Ida Fox'  # by name, at the newest tick",
            "polis state brave-otter --map  # a picture of the world",
            "polis state brave-otter --agents --json  # everybody, with goods and place",
        )
    )(state)


def state(
    run: RunName,
    tick: TickOfRun = None,
    agent: Annotated[str | None, typer.Option(metavar="A", help="One agent in full, by id or name.")] = None,
    agents: Annotated[bool, typer.Option("--agents", help="Everybody: who, where, needs and goods.")] = False,
    picture: Annotated[bool, typer.Option("--map", help="Draw the world in the terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the state of the world at a tick: hashes, figures, one agent or all, or a map.

    Needs, goods and skills are integers in thousandths, coins and tools in pieces, as events have them.
    """
    import replay
    from chronopolis import people
    from chronopolis.errors import WrongUsage
    from chronopolis.moment import state_values
    from chronopolis.naming import living_agent, name_the_dead
    from chronopolis.record import require_tick
    from workers.bootstrap import open_store

    if picture and as_json:
        raise WrongUsage("--map draws a picture, and a picture is no JSON", "Leave one of the two out.")
    if agent is not None and (agents or picture):
        other = "--agents shows everybody" if agents else "--map the world"
        raise WrongUsage(f"--agent shows one agent, and {other}", "Give the one or the other.")
    output = Output(as_json=as_json)
    with open_store(say=output.say) as store:
        found = store.find(run)
        world = replay.at(store, found, require_tick(store, found, tick), on_problem=output.warn)
        if agent is not None:
            one = people.describe(world, living_agent(store, found, world, agent))
            name_the_dead(one, store, found)
    if agent is not None:
        head = {"run": found.id, "name": found.name, "tick": world.tick}
        if as_json:
            # Two things are called a name here, so the agent stands under a key of its own.
            output.result(head | {"state_hash": world.state_hash.hex(), "agent": one})
        else:
            output.show(_agent_panel(one, found.name, world.tick))
        return
    values = state_values(found, world)
    if agents:
        values["agents"] = people.brief(world)
    if as_json:
        output.result(values)
        return
    if picture:
        _draw(output, world)
    output.show(_state_panel(values))
    if agents:
        output.show(_agents_table(values["agents"]))


def _state_panel(v: dict[str, Any]) -> Any:
    rows = {
        "people": f"{v['population']:,} live; {v['born_and_arrived']:,} ever came",
        "society": figures_text(v["figures"]),
        "state hash": v["state_hash"],
        **{f"  {name}": value for name, value in v["areas"].items()},
    }
    return facts(rows, title=f"{v['name']} · tick {v['tick']:,}")


def _draw(output: Output, world: World) -> None:
    from chronopolis.cli.hexmap import hex_map, legend, step_for

    # With NO_COLOR rich keeps its colours and leaves them out as it writes.
    columns, colour = output.out.width, output.out.color_system is not None and not output.out.no_color
    output.out.print(hex_map(world, columns=columns, colour=colour), end="", crop=False, soft_wrap=True)
    output.show(legend(step=step_for(world, columns), colour=colour))


def _units(milli: int) -> str:
    return f"{milli / 1000:,.3f}".rstrip("0").rstrip(".")


def _somebody(who: dict[str, Any]) -> str:
    return f"{who['name'] or 'somebody'} ({who['agent']}{'' if who.get('alive', True) else ', dead'})"


def _agent_panel(a: dict[str, Any], run: str, tick: int) -> Any:
    from rich.text import Text

    def bars(values: dict[str, int], full: int) -> Any:
        text = Text()
        for i, (name, value) in enumerate(values.items()):
            filled = round(10 * value / full)
            text.append(f"{chr(10) if i else ''}{name:<18}")
            text.append("█" * filled, "green" if filled > 3 else "red").append("░" * (10 - filled), "dim")
            text.append(f" {_units(value)}", "dim")
        return text

    place, goal = a["place"], a["intention"] and a["intention"]["goal"]
    ties = [f"{_somebody(tie)}, strength {_units(tie['strength_milli'])}" for tie in a["ties"]]
    rows = {
        "who": f"{a['occupation']}, {counted(a['age'], 'tick')} old of {a['lifespan']:,}, household {a['household']}",
        "parent": a["parent"] and _somebody(a["parent"]),
        "set on": a["intention"]
        and a["intention"]["intention"].replace("_", " ")
        + (f", at row {goal['row']} column {goal['column']} ({goal['biome']})" if goal else ""),
        "place": f"row {place['row']} column {place['column']} (cell {place['cell']}): "
        f"{place['biome']}, {place['elevation_m']:,} m up",
        "needs": bars(a["needs_milli"], 10_000),
        "holds": ", ".join(amount(good, held) for good, held in a["goods"].items() if held) or "nothing",
        "skills": bars(a["skills_milli"], 1_000),
        "traits": bars(a["traits_milli"], 1_000),
        "knows": "\n".join(ties) or "nobody",
        **_mind_rows(a["mind"]),
    }
    return facts(rows, title=f"{a['name']} · agent {a['agent']} · {run}, tick {tick:,}")


def _mind_rows(mind: dict[str, Any] | None) -> dict[str, str]:
    """Return what an agent has in mind, for the panel; nothing in a society without minds."""
    if mind is None:
        return {}

    def somebody(who: dict[str, Any] | None) -> str:
        return "the world" if who is None else _somebody(who)

    talk, awaits = mind["conversation"], mind["awaits"]
    return {
        "awaits": f"an answer about its {awaits['purpose']} at tick {awaits['due']:,}" if awaits else "no answer",
        "talks with": f"{somebody(talk['with'])}, {talk['speeches']} speeches so far" if talk else "nobody",
        "was told": "\n".join(f"{somebody(s['from'])}: {s['text']}" for s in mind["inbox"]) or "nothing",
        "news": "\n".join(f"{n['text']} (from {somebody(n['from'])})" for n in mind["news"]) or "none",
        "remembers": ", ".join(kept["memory"] for kept in mind["memories"]) or "nothing",
    }


def _agents_table(rows: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in rows[0] if rows else ("agent",):
        table.add_column(name, justify="left" if name in ("name", "occupation", "intention") else "right")
    for row in rows:
        table.add_row(*(plain("" if value is None else value) for value in row.values()))
    return table
