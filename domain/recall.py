"""Recall: which of an agent's memories come to mind, in integers alone.

A memory scores recency + importance + relevance, the weighted sum of Park et al. [1]_ with their weights of one.
Each term lies in 0 … 1,000,000 by itself, where they stretch it over the candidates at hand: so a memory's score says
the same whichever others are there, and can be recorded and compared.

- recency: halves about every 1,000 ticks since the memory was born. (Theirs counts from the last look; here looking
  changes nothing.)
- importance: that of the event, from milli-units.
- relevance: the cosine between the embeddings of memory and query, 0 where it is negative. Embeddings are small
  integers (`infrastructure.embedder`), so that neither the order of a sum nor a machine's rounding is in the result.

References
----------
.. [1] Park et al. (2023), Generative agents: interactive simulacra of human behavior, arXiv 2304.03442.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from domain.ports import Recalled

MICRO = 1_000_000
IMPORTANCE_MAX = 1_000

_DECAY, _DECAY_OF = 9_993, 10_000  # a tick: 0.9993^990 = 0.5
_FINER = 10**12  # rounding down each tick must not show in micro-units


@dataclass(frozen=True)
class Candidate:
    """A memory that could come to mind.

    Attributes
    ----------
    id : "tick:ordinal"
    born, importance, kind, text : as in `domain.ports.Memory`
    embedding : ndarray of int8, shape (d,)
    """

    id: str
    born: int
    importance: int
    kind: str
    text: str
    embedding: NDArray[np.int8]


def best(candidates: Sequence[Candidate], query: NDArray[np.int8], *, tick: int, k: int) -> list[Recalled]:
    """Return the `k` candidates that score best at a tick, best first; of equal ones the lower (tick, ordinal).

    The order of the candidates never matters.

    Parameters
    ----------
    candidates : all born by `tick`
    query : ndarray of int8, shape (d,)
    """
    if not candidates or k <= 0:
        return []
    ages = np.array([tick - c.born for c in candidates], np.int64)
    importance = np.array([c.importance for c in candidates], np.int64)
    embeddings = np.stack([c.embedding for c in candidates])
    totals = recency(ages) + weight(importance) + relevance(embeddings, query)
    order = sorted(range(len(candidates)), key=lambda i: (-int(totals[i]), address(candidates[i].id)))
    return [_recalled(candidates[i], int(totals[i])) for i in order[:k]]


def recency(ages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how fresh memories are, micro-units: 1,000,000 at age 0, never rising with age, at last 0.

    Parameters
    ----------
    ages : ndarray of int64, ticks since birth; negative ones count as 0
    """
    table = _recencies()
    return table[np.clip(ages, 0, len(table) - 1)]


def weight(importance: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the importance of memories in micro-units; what lies outside 0 … 1,000 milli is cut off."""
    return np.clip(importance, 0, IMPORTANCE_MAX).astype(np.int64) * (MICRO // IMPORTANCE_MAX)


def relevance(embeddings: NDArray[np.int8], query: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the cosine between each embedding and the query in micro-units, rounded down; 0 if it is negative.

    Parameters
    ----------
    embeddings : ndarray of int8, shape (n, d)
    query : ndarray of int8, shape (d,); where it or an embedding is all zeros the relevance is 0
    """
    wide, asked = embeddings.astype(np.int64), query.astype(np.int64)
    dots = (wide @ asked).tolist()
    squares = ((wide * wide).sum(axis=1) * (asked @ asked)).tolist()
    # By Python's own integers: dot² · 10¹² has up to 86 bits.
    cosines = [isqrt(d * d * MICRO * MICRO // s) if d > 0 else 0 for d, s in zip(dots, squares, strict=True)]
    return np.array(cosines, np.int64)


def address(memory: str) -> tuple[int, int]:
    """Return (tick, ordinal) of a memory's id."""
    tick, _, ordinal = memory.partition(":")
    return int(tick), int(ordinal)


@cache
def _recencies() -> NDArray[np.int64]:
    """Return recency by age, until it is 0."""
    kept, left = [], MICRO * _FINER
    while left >= _FINER:
        kept.append(left // _FINER)
        left = left * _DECAY // _DECAY_OF
    return np.array([*kept, 0], np.int64)


def _recalled(c: Candidate, score: int) -> Recalled:
    return Recalled(c.id, c.text, c.born, c.kind, score)
