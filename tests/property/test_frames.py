"""A frame says exactly what the state is: decoded, it equals the columns that it was made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopolis.web.frames import NO_INTENTION, decode_frames, decode_terrain, encode_frame, encode_terrain
from chronopolis.web.growth import all_stocks_at
from domain.advance import new_world
from domain.codes import N_RESOURCES
from domain.columns import BIOME, CAPACITY, ELEVATION, N_TIES, OCCUPATION
from domain.fold import fold
from domain.rules.gather import stock_at
from domain.state import World
from tests.support.histories import SCENARIOS, scenario

pytestmark = pytest.mark.property

ticks_of_scenarios = st.sampled_from(("calm", "harsh", "minded")).flatmap(
    lambda name: st.tuples(st.just(name), st.integers(0, min(300, SCENARIOS[name][1])))
)


def pairs_of(world: World) -> list[tuple[int, int]]:
    """Ties between the living, pair by pair, the slow way."""
    frame = world.agents_frame()
    living = set(frame["unique_id"].to_list())
    found = set()
    for row in frame.iter_rows(named=True):
        for k in range(N_TIES):
            other = row[f"tie_{k}"]
            if other in living:
                found.add((min(row["unique_id"], other), max(row["unique_id"], other)))
    return sorted(found)


@settings(max_examples=25)
@given(ticks_of_scenarios, st.booleans())
def test_a_decoded_frame_equals_the_state(where: tuple[str, int], ties: bool) -> None:
    world = scenario(where[0]).replayed(where[1] + 1)
    before = world.to_bytes()

    (frame,) = decode_frames(encode_frame(world, ties=ties))

    state = world.agents_frame()
    assert frame.tick == where[1]
    for name, column in (("id", "unique_id"), ("cell", "cell"), ("energy", "energy"), ("satiety", "satiety"),
                         ("company", "company"), ("occupation", "occupation")):  # fmt: skip
        assert getattr(frame, name).tolist() == state[column].to_list(), name
    intentions = [NO_INTENTION if value < 0 else value for value in state["intention"].to_list()]
    assert frame.intention.tolist() == intentions
    assert list(zip(frame.tie_a.tolist(), frame.tie_b.tolist(), strict=True)) == (pairs_of(world) if ties else [])
    for good in range(N_RESOURCES):
        for cell in range(0, world.width * world.height, 7):
            capacity = int(world.cells[CAPACITY + good, cell])
            stock = int(stock_at(world.cells, good, cell, world.tick))
            assert frame.stock[good, cell] == (min(255, 255 * stock // capacity) if capacity else 0)
    assert world.to_bytes() == before, "looking changes nothing"


@settings(max_examples=8)
@given(ticks_of_scenarios, st.integers(0, 5_000))
def test_stocks_grow_as_the_rules_say(where: tuple[str, int], later: int) -> None:
    world = scenario(where[0]).replayed(where[1] + 1)
    at_once = all_stocks_at(world.cells, world.tick + later)
    for good in range(N_RESOURCES):
        one_by_one = [int(stock_at(world.cells, good, c, world.tick + later)) for c in range(at_once.shape[1])]
        assert at_once[good].tolist() == one_by_one


def test_terrain_decodes_to_the_land() -> None:
    world = scenario("calm").replayed()
    land = decode_terrain(encode_terrain(world))
    assert (land.width, land.height) == (world.width, world.height)
    assert land.elevation.tolist() == world.cells[ELEVATION].tolist()
    assert land.biome.tolist() == world.cells[BIOME].tolist()
    assert land.capacity.tolist() == world.cells[CAPACITY : CAPACITY + N_RESOURCES].tolist()


def test_frames_lie_end_to_end_each_at_a_multiple_of_four() -> None:
    history = scenario("harsh")  # people die and are born: sections of odd lengths
    world, data = new_world(history.configuration), b""
    for batch in history.batches[:300]:
        fold(world, batch)
        one = encode_frame(world, ties=True)
        assert len(one) % 4 == 0
        data += one
    assert [frame.tick for frame in decode_frames(data)] == list(range(300))


@pytest.mark.parametrize("damage", [b"", b"\0" * 4, b"\xff" * 40])
def test_what_is_no_frame_is_refused(damage: bytes) -> None:
    data = encode_frame(scenario("calm").replayed(3))
    with pytest.raises(ValueError, match=r"frame|buffer"):
        decode_frames(data[:-4] + damage if not damage else data + damage)


def test_an_occupation_fits_a_byte() -> None:
    world = scenario("calm").replayed()
    assert int(world.agents[OCCUPATION, : world.n].max()) < 255
    assert np.dtype("u1").itemsize == 1
