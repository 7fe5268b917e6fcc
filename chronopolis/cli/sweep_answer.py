"""What a sweep says: of each setting the mean and spread of its runs, of each run how it ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import floor, log10
from typing import TYPE_CHECKING, Any

from chronopolis.cli.output import Output, plain

if TYPE_CHECKING:
    from chronopolis.sweep import Ending, Fared, Group, Sweep


_ANY_WIDTH = 10_000
_ROUNDING = 1e-12
"""Part of a mean below which a deviation is that of adding floats up."""


def tell(output: Output, planned: Sweep, runs: list[Fared], names: list[str], *, as_csv: bool) -> None:
    """Write what came of a sweep: a table, JSON, or CSV with a line a run."""
    from chronopolis.sweep import groups_of
    from chronopolis.sweep.figures import frame_of

    groups = groups_of(planned, runs)
    if as_csv:
        sys.stdout.write(frame_of(runs, names).write_csv())
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
        *forms, last = (
            _table(planned, groups, names),
            _long_table(planned, groups, names, units=True),
            _long_table(planned, groups, names, units=False),
        )
        room = output.out.options.update(width=_ANY_WIDTH)
        fitting = (each for each in forms if output.out.measure(each, options=room).maximum <= output.out.width)
        output.show(next(fitting, last))


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
    """Return a row a setting, a column a measure."""
    from chronopolis.measured import unit_of

    table = _begun(planned)
    for name in names:
        unit = unit_of(name)
        table.add_column(f"{name}\n{unit}" if unit else name, justify="right", no_wrap=True)
    for group in groups:
        table.add_row(*_whose(group), *(spread_told(group.measures.get(name), group.runs) for name in names))
    return table


def _long_table(planned: Sweep, groups: Sequence[Group], names: Sequence[str], *, units: bool) -> Any:
    """Return a row for each measure of each setting, for where columns would be too narrow to be read."""
    from chronopolis.measured import unit_of

    table = _begun(planned)
    table.add_column("measure", no_wrap=True)
    table.add_column("mean ± sd", justify="right", no_wrap=True)
    if units:
        table.add_column("unit", no_wrap=True)
    for group in groups:
        for name in names:
            whose = _whose(group) if name == names[0] else [""] * (len(planned.varied) + 1)
            told = spread_told(group.measures.get(name), group.runs)
            table.add_row(*whose, name, told, *([unit_of(name)] if units else []))
    return table


def _begun(planned: Sweep) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=f"{planned.name} at tick {planned.ticks:,}", title_justify="left")
    for key in (*planned.varied, "runs"):
        table.add_column(key, justify="right", no_wrap=True)
    return table


def _whose(group: Group) -> list[Any]:
    runs = f"{group.runs:,}" if group.runs == group.of else f"{group.runs:,} of {group.of:,}"
    return [*(plain(value) for value in group.settings.values()), runs]


def spread_told(spread: Any, runs: int) -> str:
    """Return a mean and its deviation to two or three digits of the latter, or of the former if there is none.

    In brackets, of how many runs they are, if not of all: a price is of those where something was sold.
    """
    if spread is None or spread["mean"] is None:
        return "–"
    mean, sd = spread["mean"], spread["sd"]
    if sd is not None and sd < abs(mean) * _ROUNDING:
        sd = 0.0
    told = f"{mean:,.{_digits(mean, sd)}f}"
    told += "" if sd is None else f" ± {sd:,.{_digits(mean, sd)}f}"
    return told if spread["n"] == runs else f"{told} ({spread['n']:,})"


def _digits(mean: float, sd: float | None) -> int:
    size = abs(sd or mean)
    if size >= 100 or (float(mean).is_integer() and not sd):
        return 0
    if size >= 0.001:
        return 1 if size >= 10 else 2 if size >= 1 else 3
    return min(9, 1 - floor(log10(size))) if size else 3


def ended(ending: Ending) -> str:
    """Return how a run of a sweep ended, in a line."""
    where = "before its first tick" if ending.head_tick < 0 else f"at tick {ending.head_tick:,}"
    because = "" if ending.problem is None else f": {ending.problem.splitlines()[0]}"
    return f"{ending.member.name}: {ending.status} {where}{because}"
