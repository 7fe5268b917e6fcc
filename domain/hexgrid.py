"""Geometry of the hex grid: pointy-top cells in odd-r offset rows, cell = row * width + column.

Odd rows are shoved half a cell to the right. Distances go through cube coordinates (q, r, s) with
q + r + s = 0. The world has edges: it does not wrap.

References
----------
.. [1] Patel (2013), Hexagonal Grids, Red Blob Games.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline

# Steps to the six neighbours (d_column, d_row), east first and counter-clockwise, by row parity.
_STEPS = np.array(
    [
        [[1, 0], [0, -1], [-1, -1], [-1, 0], [-1, 1], [0, 1]],
        [[1, 0], [1, -1], [0, -1], [-1, 0], [0, 1], [1, 1]],
    ],
    np.int32,
)
NO_CELL = -1


@inline
def neighbour(cell, direction, width, height):  # type: ignore[no-untyped-def]
    """Return the neighbour in direction 0-5 (east, then counter-clockwise), or -1 beyond the edge."""
    return neighbour_of(cell // width, cell % width, direction, width, height)


@inline
def neighbour_of(row, column, direction, width, height):  # type: ignore[no-untyped-def]
    """Return the same for a cell given by row and column: who asks for all six divides only once."""
    r, c = step_from(row, column, direction)
    if c < 0 or c >= width or r < 0 or r >= height:
        return -1
    return r * width + c


@inline
def step_from(row, column, direction):  # type: ignore[no-untyped-def]
    """Return row and column one step on, perhaps beyond the edge."""
    return row + _STEPS[row & 1, direction, 1], column + _STEPS[row & 1, direction, 0]


@inline
def hex_distance(a, b, width):  # type: ignore[no-untyped-def]
    """Return the number of steps between two cells on a grid without obstacles."""
    return steps_between(a // width, a % width, b // width, b % width)


@inline
def steps_between(row_a, column_a, row_b, column_b):  # type: ignore[no-untyped-def]
    """Return the same for cells given by row and column, without a division."""
    qa = column_a - (row_a - (row_a & 1)) // 2
    qb = column_b - (row_b - (row_b & 1)) // 2
    dq, dr = qa - qb, row_a - row_b
    return (abs(dq) + abs(dr) + abs(dq + dr)) // 2


def to_cube(cells: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Return cube coordinates.

    Parameters
    ----------
    cells : ndarray of integers, shape (n,)
    width : int, columns of the grid

    Returns
    -------
    ndarray of int64, shape (n, 3), rows (q, r, s) that sum to 0
    """
    cells = np.asarray(cells, np.int64)
    row, column = cells // width, cells % width
    q = column - (row - (row & 1)) // 2
    return np.stack([q, row, -q - row], axis=-1)


def from_cube(cube: NDArray[np.int64], width: int, height: int) -> NDArray[np.int64]:
    """Return cells of cube coordinates, shape (n, 3); -1 where they lie off the grid."""
    cube = np.asarray(cube, np.int64)
    q, row = cube[..., 0], cube[..., 1]
    column = q + (row - (row & 1)) // 2
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.where(inside, row * width + column, NO_CELL)


def neighbours(cell: int, width: int, height: int) -> list[int]:
    """Return the two to six cells next to `cell`, east first and counter-clockwise."""
    found = (int(neighbour(cell, d, width, height)) for d in range(6))
    return [c for c in found if c != NO_CELL]


def distance(a: int, b: int, width: int) -> int:
    """Return the number of steps from cell `a` to cell `b`."""
    return int(hex_distance(a, b, width))


def ring(cell: int, radius: int, width: int, height: int) -> list[int]:
    """Return the cells exactly `radius` steps away, those off the grid left out, in walking order."""
    if radius == 0:
        return [cell]
    # Start `radius` steps to the south-west and walk six sides.
    directions = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1], [-1, 1, 0], [-1, 0, 1], [0, -1, 1]])
    at = to_cube(np.array([cell]), width)[0] + directions[4] * radius
    cubes = []
    for side in range(6):
        for _ in range(radius):
            cubes.append(at)
            at = at + directions[side]
    cells = from_cube(np.array(cubes), width, height)
    return [int(c) for c in cells if c != NO_CELL]


def disc_offsets(radius: int) -> NDArray[np.int32]:
    """Return (d_column, d_row) of every cell within `radius`, nearest first, for both row parities.

    Returns
    -------
    ndarray of int32, shape (2, 3 * radius * (radius + 1) + 1, 2); the first axis is the parity of
    the row that one stands on
    """
    wide = 4 * radius + 6
    out = []
    for parity in (0, 1):
        centre = (2 * radius + 2 + parity) * wide + 2 * radius + 2
        cells = [centre] + [c for k in range(1, radius + 1) for c in ring(centre, k, wide, wide)]
        out.append([(c % wide - centre % wide, c // wide - centre // wide) for c in cells])
    return np.array(out, np.int32)


def line(a: int, b: int, width: int, height: int) -> list[int]:
    """Return the cells on the straight line from `a` to `b`, both included.

    Interpolates in cube space and rounds, with a nudge so that ties always fall the same way [1]_.
    """
    steps = distance(a, b, width)
    if steps == 0:
        return [a]
    start, end = to_cube(np.array([a, b]), width)
    # Integers throughout: coordinates times (steps * 1000), nudged by (1, 2, -3).
    scale = steps * 1000
    cells = []
    for i in range(steps + 1):
        exact = (start * (steps - i) + end * i) * 1000 + np.array([1, 2, -3])
        rounded = (exact + scale // 2) // scale
        error = np.abs(rounded * scale - exact)
        worst = int(np.argmax(error))
        rounded[worst] -= rounded.sum()
        cells.append(int(from_cube(rounded[None, :], width, height)[0]))
    return cells
