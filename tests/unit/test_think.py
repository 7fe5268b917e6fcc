"""A thought, from request to durable input: asked once, repaired once, refused with the reason."""

from __future__ import annotations

import json
import pickle
import time
from typing import Any

import pytest

from domain.configuration import Configuration
from domain.errors import (
    EngineAnsweredNonsense,
    EngineRefused,
    EngineTimedOut,
    EngineUnavailable,
    MemoryBehind,
    StoreUnavailable,
    TickHasBegun,
)
from domain.inputs import Input, InputKey
from domain.ports import Completed, Completion
from tests.support.histories import run as history_of
from tests.support.memory_store import MemoryStore
from tests.support.percepts import MEMORIES, percept
from tests.support.stores import keep
from workers.minds import think as thinking
from workers.minds.prompts import template_hash
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import UnusableRequest, seed_of, think

pytestmark = pytest.mark.unit

GOOD = json.dumps({"do": "rest", "act": "accept Bo", "say": "Good day."})


class Store(MemoryStore):
    """The store in memory, with what a thought asks of it."""

    def has_input(self, run: Any, key: InputKey) -> bool:
        return key in self.shelves[run.id].inputs

    def lineage(self, run: Any) -> list[tuple[int, int, int]]:
        return [(run.id, 0, 2**31 - 1)]


class Says:
    """An engine that answers or fails as it was told to, in turn; the last goes on for ever."""

    def __init__(self, *turns: str | Exception) -> None:
        self.identity: dict[str, Any] = {"name": "told"}
        self.turns = list(turns)
        self.asked: list[Completion] = []

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        assert 0 < timeout_s <= 30
        self.asked.append(wanted)
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, Exception):
            raise turn
        return Completed(turn, tokens_in=200, tokens_out=30, latency_ms=7, adapter=wanted.adapter, engine="told 1")

    def close(self) -> None:
        pass


class Remembers:
    """An index that gives the memories it was given, or fails."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.asked: list[tuple[Any, ...]] = []

    def retrieve(self, lineage: Any, agent: int, *, tick: int, query: str, k: int) -> list[Any]:
        self.asked.append((lineage, agent, tick, query, k))
        return list(MEMORIES)


@pytest.fixture
def covered(monkeypatch):
    """Stand in for the projection, which has tests of its own."""
    import sys
    import types

    module = types.ModuleType("workers.memories")
    waited: list[tuple[Any, ...]] = []

    def wait_until_covered(store, index, run, tick, *, timeout_s):
        waited.append((run.id, tick, timeout_s))
        if index.problem is not None:
            raise index.problem

    module.wait_until_covered = wait_until_covered  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "workers.memories", module)
    return waited


@pytest.fixture
def store() -> Store:
    store = Store()
    store.create("brave-otter", seed=7, configuration=Configuration(agents=4, width=8, height=8), target=1000)
    return store


def run_of(store: Store) -> Any:
    return next(iter(store.shelves.values())).run


def request(store: Store, **changes: Any) -> dict[str, Any]:
    return {
        "run": run_of(store).id, "asked_tick": 120, "agent": 3, "purpose": "intention", "call": 0, "effect_tick": 150,
        "asked_chain": "", "percept": percept(), "engine": {"name": "told"}, "settings": {"timeout_s": 2},
    } | changes  # fmt: skip


def recorded(store: Store) -> Input:
    (only,) = next(iter(store.shelves.values())).inputs.values()
    return only


def test_an_answer_is_recorded_with_all_there_is_to_tell(store, covered):
    memory, engine = Remembers(), Says(GOOD)
    assert think(store, engine, memory, request(store, percept=percept(adapter="dialect"))) == "answered"
    given = recorded(store)
    assert given.key == InputKey(120, 3, "intention")
    assert given.effect_tick == 150
    assert given.answer == {"intention": "rest", "act": "accept", "to": 9, "say": "Good day."}
    about = given.about
    assert about["retrieved"] == [{"id": m.id, "score": m.score} for m in MEMORIES]
    assert (about["engine"], about["adapter"], about["attempts"], about["repaired"]) == ("told 1", "dialect", 1, False)
    assert (about["tokens_in"], about["tokens_out"], about["raw"]) == (200, 30, GOOD)
    assert about["template"] == template_hash("intention")
    assert "You are Ada Brook" in about["prompt"] and 0 <= about["latency_ms"] < 2000
    json.dumps(about)
    assert memory.asked == [([(run_of(store).id, 0, 2**31 - 1)], 3, 120, percept()["query"], 5)]
    assert covered[0][:2] == (run_of(store).id, 120)
    (asked,) = engine.asked
    assert asked.adapter == "dialect" and asked.schema is not None and asked.seed == seed_of(given.key)
    assert asked.max_tokens == 32 and asked.temperature_milli == 700


def test_a_request_of_another_history_is_refused(store):
    history = history_of(5, 4, Configuration(agents=4, width=8, height=8))
    keep(store, history, "told")
    told = store.find("told")
    chain = [header.chain_hash.hex() for header in history.headers]
    asked = {"run": told.id, "asked_tick": 3, "effect_tick": 30}
    with pytest.raises(UnusableRequest, match="another history than run told has at tick 3"):
        think(store, Says(GOOD), None, request(store, **asked, asked_chain=chain[2]))
    with pytest.raises(UnusableRequest, match="at tick 120"):
        think(store, Says(GOOD), None, request(store, asked_chain=chain[3]))
    assert store.shelves[told.id].inputs == {}
    assert think(store, Says(GOOD), None, request(store, **asked, asked_chain=chain[3])) == "answered"


def test_settings_of_the_run_reach_the_engine(store):
    engine = Says(GOOD)
    settings = {"timeout_s": 2, "temperature_milli": 0, "max_tokens": 90, "budget_tokens": 150}
    assert think(store, engine, None, request(store, settings=settings)) == "answered"
    assert (engine.asked[0].temperature_milli, engine.asked[0].max_tokens) == (0, 90)


def test_what_is_known_is_not_asked_again(store):
    think(store, Says(GOOD), None, request(store))
    engine = Says(GOOD)
    assert think(store, engine, None, request(store)) == "known"
    assert not engine.asked


def test_an_answer_that_somebody_else_gave_first_stands(store):
    class Slow(Says):
        def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
            key = InputKey(120, 3, "intention")
            store.record_input(run_of(store), Input(key, effect_tick=150, answer={"refused": "timed out"}))
            return super().complete(wanted, timeout_s=timeout_s)

    assert think(store, Slow(GOOD), None, request(store)) == "late"
    assert recorded(store).answer == {"refused": "timed out"}


def test_an_answer_for_a_tick_that_has_begun_is_late(store, monkeypatch):
    def record_input(*_: Any, **__: Any) -> bool:
        raise TickHasBegun("brave-otter", 150, 150)

    monkeypatch.setattr(store, "record_input", record_input)
    assert think(store, Says(GOOD), None, request(store)) == "late"


def test_one_repair_is_tried_with_the_reason(store):
    engine = Says("I rest, of course.", GOOD)
    assert think(store, engine, None, request(store)) == "answered"
    first, second = engine.asked
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-2]["content"] == "I rest, of course."
    assert "it holds no JSON object" in second.messages[-1]["content"]
    assert second.seed != first.seed
    about = recorded(store).about
    assert (about["attempts"], about["repaired"], about["tokens_out"], about["raw"]) == (2, True, 60, GOOD)


def test_there_is_no_second_repair_and_no_word_of_it_is_kept_in_the_answer(store):
    engine = Says("nonsense")
    assert think(store, engine, None, request(store)) == "refused"
    assert len(engine.asked) == 2
    given = recorded(store)
    assert given.answer == {"refused": "the answer can't be used: it holds no JSON object"}
    assert given.about["raw"] == "nonsense"


@pytest.mark.parametrize(
    ("problem", "because"),
    [
        (EngineRefused("no adapter 'dialect'"), "the engine refused: no adapter 'dialect'"),
        (EngineAnsweredNonsense("10 MB"), "the engine answered nonsense: 10 MB"),
        (EngineTimedOut(2.0), "the engine did not answer within 2 s"),
    ],
)
def test_what_will_not_pass_is_a_refusal_at_once(store, problem, because):
    engine = Says(problem)
    assert think(store, engine, None, request(store)) == "refused"
    assert recorded(store).answer == {"refused": because}
    assert len(engine.asked) == 1
    about = recorded(store).about
    assert about["attempts"] == 1 and about["raw"] is None and "Ada Brook" in about["prompt"]


def test_an_engine_that_is_away_for_a_moment_is_asked_again(store):
    away = EngineUnavailable("http://127.0.0.1:1", "refused")
    engine = Says(away, away, GOOD)
    assert think(store, engine, None, request(store)) == "answered"
    assert recorded(store).about["attempts"] == 3


def test_an_engine_that_stays_away_is_given_up_within_the_time(store):
    engine = Says(EngineUnavailable("http://127.0.0.1:1", "refused"))
    began = time.monotonic()
    assert think(store, engine, None, request(store, settings={"timeout_s": 0.5})) == "refused"
    assert time.monotonic() - began < 0.7
    assert recorded(store).answer == {"refused": "the engine is not available: refused"}
    assert 2 <= len(engine.asked) <= 4


def test_a_refusal_does_not_say_where_the_engine_was_and_the_log_does(store, caplog):
    told = {
        "http://127.0.0.1:{}": "[Errno 111] Connection refused",
        "http://localhost:{}/v1": "http://localhost:{}/v1 gave up (127.0.0.1:{})",
        "https://there.example:{}": "HTTP 503: try https://there.example:{}/v1/models later",
    }
    for url, because in told.items():
        reasons = set()
        for port in (4_711, 40_999):
            caplog.clear()
            error = EngineUnavailable(url.format(port), because.format(port, port))
            next(iter(store.shelves.values())).inputs.clear()
            assert think(store, Says(error), None, request(store, settings={"timeout_s": 0.1})) == "refused"
            reasons.add(recorded(store).answer["refused"])
            assert f"run brave-otter, tick 120, agent 3: no thought: the engine at {url.format(port)} is" in caplog.text
        (reason,) = reasons
        assert reason.startswith("the engine is not available: "), reason
    assert pickle.loads(pickle.dumps(error)).reason == error.reason


def test_a_time_out_says_the_time_that_the_thought_had_and_not_what_was_left_of_it(store):
    engine = Says(EngineUnavailable("http://127.0.0.1:1", "refused"), EngineTimedOut(1.8437))
    assert think(store, engine, None, request(store)) == "refused"
    assert recorded(store).answer == {"refused": "the engine did not answer within 2 s"}


def test_missing_memories_refuse_the_thought(store, covered):
    memory = Remembers(MemoryBehind(1, 120, 99))
    engine = Says(GOOD)
    assert think(store, engine, memory, request(store)) == "refused"
    assert recorded(store).answer == {"refused": "memories can't be looked up: not all have been taken in yet"}
    assert not engine.asked
    assert covered[0][2] <= 1.0


def test_memories_that_are_behind_are_one_reason_to_be_counted_whatever_the_run_and_tick():
    assert len({MemoryBehind(run, tick, tick - 9).reason for run in (1, 2) for tick in (9, 120)}) == 1
    assert "of run 2 they are there up to tick 99" in str(MemoryBehind(2, 120, 99)), "whoever waits is told which"


def test_a_reflection_cites_the_memories_it_was_shown(store, covered):
    assert think(store, ScriptedEngine(), Remembers(), request(store, purpose="reflection")) == "answered"
    answer = recorded(store).answer
    assert len(answer["cites"]) == 1 and answer["cites"][0] in {m.id for m in MEMORIES}


@pytest.mark.parametrize(
    "changes",
    [{"agent": "x"}, {"purpose": "coup"}, {"percept": []}, {"asked_chain": "xyz"}, {"settings": {"timeout_s": -1}}],
)
def test_a_request_that_is_none_is_told_apart(store, changes):
    with pytest.raises(UnusableRequest, match=next(iter(changes))):
        think(store, Says(GOOD), None, request(store, **changes))
    assert not next(iter(store.shelves.values())).inputs


def test_a_garbled_percept_is_a_refusal(store):
    assert think(store, Says(GOOD), None, request(store, percept={"near": [{"agent": 4}]})) == "refused"
    assert "percept" in recorded(store).answer["refused"]


def test_a_failing_store_is_not_a_refusal(store, monkeypatch):
    def record_input(*_: Any, **__: Any) -> bool:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(store, "record_input", record_input)
    with pytest.raises(StoreUnavailable):
        think(store, Says(GOOD), None, request(store))


def test_the_places_for_crash_tests_are_reached_in_order(store):
    seen = []

    def reach(name: str) -> None:
        seen.append((name, len(next(iter(store.shelves.values())).inputs)))

    think(store, Says(GOOD), None, request(store), reach=reach)
    assert seen == [("answered_not_durable", 0), ("durable_not_acknowledged", 1)]


def test_texts_can_be_kept_elsewhere(store):
    kept: list[str] = []

    def keep(text: str) -> str:
        kept.append(text)
        return f"text {len(kept)}"

    think(store, Says(GOOD), None, request(store), texts=keep)
    assert (recorded(store).about["prompt"], recorded(store).about["raw"]) == ("text 1", "text 2")
    assert kept[1] == GOOD


def test_latency_counts_from_when_the_request_was_sent(store):
    think(store, Says(GOOD), None, request(store, settings={"timeout_s": 2, "sent_at": time.time() - 5}))
    assert 5_000 <= recorded(store).about["latency_ms"] < 6_000


def test_seeds_differ_and_stay():
    keys = [InputKey(t, a, "intention") for t in range(10) for a in range(10)]
    assert len({seed_of(k) for k in keys} | {seed_of(k, repair=True) for k in keys}) == 200
    assert seed_of(InputKey(120, 3, "intention")) == seed_of(InputKey(120, 3, "intention"))
    assert thinking.RECALLED == 5
