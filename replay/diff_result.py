"""Difference: how two histories, and two of their states, differ; what `diff` returns."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from domain.columns import FAMILY_NAME, GIVEN_NAME
from domain.differing import Differing
from domain.given import whole
from domain.names import full_name
from domain.ports import Run
from domain.state import World

if TYPE_CHECKING:
    import polars as pl

_WEIGHTS = {"milli": 0.001, "pieces": 1.0, "steps": 1.0, "items": 1.0, "ticks": 0.001}
_UNSIZED, _A_USE, _A_LIFE = 0.25, 0.02, 1_000.0
_BOOKKEEPING = ("intended", "acted", "asked")  # addresses: one more event in a tick moves those of all who come after


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
    figures : measure → its value on either side, where they differ; None where it has none
    configuration_from : what of `configuration` decides from which tick on: a fork's constants, from its first tick
    notes : what could not be compared, or has to be known to read the rest
    """

    a: Run
    b: Run
    world_a: World
    world_b: World
    identical: bool
    first_divergence: dict[str, Any] | None
    differing: tuple[Differing, ...]
    figures: dict[str, tuple[float | None, float | None]]
    configuration_from: dict[str, int]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        sides = " and ".join(
            f"{run.name} at tick {world.tick}" for run, world in ((self.a, self.world_a), (self.b, self.world_b))
        )
        apart = self.first_divergence if self.a.id != self.b.id else None  # of one run, it parts from nobody
        parted = "" if apart is None else f", which part at tick {apart['tick']}"
        found = ", ".join(f"{many:,} of {area}" for area, many in self.counts.items())
        return f"<{sides}{parted}: {'identical' if self.identical else found or 'nothing differs'}>"

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

    def entries(
        self, *, limit: int | None = None, agents: int | None = None, agent: int | None = None
    ) -> list[dict[str, Any]]:
        """Return differences as plain values: area by area, in each the largest first.

        Parameters
        ----------
        limit : most of an area
        agents : only those of so many agents, of whom most is different
        agent : only those of this agent, and what is no agent's

        Raises
        ------
        WrongUsage
        """
        limit = None if limit is None else whole("limit", limit, least=0)
        agents = None if agents is None else whole("agents", agents, least=0)
        agent = None if agent is None else whole("agent", agent, least=0, most=2**31 - 1)
        most = None if agents is None else [one for one, _ in self.agents[:agents]]
        wanted = most if agent is None else [agent]
        chosen = None if wanted is None else np.array(wanted, np.int64)
        found = [
            {"area": "figures", "what": name, "a": ours, "b": theirs, "by": difference_of(ours, theirs)}
            for name, (ours, theirs) in self.figures.items()
        ][:limit]
        for area in dict.fromkeys(each.area for each in self.differing):
            of_area = [each for each in self.differing if each.area == area]
            found += [self._named(each.entry(i)) for each, i in _largest(of_area, limit, chosen)]
        return found

    def as_dict(
        self, *, limit: int | None = None, agents: int | None = None, agent: int | None = None
    ) -> dict[str, Any]:
        """Return it as plain values; `limit`, `agents` and `agent` as for `entries`. Counts are of all."""
        return {
            "identical": self.identical,
            "a": _side(self.a, self.world_a),
            "b": _side(self.b, self.world_b),
            "first_divergence": self.first_divergence,
            "configuration": self.configuration,
            "configuration_from": self.configuration_from,
            "counts": self.counts,
            "agents": len(self.agents),
            "differences": self.entries(limit=limit, agents=agents, agent=agent),
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
        import polars as pl

        entries = self.entries()
        names = ("area", "agent", "name", "cell", "with", "what", "a", "b", "by", "unit")
        columns = {name: [entry.get(name) for entry in entries] for name in names}
        for name in ("a", "b"):
            columns[name] = [None if value is None else str(value) for value in columns[name]]
        kinds = {"agent": pl.Int64, "cell": pl.Int64, "with": pl.Int64, "by": pl.Float64}
        return pl.DataFrame([pl.Series(n, v, kinds.get(n, pl.String), strict=False) for n, v in columns.items()])

    def name_of(self, agent: int) -> str | None:
        """Return the name of an agent that lives in either state, else None."""
        return _name_in(self.world_a, agent) or _name_in(self.world_b, agent)

    def _named(self, entry: dict[str, Any]) -> dict[str, Any]:
        if "agent" not in entry:
            return entry
        name = self.name_of(entry["agent"])
        return {"area": entry.pop("area"), "agent": entry.pop("agent"), "name": name, **entry}


def difference_of(ours: float | None, theirs: float | None) -> float | None:
    """Return by how much a figure is more on the other side, but for what floats add; None where one has no value."""
    return None if ours is None or theirs is None else round(theirs - ours, 12)


# -- within ------------------------------------------------------------------------------------------


def _name_in(world: World, agent: int) -> str | None:
    """Return the name of an agent that lives in a state, else None."""
    row = world.row(agent)
    return None if row is None else full_name(int(world.agents[GIVEN_NAME, row]), int(world.agents[FAMILY_NAME, row]))


def _side(run: Run, world: World) -> dict[str, Any]:
    return {
        "run": run.id, "name": run.name, "tick": world.tick, "state_hash": world.state_hash.hex(),
        "population": world.population,
    }  # fmt: skip


def _weights(each: Differing) -> NDArray[np.float64]:
    if each.what == "life":
        return np.full(len(each), _A_LIFE)
    if each.what in _BOOKKEEPING:
        return np.zeros(len(each))
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
