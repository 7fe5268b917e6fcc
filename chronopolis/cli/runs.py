"""`polis runs` and `polis show`: which runs there are, what one is made of, and how far it has come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from chronopolis.cli.forking import changes_lines
from chronopolis.cli.options import AsJson, RunName, examples
from chronopolis.cli.output import Output, facts, mebibytes
from chronopolis.cli.summary import unused_answers
from chronopolis.standing import DAMAGED, standing, standing_of

if TYPE_CHECKING:
    from domain.ports import Run


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog=examples("polis runs", "polis runs --json  # one JSON object a line"))(runs)
    app.command(epilog=examples("polis show brave-otter", "polis show brave --json  # a prefix is enough"))(show)


# -- runs ----------------------------------------------------------------------------------------------


def runs(as_json: AsJson = False) -> None:
    """List all runs, oldest first.

    Where a run stands can't be told if somebody changed its row, its lineage or its lease, or took away what says where
    its events lie: it is listed as *damaged*, with the reason on standard error and, with --json, under `damage`. What
    is not known of it is null.
    """
    from workers.bootstrap import Browsing, open_store

    output = Output(as_json=as_json)
    with open_store(say=output.say) as store:
        found = [standing_of(each) for each in Browsing(store).standings(order="oldest")]
    for each in found:
        if each["damage"] is not None:
            output.warn(each["damage"])
        if as_json:
            output.line(each)
    if as_json:
        return
    if not found:
        output.show("no runs yet; [cyan]polis demo[/cyan] or [cyan]polis run[/cyan] makes one")
        return
    output.show(_runs_table(found, columns=output.out.width))


_STATUS_STYLES = {
    "running": "cyan", "paused": "yellow", "complete": "green", "degraded": "magenta", "failed": "red",
    DAMAGED: "bold red",
}  # fmt: skip


# What gives way on a narrow terminal, in this order: a number or a name that is cut tells nothing.
_GIVE_WAY = ("made", "head hash", "seed", "agents", "forked from", "of", "run")


def _runs_table(told: list[dict[str, Any]], *, columns: int) -> Any:
    """Return the table of runs with as many of its parts as `columns` characters have room for."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    forks = {s["run"]: s["name"] for s in told}
    rows = [
        {
            "run": str(s["run"]),
            "name": s["name"],
            "forked from": _origin(s, forks),
            "status": s["status"],
            "tick": "–" if s["head_tick"] == -1 else _known(s["head_tick"]),
            "of": _known(s["target"]),
            "agents": _known(s["agents"]),
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
        styles["status"] = _STATUS_STYLES.get(row["status"], "")
        table.add_row(*(Text(row[title], style=styles.get(title, "")) for title in widths))
    return table


def _known(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _origin(s: dict[str, Any], names: dict[int, str]) -> str:
    return "" if s["parent"] is None else f"{names.get(s['parent'], s['parent'])} @ {_known(s['fork_tick'])}"


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
        "events_own": store.total_events(run, first=0 if run.fork_tick is None else run.fork_tick + 1),
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
    return values | {"next": _how_to_go_on(values, ours=run.is_under_our_rules)}


def _how_to_go_on(values: dict[str, Any], *, ours: bool) -> list[str]:
    name, status = values["name"], values["status"]
    looks = [f"polis state {name} --map", f"polis events {name} --tick {max(0, values['head_tick'])}"]
    if status == "running":
        return looks
    if not ours:  # it can be neither resumed nor forked
        return [f"polis verify {name}", *looks] if values["head_tick"] >= 0 else []
    if values["head_tick"] < values["target"]:
        return [f"polis resume {name}", *([f"polis verify {name}"] if values["head_tick"] >= 0 else [])]
    return [f"polis verify {name}", f"polis state {name} --map", f"polis resume {name} --ticks 1000"]


def _about_panel(v: dict[str, Any]) -> Any:
    configuration = " · ".join(f"{key} {value}" for key, value in v["configuration"].items())
    # What lies on disk is a fork's own: what it shares is its ancestors'.
    per_event = f", {v['size_bytes'] / v['events_own']:.0f} bytes an event" if v["events_own"] else ""
    shared = v["events"] - v["events_own"]
    rows = {
        "status": f"{v['status']}{', by ' + v['holder'] if v['holder'] else ''}",
        "problem": v["problem"],
        "head": "no tick yet" if v["head_tick"] < 0 else f"tick {v['head_tick']:,} of {v['target']:,}",
        "head hash": v["head_hash"],
        "events": f"{v['events']:,}" + (f", {shared:,} of them shared with {v['fork']['parent']}" if shared else ""),
        "on disk": f"{mebibytes(v['size_bytes'])}{per_event}" + (" of its own" if shared and per_event else ""),
        "snapshots": f"{len(v['snapshots'])}, the newest at tick {v['snapshots'][-1]:,}" if v["snapshots"] else "none",
        "unused": unused_answers(v["late_inputs"]),
        "forked from": v["fork"] and f"{v['fork']['parent']} at tick {v['fork_tick']:,}",
        "changed": v["fork"] and ("\n".join(changes_lines(v["fork"])) or "nothing: it repeats its parent"),
        "seed": str(v["seed"]),
        "constants": configuration,
        "genesis": v["genesis_hash"],
        "made": f"{v['created_at']} under rules {v['rules_version']}, state {v['state_version']}, "
        f"hashing {v['hashing_version']}; engines {json.dumps(v['engines'])}",
        "go on": "\n".join(v["next"]) or None,
    }
    good = {"complete": True, "failed": False, "degraded": False}.get(v["status"])
    return facts(rows, title=f"{v['name']} · run {v['run']}", good=good)
