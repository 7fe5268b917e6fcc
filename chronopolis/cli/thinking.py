"""`polis rerun`, `thought` and `interview`: what minds were asked, and what they said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.options import AsJson, Durability, DurabilityMode, Pace, Quiet, RunName, Threads, examples
from chronopolis.cli.output import Output, facts, plain
from chronopolis.errors import NothingFound, WrongUsage

if TYPE_CHECKING:
    from domain.ports import HistoryReader, Run

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
        shown = rows if everything else rows[-1:]
        told = [_told(row) | came for row, came in zip(shown, _what_came(store, found, shown, who), strict=True)]
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


def _what_came(store: HistoryReader, run: Run, rows: list[dict[str, Any]], agent: int | None) -> list[dict[str, Any]]:
    """Return of each thought whether its tick's events tell of it, and why its words could not be said.

    Returns
    -------
    list of {"took_effect", "unsaid"}, the first None while its tick is still to come; False: whoever thought had died
    """
    from chronopolis.record import head_tick, select_events
    from domain.events import REFLECTION_MADE, THOUGHT_REFUSED, THOUGHT_TAKEN

    head, kinds = head_tick(store, run), (THOUGHT_TAKEN, THOUGHT_REFUSED, REFLECTION_MADE)
    ticks = [row["effect_tick"] for row in rows if row["effect_tick"] <= head]
    told: dict[tuple[Any, ...], str | None] = {}
    if ticks:
        for events in select_events(store, run, first=min(ticks), last=max(ticks), kinds=kinds, agent=agent):
            for i, who in enumerate(events.records["agent"].tolist()):
                said = json.loads(events.payload(i))
                told[who, said["asked"], said["purpose"], said["call"]] = said.get("unsaid")
    keys = [(row["agent"], row["asked_tick"], row["purpose"], row["call"]) for row in rows]
    return [
        {"took_effect": key in told if row["effect_tick"] <= head else None, "unsaid": told.get(key)}
        for key, row in zip(keys, rows, strict=True)
    ]


def _said(t: dict[str, Any]) -> str:
    answer = t["answer"]
    if "refused" in answer:
        return f"refused: {answer['refused']}"
    if t["purpose"] == "reflection":
        return f"“{answer['insight']}”"
    words = (
        f" · {answer['act']} to {answer['to']}: “{answer['say']}”" if answer.get("act") not in (None, "none") else ""
    )
    return f"{answer['intention']}{words}"


def _line(t: dict[str, Any]) -> str:
    came = _came(t)
    return f"{t['asked_tick']:>7,}  agent {t['agent']:<5} {_said(t)}{f' · {came}' if came else ''}"


def _came(t: dict[str, Any]) -> str | None:
    """Return what else than its effect came of a thought."""
    if t["took_effect"] is None:
        return f"takes effect at tick {t['effect_tick']:,}"
    if not t["took_effect"]:
        return "died before it took effect"
    return None if t["unsaid"] is None else f"could not be said: {t['unsaid']}"


def _took(t: dict[str, Any]) -> str | None:
    if t["latency_ms"] is None:
        return None
    attempts = t["attempts"]
    return f"{t['latency_ms']:,} ms" + ("" if attempts is None else f", {attempts} attempt{'s' * (attempts != 1)}")


def _panels(run: Run, t: dict[str, Any]) -> list[Any]:
    from rich.panel import Panel

    memories = ", ".join(f"{each['id']} ({each['score'] / 1e6:.2f})" for each in t["memories"]) or "none"
    about = {
        "asked": f"tick {t['asked_tick']:,}, effective at {t['effect_tick']:,}",
        "engine": t["engine"],
        "adapter": t["adapter"],
        "answer": _said(t),
        "came of it": _came(t),
        "memories": memories,
        "took": _took(t),
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
    from chronopolis.survey import require_minds
    from workers.bootstrap import open_store
    from workers.interviews import interviewer
    from workers.minds.survey import question_of

    output = Output(as_json=as_json)
    asked = question_of(question)
    with open_store(say=output.say) as store:
        found = store.find(run)
        wanted = require_tick(store, found, tick)
        import replay

        world = replay.at(store, found, wanted)
        require_minds(found.name, world)
        who = find_agent(world, found.name, agent)
        with interviewer(store, found, world, mind=mind, say=output.say) as asking:
            told = asking.interview(who, asked.text) | {"mind": asking.mind}
    values = {"run": found.id, "name": found.name, "agent": who, "tick": wanted} | told
    if as_json:
        output.result(values)
        return
    memories = "\n".join(f"{m['id']}  {m['text']}" for m in told["memories"]) or "none"
    rows = {"question": question, "answer": told["answer"], "memories": memories, "engine": told["engine"]}
    output.show(facts(rows, title=f"{found.name} · tick {wanted:,} · {told['person']}"))
