"""`polis why`: what led to an event, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, plain
from chronopolis.sentences import counted

if TYPE_CHECKING:
    from chronopolis.sentences import Names
    from replay import Causes

_DEPTH_FOR_PEOPLE = 3
_COLOURS = {
    "thought": "magenta", "request": "magenta", "memory": "blue", "experience": "blue", "conversation": "cyan",
    "news": "cyan", "pledge": "yellow", "meeting": "yellow", "partner": "yellow", "intention": "green",
    "death": "red", "meal": "red", "before": "dim",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis why brave-otter 1200:17",
            "polis why brave-otter 1200:17 --depth 3 --no-effects  # only what led to it, three steps back",
            "polis why brave-otter 1200:17 --picture why.svg",
            "polis why brave-otter 1200:17 --json",
        )
    )(why)


def why(
    run: RunName,
    event: Annotated[
        str, typer.Argument(metavar="TICK:ORDINAL", help="The event, as `polis events` and causes name it.")
    ],
    depth: Annotated[
        int | None,
        typer.Option(min=1, max=50, metavar="N", help="Steps to follow, back and forth; by default 3, with --json 6."),
    ] = None,
    breadth: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="Links of one event to follow.")] = 8,
    horizon: Annotated[
        int, typer.Option(min=1, max=20_000, metavar="T", help="Ticks after the event to look for effects in.")
    ] = 400,
    effects: Annotated[bool, typer.Option("--effects/--no-effects", help="Also say what came of it.")] = True,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw it into a file .svg or .png.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what led to an event and what came of it: thoughts with their prompts, memories, words, deals.

    Every link is recorded: the cause that an event holds, addresses in its payload, what a thought was told.
    """
    from chronopolis import causes
    from replay.why import DEPTH
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    steps = depth or (DEPTH if as_json else _DEPTH_FOR_PEOPLE)
    with open_store(say=output.say) as store:
        found_run = store.find(run)
        found = causes.why(store, found_run, event, depth=steps, breadth=breadth, horizon=horizon, effects=effects)
        names = None if as_json and picture is None else causes.names_for(store, found_run, found)
    if picture is not None and names is not None:
        from chronopolis.causes_picture import draw

        draw(found, picture, names=names)
        output.say(f"drawn into {picture}")
    if as_json:
        output.result({"run": found_run.id, "name": found_run.name, **found.as_dict()})
    elif names is not None:
        output.show(_tree(found, names, effects=effects), *_prompt(found))
        for line in _bounds(found):
            output.say(line)


def _tree(found: Causes, names: Names, *, effects: bool) -> Any:
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(_line(found.event, names))
    back = tree.add(Text("because", style="bold"))
    _add(back, found.causes, "causes", names)
    if not found.causes:
        back.add(plain("nothing: history begins with it, or it came from outside"))
    if effects:
        forth = tree.add(Text("and so", style="bold"))
        _add(forth, found.effects, "effects", names)
        if not found.effects:
            forth.add(plain(f"nothing that names it, within {counted(found.bounds['horizon'], 'tick')}"))
    return tree


def _prompt(found: Causes) -> list[Any]:
    """Return the very prompt of the nearest thought that led to it, and what came back."""
    from rich.panel import Panel

    from chronopolis.causes import everything

    for event in everything(found, "causes"):
        thought = event.get("thought")
        if thought and thought["request"]:
            asked = "\n\n".join(f"[{each['role']}]\n{each['content']}" for each in thought["request"])
            at = f"{event['tick']}:{event['ordinal']}"
            panels = [Panel(plain(asked), title=f"what was asked for {at}", title_align="left", border_style="magenta")]
            if thought["raw"]:
                panels.append(Panel(plain(thought["raw"]), title="what came back", title_align="left"))
            return panels
    return []


def _add(branch: Any, nodes: list[dict[str, Any]], side: str, names: Names) -> None:
    for node in nodes:
        below = branch.add(_line(node, names))
        _add(below, node.get(side, []), side, names)


def _line(event: dict[str, Any], names: Names) -> Any:
    from rich.text import Text

    from chronopolis.sentences import sentence

    line = Text(f"{event['tick']}:{event['ordinal']} ", style="dim")
    if "link" in event:
        line.append(f"{event['link']} ", _COLOURS.get(event["link"], "white"))
    line.append(sentence(event, names), "bold" if "link" not in event else "")
    if "score" in event:
        line.append(f"  score {event['score'] / 1e6:.2f}", "blue")
    if event.get("in_prompt") is False:
        line.append("  (left out of the prompt)", "dim")
    if event.get("again"):
        line.append("  (opened elsewhere)", "dim")
    return line


def _bounds(found: Causes) -> list[str]:
    """Return what was left out, in a sentence a bound."""
    said = {
        "depth": f"events {counted(found.bounds['depth'], 'step')} away rest on more; --depth shows it",
        "breadth": f"some have more links than {found.bounds['breadth']:,}; --breadth shows them",
        "horizon": f"effects later than {counted(found.bounds['horizon'], 'tick')} were not looked for; "
        "--horizon widens that",
    }
    by = dict.fromkeys(note["by"] for note in found.cut)
    lines = [said[name] for name in by if name in said]
    if "nodes" in by:
        lines.append("the tree is larger than is shown; ask for an event further along")
    if "look_back" in by:
        lines.append("some searches backwards were broken off")
    return [f"… {line}" for line in lines]
