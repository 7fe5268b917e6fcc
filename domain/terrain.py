"""Terrain from the seed: elevation, biomes and the stocks of each cell.

Elevation and moisture are value noise [1]_ in four octaves, in integers throughout, so that the same
seed gives the same land on every machine. Water lies below a rank of elevation, so every world has
land. What comes out is recorded as events at tick 0; replay never calls this.

References
----------
.. [1] Ebert et al. (2002), Texturing and Modeling: A Procedural Approach, 3rd ed., ch. 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.codes import N_RESOURCES, Biome
from domain.configuration import Configuration
from domain.draws import draw

_ONE = 256  # fixed-point one of the interpolation weights
_SEA_PERMILLE, _HILL_PERMILLE, _MOUNTAIN_PERMILLE = 160, 740, 920

# capacity in milli-units: food, wood, stone, ore; by biome
_CAPACITY = {
    Biome.WATER: (0, 0, 0, 0),
    Biome.GRASSLAND: (12_000, 1_500, 500, 0),
    Biome.FOREST: (7_000, 30_000, 500, 0),
    Biome.MARSH: (15_000, 4_000, 0, 0),
    Biome.HILLS: (4_000, 6_000, 20_000, 6_000),
    Biome.MOUNTAIN: (600, 1_000, 25_000, 15_000),
}
# how many thousandths of its capacity a stock regrows in 1,000 ticks
_REGROWTH_PERMILLE = (250, 60, 15, 15)


@dataclass(frozen=True)
class Terrain:
    """Columns of the land, one row a cell.

    Attributes
    ----------
    elevation : ndarray of int64, shape (n_cells,), metres above the lowest land, water 0
    biome : ndarray of int64, shape (n_cells,), codes of `Biome`
    capacity, stock : ndarray of int64, shape (N_RESOURCES, n_cells), milli-units
    regrowth : ndarray of int64, shape (N_RESOURCES, n_cells), milli-units in 1,000 ticks
    """

    elevation: NDArray[np.int64]
    biome: NDArray[np.int64]
    capacity: NDArray[np.int64]
    regrowth: NDArray[np.int64]
    stock: NDArray[np.int64]


def _octave(width: int, height: int, *, spacing: int, seed: int, stream: str) -> NDArray[np.int64]:
    """Return smoothly interpolated lattice noise in [0, 65535], shape (n_cells,)."""
    columns, rows = width // spacing + 2, height // spacing + 2
    lattice: NDArray[np.int64] = (
        draw(np.arange(columns * rows), seed=seed, stream=stream, tick=0, index=spacing) >> np.uint64(48)
    ).astype(np.int64)
    cell = np.arange(width * height, dtype=np.int64)
    x, y = cell % width, cell // width
    lx, ly = x // spacing, y // spacing

    def weight(offset: NDArray[np.int64]) -> NDArray[np.int64]:
        t = offset * _ONE // spacing
        smooth: NDArray[np.int64] = t * t * (3 * _ONE - 2 * t) // (_ONE * _ONE)  # smoothstep
        return smooth

    wx, wy = weight(x % spacing), weight(y % spacing)
    corner = ly * columns + lx
    top = lattice[corner] * (_ONE - wx) + lattice[corner + 1] * wx
    bottom = lattice[corner + columns] * (_ONE - wx) + lattice[corner + columns + 1] * wx
    noise: NDArray[np.int64] = (top * (_ONE - wy) + bottom * wy) // (_ONE * _ONE)
    return noise


def _noise(width: int, height: int, *, seed: int, stream: str) -> NDArray[np.int64]:
    total = np.zeros(width * height, np.int64)
    for weight, spacing in ((8, 24), (4, 12), (2, 6), (1, 3)):
        total += weight * _octave(width, height, spacing=spacing, seed=seed, stream=stream)
    return total


def _rank_permille(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each value's rank in thousandths; equal values rank by position."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.arange(len(values))
    return ranks * 1000 // len(values)


def regrowth_of(capacity: NDArray[np.int64], resource: int, percent: int) -> NDArray[np.int64]:
    """Return what cells grow of a resource in 1,000 ticks, milli-units, rounded down."""
    return capacity * _REGROWTH_PERMILLE[resource] * percent // 100_000


def make_terrain(configuration: Configuration, *, seed: int) -> Terrain:
    """Return the land of a world."""
    w, h = configuration.width, configuration.height
    height = _rank_permille(_noise(w, h, seed=seed, stream="terrain.elevation"))
    moisture = _rank_permille(_noise(w, h, seed=seed, stream="terrain.moisture"))
    biome = np.full(w * h, int(Biome.GRASSLAND), np.int64)
    biome[moisture >= 550] = Biome.FOREST
    biome[(moisture >= 800) & (height < 350)] = Biome.MARSH
    biome[height >= _HILL_PERMILLE] = Biome.HILLS
    biome[height >= _MOUNTAIN_PERMILLE] = Biome.MOUNTAIN
    biome[height < _SEA_PERMILLE] = Biome.WATER
    above = np.maximum(height - _SEA_PERMILLE, 0)
    elevation = above + above * above // 1000  # steeper towards the top

    cells = np.arange(w * h)
    capacity = np.empty((N_RESOURCES, w * h), np.int64)
    stock, regrowth = np.empty_like(capacity), np.empty_like(capacity)
    table = np.array([_CAPACITY[b] for b in Biome], np.int64)
    for r in range(N_RESOURCES):
        richness = 750 + _below(cells, 501, seed=seed, stream="terrain.richness", index=r)
        capacity[r] = table[biome, r] * richness // 1000
        stock[r] = capacity[r] * (500 + _below(cells, 501, seed=seed, stream="terrain.stock", index=r)) // 1000
        regrowth[r] = regrowth_of(capacity[r], r, configuration.regrowth_percent)
    return Terrain(elevation, biome, capacity, regrowth, stock)


def _below(keys: NDArray[np.int64], bound: int, *, seed: int, stream: str, index: int = 0) -> NDArray[np.int64]:
    drawn = draw(keys, seed=seed, stream=stream, tick=0, index=index)
    return ((drawn >> np.uint64(32)) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)
