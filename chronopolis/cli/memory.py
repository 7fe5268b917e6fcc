"""`polis memory`: what agents remember, and the index by which it is found again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, RunName, TickOfRun, examples
from chronopolis.cli.output import Output, facts, plain
from chronopolis.sentences import counted

app = typer.Typer(
    name="memory",
    help="What agents remember, and the index by which it is found again. Memories are events: an index can be lost.",
    no_args_is_help=True,
    epilog=examples(
        "polis memory show brave-otter --agent 17",
        "polis memory status brave-otter",
        "polis memory rebuild brave-otter  # after Chroma was lost, or to be sure",
    ),
)

_ALL = 1_000


@app.command(epilog=examples("polis memory rebuild brave-otter", "polis memory rebuild brave-otter --json"))
def rebuild(run: RunName, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Make the index of a run anew from its events; what is retrieved is the same as before.

    A fork's ancestors are made anew with it. Runs may go on meanwhile: their thoughts wait for it. Of a run that was
    dropped there are no events, so what is left of it in the index is taken out.
    """
    from domain.errors import RunDropped
    from workers.bootstrap import open_memory_index, open_store
    from workers.memories import coverage
    from workers.memories import rebuild as rebuild_index

    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        try:
            found = store.find(run)
        except RunDropped as gone:
            with open_memory_index(store, say=output.say) as index:
                index.drop(gone.run)
            _rebuilt(output, gone.run, gone.name, 0, -1)
            return
        head = store.head(found)
        with (
            open_memory_index(store, say=output.say) as index,
            CheckDisplay(output, f"remembering {found.name}") as display,
        ):
            last = -1 if head is None else head.tick
            added = rebuild_index(store, index, found, on_progress=lambda tick, memories: display.update(tick, last))
            covered = _covered(coverage(store, index, found))
    _rebuilt(output, found.id, found.name, added, covered)


def _rebuilt(output: Output, run: int, name: str, memories: int, covered: int) -> None:
    if output.as_json:
        output.result({"run": run, "name": name, "memories": memories, "covered": covered})
    elif covered < 0:
        output.show(f"run {name}: no memories are in the index")
    else:
        are = "1 memory is" if memories == 1 else f"{memories:,} memories are"
        output.show(f"run {name}: {are} in the index, up to tick {covered:,}")


@app.command(epilog=examples("polis memory status brave-otter", "polis memory status brave-otter --json"))
def status(run: RunName, as_json: AsJson = False) -> None:
    """Show how far the index of a run has come, without taking anything in."""
    from workers.bootstrap import Settings, open_memory_index, open_store
    from workers.memories import coverage

    output, settings = Output(as_json=as_json), Settings.from_environment()
    with open_store(settings, say=output.say) as store:
        found = store.find(run)
        head = store.head(found)
        with open_memory_index(store, settings, say=output.say) as index:
            stretches = coverage(store, index, found)
        names = {source: store.find(str(source)).name for source, *_ in stretches}
    values: dict[str, Any] = {
        "run": found.id,
        "name": found.name,
        "head_tick": -1 if head is None else head.tick,
        "covered": _covered(stretches),
        "embedded": settings.chroma_url is None,
        "stretches": [
            {"run": source, "name": names[source], "first": first, "last": last, "covered": covered}
            for source, first, last, covered in stretches
        ],
    }
    if as_json:
        output.result(values)
        return
    behind = values["head_tick"] - values["covered"]
    rows = {
        "index": "the embedded Chroma" if values["embedded"] else "the Chroma of POLIS_CHROMA_URL",
        "covered": f"up to tick {values['covered']:,}" if values["covered"] >= 0 else "nothing yet",
        "behind": f"{counted(behind, 'tick')}; "
        f"it catches up at the next thought, or by `polis memory rebuild {found.name}`"
        if behind
        else None,
    }
    for s in values["stretches"] if len(stretches) > 1 else ():
        rows[f"from {s['name']}"] = f"ticks {s['first']:,} to {s['last']:,}, covered up to {s['covered']:,}"
    output.show(facts(rows, title=f"memories of {found.name} · tick {values['head_tick']:,}", good=behind == 0))


@app.command(
    epilog=examples(
        "polis memory show brave-otter --agent 17",
        "polis memory show brave-otter --agent 'Ida Fox' --tick 1200 --query 'who has bread?'",
        "polis memory show brave-otter --agent 17 --json",
    )
)
def show(
    run: RunName,
    agent: Annotated[str, typer.Option("--agent", metavar="A", help="Whose memories; id or name.")],
    tick: TickOfRun = None,
    query: Annotated[
        str, typer.Option("--query", metavar="TEXT", help="What they should be about; if left out, relevance is 0.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=_ALL, help="Show so many at most, the best first.")] = _ALL,
    as_json: AsJson = False,
) -> None:
    """Show what an agent remembers at a tick, and how each memory scores.

    The score is recency + importance + relevance, each from 0 to 1,000,000: the very score by which thoughts retrieve.
    """
    from chronopolis.record import agent_of_run, require_tick
    from workers.bootstrap import open_memory_index, open_store
    from workers.memories import project

    output = Output(as_json=as_json)
    with open_store(say=output.say) as store:
        found = store.find(run)
        at = require_tick(store, found, tick)
        who = agent_of_run(store, found, agent, last=at)
        with open_memory_index(store, say=output.say) as index:
            with CheckDisplay(output, f"remembering {found.name}") as display:
                project(store, index, found, at, on_progress=lambda tick, memories: display.update(tick, at))
            memories = index.retrieve(store.lineage(found), who, tick=at, query=query, k=limit)
    values = {
        "run": found.id,
        "name": found.name,
        "tick": at,
        "agent": who,
        "query": query,
        "memories": [{"id": m.id, "born": m.born, "kind": m.kind, "score": m.score, "text": m.text} for m in memories],
    }
    if as_json:
        output.result(values)
    elif not memories:
        output.show(f"run {found.name}, tick {at:,}: agent {who} remembers nothing")
    else:
        output.show(_table(values))


def _covered(stretches: list[tuple[int, int, int, int]]) -> int:
    """Return the tick up to which nothing lacks."""
    reached = -1
    for _, _, last, covered in stretches:
        reached = max(reached, min(covered, last))
        if covered < last:
            break
    return reached


def _table(values: dict[str, Any]) -> Any:
    from rich import box
    from rich.table import Table

    about = f", about {values['query']!r}" if values["query"] else ""
    title = plain(f"agent {values['agent']} of {values['name']} at tick {values['tick']:,}{about}")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for name in ("score", "memory", "kind", "text"):
        table.add_column(name, justify="right" if name == "score" else "left", no_wrap=name != "text")
    for m in values["memories"]:
        table.add_row(*(plain(value) for value in (m["score"], m["id"], m["kind"], m["text"])))
    return table
