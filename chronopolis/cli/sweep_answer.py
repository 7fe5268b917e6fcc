"""What a sweep says: of each setting the mean and spread of its runs, of each run how it ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chronopolis.cli.output import Output, plain

if TYPE_CHECKING:
    from chronopolis.sweep import Ending, Fared, Group, Sweep


def tell(output: Output, planned: Sweep, runs: list[Fared], names: list[str], *, as_csv: bool) -> None:
    """Write what came of a sweep: a table, JSON, or CSV with a line a run."""
    from chronopolis.sweep import groups_of
    from chronopolis.sweep.figures import frame_of

    groups = groups_of(planned, runs)
    if as_csv:
        sys.stdout.write(frame_of(planned, runs, names).write_csv())
        sys.stdout.flush()
    elif output.as_json:
        output.result({
            "sweep": planned.name, "ticks": planned.ticks, **_origin_told(planned),
            "complete": sum(group.runs for group in groups), "of": len(runs),
            "runs": [_run_told(run) for run in runs],
            "groups": [
                {"settings": dict(g.settings), "runs": g.runs, "of": g.of, "measures": g.measures} for g in groups
            ],
        })  # fmt: skip
    else:
        output.show(_table(planned, groups, names))


def _origin_told(planned: Sweep) -> dict[str, Any]:
    from chronopolis.sweep import ForkPoint

    origin = planned.origin
    if isinstance(origin, ForkPoint):
        return {"parent": origin.parent.name, "forked_at": origin.tick}
    return {"parent": None, "forked_at": None}


def _run_told(run: Fared) -> dict[str, Any]:
    ending = run.ending
    return {
        "run": None if ending.run is None else ending.run.id, "name": ending.member.name, "seed": ending.member.seed,
        "settings": dict(ending.member.settings), "status": ending.status, "head_tick": ending.head_tick,
        "head_hash": ending.head_hash, "problem": ending.problem, "measures": dict(run.measures),
    }  # fmt: skip


def _table(planned: Sweep, groups: Sequence[Group], names: Sequence[str]) -> Any:
    from rich import box
    from rich.table import Table

    from chronopolis.measured import unit_of

    table = Table(box=box.SIMPLE_HEAD, title=f"{planned.name} at tick {planned.ticks:,}", title_justify="left")
    for key in planned.varied:
        table.add_column(key, justify="right")
    table.add_column("runs", justify="right")
    for name in names:
        unit = unit_of(name)
        table.add_column(f"{name}\n{unit}" if unit else name, justify="right")
    for group in groups:
        runs = f"{group.runs:,}" if group.runs == group.of else f"{group.runs:,} of {group.of:,}"
        spreads = [_spread(group.measures.get(name)) for name in names]
        table.add_row(*(plain(value) for value in group.settings.values()), runs, *spreads)
    return table


def _spread(spread: Any) -> str:
    """Return a mean and its deviation to three digits of the latter, or of the former if there is none."""
    if spread is None or spread["mean"] is None:
        return "–"
    mean, sd = spread["mean"], spread["sd"]
    size = abs(sd or mean)
    digits = 0 if size >= 100 or (float(mean).is_integer() and not sd) else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{mean:,.{digits}f}" + ("" if sd is None else f" ± {sd:,.{digits}f}")


def ended(ending: Ending) -> str:
    """Return how a run of a sweep ended, in a line."""
    where = "before its first tick" if ending.head_tick < 0 else f"at tick {ending.head_tick:,}"
    because = "" if ending.problem is None else f": {ending.problem.splitlines()[0]}"
    return f"{ending.member.name}: {ending.status} {where}{because}"
