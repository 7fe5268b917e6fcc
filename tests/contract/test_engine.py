"""What every engine promises, whatever serves it: one class of promises, run for each.

The small HTTP server stands for any OpenAI-compatible URL; the llama server is the real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from domain.errors import EngineRefused, EngineTimedOut
from domain.ports import Completion, Engine
from infrastructure.engines.client import ChatEngine, Dialect
from tests.support.engines import Engines, engines  # noqa: F401

pytestmark = pytest.mark.contract

SCHEMA = {
    "type": "object",
    "properties": {"intention": {"enum": ["forage", "rest"]}},
    "required": ["intention"],
    "additionalProperties": False,
}
MESSAGES = (
    {"role": "system", "content": "You decide for a villager. Answer in JSON."},
    {"role": "user", "content": "You are tired and it is night. What do you do, forage or rest?"},
)
ASKED = Completion(messages=MESSAGES, schema=SCHEMA, max_tokens=32, seed=7)
IDENTITY = {
    "name": "openai", "version": "1", "model": "base", "model_hash": "0" * 64, "adapters": {}, "sampling": "greedy",
}  # fmt: skip


class Promises:
    """The promises; a subclass says of which engine by its fixture."""

    def test_it_answers_by_the_schema_and_counts(self, engine: Engine) -> None:
        said = engine.complete(ASKED, timeout_s=60)
        assert json.loads(said.text)["intention"] in ("forage", "rest")
        assert said.tokens_in > 0 and said.tokens_out > 0 and said.latency_ms >= 0
        assert said.adapter is None
        assert engine.identity["name"] in said.engine and engine.identity["model"] in said.engine

    def test_its_identity_says_what_a_run_has_to_record(self, engine: Engine) -> None:
        assert set(engine.identity) == {"name", "version", "model", "model_hash", "adapters", "sampling"}
        assert json.loads(json.dumps(engine.identity)) == engine.identity

    def test_an_adapter_that_it_lacks_is_refused_and_never_replaced(self, engine: Engine) -> None:
        with pytest.raises(EngineRefused, match="no adapter 'poet'"):
            engine.complete(Completion(MESSAGES, SCHEMA, 32, 7, adapter="poet"), timeout_s=60)

    def test_no_time_is_no_answer(self, engine: Engine) -> None:
        with pytest.raises(EngineTimedOut):
            engine.complete(ASKED, timeout_s=0.0)

    def test_threads_may_share_it(self, engine: Engine) -> None:
        said: list[str] = []
        threads = [
            threading.Thread(target=lambda: said.append(engine.complete(ASKED, timeout_s=60).text)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [json.loads(text)["intention"] in ("forage", "rest") for text in said] == [True] * 4

    def test_closing_it_twice_is_closing_it(self, engine: Engine) -> None:
        engine.close()
        engine.close()


class TestAnyOpenAIUrl(Promises):
    @pytest.fixture
    def engine(self, engines: Engines) -> Iterator[Engine]:  # noqa: F811
        engine = ChatEngine(engines.url("good"), Dialect("base"), IDENTITY)
        yield engine
        engine.close()
