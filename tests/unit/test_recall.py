"""What comes to mind: the three terms, and their sum."""

from __future__ import annotations

import numpy as np
import pytest

from domain.recall import MICRO, Candidate, address, best, recency, relevance, weight

pytestmark = pytest.mark.unit

NORTH, EAST, SOUTH = (np.array(v, np.int8) for v in ([100, 0], [0, 100], [-100, 0]))


def memory(id: str, *, born: int = 0, importance: int = 0, embedding: np.ndarray = EAST) -> Candidate:
    return Candidate(id, born, importance, "observation", f"text of {id}", embedding)


def test_a_fresh_memory_has_full_recency_and_half_of_it_after_about_a_thousand_ticks():
    new, half, old, ancient = recency(np.array([0, 990, 9_900, 10**9])).tolist()
    assert new == MICRO
    assert abs(half - MICRO // 2) < 1_000
    assert 900 < old < 1_100
    assert ancient == 0


def test_importance_is_cut_off_at_its_bounds():
    assert weight(np.array([-5, 0, 1, 1_000, 2_000])).tolist() == [0, 0, 1_000, MICRO, MICRO]


def test_relevance_is_one_for_the_same_direction_and_never_negative():
    both = np.array([50, 50], np.int8)
    assert relevance(np.stack([NORTH, EAST, SOUTH, both]), NORTH).tolist() == [MICRO, 0, 0, 707_106]
    assert relevance(np.stack([NORTH, np.zeros(2, np.int8)]), np.zeros(2, np.int8)).tolist() == [0, 0]


def test_terms_add_up():
    (found,) = best([memory("3:1", born=3, importance=250, embedding=NORTH)], NORTH, tick=3, k=5)
    assert (found.id, found.text, found.born, found.kind) == ("3:1", "text of 3:1", 3, "observation")
    assert found.score == MICRO + 250_000 + MICRO


def test_the_best_come_first_and_no_more_than_asked_for():
    candidates = [memory("1:0"), memory("2:0", importance=900), memory("3:0", embedding=NORTH)]
    assert [m.id for m in best(candidates, NORTH, tick=5, k=2)] == ["3:0", "2:0"]
    assert best(candidates, NORTH, tick=5, k=0) == []
    assert best([], NORTH, tick=5, k=3) == []


def test_equal_ones_come_in_the_order_of_their_events_and_not_of_their_letters():
    same = [memory(id) for id in ("10:2", "9:10", "9:9", "10:1")]
    assert [m.id for m in best(same, NORTH, tick=20, k=9)] == ["9:9", "9:10", "10:1", "10:2"]


def test_an_id_is_an_address():
    assert address("12:3") == (12, 3)
