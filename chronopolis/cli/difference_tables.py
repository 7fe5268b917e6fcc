"""A difference as people read it in a terminal: where histories part, and tables of what differs, largest first."""

from __future__ import annotations

from collections import defaultdict
from math import floor, log10
from typing import TYPE_CHECKING, Any

from chronopolis.cli.output import facts, plain
from chronopolis.sentences import Names, agent_number, counted, sentence
from domain.codes import Good
from replay.diff_result import difference_of

if TYPE_CHECKING:
    from replay import Difference

_NEEDS = ("energy", "satiety", "company")
_GOODS = tuple(good.name.lower() for good in Good)
_BESIDE = ("tick", "ordinal", "kind", "agent", "cause_tick", "cause_ordinal")
_LONGEST = 60
_NUMBERS = (agent_number, agent_number)


def tables(
    found: Difference, entries: list[dict[str, Any]], *, agents: int, names: tuple[Names, Names] = _NUMBERS
) -> list[Any]:
    """Return panel and tables.

    Parameters
    ----------
    found : Difference
    entries : what is to be shown of ties, cells and minds, as `found.entries` returns it
    agents : rows of the table of agents
    names : how agents are called on either side: whoever was born since they parted may be another in each
    """
    shown = [_parting(found, names)]
    if not found.differing:
        return shown
    shown += _figures(found)
    shown += _agents(found, agents)
    sides = _heading(found, "a"), _heading(found, "b")
    for area, table in (("ties", _ties), ("cells", _cells), ("minds", _minds)):
        of_area = [e for e in entries if e["area"] == area]
        if of_area:
            shown += [table(of_area, *sides), _rest(found.counts[area] - len(of_area), area)]
    return [each for each in shown if each is not None]


def _parting(found: Difference, names: tuple[Names, Names]) -> Any:
    a, b, parted = found.a, found.b, found.first_divergence
    ticks = found.world_a.tick, found.world_b.tick
    rows: dict[str, Any] = {
        "compared": f"{a.name} at tick {ticks[0]:,} ({counted(found.world_a.population, 'person', 'people')}) and "
        f"{b.name} at tick {ticks[1]:,} ({counted(found.world_b.population, 'person', 'people')})"
    }
    if parted is None:
        rows["histories"] = f"the same up to tick {min(ticks):,}"
    elif a.id == b.id:
        rows["first change"] = f"tick {parted['tick']:,}: {', '.join(parted['areas'])}"
    else:
        areas = ", ".join(parted["areas"]) or "no area of state yet"
        rows["the same up to"] = f"tick {parted['tick'] - 1:,}" if parted["tick"] else "nothing: their genesis differs"
        rows["parted at"] = f"tick {parted['tick']:,}: {areas}"
        if parted.get("state"):
            rows["states part at"] = f"tick {parted['state']['tick']:,}: {', '.join(parted['state']['areas'])}"
        if parted["event"] is not None:
            rows["first event"] = f"ordinal {parted['event']['ordinal']}"
            if parted["event"]["columns"] and "kind" not in parted["event"]["columns"]:
                rows["first event"] += f", of which {', '.join(parted['event']['columns'])} differ"
            rows[f"  {a.name}"], rows[f"  {b.name}"] = _event_lines(parted["event"], names)
    for name, (ours, theirs) in found.configuration.items():
        rows[name] = _setting(ours, theirs, found.configuration_from[name], min(ticks))
    rows["differences"] = ", ".join(f"{n:,} of {area}" for area, n in found.counts.items()) or None
    for i, note in enumerate(found.notes):
        rows["note" if i == 0 else f"note {i + 1}"] = note
    title = f"{a.name} · {b.name} · " if a.id != b.id else f"{a.name} · "
    return facts(rows, title=title + ("identical" if found.identical else "different"), good=found.identical)


def _setting(ours: Any, theirs: Any, first: int, tick: int) -> str:
    """Return a setting that differs, and from when on, if not from the beginning."""
    if tick < first:
        return f"{ours} and {theirs} only from tick {first:,} on: here it is the same"
    return f"{ours} and {theirs}" + (f" from tick {first:,} on" if first else "")


def _event_lines(event: dict[str, Any], names: tuple[Names, Names]) -> list[str]:
    """Return the event of either side as a sentence; with all its values where sentences say too little."""
    called = dict(zip("ab", names, strict=True))
    told = ["(none)" if event[side] is None else sentence(event[side], called[side]) for side in "ab"]
    if told[0] == told[1]:
        return [_values(event[side], called[side]) for side in "ab"]
    bare = [
        event[side] is not None and text.endswith(event[side]["kind"]) for side, text in zip("ab", told, strict=True)
    ]
    return [_values(event[side], called[side]) if bare[i] else told[i] for i, side in enumerate("ab")]


def _values(event: dict[str, Any], called: Names) -> str:
    rest = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in event.items() if name not in _BESIDE)
    who = f" of {called(event['agent'])}" if "agent" in event else ""
    return f"{event['kind']}{who}{': ' if rest else ''}{rest}"


def _figures(found: Difference) -> list[Any]:
    table = _table("the society", "figure", _heading(found, "a"), _heading(found, "b"), "by")
    for name, (ours, theirs) in found.figures.items():
        by = difference_of(ours, theirs)
        digits = _digits(by)
        values = ("–" if value is None else _number(value, digits) for value in (ours, theirs))
        table.add_row(name.replace("_", " "), *values, "" if by is None else _signed(by, digits))
    return [table] if found.figures else []


def _heading(found: Difference, side: str) -> str:
    """Return what a column of one side is headed with."""
    run, world = (found.a, found.world_a) if side == "a" else (found.b, found.world_b)
    return run.name if found.a.id != found.b.id else f"tick {world.tick:,}"


def _agents(found: Difference, most: int) -> list[Any]:
    """One row an agent: by how much each need and good is more or less on the other side."""
    by_agent: dict[int, dict[str, str]] = defaultdict(dict)
    for entry in found.entries(agents=most):
        if "agent" in entry:
            row = by_agent[entry["agent"]]
            row["name"] = entry["name"] or ""
            _tell(row, entry)
    if not by_agent:
        return []
    told = {column for row in by_agent.values() for column in row}
    columns = [c for c in ("name", "life", "moved", *_NEEDS, *_GOODS, "intention", "ties", "minds") if c in told]
    table = _table(f"agents: how much more {_there(found)}", "agent", *columns, left=("name", "life", "intention"))
    for agent, _ in found.agents[:most]:
        table.add_row(str(agent), *(plain(by_agent[agent].get(column, "")) for column in columns))
    return [table, _rest(len(found.agents) - len(by_agent), "agents")]


def _tell(row: dict[str, str], entry: dict[str, Any]) -> None:
    """Put a difference into its agent's row."""
    area, what = entry["area"], entry["what"]
    if area in ("ties", "minds"):
        row[area] = str(int(row.get(area, 0)) + 1)
    elif what in ("life", "intention"):
        row[what] = f"{entry['a'] or '–'} | {entry['b'] or '–'}"
    elif what == "cell":
        row["moved"] = str(entry.get("by", "yes"))
    elif what in _NEEDS:
        row[what] = f"{entry['by'] / 1000:+.2f}"
    elif what in _GOODS:
        row[what] = f"{entry['by'] / 1000:+.1f}" if entry["unit"] == "milli" else f"{entry['by']:+d}"


def _there(found: Difference) -> str:
    return f"at {_heading(found, 'b')}" if found.a.id == found.b.id else f"in {found.b.name}"


def _ties(entries: list[dict[str, Any]], a: str, b: str) -> Any:
    table = _table("ties: strength", "agent", "name", "to", a, b, "by", left=("name",))
    for e in entries:
        if e["what"] == "tie":
            ours, theirs = (_number(e[side] / 1000) if e[side] is not None else "–" for side in "ab")
            table.add_row(str(e["agent"]), e["name"], str(e["with"]), ours, theirs, _signed(e["by"] / 1000))
    return table


def _cells(entries: list[dict[str, Any]], a: str, b: str) -> Any:
    table = _table("cells: stocks as they have regrown by now", "cell", "what", a, b, "by", left=("what",))
    for e in entries:
        milli = e.get("unit") == "milli"
        ours, theirs = (_number(e[side] / 1000) if milli else str(e[side]) for side in "ab")
        table.add_row(str(e["cell"]), e["what"].replace("_", " "), ours, theirs, _milli(e) if milli else "")
    return table


def _minds(entries: list[dict[str, Any]], a: str, b: str) -> Any:
    table = _table("minds", "agent", "name", "what", a, b, left=("name", "what", a, b))
    for e in entries:
        table.add_row(str(e["agent"]), e["name"], e["what"], plain(_mind(e["a"])), plain(_mind(e["b"])))
    return table


def _mind(value: Any) -> str:
    if isinstance(value, list):
        told = "; ".join(_mind(each) for each in value)
    elif isinstance(value, dict):
        told = value.get("text") or ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in value.items() if v is not None)
    else:
        told = "–" if value is None else str(value)
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


# -- how numbers and tables look -----------------------------------------------------------------------


def _table(title: str, *columns: str, left: tuple[str, ...] = ()) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
        collapse_padding=True,
    )  # fmt: skip
    for name in columns:
        to_left = name in left or name == "figure"
        table.add_column(name, justify="left" if to_left else "right", no_wrap=not to_left or name == "name")
    return table


def _rest(left: int, what: str) -> Any:
    return plain(f"… and {left:,} more of {what}; --json has them all") if left > 0 else None


def _digits(by: float | None) -> int:
    """Return how many decimals tell two figures apart: three, or more where they differ by less."""
    return 3 if not by or abs(by) >= 0.001 else 1 - floor(log10(abs(by)))


def _number(value: float, digits: int = 3) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}".rstrip("0").rstrip(".")


def _signed(value: float, digits: int = 3) -> str:
    return f"{'+' if value > 0 else ''}{_number(value, digits)}"


def _milli(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return ""
    return _signed(entry["by"] / 1000 if entry["unit"] == "milli" else entry["by"])
