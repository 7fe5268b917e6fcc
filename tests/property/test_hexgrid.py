"""Geometry of the hex grid."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.hexgrid import disc_offsets, distance, from_cube, line, neighbour, neighbours, ring, to_cube

pytestmark = pytest.mark.property

grids = st.tuples(st.integers(4, 40), st.integers(4, 40))
radii = st.integers(0, 6)


@st.composite
def cells_of_a_grid(draw, n):
    """Draw a grid and `n` of its cells."""
    width, height = draw(grids)
    return (width, height, *(draw(st.integers(0, width * height - 1)) for _ in range(n)))


@st.composite
def open_cells(draw):
    """Draw a grid and a cell of it that has a radius of room on all sides."""
    radius = draw(radii)
    width, height = 2 * radius + 1 + draw(st.integers(4, 9)), 2 * radius + 1 + draw(st.integers(4, 9))
    column = draw(st.integers(radius, width - radius - 1))
    row = draw(st.integers(radius, height - radius - 1))
    return width, height, row * width + column, radius


def steps_by_walking(start: int, width: int, height: int) -> dict[int, int]:
    steps, queue = {start: 0}, deque([start])
    while queue:
        at = queue.popleft()
        for cell in neighbours(at, width, height):
            if cell not in steps:
                steps[cell] = steps[at] + 1
                queue.append(cell)
    return steps


@given(cells_of_a_grid(1))
def test_whoever_is_my_neighbour_has_me_as_the_opposite_one(drawn):
    width, height, cell = drawn
    for direction in range(6):
        other = neighbour(cell, direction, width, height)
        if other >= 0:
            assert neighbour(other, (direction + 3) % 6, width, height) == cell


@given(cells_of_a_grid(1))
def test_a_cell_has_two_to_six_neighbours_all_different_and_none_of_them_itself(drawn):
    width, height, cell = drawn
    found = neighbours(cell, width, height)
    assert 2 <= len(found) == len(set(found)) <= 6
    assert cell not in found
    assert all(distance(cell, other, width) == 1 for other in found)


@given(cells_of_a_grid(3))
def test_distance_is_a_metric(drawn):
    width, _, a, b, c = drawn
    assert distance(a, b, width) == distance(b, a, width) >= 0
    assert (distance(a, b, width) == 0) == (a == b)
    assert distance(a, c, width) <= distance(a, b, width) + distance(b, c, width)


@given(st.integers(4, 12), st.integers(4, 12), st.data())
def test_distance_is_the_number_of_steps_that_walking_takes(width, height, data):
    start = data.draw(st.integers(0, width * height - 1))
    for cell, steps in steps_by_walking(start, width, height).items():
        assert distance(start, cell, width) == steps


@given(open_cells())
def test_in_the_open_a_ring_has_six_cells_a_step_of_its_radius_all_that_far_away(drawn):
    width, height, cell, radius = drawn
    found = ring(cell, radius, width, height)
    assert len(found) == len(set(found)) == (6 * radius or 1)
    assert all(distance(cell, other, width) == radius for other in found)


@given(open_cells())
def test_a_ring_is_walked_from_neighbour_to_neighbour(drawn):
    width, height, cell, radius = drawn
    found = ring(cell, radius, width, height)
    if radius:
        for here, there in zip(found, found[1:] + found[:1], strict=True):
            assert distance(here, there, width) == 1


@given(cells_of_a_grid(1), radii)
def test_rings_partition_a_disc_at_the_edge_of_the_world_too(drawn, radius):
    width, height, cell = drawn
    found = [c for r in range(radius + 1) for c in ring(cell, r, width, height)]
    disc = {c for c in range(width * height) if distance(cell, c, width) <= radius}
    assert len(found) == len(set(found))
    assert set(found) == disc


@given(cells_of_a_grid(2))
def test_a_line_has_a_cell_more_than_its_length_and_goes_from_neighbour_to_neighbour(drawn):
    width, height, a, b = drawn
    found = line(a, b, width, height)
    assert found[0] == a
    assert found[-1] == b
    assert len(found) == distance(a, b, width) + 1
    assert all(distance(here, there, width) == 1 for here, there in pairwise(found))


@given(grids)
def test_offset_and_cube_coordinates_are_two_names_of_one_cell(grid):
    width, height = grid
    cells = np.arange(width * height)
    cube = to_cube(cells, width)
    assert (cube.sum(axis=1) == 0).all()
    assert (from_cube(cube, width, height) == cells).all()
    assert len(np.unique(cube, axis=0)) == len(cells)


@given(grids, st.integers(-60, 60), st.integers(-60, 60))
def test_cube_coordinates_off_the_grid_are_no_cell(grid, q, r):
    width, height = grid
    cell = int(from_cube(np.array([[q, r, -q - r]]), width, height)[0])
    assert cell == -1 or to_cube(np.array([cell]), width)[0].tolist() == [q, r, -q - r]


@pytest.mark.parametrize("radius", range(1, 9))
@pytest.mark.parametrize("parity", [0, 1])
def test_disc_offsets_are_the_disc_nearest_first(radius, parity):
    width = 8 * radius + 8
    centre = (4 * radius + parity) * width + 4 * radius
    offsets = disc_offsets(radius)
    assert offsets.shape == (2, 3 * radius * (radius + 1) + 1, 2)
    cells = [centre + int(row) * width + int(column) for column, row in offsets[parity]]
    steps = [distance(centre, c, width) for c in cells]
    assert steps == sorted(steps)
    assert set(cells) == {c for c in range(width * width) if distance(centre, c, width) <= radius}
