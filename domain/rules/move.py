"""Move: one step towards a goal. Water can't be entered; climbing costs energy."""

from __future__ import annotations

import numpy as np

from domain._jit import inline
from domain.codes import Biome
from domain.columns import BIOME, CELL, ELEVATION, ID
from domain.draws import below, draw_one
from domain.hexgrid import step_from, steps_between
from domain.rules.constants import CLIMB_DIVISOR, MOVE_COST, MOVE_COST_MAX

_WATER = int(Biome.WATER)


@inline
def step_towards(a, c, row, goal, tick, width, height, stream):  # type: ignore[no-untyped-def]
    """Return the neighbouring land cell that brings the goal nearest at the least climb, or -1 if there is none."""
    at = a[CELL, row]
    at_row, at_column, goal_row, goal_column = at // width, at % width, goal // width, goal % width
    best, best_cost = -1, np.int64(1 << 60)
    dice = draw_one(a[ID, row], stream, tick, 4)
    for d in range(6):
        r, column = step_from(at_row, at_column, d)
        if column < 0 or column >= width or r < 0 or r >= height:
            continue
        cell = r * width + column
        if c[BIOME, cell] == _WATER:
            continue
        climb = max(0, c[ELEVATION, cell] - c[ELEVATION, at])
        # Ten bits of the draw for each direction break ties and lead round obstacles.
        jitter = below(dice << np.uint64(10 * d), 300)
        cost = np.int64(1000 * steps_between(r, column, goal_row, goal_column) + 4 * climb + jitter)
        if cost < best_cost:
            best, best_cost = cell, cost
    return best


@inline
def move_cost(c, origin, cell):  # type: ignore[no-untyped-def]
    """Return the energy that a step costs: a base, plus half a milli-unit a metre climbed, at most 300."""
    climb = max(0, c[ELEVATION, cell] - c[ELEVATION, origin])
    return min(MOVE_COST + climb // CLIMB_DIVISOR, MOVE_COST_MAX)
