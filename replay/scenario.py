"""Which seed and configuration decide which tick of a run, as the rows of its lineage say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from domain.ports import HistoryReader, Run
from domain.scenario import Scenario, Scenarios


def scenarios_of(reader: HistoryReader, run: Run) -> Scenarios:
    """Return the scenarios of a run: its ancestors' up to each fork, its own from there on."""
    if run.parent is None:
        return Scenarios.only(run.seed, run.configuration)
    sources = {source: first for source, first, _ in reader.lineage(run)}
    runs = {source: run if source == run.id else reader.find(str(source)) for source in sources}
    return Scenarios((first, Scenario(runs[s].seed, runs[s].configuration)) for s, first in sources.items())


def apart_from(a: Scenarios, b: Scenarios) -> dict[str, int]:
    """Return what of seed and configuration differs in the end, with the first tick that it decides otherwise."""
    found: dict[str, int] = {}
    going_on: set[str] | None = None
    for first in sorted({*a.firsts, *b.firsts}, reverse=True):
        ours, theirs = _values(a, first), _values(b, first)
        differs = {name for name in ours if ours[name] != theirs[name]}
        going_on = differs if going_on is None else going_on & differs
        found |= dict.fromkeys(going_on, first)
    return found


def _values(scenarios: Scenarios, tick: int) -> dict[str, Any]:
    scenario = scenarios.at(tick)
    return {"seed": scenario.seed, **asdict(scenario.configuration)}


def lineage_of(reader: HistoryReader, run: Run) -> list[Run]:
    """Return a run with all that it descends from, the oldest first: from that one's genesis hash the chain grows."""
    line = [run]
    while line[0].parent is not None:
        line.insert(0, reader.find(str(line[0].parent)))
    return line


__all__ = ["apart_from", "lineage_of", "scenarios_of"]
