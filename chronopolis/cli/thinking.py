"""`polis rerun`, `thought` and `interview`: what minds were asked, and what they said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.options import AsJson, Durability, DurabilityMode, Pace, Quiet, RunName, Threads, examples
from chronopolis.cli.output import Output, facts, plain
from chronopolis.errors import NothingFound, WrongUsage

if TYPE_CHECKING:
    from domain.ports import Run

AgentOption = Annotated[str, typer.Option("--agent", metavar="A", help="Id or name of the agent.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog=examples(
            "polis rerun brave-otter  # the same genesis and inputs: no model is needed, and the hash is the same"
        )
    )(rerun)
    app.command(
        epilog=examples(
            "polis thought brave-otter --agent 17  # the newest",
            "polis thought brave-otter --agent 17 --tick 1200  # the one asked at tick 1,200, or the newest before",
            "polis thought brave-otter --all --json  # every one, a JSON object a line",
        )
    )(thought)
    app.command(
        epilog=examples(
            "polis interview brave-otter --agent 'Ida Fox' 'What do you fear?'",
            "polis interview brave-otter --agent 17 --tick 900 'Whom do you trust?'",
        )
    )(interview)


def rerun(
    run: RunName,
    name: Annotated[str | None, typer.Option(metavar="X", help="Name of the new run.")] = None,
    durability: DurabilityMode = Durability.TICK,
    pace: Pace = None,
    threads: Threads = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a run again from its genesis with its recorded inputs, up to its newest tick; minds are not asked."""
    from chronopolis.cli.driving import create_run, drive
    from chronopolis.cli.summary import finish
    from chronopolis.record import head_tick
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        source = store.find(run)
        source.require_our_rules()
        last = head_tick(store, source)
        # A fork is run again from where it left: what was before is its ancestors', and recorded once.
        parent = None if source.parent is None else store.find(str(source.parent))
        made = create_run(
            store, name, seed=source.seed, configuration=source.configuration, target=last, engines=source.engines,
            parent=parent, fork_tick=source.fork_tick,
        )  # fmt: skip
        copied = store.copy_inputs(source, made, last=last)
        output.say(f"run {made.name}: {source.name} again, with its {copied:,} inputs, to tick {last:,}")
        summary = drive(
            output, store, made, target=last, durability=durability.value, threads=threads, pace_ms=pace, answers="only"
        )
        same = store.head(source)
    if same is not None and summary.head_tick == same.tick and summary.head_hash != same.chain_hash.hex():
        output.warn(f"its hash is not that of {source.name}; `polis reexecute {source.name}` says where they part")
    finish(output, summary, resumed=False)


def thought(
    run: RunName,
    agent: Annotated[str | None, typer.Option("--agent", metavar="A", help="Id or name of the agent.")] = None,
    tick: Annotated[int | None, typer.Option("--tick", min=0, metavar="T", help="Asked at T or last before.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All thoughts, of the agent or of everybody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the very prompt and answer of a thought, the memories that were retrieved for it, and what it cost."""
    from chronopolis.record import agent_of_run, require_tick
    from workers.bootstrap import open_store

    output = Output(as_json=as_json)
    if agent is None and not everything:
        raise WrongUsage("whose thought? Give --agent A, or --all")
    with open_store(say=output.say) as store:
        found = store.find(run)
        last = require_tick(store, found, tick)
        who = None if agent is None else agent_of_run(store, found, agent, last=require_tick(store, found, None))
        rows = store.deliberations(found, agent=who, last=last)
    if not rows:
        nobody = "nobody has" if who is None else f"agent {who} has not"
        raise NothingFound(f"run {found.name}: {nobody} been asked to think by tick {last:,}")
    told = [_told(row) for row in rows]
    if everything:
        for each in told:
            if as_json:
                output.line(each)
            else:
                output.show(plain(_line(each)))
        return
    if as_json:
        output.result(told[-1])
    else:
        output.show(*_panels(found, told[-1]))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a thought by the names that scripts depend on."""
    key = {name: row[name] for name in ("agent", "asked_tick", "effect_tick", "purpose", "call")}
    return key | {
        "request": None if row["prompt"] is None else json.loads(row["prompt"]),
        "answer": row["answer"],
        "raw": row["raw"],
        "engine": row["engine"],
        "adapter": row["adapter"],
        "memories": row["retrieved"] or [],
        "latency_ms": row["latency_ms"],
        "tokens": {"in": row["tokens_in"], "out": row["tokens_out"]},
        "attempts": row["attempts"],
        "template": row["template"],
        "reused_from": row["reused_from"],
    }


def _line(t: dict[str, Any]) -> str:
    answer = t["answer"]
    if "refused" in answer:
        said = f"refused: {answer['refused']}"
    elif t["purpose"] == "reflection":
        said = f"“{answer['insight']}”"
    else:
        words = (
            f" · {answer['act']} to {answer['to']}: “{answer['say']}”"
            if answer.get("act") not in (None, "none")
            else ""
        )
        said = f"{answer['intention']}{words}"
    return f"{t['asked_tick']:>7,}  agent {t['agent']:<5} {said}"


def _panels(run: Run, t: dict[str, Any]) -> list[Any]:
    from rich.panel import Panel

    memories = ", ".join(f"{each['id']} ({each['score'] / 1e6:.2f})" for each in t["memories"]) or "none"
    about = {
        "asked": f"tick {t['asked_tick']:,}, effective at {t['effect_tick']:,}",
        "engine": t["engine"],
        "adapter": t["adapter"],
        "answer": _line(t).strip(),
        "memories": memories,
        "took": None if t["latency_ms"] is None else f"{t['latency_ms']:,} ms, {t['attempts'] or 1} attempts",
        "tokens": None if t["tokens"]["in"] is None else f"{t['tokens']['in']} in, {t['tokens']['out']} out",
        "reused from": None if t["reused_from"] is None else f"run {t['reused_from']}",
    }
    refused = "refused" in t["answer"]
    panels = [facts(about, title=f"{run.name} · agent {t['agent']} thinks ({t['purpose']})", good=not refused)]
    asked = "\n\n".join(f"[{each['role']}]\n{each['content']}" for each in t["request"] or ())
    for title, text in (("what it was asked", asked), ("what came back", t["raw"])):
        if text:
            panels.append(Panel(plain(text), title=title, title_align="left"))
    return panels


def interview(
    run: RunName,
    question: Annotated[str, typer.Argument(metavar="TEXT", help="What to ask.")],
    agent: AgentOption,
    tick: Annotated[int | None, typer.Option("--tick", min=0, metavar="T", help="As of which tick.")] = None,
    mind: Annotated[str | None, typer.Option(help="Another engine than the run's own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask an agent something, as of any past tick. The run is only read: nothing of it changes."""
    from chronopolis.people import find_agent
    from chronopolis.record import require_tick
    from workers.bootstrap import open_store
    from workers.staff import interviewed

    output = Output(as_json=as_json)
    if not question.strip():
        raise WrongUsage("an empty question")
    with open_store(say=output.say) as store:
        found = store.find(run)
        wanted = require_tick(store, found, tick)
        import replay

        world = replay.at(store, found, wanted)
        if world.minds is None:
            raise WrongUsage(
                f"run {found.name} has no minds: its agents follow rules alone",
                "Run one with --mind llama, and ask there.",
            )
        who = find_agent(world, found.name, agent)
        told = interviewed(store, found, world, who, question.strip(), mind=mind, say=output.say)
    values = {"run": found.id, "name": found.name, "agent": who, "tick": wanted} | told
    if as_json:
        output.result(values)
        return
    memories = "\n".join(f"{m['id']}  {m['text']}" for m in told["memories"]) or "none"
    rows = {"question": question, "answer": told["answer"], "memories": memories, "engine": told["engine"]}
    output.show(facts(rows, title=f"{found.name} · tick {wanted:,} · {told['person']}"))
