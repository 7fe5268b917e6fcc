"""Diff: where two histories part, and in what two states differ.

Two runs or forks, at one tick or each at its own; or two ticks of one run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from domain.columns import FAMILY_NAME, GIVEN_NAME
from domain.contrast import contrast
from domain.differing import Differing
from domain.errors import BeyondHead
from domain.measures import society_figures
from domain.names import full_name
from domain.ports import HistoryReader, Run
from domain.state import World
from replay import seek
from replay.divergence import first_change, first_divergence

_WEIGHTS = {"milli": 0.001, "pieces": 1.0, "steps": 1.0, "items": 1.0, "ticks": 0.001}
_UNSIZED, _A_USE, _A_LIFE = 0.25, 0.02, 1_000.0


@dataclass(frozen=True)
class Difference:
    """How two histories, and two of their states, differ.

    Attributes
    ----------
    a, b : the runs
    world_a, world_b : the states that were compared; only look at them
    identical : their histories are the same up to the tick of the states; of two ticks, the states are
    first_divergence : None, or where they part: see `replay.divergence.first_divergence`
    differing : what differs between the states, by area
    figures : name → the figure of either side, where they differ
    notes : what could not be compared, or has to be known to read the rest
    """

    a: Run
    b: Run
    world_a: World
    world_b: World
    identical: bool
    first_divergence: dict[str, Any] | None
    differing: tuple[Differing, ...]
    figures: dict[str, tuple[float, float]]
    notes: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many differences there are in each area."""
        counted = Counter[str]({"figures": len(self.figures)} if self.figures else {})
        for each in self.differing:
            counted[each.area] += len(each)
        return dict(counted)

    @cached_property
    def agents(self) -> list[tuple[int, float]]:
        """Agents with a difference, the largest first: (id, how much of one, roughly in units, steps and lives)."""
        ids, weights = [], []
        for each in self.differing:
            if each.of == "agent" and len(each):
                ids.append(each.ids)
                weights.append(_weights(each))
        if not ids:
            return []
        found, inverse = np.unique(np.concatenate(ids), return_inverse=True)
        total = np.bincount(inverse, np.concatenate(weights))
        order = np.lexsort((found, -total))
        return [(int(found[i]), float(total[i])) for i in order]

    def entries(self, *, limit: int | None = None, agents: int | None = None) -> list[dict[str, Any]]:
        """Return differences as plain values: area by area, in each the largest first.

        Parameters
        ----------
        limit : most of an area
        agents : only those of so many agents, of whom most is different
        """
        chosen = None if agents is None else np.array([agent for agent, _ in self.agents[:agents]], np.int64)
        found = [
            {"area": "figures", "what": name, "a": ours, "b": theirs, "by": round(theirs - ours, 4)}
            for name, (ours, theirs) in self.figures.items()
        ][:limit]
        for area in dict.fromkeys(each.area for each in self.differing):
            of_area = [each for each in self.differing if each.area == area]
            found += [self._named(each.entry(i)) for each, i in _largest(of_area, limit, chosen)]
        return found

    def as_dict(self, *, limit: int | None = None, agents: int | None = None) -> dict[str, Any]:
        """Return it as plain values; `limit` and `agents` as for `entries`."""
        return {
            "identical": self.identical,
            "a": _side(self.a, self.world_a),
            "b": _side(self.b, self.world_b),
            "first_divergence": self.first_divergence,
            "configuration": self.configuration,
            "counts": self.counts,
            "agents": len(self.agents),
            "differences": self.entries(limit=limit, agents=agents),
            "notes": list(self.notes),
        }

    @property
    def configuration(self) -> dict[str, list[Any]]:
        """What of seed and configuration the runs were made with differs."""
        ours, theirs = ({"seed": run.seed, **asdict(run.configuration)} for run in (self.a, self.b))
        return {name: [ours[name], theirs[name]] for name in ours if ours[name] != theirs[name]}

    @property
    def frame(self) -> pl.DataFrame:
        """All differences as a frame; values that are no numbers stand as text in `a` and `b`."""
        entries = self.entries()
        names = ("area", "agent", "name", "cell", "with", "what", "a", "b", "by", "unit")
        columns = {name: [entry.get(name) for entry in entries] for name in names}
        for name in ("a", "b"):
            columns[name] = [None if value is None else str(value) for value in columns[name]]
        kinds = {"agent": pl.Int64, "cell": pl.Int64, "with": pl.Int64, "by": pl.Float64}
        return pl.DataFrame([pl.Series(n, v, kinds.get(n, pl.String), strict=False) for n, v in columns.items()])

    def _named(self, entry: dict[str, Any]) -> dict[str, Any]:
        if "agent" not in entry:
            return entry
        name = name_in(self.world_a, entry["agent"]) or name_in(self.world_b, entry["agent"])
        return {"area": entry.pop("area"), "agent": entry.pop("agent"), "name": name, **entry}


def diff(
    reader: HistoryReader,
    a: Run,
    b: Run,
    *,
    tick_a: int | None = None,
    tick_b: int | None = None,
    state: Callable[[Run, int], World] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Difference:
    """Compare two runs, or two ticks of one.

    Parameters
    ----------
    reader : HistoryReader
    a, b : the runs; the same one twice to compare two of its ticks
    tick_a, tick_b : whose states to compare; the last tick that both have if neither is given, the other run's
        if one is
    state : gives the state of a run at a tick, for whoever has it at hand; by default it is sought
    on_progress : callable, told (tick, last tick) where headers have to be scanned

    Raises
    ------
    BeyondHead
        If a tick has not happened.
    """
    tick_a, tick_b = _ticks(reader, a, b, tick_a, tick_b)
    of = state or (lambda run, tick: seek.at(reader, run, tick))
    if a.id == b.id:
        low, high = sorted((tick_a, tick_b))
        parted = first_change(reader, a, low, high)
    else:
        parted = first_divergence(reader, a, b, min(tick_a, tick_b), on_progress=on_progress)
    world_a, world_b = of(a, tick_a), of(b, tick_b)
    same = world_a.state_hash == world_b.state_hash
    figures_a, figures_b = society_figures(world_a), society_figures(world_b)
    return Difference(
        a=a,
        b=b,
        world_a=world_a,
        world_b=world_b,
        identical=(parted is None and same) if tick_a == tick_b else same,
        first_divergence=parted,
        differing=() if same else tuple(contrast(world_a, world_b)),
        figures={n: (v, figures_b[n]) for n, v in figures_a.items() if n in figures_b and v != figures_b[n]},
        notes=tuple(_notes(a, b, world_a, world_b, parted is not None and same)),
    )


def name_in(world: World, agent: int) -> str | None:
    """Return the name of an agent that lives in a state, else None."""
    row = world.row(agent)
    return None if row is None else full_name(int(world.agents[GIVEN_NAME, row]), int(world.agents[FAMILY_NAME, row]))


# -- within ------------------------------------------------------------------------------------------


def _ticks(reader: HistoryReader, a: Run, b: Run, tick_a: int | None, tick_b: int | None) -> tuple[int, int]:
    heads = []
    for run in (a, b):
        head = reader.head(run)
        heads.append(-1 if head is None else head.tick)
    if tick_a is None and tick_b is None:
        tick_a = tick_b = max(0, min(heads))
    elif a.id == b.id:
        tick_a, tick_b = (heads[0] if tick is None else tick for tick in (tick_a, tick_b))
    tick_a = tick_b if tick_a is None else tick_a
    tick_b = tick_a if tick_b is None else tick_b
    assert tick_a is not None and tick_b is not None
    for run, tick, head_tick in ((a, tick_a, heads[0]), (b, tick_b, heads[1])):
        if not 0 <= tick <= head_tick:
            raise BeyondHead(run.name, tick, head_tick)
    return tick_a, tick_b


def _notes(a: Run, b: Run, world_a: World, world_b: World, again: bool) -> list[str]:
    notes = []
    sizes = [f"{w.width}×{w.height}" for w in (world_a, world_b)]
    if sizes[0] != sizes[1]:
        notes.append(f"the worlds have other sizes, {sizes[0]} and {sizes[1]} cells: cells are not compared")
    if a.id != b.id and a.genesis_hash != b.genesis_hash and a.seed != b.seed:
        notes.append("the runs have other seeds: an agent of the same number is somebody else in each")
    if (world_a.minds is None) != (world_b.minds is None):
        notes.append(f"only in {(b if world_a.minds is None else a).name} do agents think: minds are not compared")
    if again and world_a.tick == world_b.tick:
        notes.append(f"the histories differ, and yet the states at tick {world_a.tick:,} are the same")
    return notes


def _side(run: Run, world: World) -> dict[str, Any]:
    return {
        "run": run.id, "name": run.name, "tick": world.tick, "state_hash": world.state_hash.hex(),
        "population": world.population,
    }  # fmt: skip


def _weights(each: Differing) -> NDArray[np.float64]:
    if each.what == "life":
        return np.full(len(each), _A_LIFE)
    if each.by is None:
        return np.full(len(each), _UNSIZED)
    if each.what == "tool":  # counted in uses, of which one tool has many
        return each.sizes * _A_USE
    return each.sizes * _WEIGHTS.get(each.unit, 0.001)


def _largest(
    of_area: list[Differing], limit: int | None, agents: NDArray[np.int64] | None
) -> list[tuple[Differing, int]]:
    """Return the differences of an area as (which, position), the largest first."""
    which, positions, weights = [], [], []
    for k, each in enumerate(of_area):
        at = np.arange(len(each))
        if agents is not None and each.of == "agent":
            at = at[np.isin(each.ids, agents)]
        which.append(np.full(len(at), k))
        positions.append(at)
        weights.append(_weights(each)[at])
    kinds, at = np.concatenate(which), np.concatenate(positions)
    order = np.argsort(-np.concatenate(weights), kind="stable")[:limit]
    return [(of_area[int(kinds[i])], int(at[i])) for i in order]
