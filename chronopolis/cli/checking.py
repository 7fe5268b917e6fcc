"""`polis verify` and `polis reexecute`: whether the record is whole, and these rules would write it again."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, RunName, Threads, examples
from chronopolis.cli.output import Output, facts
from chronopolis.sentences import counted


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog=examples(
            "polis verify brave-otter",
            "polis verify brave-otter --deep  # also computes every hash whole, from all rows",
            "polis verify brave-otter --json  # exit code 1 if anything differs",
        )
    )(verify)
    app.command(epilog=examples("polis reexecute brave-otter", "polis reexecute brave-otter --threads 2 --json"))(
        reexecute
    )


def verify(
    run: RunName,
    deep: Annotated[bool, typer.Option("--deep", help="Also compute the area hashes whole, from every row.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fold a run from tick 0 and compare every header and snapshot.

    Names the first bad tick and what of it differs, and leaves with 1, if the stored history was changed.
    """
    import replay
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        found = store.find(run)
        with CheckDisplay(output, f"verifying {found.name}") as display:
            verification = replay.verify(store, found, deep=deep, on_progress=display.update)
    values = verification.as_dict() | {"run": found.id, "name": found.name}
    if as_json:
        output.result(values)
    else:
        output.show(verification_panel(values))
    if not verification.ok:
        raise typer.Exit(1)


def verification_panel(values: dict[str, Any]) -> Any:
    """Return what verifying found, for people."""
    if values["ok"]:
        rows = {
            "verified": ", ".join(counted(values[f"{each}s"], each) for each in ("tick", "event", "snapshot")),
            "head hash": values["head_hash"],
        }
    else:
        rows = {
            "first bad tick": values["first_bad_tick"],
            "area": values["area"],
            "reason": values["reason"],
            # None: nothing was folded, since headers and inputs are looked at first.
            "before it": f"{_ticks_are(values['ticks'])} recorded" if values["ticks"] else None,
        }
    good = bool(values["ok"])
    return facts(rows, title=f"{values['name']} · {'whole' if good else 'damaged'}", good=good)


def _ticks_are(n: int) -> str:
    return "1 tick is as it was" if n == 1 else f"{n:,} ticks are as they were"


def reexecute(run: RunName, threads: Threads = 1, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Decide every tick again from genesis and inputs, and compare event by event.

    Shows the first event that differs, and leaves with 1, if these rules write another history.
    """
    import replay
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        found = store.find(run)
        with CheckDisplay(output, f"re-executing {found.name}") as display:
            again = replay.reexecute(store, found, threads=threads, on_progress=display.update)
    values = again.as_dict() | {"run": found.id, "name": found.name}
    if as_json:
        output.result(values)
    else:
        output.show(_reexecution_panel(values))
    if not again.identical:
        raise typer.Exit(1)


def _reexecution_panel(values: dict[str, Any]) -> Any:
    first = values["first_divergence"]
    if first is None:
        rows = {"identical": f"{counted(values['ticks'], 'tick')}, event by event"}
        return facts(rows, title=f"{values['name']} · identical", good=True)
    ordinal = "" if first.get("ordinal") is None else f", event {first['ordinal']}"
    found: dict[str, Any] = {
        "first divergence": f"tick {first['tick']}{ordinal}",
        "because": first.get("because"),
        "columns": ", ".join(first["columns"]) if first.get("columns") else None,
        "recorded": _event_text(first, "recorded"),
        "re-executed": _event_text(first, "reexecuted"),
    }
    return facts(found, title=f"{values['name']} · diverges", good=False)


def _event_text(first: dict[str, Any], key: str) -> str | None:
    if key not in first:
        return None
    return "(none)" if first[key] is None else json.dumps(first[key], ensure_ascii=False)
