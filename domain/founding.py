"""Tick 0: what the world is made of, recorded as events like everything after it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from domain.codes import N_RESOURCES, NEED_FULL, Biome, Good
from domain.configuration import Configuration
from domain.draws import draw
from domain.events import (
    AGENT_JOINED,
    CELL_FORMED,
    GOODS_ENDOWED,
    WORLD_FOUNDED,
    EventBatch,
    empty_records,
    pack_cause,
    pack_good,
    pack_needs,
    payload_of,
)
from domain.personas import make_personas
from domain.terrain import Terrain, make_terrain

ENDOWMENT = ((Good.FOOD, 4_000), (Good.WOOD, 1_000), (Good.COIN, 20))
"""What a founder begins with, and whoever is added later."""


def found_world(configuration: Configuration, *, seed: int) -> EventBatch:
    """Return the events of tick 0: the grid, every cell, every founder and what each begins with.

    Founders stand on distinct cells: land that is good to live on first, chosen in an order that the
    seed shuffles; only when that is full do they stand on worse ground.
    """
    terrain = make_terrain(configuration, seed=seed)
    n_cells, n = configuration.n_cells, configuration.agents
    records = empty_records(1 + n_cells + n * (1 + len(ENDOWMENT)))
    records["tick"] = 0
    records["ordinal"] = np.arange(len(records))
    grid: dict[str, object] = {"width": configuration.width, "height": configuration.height}
    payloads = [(0, payload_of(**grid, **({"minds": True} if configuration.thinks else {})))]
    records["kind"][0] = WORLD_FOUNDED.number

    cells = slice(1, 1 + n_cells)
    records["kind"][cells] = CELL_FORMED.number
    records["cell"][cells] = np.arange(n_cells)
    records["detail"][cells] = terrain.elevation
    records["cause"][cells] = pack_cause(0, 0)

    home = _home_cells(configuration, terrain.biome, seed=seed)
    ids = np.arange(n, dtype=np.int64)
    personas = make_personas(ids, configuration, seed=seed, tick=0, founders=True)
    base = 1 + n_cells
    step = 1 + len(ENDOWMENT)
    joined = np.arange(base, len(records), step)
    records["kind"][joined] = AGENT_JOINED.number
    records["agent"][joined] = ids
    records["cell"][joined] = home
    records["detail"][joined] = ids  # every founder is the head of a household
    spread = (draw(ids, seed=seed, stream="founding.needs", tick=0) >> np.uint64(52)).astype(np.int64)  # 0 … 4095
    records["needs"][joined] = pack_needs(NEED_FULL - spread, NEED_FULL * 9 // 10 - spread, NEED_FULL // 2 + spread)
    records["cause"][joined] = pack_cause(0, 0)
    for k, (good, quantity) in enumerate(ENDOWMENT, start=1):
        endowed = joined + k
        records["kind"][endowed] = GOODS_ENDOWED.number
        records["agent"][endowed] = ids
        records["given"][endowed] = pack_good(int(good), quantity, quantity)
        records["cause"][endowed] = joined  # tick 0: the packed address is the ordinal
    people = ((at, persona.payload()) for at, persona in zip(joined.tolist(), personas, strict=True))
    return EventBatch.of(records, itertools.chain(payloads, _cell_payloads(terrain), people))


def _cell_payloads(terrain: Terrain) -> Iterator[tuple[int, bytes]]:
    """Yield (position, payload) of each cell; one by one, since a million lists cost Python's collector seconds."""
    names = [b.name.lower() for b in Biome]
    columns = (column.tolist() for column in (*terrain.capacity, *terrain.regrowth, *terrain.stock))
    for position, (biome, *amounts) in enumerate(zip(terrain.biome.tolist(), *columns, strict=True), start=1):
        capacity, regrowth, stock = amounts[:N_RESOURCES], amounts[N_RESOURCES:-N_RESOURCES], amounts[-N_RESOURCES:]
        yield position, payload_of(biome=names[biome], capacity=capacity, regrowth=regrowth, stock=stock)


def _home_cells(configuration: Configuration, biome: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """Return a cell for each founder, kindest ground first, shuffled by the seed."""
    hardship = np.array([2, 0, 0, 0, 0, 1])[biome]  # water last, mountains before it
    shuffle = draw(np.arange(len(biome)), seed=seed, stream="founding.cell", tick=0)
    order = np.lexsort((shuffle, hardship))
    homes: NDArray[np.int64] = order[: configuration.agents]
    return homes
