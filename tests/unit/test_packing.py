"""Packed columns come back as they were, take as few bytes as they can, and damage to them is seen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from domain.columns import ALIVE, N_STATE_COLUMNS
from domain.minds.columns import N_MIND_STATE
from domain.packing import pack, unpack
from domain.state import _HEAD, _MINDS_HEAD, _MINDS_MAGIC, _PLAIN_MAGIC, World
from tests.support.histories import scenario


def matrices() -> st.SearchStrategy[np.ndarray]:
    def of(dtype: type) -> st.SearchStrategy[np.ndarray]:
        room = np.iinfo(dtype)
        values = st.one_of(st.integers(-3, 300), st.integers(int(room.min), int(room.max)))
        return hnp.arrays(dtype, st.tuples(st.integers(1, 6), st.integers(0, 12)), elements=values)

    return st.one_of(of(np.int64), of(np.int32))


@given(matrices(), st.binary(max_size=20))
@settings(max_examples=300)
def test_what_was_packed_comes_back_whatever_follows_it(columns, behind):
    packed = pack(columns, columns.shape[1])
    assert len(packed) % 8 == 0
    found = np.full_like(columns, 77)
    assert unpack(np.frombuffer(packed.tobytes() + behind, np.uint8), found) == len(packed)
    assert (found == columns).all()


@given(matrices(), st.integers(1, 40))
def test_rows_beyond_those_in_use_are_not_packed(columns, more):
    wide = np.full((columns.shape[0], columns.shape[1] + more), 5, columns.dtype)
    wide[:, : columns.shape[1]] = columns
    assert pack(wide, columns.shape[1]).tobytes() == pack(columns, columns.shape[1]).tobytes()


def test_a_column_takes_the_bytes_that_its_values_differ_in():
    n = 1_000
    rows = np.arange(n)
    for values, width in (
        (np.full(n, 2**40), 0),
        (2**40 + rows % 256, 1),
        (rows % 257 - 9, 2),
        (rows * 70_000, 4),
        (rows * 2**50 - 2**62, 8),
    ):
        assert len(pack(values.astype(np.int64).reshape(1, n), n)) == 16 + n * width, width


@given(st.data(), matrices())
def test_a_changed_bit_of_packed_columns_is_refused_or_changes_a_value_or_where_they_end(data, columns):
    packed = bytearray(pack(columns, columns.shape[1]).tobytes())
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    found = np.zeros_like(columns)
    try:
        end = unpack(np.frombuffer(bytes(packed), np.uint8), found)
    except ValueError:
        return
    assert columns.shape[1] == 0 or end != len(packed) or not (found == columns).all()


@given(st.data(), matrices())
def test_packed_columns_that_are_cut_short_are_refused(data, columns):
    packed = pack(columns, columns.shape[1])
    with pytest.raises(ValueError, match="packed columns"):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 1))], np.zeros_like(columns))


@pytest.mark.parametrize(("name", "tick"), [("calm", 3), ("harsh", 40), ("minded", 60)])
def test_a_state_in_the_form_that_snapshots_had_at_first_is_still_read(name, tick):
    world = scenario(name).replayed(tick)
    restored = World.from_bytes(plain(world))
    assert restored.state_hash == world.state_hash
    assert restored.to_bytes() == world.to_bytes()


def plain(world: World) -> bytes:
    """Return a state as snapshots kept it at first: each number in all of its bytes."""
    rows = np.flatnonzero(world.agents[ALIVE, : world.n])
    head = list(_HEAD.unpack_from(world.to_bytes()))
    head[0] = _PLAIN_MAGIC
    parts = [_HEAD.pack(*head), world.agents[:N_STATE_COLUMNS, rows].tobytes(), world.cells.tobytes()]
    if world.minds is not None:
        texts = json.dumps(sorted(world.texts_in_mind().values()), separators=(",", ":")).encode("ascii")
        parts.append(_MINDS_HEAD.pack(_MINDS_MAGIC, N_MIND_STATE, len(texts)))
        parts += [np.ascontiguousarray(world.minds[:N_MIND_STATE, rows], "<i8").tobytes(), texts]
    return b"".join(parts)
