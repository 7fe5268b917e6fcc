"""The areas of a world as plain rows by name, to hold against the oracle's."""

from __future__ import annotations

import numpy as np

from domain import columns as col
from domain.columns import AREAS
from domain.society import AGENT_FRAME, CELL_FRAME
from domain.state import World
from tests.support.oracle import OracleWorld

_BOUNDS = {
    "personas": (0, col.SKILLS),
    "agents": (col.SKILLS, col.GOODS),
    "goods": (col.GOODS, col.TIE_OTHER),
    "ties": (col.TIE_OTHER, col.N_STATE_COLUMNS),
}
_NAMES = {column: name for name, column in AGENT_FRAME.items()}


def areas_of(world: World) -> dict[str, dict[int, dict[str, int]]]:
    """Return each area of a world: rows by id, values by name."""
    rows = np.flatnonzero(world.agents[col.ALIVE, : world.n])
    ids = world.agents[col.ID, rows].tolist()
    areas: dict[str, dict[int, dict[str, int]]] = {}
    for area, (first, last) in _BOUNDS.items():
        names = [_NAMES[k] for k in range(first, last)]
        values = world.agents[first:last, rows].T.tolist()
        areas[area] = {who: dict(zip(names, row, strict=True)) for who, row in zip(ids, values, strict=True)}
        for row in areas[area].values():
            row.pop("unique_id", None)
    names, values = list(CELL_FRAME), world.cells[list(CELL_FRAME.values())].T.tolist()
    areas["cells"] = {where: dict(zip(names, row, strict=True)) for where, row in enumerate(values)}
    return areas


def assert_equal_worlds(world: World, oracle: OracleWorld, told: str = "") -> None:
    """Hold a world against the oracle's: agent by agent, cell by cell, tie by tie."""
    assert world.tick == oracle.tick, told
    assert (world.width, world.height) == oracle.size, told
    assert world.population == len(oracle.agents), told
    assert world.next_agent == oracle.next_agent, told
    expected, found = oracle.areas(), areas_of(world)
    assert set(found) == set(AREAS)
    for area in AREAS:
        if found[area] != expected[area]:
            assert set(found[area]) == set(expected[area]), f"{told} tick {world.tick}, {area}: other rows"
            for who, row in expected[area].items():
                assert found[area][who] == row, f"{told} tick {world.tick}, {area} {who}"
    for who in range(world.next_agent):
        row = world.row(who)
        assert (row is not None) == (who in oracle.agents), f"{told} tick {world.tick}: row of agent {who}"
        assert row is None or world.agents[col.ID, row] == who, f"{told} tick {world.tick}: row of agent {who}"
