"""`polis runs`, `show`, `state` and `events`: look at what is recorded. Looking changes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.forking import changes_lines
from chronopolis.cli.options import AsJson, RunName, TickOfRun, examples
from chronopolis.cli.output import Output, facts, figures_text, mebibytes, plain
from chronopolis.standing import standing

if TYPE_CHECKING:
    from domain.advance import Header
    from domain.ports import Lease, Run
    from domain.state import World

_EVENTS_FOR_PEOPLE = 100


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog=examples("polis runs", "polis runs --json  # one JSON object a line"))(runs)
    app.command(epilog=examples("polis show brave-otter", "polis show brave --json  # a prefix is enough"))(show)
    app.command(
        epilog=examples(
            "polis state brave-otter --tick 1200",
            "polis state brave-otter --tick 1200 --agent 17",
            "polis state brave-otter --agent 'Ida Fox'  # by name, at the newest tick",
            "polis state brave-otter --map  # a picture of the world",
            "polis state brave-otter --agents --json  # everybody, with goods and place",
        )
    )(state)
    app.command(
        epilog=examples(
            "polis events brave-otter --tick 1200",
            "polis events brave-otter --agent 17 --from 1000 --to 1100",
            "polis events brave-otter --kind GoodsTraded --json | head  # one JSON object a line",
        )
    )(events)


# -- runs ----------------------------------------------------------------------------------------------


def runs(as_json: AsJson = False) -> None:
    """List all runs, oldest first."""
    from workers.bootstrap import open_store

    output = Output(as_json=as_json)
    with open_store(say=output.say) as store:
        found = store.runs()
    if as_json:
        for each in found:
            output.line(standing(*each))
        return
    if not found:
        output.show("no runs yet; [cyan]polis demo[/cyan] or [cyan]polis run[/cyan] makes one")
        return
    output.show(_runs_table(found, columns=output.out.width))


_STATUS_STYLES = {"running": "cyan", "paused": "yellow", "complete": "green", "degraded": "magenta", "failed": "red"}


# What gives way on a narrow terminal, in this order: a number or a name that is cut tells nothing.
_GIVE_WAY = ("made", "head hash", "seed", "agents", "forked from", "of", "run")


def _runs_table(found: list[tuple[Run, Lease, Header | None]], *, columns: int) -> Any:
    """Return the table of runs with as many of its parts as `columns` characters have room for."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    told = [standing(*each) for each in found]
    forks = {run.id: run.name for run, *_ in found}
    rows = [
        {
            "run": str(s["run"]),
            "name": s["name"],
            "forked from": _origin(s, forks),
            "status": s["status"],
            "tick": "–" if s["head_tick"] < 0 else f"{s['head_tick']:,}",
            "of": f"{s['target']:,}",
            "agents": f"{s['agents']:,}",
            "seed": str(s["seed"]),
            "head hash": (s["head_hash"] or "")[:12],
            "made": s["created_at"].replace("T", " ")[:16],
        }
        for s in told
    ]
    # Three characters lie between two columns, and two at either end.
    widths = {title: 3 + max(len(title), *(len(row[title]) for row in rows)) for title in rows[0]}
    if not any(row["forked from"] for row in rows):
        del widths["forked from"]
    for title in _GIVE_WAY:
        if sum(widths.values()) + 1 > columns:
            widths.pop(title, None)
    table = Table(box=box.SIMPLE_HEAD)
    for title in widths:
        right = title in ("run", "tick", "of", "agents", "seed")
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    styles = {"name": "bold"}
    for row in rows:
        styles["status"] = _STATUS_STYLES[row["status"]]
        table.add_row(*(Text(row[title], style=styles.get(title, "")) for title in widths))
    return table


def _origin(s: dict[str, Any], names: dict[int, str]) -> str:
    return "" if s["parent"] is None else f"{names.get(s['parent'], s['parent'])} @ {s['fork_tick']:,}"


# -- show ----------------------------------------------------------------------------------------------


def show(run: RunName, as_json: AsJson = False) -> None:
    """Show what a run is made of, where it stands, and how to go on."""
    from workers.bootstrap import open_store

    output = Output(as_json=as_json)
    with open_store(say=output.say) as store:
        found = store.find(run)
        values = _about(store, found)
    if as_json:
        output.result(values)
    else:
        output.show(_about_panel(values))


def _about(store: Any, run: Run) -> dict[str, Any]:
    from dataclasses import asdict

    from chronopolis.forking import fork_told

    lease, head = store.lease(run), store.head(run)
    values = standing(run, lease, head) | {
        "events": store.total_events(run),
        "state_hash": None if head is None else head.state_hash.hex(),
        "snapshots": store.snapshot_ticks(run),
        "size_bytes": store.size_bytes(run),
        "late_inputs": store.late_inputs(run),
        "holder": lease.holder,
        "problem": lease.problem,
        "fork": None if run.parent is None else fork_told(store, run),
        "configuration": asdict(run.configuration),
        "genesis_hash": run.genesis_hash.hex(),
        "rules_version": run.rules_version,
        "state_version": run.state_version,
        "hashing_version": run.hashing_version,
        "engines": run.engines,
    }
    return values | {"next": _how_to_go_on(values)}


def _how_to_go_on(values: dict[str, Any]) -> list[str]:
    name, status = values["name"], values["status"]
    if status == "running":
        return [f"polis state {name} --map", f"polis events {name} --tick {max(0, values['head_tick'])}"]
    if values["head_tick"] < values["target"]:
        return [f"polis resume {name}", *([f"polis verify {name}"] if values["head_tick"] >= 0 else [])]
    return [f"polis verify {name}", f"polis state {name} --map", f"polis resume {name} --ticks 1000"]


def _about_panel(v: dict[str, Any]) -> Any:
    configuration = " · ".join(f"{key} {value}" for key, value in v["configuration"].items())
    per_event = f", {v['size_bytes'] / v['events']:.0f} bytes an event" if v["events"] else ""
    rows = {
        "status": f"{v['status']}{', by ' + v['holder'] if v['holder'] else ''}",
        "problem": v["problem"],
        "head": "no tick yet" if v["head_tick"] < 0 else f"tick {v['head_tick']:,} of {v['target']:,}",
        "head hash": v["head_hash"],
        "events": v["events"],
        "on disk": f"{mebibytes(v['size_bytes'])}{per_event}",
        "snapshots": f"{len(v['snapshots'])}, the newest at tick {v['snapshots'][-1]:,}" if v["snapshots"] else "none",
        "late answers": v["late_inputs"] or None,
        "forked from": v["fork"] and f"{v['fork']['parent']} at tick {v['fork_tick']:,}",
        "changed": v["fork"] and ("\n".join(changes_lines(v["fork"])) or "nothing: it repeats its parent"),
        "seed": str(v["seed"]),
        "constants": configuration,
        "genesis": v["genesis_hash"],
        "made": f"{v['created_at']} under rules {v['rules_version']}, state {v['state_version']}, "
        f"hashing {v['hashing_version']}; engines {json.dumps(v['engines'])}",
        "go on": "\n".join(v["next"]),
    }
    good = {"complete": True, "failed": False, "degraded": False}.get(v["status"])
    return facts(rows, title=f"{v['name']} · run {v['run']}", good=good)


# -- state ---------------------------------------------------------------------------------------------


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
    values = _state_values(found, world)
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


def _state_values(run: Run, world: World) -> dict[str, Any]:
    from domain.measures import society_figures

    return {
        "run": run.id,
        "name": run.name,
        "tick": world.tick,
        "state_hash": world.state_hash.hex(),
        "areas": {name: f"{value:016x}" for name, value in world.areas.items()},
        "population": world.population,
        "born_and_arrived": world.next_agent,
        "figures": society_figures(world),
    }


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
    goods = {
        name: (amount if name in ("coin", "tool") else _units(amount)) for name, amount in a["goods"].items() if amount
    }
    ties = [f"{_somebody(tie)}, strength {_units(tie['strength_milli'])}" for tie in a["ties"]]
    rows = {
        "who": f"{a['occupation']}, {a['age']:,} ticks old of {a['lifespan']:,}, household {a['household']}",
        "parent": a["parent"] and _somebody(a["parent"]),
        "set on": a["intention"]
        and a["intention"]["intention"].replace("_", " ")
        + (f", at row {goal['row']} column {goal['column']} ({goal['biome']})" if goal else ""),
        "place": f"row {place['row']} column {place['column']} (cell {place['cell']}): "
        f"{place['biome']}, {place['elevation_m']:,} m up",
        "needs": bars(a["needs_milli"], 10_000),
        "holds": ", ".join(f"{amount} {name}" for name, amount in goods.items()) or "nothing",
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


# -- events --------------------------------------------------------------------------------------------


def events(
    run: RunName,
    tick: Annotated[int | None, typer.Option(min=0, metavar="T", help="This tick alone; all if left out.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="A", help="Only this agent's own events; id or name.")] = None,
    kind: Annotated[list[str] | None, typer.Option(metavar="K", help="Only this kind; may be repeated.")] = None,
    first: Annotated[
        int | None, typer.Option("--from", min=0, metavar="T", help="The first tick; 0 if left out.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--to", min=0, metavar="T", help="The last; the newest if left out.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many events; 0 for all. Without --json it is 100.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened, in order; with --json one object a line, as they are read."""
    from chronopolis.errors import WrongUsage
    from chronopolis.record import agent_of_run, kinds_named, require_tick, select_events
    from workers.bootstrap import open_store

    if tick is not None and (first is not None or last is not None):
        raise WrongUsage("--tick means one tick, and --from and --to a range", "Give the one or the other.")
    kinds = kinds_named(kind or ())
    most = (0 if as_json else _EVENTS_FOR_PEOPLE) if limit is None else limit
    output = Output(as_json=as_json)
    with open_store(say=output.say) as store:
        found = store.find(run)
        low = require_tick(store, found, 0 if tick is None and first is None else tick if first is None else first)
        high = require_tick(store, found, tick if last is None else last)
        if low > high:
            raise WrongUsage(f"--from {low} lies after --to {high}")
        number = None if agent is None else agent_of_run(store, found, agent, last=high)
        shown = 0
        for batch in select_events(store, found, first=low, last=high, kinds=kinds, agent=number):
            for event in batch:
                if most and shown == most:
                    if limit is None:
                        output.say(f"… the first {most}; --limit 0 shows all, --from, --to, --agent and --kind fewer")
                    return
                shown += 1
                if as_json:
                    output.line(event)
                else:
                    output.out.print(_event_line(event), soft_wrap=True)
        if not shown and not as_json:
            output.say(f"no such events in ticks {low:,} to {high:,}")


def _event_line(event: dict[str, Any]) -> Any:
    from rich.text import Text

    values = dict(event)
    tick, ordinal, kind = values.pop("tick"), values.pop("ordinal"), values.pop("kind")
    cause = (values.pop("cause_tick", None), values.pop("cause_ordinal", None))
    # As `polis why` takes it.
    line = Text(f"{f'{tick}:{ordinal}':>12} ", style="dim")
    line.append(f"{kind:<18}", "bold")
    if "agent" in values:
        line.append(f" {values.pop('agent'):>5}", "cyan")
    if "target" in values:
        line.append(f" → {values.pop('target')}", "cyan")
    for name, value in values.items():
        line.append(f"  {name} ", "dim").append(value if isinstance(value, str) else json.dumps(value))
    if cause[0] is not None:
        line.append(f"  ← {cause[0]}:{cause[1]}", "dim")
    return line
