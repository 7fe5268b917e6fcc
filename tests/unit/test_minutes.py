"""Figures by the minute say of each minute what its ticks took, and miss none."""

from __future__ import annotations

from array import array

import pytest

from workers import minutes
from workers.minutes import Minutes

pytestmark = pytest.mark.unit


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def perf_counter(self) -> float:
            return self.now

    stopped = Clock()
    monkeypatch.setattr(minutes, "time", stopped)
    return stopped


def test_each_minute_is_told_once_with_its_own_ticks(clock):
    told, ms = [], array("d")
    watched = Minutes(told.append)
    for tick in range(1, 131):
        ms.append(1.0 if tick <= 60 else 3.0)
        watched.look(ms, tick)
        clock.now += 1
    assert [(m["ticks"], m["tick_ms"]["p50"], m["second"]) for m in told] == [(61, 1.0, 60.0), (60, 3.0, 120.0)]
    assert all(m["rss_mb"] > 1 for m in told)
    watched.look(ms, 130, at_end=True)
    assert (told[-1]["ticks"], told[-1]["tick"]) == (9, 130)
    watched.look(ms, 130, at_end=True)
    assert sum(m["ticks"] for m in told) == 130 and len(told) == 3


def test_a_minute_without_a_tick_has_no_percentiles_of_others(clock):
    told, ms = [], array("d", [5.0])
    watched = Minutes(told.append)
    watched.look(ms, 1)
    clock.now += 61
    watched.look(ms, 1)
    clock.now += 61
    watched.look(ms, 1)
    assert [m["ticks"] for m in told] == [1, 0] and told[1]["tick_ms"] == {"p50": 0.0, "p99": 0.0, "max": 0.0}
