"""Recall for any memories: order never matters, and every term counts in its direction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.recall import MICRO, Candidate, best, recency, relevance

pytestmark = pytest.mark.property

TICK = 5_000
vectors = st.lists(st.integers(-127, 127), min_size=4, max_size=4).map(lambda v: np.array(v, np.int8))


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    ids = draw(st.lists(st.tuples(st.integers(0, TICK), st.integers(0, 30)), min_size=1, max_size=12, unique=True))
    return [
        Candidate(f"{tick}:{ordinal}", tick, draw(st.integers(0, 1_000)), "observation", "", draw(vectors))
        for tick, ordinal in ids
    ]


@given(candidates(), vectors, st.randoms(use_true_random=False), st.integers(1, 15))
def test_the_order_of_candidates_never_matters(some, query, random, k):
    shuffled = random.sample(some, len(some))
    assert best(shuffled, query, tick=TICK, k=k) == best(some, query, tick=TICK, k=k)


@given(candidates(), vectors, st.integers(1, 15))
def test_fewer_are_the_beginning_of_more(some, query, k):
    assert best(some, query, tick=TICK, k=k) == best(some, query, tick=TICK, k=99)[:k]


@given(candidates(), vectors)
def test_a_score_is_a_memorys_own_whoever_else_is_there(some, query):
    alone = {c.id: best([c], query, tick=TICK, k=1)[0].score for c in some}
    assert {m.id: m.score for m in best(some, query, tick=TICK, k=99)} == alone


@given(candidates(), vectors)
def test_a_score_lies_between_nothing_and_three(some, query):
    assert all(0 <= m.score <= 3 * MICRO for m in best(some, query, tick=TICK, k=99))


@given(candidates(), vectors, st.data())
def test_a_more_important_memory_never_scores_less(some, query, data):
    one = some[0]
    more = dataclasses.replace(one, importance=data.draw(st.integers(one.importance, 1_000)))
    assert best([more], query, tick=TICK, k=1)[0].score >= best([one], query, tick=TICK, k=1)[0].score


@given(st.integers(0, 60_000), st.integers(0, 60_000))
def test_an_older_memory_is_never_fresher(one, other):
    younger, older = recency(np.array(sorted((one, other)))).tolist()
    assert younger >= older


@given(vectors, vectors, vectors)
def test_a_closer_embedding_is_never_less_relevant(query, one, other):
    """Of two embeddings of the same length, the one with the greater dot product is at least as relevant."""
    mirrored = np.array(sorted(one.tolist()), np.int8)  # the same length, another direction
    wide = query.astype(int)
    first, second = relevance(np.stack([one, mirrored]), query).tolist()
    if int(wide @ one.astype(int)) >= int(wide @ mirrored.astype(int)):
        assert first >= second
    else:
        assert second >= first


@given(st.lists(vectors, min_size=1, max_size=6), vectors)
def test_relevance_is_the_cosine_in_whole_numbers(some, query):
    for v, found in zip(some, relevance(np.stack(some), query).tolist(), strict=True):
        dot = sum(int(a) * int(b) for a, b in zip(v, query, strict=True))
        squares = sum(int(a) ** 2 for a in v) * sum(int(b) ** 2 for b in query)
        assert 0 <= found <= MICRO
        if dot <= 0:
            assert found == 0
        else:  # rounded down: found <= dot / sqrt(squares) < found + 1, in millionths
            assert found**2 * squares <= (dot * MICRO) ** 2 < (found + 1) ** 2 * squares
