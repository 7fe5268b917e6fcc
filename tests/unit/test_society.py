"""The society as mesa-frames sees it: the very columns that rules read and the fold writes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from mesa_frames import AgentSetPolars, GridPolars, ModelDF

from chronopolis.people import place
from chronopolis.state_frames import cells_frame, people_frame
from domain import columns as col
from domain.codes import Biome
from domain.errors import RandomnessForbidden
from domain.fold import fold
from domain.hexgrid import neighbours
from domain.society import AGENT_FRAME, CELL_FRAME
from domain.state import World
from tests.support.histories import Scene, scenario

pytestmark = pytest.mark.unit


def pointer(series) -> int:
    return series.to_numpy().__array_interface__["data"][0]


def assert_frame_is_the_matrix(world) -> None:
    frame = world.society.citizens.agents
    assert frame.height == world.n
    assert frame.columns == list(AGENT_FRAME)
    for name, row in AGENT_FRAME.items():
        column = world.agents[row, : world.n]
        assert (frame[name].to_numpy() == column).all(), name
        if world.n:
            assert pointer(frame[name]) == column.__array_interface__["data"][0], f"{name} was copied"


def test_the_model_is_one_of_mesa_frames_with_agents_on_a_hexagonal_grid():
    society = scenario("calm").replayed(2).society
    assert isinstance(society, ModelDF)
    assert isinstance(society.citizens, AgentSetPolars)
    assert isinstance(society.space, GridPolars)
    assert society.space.neighborhood_type == "hexagonal"
    assert not society.space.torus


def test_every_column_of_state_is_in_the_frame_and_once():
    assert sorted(AGENT_FRAME.values()) == list(range(col.ALIVE + 1))
    assert sorted(CELL_FRAME.values()) == list(range(col.N_CELL_COLUMNS))


def test_what_is_written_into_the_columns_is_seen_in_the_frames():
    world = scenario("calm").replayed(2)
    frame, cells = world.society.citizens.agents, world.society.space.cells
    world.agents[col.ENERGY, 3] = 4_321
    world.cells[col.STOCK + 1, 5] = 1_234
    assert frame["energy"][3] == 4_321
    assert cells["stock_wood"][5] == 1_234
    assert pointer(cells["stock_wood"]) == world.cells[col.STOCK + 1].__array_interface__["data"][0]


def test_the_ground_says_what_the_columns_of_cells_say_also_of_a_copy_and_of_what_was_kept():
    world = scenario("calm").replayed(3)
    water = world.cells[col.BIOME] == Biome.WATER
    assert 0 < np.count_nonzero(water) < len(water)
    for one in (world, world.copy(), World.from_bytes(world.to_bytes())):
        assert [col.is_water(one.ground, cell) for cell in range(len(water))] == water.tolist()
        assert [col.height_at(one.ground, cell) for cell in range(len(water))] == world.cells[col.ELEVATION].tolist()


def test_prospects_are_the_most_that_each_cell_on_land_has_of_each_resource():
    world = scenario("calm").replayed(3)
    water = world.cells[col.BIOME] == Biome.WATER
    stock, capacity = world.cells[col.STOCK : col.STOCK + 4], world.cells[col.CAPACITY : col.CAPACITY + 4]
    most = np.where(water, 0, np.minimum(np.maximum(stock, capacity), col.MAX_PROSPECT))
    for one in (world, world.copy(), World.from_bytes(world.to_bytes())):
        assert (one.prospects == most).all()


def test_a_table_of_cells_can_be_added_up_and_multiplied_without_a_thought_of_bits():
    world = scenario("calm").replayed(3)
    table = cells_frame(world)
    assert {kind for kind in table.dtypes if kind != pl.String} == {pl.Int64}
    world.cells[col.CAPACITY] = 2**31 - 1
    assert cells_frame(world)["capacity_food"].sum() == world.cells.shape[1] * (2**31 - 1)


@pytest.mark.parametrize(("width", "height"), [(24, 24), (5, 8), (9, 4)])
def test_a_table_of_cells_says_where_each_lies_as_the_map_does(width, height):
    world = Scene(width=width, height=height).world
    table = cells_frame(world)
    assert table.columns[:4] == ["cell", "row", "column", "biome"]
    told = table.select("cell", "row", "column").to_dicts()
    assert told == [{k: place(world, cell)[k] for k in ("cell", "row", "column")} for cell in range(width * height)]


def test_a_table_of_agents_has_no_packed_numbers_and_no_minus_one_for_nobody():
    world = scenario("minded").replayed(120)
    table = people_frame(world)
    assert table.height == world.population
    for row in table.to_dicts():
        column = world.agents[:, world.row(row["agent"])].tolist()
        for name, at in (("intended", col.INTENDED), ("acted", col.ACTED), ("asked", col.ASKED)):
            address = (column[at] >> 32, column[at] & 0xFFFFFFFF) if column[at] >= 0 else (None, None)
            assert (row[f"{name}_tick"], row[f"{name}_ordinal"]) == address
        for name, at in (("parent", col.PARENT), ("last_birth", col.LAST_BIRTH), ("thought_due", col.THOUGHT_DUE)):
            assert row[name] == (column[at] if column[at] >= 0 else None)
        others = [column[col.TIE_OTHER + k] for k in range(col.N_TIES)]
        assert [row[f"tie_{k}"] for k in range(col.N_TIES)] == [who if who >= 0 else None for who in others]
        lacking = [row[f"tie_{k}_strength"] is None for k in range(col.N_TIES)]
        assert lacking == [who < 0 for who in others]
    for name in ("parent", "asked_tick", "tie_7"):
        assert 0 < table[name].null_count() < table.height, "the test shows nothing"


def test_what_the_fold_writes_is_seen_in_a_frame_that_was_there_before():
    scene = Scene()
    who = scene.agent(0, intention="rest", energy=5_000)
    frame = scene.world.society.citizens.agents
    assert frame["energy"][who] == 5_000
    scene.step()
    assert frame["energy"][who] == 5_150


def test_the_frame_is_the_matrix_after_every_tick_of_births_deaths_and_compaction():
    history = scenario("harsh")
    world, rows, sizes = history.replayed(1), 0, set()
    assert_frame_is_the_matrix(world)
    for batch in history.batches[1:]:
        before = world.agents
        fold(world, batch)
        rows += world.agents is not before
        sizes.add(world.n)
        assert_frame_is_the_matrix(world)
    assert rows >= 2, "the columns never moved: the test shows nothing"
    assert len(sizes) > 3


def test_a_restored_world_has_a_frame_of_its_own():
    world = scenario("calm").replayed(5)
    assert_frame_is_the_matrix(world)
    other = world.copy()
    assert_frame_is_the_matrix(other)
    other.agents[col.ENERGY, 0] = 1
    assert world.society.citizens.agents["energy"][0] != 1


def test_a_frame_for_readers_is_a_copy_of_the_living():
    world = scenario("harsh").replayed(250)
    frame = world.agents_frame()
    assert frame.height == world.population < world.n
    assert frame["unique_id"].is_sorted()
    before = frame["energy"].to_list()
    world.agents[col.ENERGY] = 7
    assert frame["energy"].to_list() == before


@pytest.mark.parametrize(("width", "height"), [(12, 12), (5, 8), (9, 4)])
def test_the_grid_knows_the_neighbours_that_the_geometry_knows(width, height):
    space = Scene(width=width, height=height).world.society.space
    cells = space.cells.with_row_index("cell")
    place = cells.select("dim_0", "dim_1").rows()
    assert len(set(place)) == width * height
    for cell in range(width * height):
        found = space.get_neighborhood(radius=1, pos=list(place[cell])).select("dim_0", "dim_1")
        near = found.join(cells, on=["dim_0", "dim_1"], how="inner")["cell"].to_list()
        assert set(near) == set(neighbours(cell, width, height)), cell


@pytest.mark.parametrize("use", ["random", "integers", "choice", "shuffle"])
def test_whoever_asks_the_model_for_chance_is_refused(use):
    society = scenario("calm").replayed(1).society
    with pytest.raises(RandomnessForbidden, match=r"domain\.draws"):
        getattr(society.random, use)
    society.reset_randomizer(3)
    with pytest.raises(RandomnessForbidden):
        getattr(society.random, use)


def test_mesas_own_loop_is_refused():
    with pytest.raises(RandomnessForbidden):
        scenario("calm").replayed(1).society.citizens.step()


def test_looking_at_frames_changes_no_hash():
    world = scenario("harsh").replayed(120)
    before = world.state_hash
    world.agents_frame().sort("energy")
    world.society.space.cells.head()
    assert world.state_hash == before
    assert np.array_equal(world.rehash_whole(), world.sums)
