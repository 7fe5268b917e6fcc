"""`polis fork`, `tree` and `intervene`: what if, and who came from whom."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chronopolis.cli.interventions import deeds_of, intervention_line, intervention_of, outcome_line
from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, facts
from chronopolis.cli.run_options import settings_of
from chronopolis.errors import WrongUsage

By = Annotated[str | None, typer.Option(help="Who does it; whoever is logged in, if left out.")]
_CHANGES_SHOWN = 8
Why = Annotated[str, typer.Option(help="The reason, for whoever reads the history.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog=examples(
            "polis fork brave-otter --at 900  # then `polis resume CHILD` runs it on",
            "polis fork brave-otter --at 900 --set hunger=30 --name less-hungry",
            "polis fork brave-otter --at 900 --seed 8  # the same people, other chances",
            "polis fork brave-otter --at 900 --intervene 'stock.food=50%' --why 'a better year'",
            "polis fork brave-otter --at 900 --intervene 'agent=17 remove' --intervene 'agent=3 endow.food=9000'",
            """polis fork brave-otter --at 900 --intervene '{"add": {"agents": 20}, "at": 950}'""",
        )
    )(fork)
    app.command(epilog=examples("polis tree", "polis tree brave-otter  # the family of one run", "polis tree --json"))(
        tree
    )
    app.command(
        epilog=examples(
            "polis intervene brave-otter --agent 17 --news 'There is a well behind the hill.' --why 'to see it spread'",
            "polis intervene brave-otter --agent 17 --endow food=5000 --at 1500",
            "polis intervene brave-otter --agent 17 --rest  # in that tick, whatever it was set on",
            "polis intervene brave-otter --agent 17 --remove",
            "polis intervene brave-otter --add 20 --cell 5050",
            "polis intervene brave-otter --stock food=100% --why 'a good harvest'",
        )
    )(intervene)


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
    interventions: Annotated[
        list[str] | None,
        typer.Option(
            "--intervene", metavar="WHAT", help="What is done at T + 1, in words or as JSON; may be repeated."
        ),
    ] = None,
    by: By = None,
    why: Why = "",
    ticks: Annotated[
        int | None,
        typer.Option("--ticks", min=0, metavar="N", help="Ticks beyond T that it is to have; to its parent's target."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a run that shares another's history up to a tick, and is its own from there on.

    Nothing is copied, and the parent goes on as if nobody had asked. A fork that changes nothing repeats its parent,
    hash by hash; `polis resume CHILD` runs it on. Words of --intervene: agent=A, endow.GOOD=AMOUNT, news=TEXT, rest,
    remove, add=N, cell=C, stock.GOOD=AMOUNT or 50% of capacity, cells=A,B, at=T, by=WHO, why=REASON.
    """
    from chronopolis.forking import make_fork
    from domain.inputs import DEEDS
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    wanted, deeds = settings_of(settings or []), [intervention_of(text) for text in interventions or []]
    with open_store(say=output.say) as store:
        made = make_fork(
            store, run, at=at, name=name, settings=wanted, seed=seed, interventions=deeds, by=by, why=why, ticks=ticks
        )
    for warning in made["warnings"]:
        output.warn(warning)
    if as_json:
        output.result(made)
        return
    output.show(facts(_fork_rows(made), title=f"{made['name']} · a fork of {made['parent']}", good=True))
    further = "" if made["target"] > made["forked_at"] else " --ticks MORE"
    output.say(f"`polis resume {made['name']}{further}` runs it on")
    ticks_of_effect = [each["effect_tick"] for each in made["interventions"] if set(each) & set(DEEDS)]
    if ticks_of_effect:
        output.say(outcome_line(made["name"], ticks_of_effect[0]))


def _fork_rows(made: dict[str, Any]) -> dict[str, Any]:
    return {
        "forked at": f"tick {made['forked_at']:,}",
        "shared hash": made["head_hash"],
        "changed": "\n".join(changes_lines(made)) or "nothing: it repeats its parent",
        "to run to": f"tick {made['target']:,}",
    }


def changes_lines(made: dict[str, Any]) -> list[str]:
    """Return what a fork changed, a line each; empty if nothing."""
    changed = made["changed"]
    lines = [f"{name} {each['before']} → {each['after']}" for name, each in changed["settings"].items()]
    if changed["seed"] is not None:
        lines.append(f"seed {changed['seed']['before']} → {changed['seed']['after']}")
    return lines + [intervention_line(each) for each in made["interventions"]]


# -- tree ----------------------------------------------------------------------------------------------


def tree(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Only the family of this run; all runs if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which run was forked from which: at what tick, how far each has come, and what it changed.

    A damaged run is shown as one, as `polis runs` does.
    """
    from chronopolis.lineage import family_tree
    from workers.bootstrap import open_store

    output = Output(as_json=as_json)
    with open_store(say=output.say) as store:
        trees = family_tree(store, None if run is None else store.find(run))
    _warn_of_damaged(output, trees)
    if as_json:
        output.result({"trees": trees})
    elif not trees:
        output.show("no runs yet; [cyan]polis demo[/cyan] or [cyan]polis run[/cyan] makes one")
    for each in [] if as_json else trees:
        output.show(_branch(each))


def _warn_of_damaged(output: Output, nodes: list[dict[str, Any]]) -> None:
    for node in nodes:
        if node["damage"] is not None:
            output.warn(node["damage"])
        _warn_of_damaged(output, node["children"])


def _branch(node: dict[str, Any], branch: Any = None) -> Any:
    from rich.text import Text
    from rich.tree import Tree

    line = Text.assemble((node["name"], "bold"), (" (this)" if node["here"] else "", "cyan"))
    line.append("" if node["forked_at"] is None else f"  from tick {node['forked_at']:,}", "dim")
    if node["damage"] is not None:
        line.append(f"  {node['status']}", "bold red")
    else:
        line.append("  no tick yet" if node["head_tick"] < 0 else f"  at tick {node['head_tick']:,}")
        line.append(f"  {node['status']}  {(node['head_hash'] or '')[:12]}", "dim")
    if node["forked_at"] is not None and node["changed"] is None and node["damage"] is None:
        line.append("\n  what it changed can't be told", "dim italic")
    if node["changed"] is not None:
        changes = changes_lines(node) or ["nothing changed"]
        more = [f"and {len(changes) - _CHANGES_SHOWN} more"] if len(changes) > _CHANGES_SHOWN else []
        line.append("".join(f"\n  {each}" for each in changes[:_CHANGES_SHOWN] + more), "dim italic")
    here = Tree(line, guide_style="dim") if branch is None else branch.add(line)
    for child in node["children"]:
        _branch(child, here)
    return here


# -- intervene -----------------------------------------------------------------------------------------


def intervene(
    run: RunName,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="A", help="Id or name of the agent that it concerns.")
    ] = None,
    news: Annotated[str | None, typer.Option(metavar="TEXT", help="A piece of news to tell the agent.")] = None,
    endow: Annotated[
        list[str] | None, typer.Option("--endow", metavar="GOOD=AMOUNT", help="Goods to give it, in thousandths.")
    ] = None,
    rest: Annotated[bool, typer.Option("--rest", help="Let it rest in that tick, whatever it was set on.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it out of the world.")] = False,
    add: Annotated[int | None, typer.Option(metavar="N", min=1, help="Let so many agents join.")] = None,
    cell: Annotated[int | None, typer.Option(metavar="C", min=0, help="Near which cell those who join settle.")] = None,
    stock: Annotated[
        str | None, typer.Option(metavar="GOOD=AMOUNT", help="What cells hold of a resource; or GOOD=50% of capacity.")
    ] = None,
    cells: Annotated[str | None, typer.Option(metavar="A,B", help="Which cells; all if left out.")] = None,
    at: Annotated[
        int | None, typer.Option("--at", min=1, metavar="T", help="Tick of effect; soon if left out.")
    ] = None,
    by: By = None,
    why: Why = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Change the world from outside, at a tick that has not begun: recorded as an input, by whom and why."""
    from chronopolis.forking import intervene as record
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    given = deeds_of(
        endow=endow or (), news=news, rest=rest, remove=remove, add=add, cell=cell, stock=stock, cells=cells
    )
    if not given:
        raise WrongUsage("nothing to do: give --news, --endow, --rest, --remove, --add or --stock")
    if agent is None and set(given) - {"add", "stock"}:
        raise WrongUsage("whom does it concern? Give --agent A")
    if agent is not None and {"add", "stock"} & set(given):
        raise WrongUsage("--add and --stock are done to the world, so leave --agent out")
    with open_store(say=output.say) as store:
        made = record(store, store.find(run), given, agent=agent, at=at, by=by, why=why)
    for warning in made["warnings"]:
        output.warn(warning)
    if as_json:
        output.result(made)
        return
    told = {"agent": made["agent"], "effect_tick": made["effect_tick"], **made["answer"]}
    rows = {"what": intervention_line(told | {"why": ""}).partition(": ")[2], "by": made["answer"]["by"], "why": why}
    rows["takes effect at"] = f"tick {made['effect_tick']:,}"
    output.show(facts({k: v for k, v in rows.items() if v}, title=made["name"], good=True))
    output.say(outcome_line(made["name"], made["effect_tick"]))
