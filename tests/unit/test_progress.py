"""A run tells how far it has come, again and again, however long its first look at the society took."""

from __future__ import annotations

from itertools import pairwise

import pytest

from domain.measures import society_figures
from tests.support.memory_store import MemoryStore
from tests.support.stores import TINY_WORLD, go_on
from workers import runner

pytestmark = pytest.mark.unit


def test_a_first_look_that_takes_seconds_is_not_followed_by_minutes_of_silence(monkeypatch):
    class Clock:
        now = 100.0

        def perf_counter(self) -> float:
            self.now += 0.01
            return self.now

    clock = Clock()

    def slow_at_first(world):  # as where modules have yet to be loaded
        clock.now += 3.0 if world.tick == 0 else 0.001
        return society_figures(world)

    monkeypatch.setattr(runner, "time", clock)
    monkeypatch.setattr(runner, "society_figures", slow_at_first)
    told = []
    store = MemoryStore()
    run = store.create("made", seed=7, configuration=TINY_WORLD, target=400)
    go_on(store, run, 400, on_progress=lambda p: told.append((clock.now, p.tick)))
    silences = [b - a for (a, _), (b, _) in pairwise(told)]
    assert told[0][1] == 0 and len(told) > 2
    assert max(silences) < 6.0
