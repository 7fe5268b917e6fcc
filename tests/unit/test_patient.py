"""Patience with an engine that is away, and its end."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from domain.errors import EngineUnavailable
from domain.ports import Completed, Completion
from workers.minds.patient import PatientEngine

pytestmark = pytest.mark.unit

WANTED = Completion(messages=(), schema=None, max_tokens=1, seed=0, adapter=None, temperature_milli=0, percept={})


class Away:
    """An engine that is away, and tells how often it was asked and closed."""

    def __init__(self) -> None:
        self.asked, self.closed, self.identity = 0, 0, dict[str, Any]()

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        self.asked += 1
        raise EngineUnavailable("http://nowhere", "nobody answers")

    def close(self) -> None:
        self.closed += 1


def test_who_waits_for_an_engine_that_is_away_waits_no_longer_once_it_is_given_up() -> None:
    away = Away()
    patient = PatientEngine(away)
    threading.Timer(0.3, patient.give_up).start()
    began = time.monotonic()
    with pytest.raises(EngineUnavailable, match="nobody answers"):
        patient.complete(WANTED, timeout_s=60)
    assert time.monotonic() - began < 10 and away.asked > 1 and away.closed == 1
    asked = away.asked
    with pytest.raises(EngineUnavailable, match="nobody waits"):
        patient.complete(WANTED, timeout_s=60)
    assert away.asked == asked
