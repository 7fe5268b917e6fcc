"""The land and its founders: from the seed, and recorded at tick 0."""

from __future__ import annotations

import json

import numpy as np
import pytest

from domain import events as ev
from domain.codes import N_RESOURCES, Biome, Good, Occupation
from domain.configuration import Configuration
from domain.draws import draw
from domain.founding import found_world
from domain.hexgrid import neighbours
from domain.personas import make_personas
from domain.terrain import make_terrain

pytestmark = pytest.mark.unit

SEEDS = [0, 1, 7, 2**40]


def test_the_same_seed_gives_the_same_land_and_another_seed_another():
    configuration = Configuration()
    one, again, other = (make_terrain(configuration, seed=s) for s in (7, 7, 8))
    for name in ("elevation", "biome", "capacity", "regrowth", "stock"):
        assert (getattr(one, name) == getattr(again, name)).all()
        assert (getattr(one, name) != getattr(other, name)).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_of_full_size_has_water_and_every_biome(seed):
    terrain = make_terrain(Configuration(), seed=seed)
    assert set(np.unique(terrain.biome).tolist()) == {int(b) for b in Biome}
    water = (terrain.biome == Biome.WATER).mean()
    assert 0.1 < water < 0.2


@pytest.mark.parametrize("size", [(100, 100), (12, 12), (4, 4), (4, 300), (37, 5)])
@pytest.mark.parametrize("seed", SEEDS)
def test_land_lies_at_or_above_the_water_and_holds_no_more_than_it_can(seed, size):
    width, height = size
    terrain = make_terrain(Configuration(agents=1, width=width, height=height), seed=seed)
    water = terrain.biome == Biome.WATER
    assert (terrain.elevation >= 0).all()
    assert (terrain.elevation[water] == 0).all()
    assert (terrain.elevation[~water]).max() > 0
    assert (terrain.capacity >= terrain.stock).all()
    assert (terrain.stock >= 0).all()
    assert (terrain.regrowth >= 0).all()
    assert (terrain.capacity[:, water] == 0).all()
    assert terrain.capacity.shape == (N_RESOURCES, width * height)
    assert not water.all()


def test_heights_are_smooth_enough_to_be_a_landscape():
    terrain, w, h = make_terrain(Configuration(), seed=7), 100, 100
    steps = [abs(int(terrain.elevation[a] - terrain.elevation[b])) for a in range(w * h) for b in neighbours(a, w, h)]
    strangers = np.abs(terrain.elevation - np.roll(terrain.elevation, 5_050))
    assert np.mean(steps) < strangers.mean() / 3


def test_mountains_are_higher_than_hills_and_hills_than_the_plain():
    terrain = make_terrain(Configuration(), seed=7)
    lowest = {b: terrain.elevation[terrain.biome == b].min() for b in (Biome.HILLS, Biome.MOUNTAIN)}
    assert terrain.elevation[terrain.biome == Biome.GRASSLAND].max() <= lowest[Biome.HILLS]
    assert terrain.elevation[terrain.biome == Biome.HILLS].max() <= lowest[Biome.MOUNTAIN]


def test_regrowth_goes_with_its_percentage():
    one, none, double = (
        make_terrain(Configuration(regrowth_percent=p), seed=7).regrowth.astype(np.int64) for p in (100, 0, 200)
    )
    assert (none == 0).all()
    assert (np.abs(double - 2 * one) <= 1).all()


# -- founders --------------------------------------------------------------------------------------


def founded(configuration: Configuration, seed: int = 7):
    return found_world(configuration, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_founders_stand_on_distinct_cells_of_good_land(seed):
    batch = founded(Configuration(), seed)
    joined = batch.records[batch.records["kind"] == ev.AGENT_JOINED.number]
    assert joined["agent"].tolist() == list(range(500))
    assert len(set(joined["cell"].tolist())) == 500
    biome = make_terrain(Configuration(), seed=seed).biome[joined["cell"]]
    assert not np.isin(biome, [Biome.WATER, Biome.MOUNTAIN]).any()


def test_only_when_good_land_is_full_do_founders_stand_on_mountains_and_last_in_water():
    full = Configuration(agents=144, width=12, height=12)
    terrain = make_terrain(full, seed=7)
    cells = founded(full).records
    cells = cells[cells["kind"] == ev.AGENT_JOINED.number]["cell"]
    assert sorted(cells.tolist()) == list(range(144))
    hardship = np.array([2, 0, 0, 0, 0, 1])[terrain.biome[cells]]
    assert (np.diff(hardship) >= 0).all()


def test_tick_0_tells_the_whole_land_and_what_every_founder_begins_with():
    configuration = Configuration(agents=5, width=6, height=5)
    batch, terrain = founded(configuration), make_terrain(configuration, seed=7)
    kinds = [e["kind"] for e in batch]
    assert kinds[:31] == ["WorldFounded"] + ["CellFormed"] * 30
    assert kinds[31:] == ["AgentJoined", "GoodsEndowed", "GoodsEndowed", "GoodsEndowed"] * 5
    told = list(batch)
    assert (told[0]["width"], told[0]["height"]) == (6, 5)
    for cell, e in enumerate(told[1:31]):
        assert e["cell"] == cell
        assert e["elevation"] == terrain.elevation[cell]
        assert e["biome"] == Biome(int(terrain.biome[cell])).name.lower()
        assert e["capacity"] == terrain.capacity[:, cell].tolist()
        assert e["regrowth"] == terrain.regrowth[:, cell].tolist()
        assert e["stock"] == terrain.stock[:, cell].tolist()
    endowed = [(e["agent"], e["good"], e["holding"]) for e in told[31:] if e["kind"] == "GoodsEndowed"]
    assert endowed == [(a, g, q) for a in range(5) for g, q in (("food", 4_000), ("wood", 1_000), ("coin", 20))]


def test_more_founders_do_not_change_who_the_first_ones_are():
    few, many = (list(founded(Configuration(agents=n, width=20, height=20))) for n in (5, 50))
    told = [[e for e in events if e["kind"] == "AgentJoined"][:5] for events in (few, many)]
    for a, b in zip(*told, strict=True):
        assert {k: v for k, v in a.items() if k not in ("ordinal",)} == {k: v for k, v in b.items() if k != "ordinal"}


# -- personas --------------------------------------------------------------------------------------


def test_personas_do_not_depend_on_who_else_is_drawn():
    configuration, ids = Configuration(), np.arange(100)
    together = make_personas(ids, configuration, seed=3, tick=0, founders=True)
    some = make_personas(ids[[70, 3]], configuration, seed=3, tick=0, founders=True)
    assert some == [together[70], together[3]]


def test_personas_lie_within_their_bounds_and_every_occupation_is_found():
    personas = make_personas(np.arange(2_000), Configuration(), seed=3, tick=0, founders=True)
    assert {p.occupation for p in personas} == set(Occupation)
    assert sum(p.occupation == Occupation.FARMER for p in personas) > 700
    for p in personas:
        assert all(0 <= t <= 1_000 for t in p.traits)
        assert all(100 <= s <= 1_000 for s in p.skills)
        assert 20_000 <= p.lifespan <= 40_000
        assert -p.lifespan < p.born <= 0
        name = json.loads(p.payload())["name"]
        assert len(name.split()) == 2


def test_children_are_born_now_and_founders_are_of_all_ages():
    children = make_personas(np.arange(50), Configuration(), seed=3, tick=900, founders=False)
    assert {p.born for p in children} == {900}
    founders = make_personas(np.arange(50), Configuration(), seed=3, tick=0, founders=True)
    assert len({p.born for p in founders}) > 40


def test_goods_that_lie_in_cells_are_the_first_four():
    assert [Good(g).name.lower() for g in range(N_RESOURCES)] == ["food", "wood", "stone", "ore"]
    assert len(draw(np.arange(4), seed=1, stream="x", tick=0)) == 4
