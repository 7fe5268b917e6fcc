"""Which seed and configuration decide which tick of a run, as the rows of its lineage say."""

from __future__ import annotations

from domain.ports import HistoryReader, Run
from domain.scenario import Scenario, Scenarios


def scenarios_of(reader: HistoryReader, run: Run) -> Scenarios:
    """Return the scenarios of a run: its ancestors' up to each fork, its own from there on."""
    if run.parent is None:
        return Scenarios.only(run.seed, run.configuration)
    sources = {source: first for source, first, _ in reader.lineage(run)}
    runs = {source: run if source == run.id else reader.find(str(source)) for source in sources}
    return Scenarios((first, Scenario(runs[s].seed, runs[s].configuration)) for s, first in sources.items())


def lineage_of(reader: HistoryReader, run: Run) -> list[Run]:
    """Return a run with all that it descends from, the oldest first: from that one's genesis hash the chain grows."""
    line = [run]
    while line[0].parent is not None:
        line.insert(0, reader.find(str(line[0].parent)))
    return line


__all__ = ["lineage_of", "scenarios_of"]
