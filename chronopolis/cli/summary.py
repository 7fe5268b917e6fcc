"""What is said of a run once it is done or has stopped, and the code that its status asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from chronopolis.cli.errors import CHECK_FAILED, STOPPED
from chronopolis.cli.output import Output, facts, figures_text
from chronopolis.sentences import counted

if TYPE_CHECKING:
    from workers.run_figures import Summary


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
        where = "before its first tick" if values["head_tick"] < 0 else f"at tick {values['head_tick']:,}"
        output.say(f"stopped {where}{because}; `polis resume {values['name']}` goes on")
        raise typer.Exit(STOPPED)
    if values["status"] != "complete":
        output.warn(f"run {values['name']} ended {values['status']}: {values.get('problem') or 'see its figures'}")
        raise typer.Exit(CHECK_FAILED)


def _thoughts(values: dict[str, Any]) -> str | None:
    if "thoughts" not in values:
        return None
    ms, tokens, in_all = values["latency_ms"], values["tokens"], values["in_all"]
    here = " · ".join((
        f"{values['thoughts']:,} taken, {values['refused']:,} refused",
        f"{values['asked']:,} asked, {values['reused']:,} reused",
        *([f"mean {ms['mean']:,.0f} ms, p95 {ms['p95']:,.0f} ms"] if ms["mean"] else []),
        f"{tokens['in']:,} tokens in, {tokens['out']:,} out",
        *([f"{unsaid:,} could not be said"] if (unsaid := sum(values.get("unsaid", {}).values())) else []),
    ))  # fmt: skip
    if (in_all["thoughts"], in_all["refused"]) == (values["thoughts"], values["refused"]):
        return here
    return f"{here}, in this process · {in_all['thoughts']:,} taken, {in_all['refused']:,} refused in all"


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


def unused_answers(n: int) -> str | None:
    """Say how many answers came to nothing; `late_inputs` counts those for the dead as well."""
    return f"{n:,} {'answer' if n == 1 else 'answers'}, late or for somebody who had died" if n else None


_HAPPENED = ("trades", "births", "deaths", "utterances")
"""Figures that are no state: a runner counts them from where it began."""


def summary_panel(values: dict[str, Any]) -> Any:
    """Return the summary of a run for people."""
    ms = values["tick_ms"]
    happened = {name: n for name, n in values["figures"].items() if name in _HAPPENED}
    society = {name: value for name, value in values["figures"].items() if name not in _HAPPENED}
    head = "no tick yet" if values["head_tick"] < 0 else f"tick {values['head_tick']:,}"
    rows = {
        "head": f"{head} of {values['ticks']:,}",
        "head hash": values["head_hash"],
        "events": f"{values['events']:,} in this process, {values['events_per_s']:,.0f} a second",
        "tick": f"p50 {ms['p50']:.2f} ms · p99 {ms['p99']:.2f} ms · max {ms['max']:.2f} ms",
        "thoughts": _thoughts(values),
        "society": figures_text({"people": society.get("population", 0), **society}),
        "happened": f"{figures_text(happened)}, in this process" if happened else None,
        "memory": f"{values['peak_rss_mb']:,.0f} MB here at most, {values['pss_all_mb']:,.0f} MB with the database",
        "waited": _waited(values),
        "not kept": counted(values["snapshots_failed"], "snapshot") if values.get("snapshots_failed") else None,
        "unused": unused_answers(values.get("late_inputs", 0)),
        "refused": _refused(values),
        "problem": values.get("problem"),
    }
    good = {"complete": True, "paused": None}.get(values["status"], False)
    return facts(rows, title=f"{values['name']} · seed {values['seed']} · {values['status']}", good=good)
