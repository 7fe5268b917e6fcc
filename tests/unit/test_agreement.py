"""How far answers agree, against published figures, and intervals of shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopolis.agreement import _t_95, krippendorff_alpha, share_interval

pytestmark = pytest.mark.unit

PUBLISHED = [[1], [2, 2], [1, 1], [3, 3], [3, 3, 4], [4, 4, 4], [1, 3], [2, 2], [1, 1], [1, 1], [3, 3], [3, 3], [3, 4]]
"""Krippendorff's own example of three observers and missing values, by unit."""


def test_alpha_is_the_published_one() -> None:
    assert krippendorff_alpha(PUBLISHED, is_scale=False) == pytest.approx(0.691, abs=5e-4)
    assert krippendorff_alpha(PUBLISHED, is_scale=True) == pytest.approx(0.811, abs=5e-4)


@pytest.mark.parametrize("is_scale", [False, True])
def test_who_always_says_the_same_agrees_and_who_never_does_disagrees(is_scale: bool) -> None:
    assert krippendorff_alpha([[1, 1, 1], [2, 2, 2]], is_scale=is_scale) == 1
    against = krippendorff_alpha([[1, 2], [1, 2], [1, 2]], is_scale=is_scale)
    assert against is not None and against < 0


@pytest.mark.parametrize("answers", [[], [[1], [2]], [[1, 1], [1, 1]], [[1, 2, 2, 2], [1]]])
def test_alpha_of_what_says_nothing_is_none(answers: list[list[float]]) -> None:
    assert krippendorff_alpha(answers, is_scale=False) is None


@pytest.mark.parametrize(
    ("took", "of", "low", "high"), [(8, 10, 0.490, 0.943), (0, 10, 0, 0.278), (10, 10, 0.722, 1), (1, 1, 0.207, 1)]
)
def test_an_interval_is_wilsons(took: int, of: int, low: float, high: float) -> None:
    assert share_interval([1] * took + [0] * (of - took), [1] * of) == pytest.approx((low, high), abs=5e-4)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(2, 9))
def test_asking_again_who_never_changes_tells_no_more(took: list[bool], draws: int) -> None:
    once = share_interval([int(each) for each in took], [1] * len(took))
    again = share_interval([draws * each for each in took], [draws] * len(took))
    assert again is not None and once is not None
    # Their spread is estimated, as of a sample: one agent less.
    assert again[1] - again[0] >= (once[1] - once[0]) * 0.999


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)).map(sorted), min_size=1, max_size=20))
def test_an_interval_holds_its_share_and_lies_within_none_and_all(own: list[list[int]]) -> None:
    took, of = [each[0] for each in own], [each[1] for each in own]
    found = share_interval(took, of)
    assert found is not None
    assert 0 <= found[0] <= sum(took) / sum(of) <= found[1] <= 1


def test_more_answers_of_those_who_draw_lots_tell_more() -> None:
    once, often = share_interval([1, 0] * 10, [1] * 20), share_interval([5, 4] * 10, [9] * 20)
    assert once is not None and often is not None and often[1] - often[0] < (once[1] - once[0]) / 2


def test_who_did_not_answer_counts_for_nothing() -> None:
    assert share_interval([1, 0, 0], [1, 1, 0]) == share_interval([1, 0], [1, 1])
    assert share_interval([0, 0], [0, 0]) is None


@pytest.mark.parametrize("agents", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("draws", [1, 3, 20])
def test_an_interval_of_few_agents_who_are_asked_often_holds_the_true_share_as_often_as_it_says(
    agents: int, draws: int
) -> None:
    chance = np.random.default_rng(10_000 * agents + draws)
    held = 0
    for _ in range(500):
        took = chance.binomial(draws, chance.beta(1, 1, agents))  # each leans its own way, half of them to yes
        low, high = share_interval(took.tolist(), [draws] * agents) or (0, 0)
        held += low <= 0.5 <= high
    assert held / 500 >= 0.925  # 95 %, but for two standard errors of 500 tries


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.706), (4, 2.776), (8, 2.306), (9, 2.262), (15, 2.131), (30, 2.042), (120, 1.980)]
)
def test_percentiles_of_students_t_are_the_tabled_ones(freedom: int, t: float) -> None:
    assert _t_95(freedom) == pytest.approx(t, abs=6e-4)
