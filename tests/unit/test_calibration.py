"""What a profile is made of: rates and latencies of an engine whose speed is known."""

from __future__ import annotations

import json
import threading
import time

import pytest

from domain.errors import EngineUnavailable
from domain.ports import Completed, Completion
from workers import calibration
from workers.calibration import calibrate
from workers.minds.answers import ANSWER_TOKENS
from workers.minds.prompts import render
from workers.minds.scripted import ScriptedEngine
from workers.sample_questions import is_usable, questions

pytestmark = pytest.mark.unit


class Slots:
    """An engine that makes so many answers at once, each in a fixed time."""

    def __init__(self, slots: int, seconds: float, text: str = "") -> None:
        self.identity = {"name": "slots", "model_hash": "0" * 64}
        self._free, self._seconds, self._text = threading.Semaphore(slots), seconds, text
        self.fails = False

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        if self.fails:
            raise EngineUnavailable("http://here", "it is gone")
        began = time.perf_counter()
        with self._free:
            time.sleep(self._seconds)
        took = round((time.perf_counter() - began) * 1e3)
        text = self._text or ScriptedEngine().complete(wanted, timeout_s=1).text
        return Completed(text, 250, 30, took, wanted.adapter, "slots")

    def close(self) -> None:
        pass


def test_the_budget_keeps_below_the_rate_and_the_delay_covers_the_latency():
    profile = calibrate(Slots(2, 0.04), pace_ms=10, concurrencies=(1, 2), seconds=0.4)
    assert profile["ok"] and profile["concurrency"] == 2
    rate = profile["measured"][1]["per_second"]
    assert profile["think_budget"] == int(rate * 0.8 * 10)  # 1,000 ticks of 10 ms are 10 s
    assert profile["think_delay"] * 10 >= profile["measured"][1]["latency_ms_p95"]
    assert set(profile) >= {"think_delay", "think_budget", "concurrency", "measured", "engine", "pace_ms"}
    assert json.loads(json.dumps(profile)) == profile


def test_more_at_once_than_the_engine_makes_only_lengthens_the_queue(monkeypatch):
    monkeypatch.setattr(calibration, "LATENCY_S_MAX", 0.08)
    profile = calibrate(Slots(1, 0.05), concurrencies=(1, 4), seconds=0.4)
    assert profile["concurrency"] == 1 and profile["ok"]


def test_an_engine_that_is_too_slow_at_any_concurrency_is_not_ok(monkeypatch):
    monkeypatch.setattr(calibration, "LATENCY_S_MAX", 0.01)
    profile = calibrate(Slots(4, 0.03), concurrencies=(1, 2), seconds=0.1)
    assert not profile["ok"] and profile["concurrency"] == 1


def test_an_engine_that_answers_nothing_is_an_error_and_one_that_breaks_the_schema_is_counted():
    engine = Slots(1, 0.001, text="no json")
    with pytest.raises(Exception, match="followed the schema"):
        calibrate(engine, concurrencies=(1,), seconds=0.1)
    engine.fails = True
    with pytest.raises(EngineUnavailable):
        calibrate(engine, concurrencies=(1,), seconds=0.1)


def test_what_is_asked_is_what_a_society_asks():
    asked = questions()
    assert asked == questions()
    assert {(q.messages[0]["content"], q.max_tokens) for q in asked} <= {
        (render(q.percept | {"purpose": purpose}, ()).messages[0]["content"], ANSWER_TOKENS[purpose])
        for q in asked[:1]
        for purpose in ("intention", "reflection")
    }
    assert len({q.messages[1]["content"] for q in asked}) == len(asked)
    assert any("You remember" in q.messages[1]["content"] for q in asked)
    assert sum(any(" says" in line or '"' in line for line in q.messages[1]["content"].splitlines()) for q in asked) > 5
    for q in asked:
        assert is_usable(ScriptedEngine().complete(q, timeout_s=1).text, q)
        assert not is_usable('{"do": "conquer"}', q)
