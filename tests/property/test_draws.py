"""Draws: pure functions of their arguments, and good ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.draws import below, draw, draw_one, philox, sort_by_draw, stream_key

pytestmark = pytest.mark.property

arguments = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**63 - 1),
        "stream": st.sampled_from(["choose", "meet", "gather"]),
        "tick": st.integers(0, 2**32 - 1),
        "index": st.integers(0, 300),
    }
)
key_lists = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_gives_the_known_answers_of_random123(counter, key, expected):
    words = [np.uint64(int(word, 16)) for word in f"{counter} {key}".split()]
    assert " ".join(f"{int(word):08x}" for word in philox(*words)) == expected


@given(key_lists, arguments, st.randoms(use_true_random=False))
def test_order_does_not_change_a_draw(keys, about, shuffler):
    drawn = dict(zip(keys, draw(np.array(keys), **about).tolist(), strict=True))
    shuffled = list(keys)
    shuffler.shuffle(shuffled)
    assert draw(np.array(shuffled), **about).tolist() == [drawn[k] for k in shuffled]


@given(key_lists, arguments)
def test_a_batch_draws_what_each_key_would_draw_alone(keys, about):
    together = draw(np.array(keys), **about).tolist()
    assert together == [int(draw(np.array([k]), **about)[0]) for k in keys]


@given(st.integers(0, 2**31 - 1), arguments)
def test_kernels_and_python_draw_the_same(key, about):
    stream = stream_key(about["seed"], about["stream"])
    alone = draw_one(np.int64(key), stream, about["tick"], about["index"])
    assert int(alone) == int(draw(np.array([key]), **about)[0])


@given(st.integers(0, 2**31 - 1), arguments)
def test_every_argument_matters(key, about):
    drawn = int(draw(np.array([key]), **about)[0])
    others = [
        draw(np.array([key + 1]), **about),
        draw(np.array([key]), **about | {"seed": about["seed"] + 1}),
        draw(np.array([key]), **about | {"stream": "another"}),
        draw(np.array([key]), **about | {"tick": about["tick"] ^ 1}),
        draw(np.array([key]), **about | {"index": about["index"] + 1}),
    ]
    assert drawn not in [int(o[0]) for o in others]


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**31))
def test_below_lies_below_its_bound(drawn, bound):
    assert 0 <= below(np.uint64(drawn), bound) < bound


@given(st.lists(st.sampled_from([0, 1, 2**40, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1), max_size=70), st.data())
def test_sorting_by_draw_is_a_stable_sort(values, data):
    draws = np.array(values, np.uint64)
    rows = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(values)))))) if values else [], np.int64)
    out = np.full(len(rows), -1)
    sort_by_draw(rows, len(rows), draws, np.full(2 * len(rows) + 3, 99), out)
    assert out.tolist() == rows[np.argsort(draws[rows], kind="stable")].tolist()


def test_draws_are_uniform_bit_by_bit_and_in_classes():
    n = 200_000
    drawn = draw(np.arange(n), seed=7, stream="uniform", tick=3)
    for bit in range(64):
        ones = int(np.count_nonzero(drawn >> np.uint64(bit) & np.uint64(1)))
        assert abs(ones - n / 2) < 5 * (n / 4) ** 0.5, f"bit {bit}"
    counts = np.bincount((drawn >> np.uint64(58)).astype(int), minlength=64)
    chi_squared = float(((counts - n / 64) ** 2 / (n / 64)).sum())
    assert 20 < chi_squared < 130  # 63 degrees of freedom: each end is one in a hundred thousand or rarer


def test_draws_of_neighbouring_ids_ticks_and_streams_do_not_go_together():
    n = 50_000
    first = draw(np.arange(n), seed=7, stream="a", tick=3).astype(float)
    for other in (
        draw(np.arange(1, n + 1), seed=7, stream="a", tick=3),
        draw(np.arange(n), seed=7, stream="a", tick=4),
        draw(np.arange(n), seed=7, stream="b", tick=3),
        draw(np.arange(n), seed=8, stream="a", tick=3),
        draw(np.arange(n), seed=7, stream="a", tick=3, index=1),
    ):
        assert abs(np.corrcoef(first, other.astype(float))[0, 1]) < 0.025
