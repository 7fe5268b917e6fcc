"""Who searches finds what looking at every cell in sight would find, though most cells are passed over."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import columns as col
from domain.codes import N_RESOURCES, Biome
from domain.hexgrid import disc_offsets, distance
from domain.rules.choose import _resource_goal
from domain.rules.gather import stock_at
from domain.rules.plan import P_CELL, plan_of_capacity

_WIDTH, _HEIGHT, _SIGHT, _TICK = 11, 10, 4, 900


def _land(generator: np.random.Generator) -> col.Cells:
    """Return cells of which some are water, many empty, some bare, and some fuller than they can grow."""
    n = _WIDTH * _HEIGHT
    cells = col.cells_of_size(n)
    cells[col.BIOME] = np.where(generator.random(n) < 0.2, Biome.WATER, Biome.GRASSLAND)
    for k in range(N_RESOURCES):
        cells[col.CAPACITY + k] = np.where(
            generator.random(n) < 0.5, 0, generator.choice([900, 2_500, 8_000, 90_000], n)
        )
        cells[col.STOCK + k] = np.minimum(generator.choice([0, 400, 2_000, 7_000], n), cells[col.CAPACITY + k])
        fuller = generator.random(n) < 0.1
        cells[col.STOCK + k, fuller] = generator.choice([3_000, 40_000], np.count_nonzero(fuller))
        cells[col.REGROWTH + k] = generator.choice([0, 300, 2_000], n)
        cells[col.SINCE + k] = generator.integers(0, _TICK, n)
    return cells


@given(seed=st.integers(0, 10_000), cell=st.integers(0, _WIDTH * _HEIGHT - 1), good=st.integers(0, N_RESOURCES - 1))
@settings(max_examples=300)
def test_a_search_finds_the_best_of_all_cells_in_sight(seed, cell, good):
    cells, plan = _land(np.random.default_rng(seed)), plan_of_capacity(1)
    plan[P_CELL, 0] = cell
    offsets = disc_offsets(_SIGHT)
    found = _resource_goal(cells, col.all_prospects(cells), plan, 0, good, _TICK, _WIDTH, _HEIGHT, offsets)

    def score(other: int) -> int:
        return min(int(stock_at(cells, good, other, _TICK)), 6_000) - 700 * distance(cell, other, _WIDTH)

    worth_it = [
        other
        for other in range(_WIDTH * _HEIGHT)
        if distance(cell, other, _WIDTH) <= _SIGHT
        and cells[col.BIOME, other] != Biome.WATER
        and stock_at(cells, good, other, _TICK) >= 1_000
    ]
    if not worth_it:
        assert found == -1
    else:
        assert found in worth_it and score(found) == max(map(score, worth_it))
