"""Asking memory ahead: it may change how long a tick takes, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from domain._jit import kernel
from domain._prefetch import FAR, prefetch
from domain.advance import advance, new_world
from domain.configuration import Configuration, genesis_hash
from domain.decide import Decider

RECORDED = "0977738c99c41a0896217f2f401e220b7438115cd7d1fad810ca3b4e8ac7977f"
"""Chain hash of 40 ticks of the society below, from a release that asked for nothing ahead."""


@kernel
def _sum_asking_for(columns, line, column, row):
    prefetch(columns, column, row)
    prefetch(line, row)
    total = 0
    for k in range(columns.shape[0]):
        for i in range(columns.shape[1]):
            total += columns[k, i]
    return total


@pytest.mark.parametrize("place", [(0, 0), (2, 4), (-1, -1), (1 << 40, 7), (3, -(1 << 50))])
def test_asking_for_a_place_reads_nothing_and_fails_nowhere(place):
    columns = np.arange(15, dtype=np.int64).reshape(3, 5)
    assert _sum_asking_for(columns, np.zeros(5, np.int32), *place) == columns.sum()
    assert prefetch(columns, *place) is None


@pytest.mark.parametrize("threads", [1, 2])
def test_a_society_beyond_the_caches_has_the_history_that_it_had_before_anything_was_asked_for(threads):
    configuration = Configuration(agents=9_000, width=150, height=150)
    world, decider = new_world(configuration), Decider(7, configuration, threads=threads)
    chain = genesis_hash(7, configuration)
    for _ in range(40):
        _, header = advance(world, decider, chain)
        chain = header.chain_hash
    decider.close()
    assert world.agents.shape[1] > FAR, "too few agents for anything to be asked for"
    assert chain.hex() == RECORDED
