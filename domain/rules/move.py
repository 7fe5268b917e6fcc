"""Move: one step towards a goal. Water can't be entered; climbing costs energy."""

from __future__ import annotations

import numpy as np

from domain._jit import inline
from domain.columns import height_at, is_water
from domain.draws import below, draw_one
from domain.hexgrid import step_from, steps_between
from domain.rules.constants import CLIMB_DIVISOR, MOVE_COST, MOVE_COST_MAX
from domain.rules.plan import P_CELL, P_GOAL, P_ID


@inline
def step_towards(ground, p, row, tick, width, height, stream):  # type: ignore[no-untyped-def]
    """Return the neighbouring land cell that brings an agent nearest to its goal at the least climb, or -1."""
    at, goal = p[P_CELL, row], p[P_GOAL, row]
    here = height_at(ground, at)
    at_row, at_column, goal_row, goal_column = at // width, at % width, goal // width, goal % width
    best, best_cost = -1, np.int64(1 << 60)
    dice = draw_one(p[P_ID, row], stream, tick, 4)
    for d in range(6):
        r, column = step_from(at_row, at_column, d)
        if column < 0 or column >= width or r < 0 or r >= height:
            continue
        cell = r * width + column
        if is_water(ground, cell):
            continue
        climb = max(0, height_at(ground, cell) - here)
        # Ten bits of the draw for each direction break ties and lead round obstacles.
        jitter = below(dice << np.uint64(10 * d), 300)
        cost = np.int64(1000 * steps_between(r, column, goal_row, goal_column) + 4 * climb + jitter)
        if cost < best_cost:
            best, best_cost = cell, cost
    return best


@inline
def move_cost(ground, origin, cell):  # type: ignore[no-untyped-def]
    """Return the energy that a step costs: a base, plus half a milli-unit a metre climbed, at most 300."""
    climb = max(0, height_at(ground, cell) - height_at(ground, origin))
    return min(MOVE_COST + climb // CLIMB_DIVISOR, MOVE_COST_MAX)
